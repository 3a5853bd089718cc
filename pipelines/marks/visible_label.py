"""A label that people can read, drawn into a corner of a picture.

China's rules want letters at least 5 % as high as the picture's shorter side, in a corner or at an
edge, that name both AI and generation (GB 45438-2025, clause 4 on pictures). The presets do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..errors import InputError
from ..images import resize

TEXTS = {"en": "AI-generated", "zh": "AI生成"}
CORNERS = ("bottom right", "bottom left", "top right", "top left")

SMALLEST_LETTERS = 9
"""Pixels: below it no letter can be read, whatever the picture's size."""

DARKENING = 0.55
"""How much of the picture the plate behind the letters takes away."""

SUPERSAMPLED = 4

LONGEST = 200
"""Letters of a label: more are no label, and drawing them would take all memory."""

FIRST_EAST_ASIAN = "\u2e80"

CHINESE_FONTS = (
    ("/usr/share/fonts", "NotoSansCJK-Regular.ttc"),
    ("/usr/share/fonts", "NotoSansSC-Regular.*"),
    ("/usr/share/fonts", "SourceHanSans*Regular.*"),
    ("/usr/share/fonts", "wqy-*.ttc"),
    ("/usr/share/fonts", "DroidSansFallback*.ttf"),
    ("/System/Library/Fonts", "PingFang.ttc"),
    ("/System/Library/Fonts", "Hiragino Sans GB.ttc"),
    ("/System/Library/Fonts", "STHeiti*.ttc"),
    ("C:/Windows/Fonts", "msyh.ttc"),
    ("C:/Windows/Fonts", "simhei.ttf"),
    ("C:/Windows/Fonts", "simsun.ttc"),
)
"""Where systems keep a font with Chinese characters: folder and file, the best first."""

STROKES = {
    "生": (
        ((0.30, 0.06), (0.22, 0.26), (0.12, 0.42)),
        ((0.26, 0.28), (0.86, 0.28)),
        ((0.18, 0.58), (0.82, 0.58)),
        ((0.06, 0.92), (0.94, 0.92)),
        ((0.52, 0.06), (0.52, 0.92)),
    ),
    "成": (
        ((0.15, 0.27), (0.93, 0.27)),
        ((0.16, 0.27), (0.15, 0.60), (0.05, 0.94)),
        ((0.16, 0.51), (0.45, 0.51), (0.42, 0.84), (0.30, 0.81)),
        ((0.57, 0.05), (0.61, 0.42), (0.72, 0.74), (0.88, 0.94), (0.94, 0.76)),
        ((0.86, 0.45), (0.74, 0.66), (0.51, 0.88)),
        ((0.73, 0.08), (0.86, 0.18)),
    ),
}
"""The characters of the Chinese preset as pen strokes in a unit square, y downwards: a server
without any Chinese font can still write it."""

STROKE_WIDTH = 0.085


@dataclass(frozen=True)
class VisibleLabel:
    """text: empty for the preset of the language ("en" or "zh"). corner: one of CORNERS.

    height: of the letters, as a share of the picture's shorter side.
    font: a font file; None takes one that has the text's characters.
    """

    text: str = ""
    language: str = "en"
    corner: str = "bottom right"
    height: float = 0.05
    font: Path | None = None

    @property
    def words(self) -> str:
        if self.language not in TEXTS:
            raise InputError(
                f"The label has preset texts in {', '.join(TEXTS)}, not in {self.language!r}."
            )
        words = " ".join(self.text.split()) or TEXTS[self.language]  # on one line
        if len(words) > LONGEST or not words.isprintable():
            raise InputError(
                f"A label of at most {LONGEST} letters that can be seen was wanted, and "
                f"{len(words):,} came: {words[:40]!r}. Shorten it."
            )
        return words


