"""The label that people read: high enough, in its corner, in Chinese without any font."""

import json
from pathlib import Path

import numpy as np
import pytest
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.marks import credentials, visible_label
from fitting_room.pipelines.marks.provenance import save_picture
from fitting_room.pipelines.marks.visible_label import CORNERS, VisibleLabel, draw_label
from PIL import Image


def noise(height=60, width=80, channels=3, dtype=np.uint8):
    random = np.random.default_rng(height * width + channels)
    return random.integers(0, np.iinfo(dtype).max + 1, (height, width, channels), dtype=dtype)


@pytest.mark.parametrize("corner", CORNERS)
@pytest.mark.parametrize("language", ("en", "zh"))
@pytest.mark.parametrize(
    ("dtype", "channels"), [(np.uint8, 3), (np.uint8, 4), (np.uint16, 3), (np.uint16, 4)]
)
def test_label_is_high_enough_and_stays_in_its_corner(corner, language, dtype, channels):
    full = np.iinfo(dtype).max
    for height, width in ((300, 200), (256, 512)):
        picture = np.full((height, width, channels), full // 3, dtype=dtype)
        picture[:, :, 3:] = 0
        labelled = draw_label(picture, VisibleLabel(language=language, corner=corner))
        rows, columns = np.nonzero((labelled != picture).any(axis=2))
        assert (rows.max() < height / 2) == corner.startswith("top")
        assert (columns.max() < width / 2 + 1) == corner.endswith("left")
        # The plate has 0.15 of full brightness; thin strokes of ten pixels are no pure white.
        letters = np.nonzero((labelled[rows, columns, :3] > 0.25 * full).any(axis=1))[0]
        letters = rows[letters]
        assert letters.max() - letters.min() + 1 >= 0.05 * min(height, width)
        assert labelled.dtype == dtype
        if channels == 4:
            assert (labelled[rows, columns, 3] == full).all()


def test_chinese_preset_needs_no_font(monkeypatch):
    # As on a server without any font of its own.
    monkeypatch.setattr(visible_label, "CHINESE_FONTS", ())
    drawn = draw_label(np.zeros((400, 400, 3), np.uint8), VisibleLabel(language="zh"))
    letters = (drawn > 200).any(axis=2)
    columns = np.nonzero(letters.any(axis=0))[0]
    assert (np.diff(columns) > 1).sum() >= 3  # four characters with gaps between
    with pytest.raises(InputError, match="fonts-noto-cjk"):
        draw_label(np.zeros((400, 400, 3), np.uint8), VisibleLabel(text="人工智能生成"))


@pytest.mark.parametrize(
    ("label", "said"),
    [
        (VisibleLabel(corner="middle"), "'middle'.*bottom right"),
        (VisibleLabel(language="de"), "'de'"),
        (VisibleLabel(text="much too long a text for so small a picture"), "Shorten the text"),
        (VisibleLabel(font=Path("/nowhere/font.ttf")), "font.ttf cannot be read"),
        (VisibleLabel(text="\u0e01\u0e02"), "no character"),
    ],
)
def test_label_that_cannot_be_drawn_says_why(label, said):
    with pytest.raises(InputError, match=said):
        draw_label(noise(120, 90), label)


def test_saved_label_is_in_the_pixels(tmp_path):
    path = save_picture(tmp_path / "a.png", noise(200, 200), label=VisibleLabel())
    assert np.array_equal(np.array(Image.open(path)), draw_label(noise(200, 200), VisibleLabel()))


@pytest.mark.parametrize(
    "text", ["x" * 201, "x" * 1_000_000, "two\u202elines", "half \ud800", "\x1b[1m"]
)
def test_what_is_no_label_is_refused(text):
    picture = np.zeros((200, 400, 3), np.uint8)
    with pytest.raises(InputError, match="that can be seen"):
        draw_label(picture, VisibleLabel(text))


def test_line_breaks_become_spaces():
    picture = np.zeros((200, 400, 3), np.uint8)
    one, other = (draw_label(picture, VisibleLabel(t)) for t in ("made by AI", " made\n by\tAI "))
    assert np.array_equal(one, other)


@pytest.mark.parametrize("manifest", [{}, {"active_manifest": "a", "manifests": []}, [], None])
def test_a_manifest_that_makes_no_sense_is_told(monkeypatch, manifest):
    reader = type("Reader", (), {"json": lambda self: json.dumps(manifest),
                                 "__enter__": lambda self: self,
                                 "__exit__": lambda *others: None})  # fmt: skip
    library = credentials._library()
    monkeypatch.setattr(library, "Reader", lambda *given, **more: reader())
    told = credentials.read_credentials(b"", "image/png")
    assert told["valid"] is False and told["problems"]
