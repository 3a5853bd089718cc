"""Camera sentences, honest labels, and the sheet."""

import numpy as np
import pytest
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.views import SHOWN, VIEWS, chosen, label, sheet, words


def test_all_eight_or_those_named():
    assert chosen("") == list(VIEWS) and len(VIEWS) == 8
    assert [view.name for view in chosen("Front, back-left ,  left side")] == [
        "front", "back left", "left side",
    ]  # fmt: skip
    with pytest.raises(InputError, match="'top'.*front left"):
        chosen("front, top")


def test_each_view_has_words_of_its_own():
    for style in ("angles LoRA", "sentences"):
        assert len({words(view, style) for view in VIEWS}) == 8
    assert all(words(view, "angles LoRA").startswith("<sks> ") for view in VIEWS)
    with pytest.raises(InputError, match="style"):
        words(VIEWS[0], "poem")


INVENTED = {
    "front": {"left side", "back left", "back", "back right", "right side"},
    "back": {"left side", "front left", "front", "front right", "right side"},
    "front and back": {"left side", "right side"},
}


@pytest.mark.parametrize("shown", SHOWN)
def test_what_the_photo_does_not_show_is_called_invented(shown):
    marked = {v.name for v in VIEWS if label(v.name, v.angle, shown).endswith(": invented")}
    assert marked == INVENTED[shown]


def test_a_pose_is_only_named():
    assert label("sitting", None, "front") == "sitting"
    with pytest.raises(InputError, match="front and back"):
        label("front", 0, "inside")


@pytest.mark.parametrize("count", [1, 3, 8])
def test_every_picture_is_whole_on_the_sheet(count):
    shades = [20 * (i + 1) for i in range(count)]
    pictures = [np.full((200 + 10 * i, 150, 3), shade, np.uint8) for i, shade in enumerate(shades)]
    page = sheet(pictures, [f"view {i}" for i in range(count)], 4, 160)
    for i, shade in enumerate(shades):
        found = (page == shade).all(-1)
        rows, columns = found.any(1).sum(), found.any(0).sum()
        assert abs(rows / columns - (200 + 10 * i) / 150) < 0.05


def test_invented_is_written_in_red():
    picture = np.full((100, 100, 3), 200, np.uint8)
    plain, marked = (sheet([picture], [name], 1, 300) for name in ("back", "back: invented"))
    red = [(page[..., 0].astype(int) - page[..., 1] > 100).sum() for page in (plain, marked)]
    assert red[0] == 0 and red[1] > 20


def test_labels_must_fit():
    with pytest.raises(InputError, match="2 labels"):
        sheet([np.zeros((40, 40, 3), np.uint8)], ["a", "b"], 2, 100)