def draw_label(picture: np.ndarray, label: VisibleLabel) -> np.ndarray:
    """A copy of the picture with the label; only the label's corner changes.

    picture: uint8 or uint16 (height, width, 3 or 4), the fourth channel alpha: it becomes opaque
    under the label. Raises InputError for a corner that does not exist, a font that cannot be read
    or has not the text's characters, and a text wider than the picture.
    """
    if label.corner not in CORNERS:
        raise InputError(
            f"There is no corner {label.corner!r}. Choose one of: {', '.join(CORNERS)}."
        )
    height, width = picture.shape[:2]
    letters = _letters(label, math.ceil(max(SMALLEST_LETTERS, label.height * min(height, width))))
    margin = max(2, letters.shape[0] // 3)
    plate = np.pad(letters, margin)  # (plate height, plate width)
    if plate.shape[0] > height or plate.shape[1] > width:
        raise InputError(
            f"The label {label.words!r} takes {plate.shape[1]}x{plate.shape[0]} pixels and the "
            f"picture has {width}x{height}. Shorten the text or lower its height."
        )
    rows = (
        slice(height - plate.shape[0], height)
        if "bottom" in label.corner
        else slice(0, plate.shape[0])
    )
    columns = (
        slice(width - plate.shape[1], width)
        if "right" in label.corner
        else slice(0, plate.shape[1])
    )
    return _composed(picture, plate, rows, columns)


def _composed(picture: np.ndarray, plate: np.ndarray, rows: slice, columns: slice) -> np.ndarray:
    """White letters on the darkened picture, in the picture's own depth."""
    full = np.iinfo(picture.dtype).max
    labelled = picture.copy()
    corner = picture[rows, columns].astype(np.float64)
    opaque = corner[:, :, 3:] / full if picture.shape[2] == 4 else 1.0
    # A transparent corner has no colour of its own: the plate is then plain dark.
    colour = corner[:, :, :3] * opaque * (1 - DARKENING)
    colour += (full - colour) * plate[:, :, None]
    labelled[rows, columns, :3] = colour.round()
    if picture.shape[2] == 4:
        labelled[rows, columns, 3] = full
    return labelled


def find_chinese_font() -> Path | None:
    """A font file of this system with Chinese characters, or None."""
    for folder, pattern in CHINESE_FONTS:
        found = sorted(Path(folder).rglob(pattern)) if Path(folder).is_dir() else []
        if found:
            return found[0]
    return None


def _letters(label: VisibleLabel, height: int) -> np.ndarray:
    """The text as ink 0..1, (rows, columns) float64, cut to it; capitals at least `height` high."""
    words = label.words
    path = label.font
    if path is None and _is_chinese(words):
        path = find_chinese_font()
        if path is None:
            return _shrunk(_stroked(words, height * SUPERSAMPLED))
    return _shrunk(_written(words, path, height * SUPERSAMPLED))


def _is_chinese(words: str) -> bool:
    """Whether a text needs more than Pillow's own font, which has the Latin letters."""
    return any(letter >= FIRST_EAST_ASIAN for letter in words)


def _shrunk(ink: np.ndarray) -> np.ndarray:
    rows, columns = (math.ceil(side / SUPERSAMPLED) for side in ink.shape)
    return resize(ink, columns, rows, "box").astype(np.float64) / 255


def _shape(font: ImageFont.FreeTypeFont, letter: str) -> tuple[Any, bytes]:
    """To compare letters by; a font draws all that it does not have alike."""
    ink: Any = font.getmask(letter)
    return ink.getbbox(), bytes(ink)


def _written(words: str, path: Path | None, tall: int) -> np.ndarray:
    """uint8 ink of a text, capitals or characters `tall` high."""
    trial = _font(path, 100)
    for letter in words:
        if not letter.isspace() and _shape(trial, letter) == _shape(trial, "\U0010fffe"):
            raise InputError(
                f"The font {path or 'of Pillow'} has no character {letter!r} for the label "
                f"{words!r}. Name a font that has it."
            )
    _, top, _, bottom = trial.getbbox(words if _is_chinese(words) else "H")
    font = _font(path, math.ceil(100 * tall / (bottom - top)))
    left, top, right, bottom = (int(edge) for edge in font.getbbox(words))
    if right <= left or bottom <= top:
        raise InputError(f"The label {words!r} has nothing to see. Write some letters.")
    canvas = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(canvas).text((-left, -top), words, fill=255, font=font)
    return np.array(canvas)


def _font(path: Path | None, size: int) -> ImageFont.FreeTypeFont:
    try:
        font = ImageFont.load_default(size) if path is None else ImageFont.truetype(path, size)
    except OSError as error:
        raise InputError(f"The label's font {path} cannot be read ({error}).") from error
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def _stroked(words: str, tall: int) -> np.ndarray:
    """uint8 ink of a text without any Chinese font, where its characters are among STROKES."""
    if any(letter not in STROKES and letter >= FIRST_EAST_ASIAN for letter in words):
        raise InputError(
            f"No font with the characters of {words!r} was found. Install one (Debian and Ubuntu: "
            "apt-get install fonts-noto-cjk), name a font file, or leave the text empty: the "
            "preset needs no font."
        )
    parts = []
    for letter in words:
        if letter in STROKES:
            parts.append(_character(letter, tall))
        elif not letter.isspace():
            written = _written(letter, None, tall)
            above = max(0, tall - written.shape[0])
            parts.append(np.pad(written, ((above, 0), (0, 0)))[-tall:])
        parts.append(np.zeros((tall, tall // 8), dtype=np.uint8))
    return np.concatenate(parts, axis=1)


def _character(letter: str, tall: int) -> np.ndarray:
    canvas = Image.new("L", (tall, tall))
    pen = ImageDraw.Draw(canvas)
    for stroke in STROKES[letter]:
        points = [(x * (tall - 1), y * (tall - 1)) for x, y in stroke]
        pen.line(points, fill=255, width=round(STROKE_WIDTH * tall), joint="curve")
    return np.array(canvas)
