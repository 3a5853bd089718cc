"""Views of a dressed person: what the camera is told, and all of them on one labelled sheet.

A photo of a garment shows one side of it. What a model draws of the others it invents, and the
sheet says so on each such view. Angles: degrees around the person, 0 = from the front, counted
towards the person's left hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .errors import InputError


@dataclass(frozen=True)
class View:
    """name: on the sheet. angle: degrees. sentence: for any editing model. lora: the words that
    the multiple-angles LoRA of Qwen-Image-Edit-2511 was trained on (its model card)."""

    name: str
    angle: int
    sentence: str
    lora: str


def _view(name: str, angle: int, sentence: str, lora: str) -> View:
    return View(name, angle, sentence, f"<sks> {lora} eye-level shot medium shot")


VIEWS: tuple[View, ...] = (
    _view("front", 0, "Show the person from the front.", "front view"),
    _view("front left", 45, "Rotate the camera 45 degrees to the right.",
          "front-right quarter view"),
    _view("left side", 90, "Rotate the camera 90 degrees to the right.", "right side view"),
    _view("back left", 135, "Rotate the camera 135 degrees to the right.",
          "back-right quarter view"),
    _view("back", 180, "Show the person from behind.", "back view"),
    _view("back right", 225, "Rotate the camera 135 degrees to the left.",
          "back-left quarter view"),
    _view("right side", 270, "Rotate the camera 90 degrees to the left.", "left side view"),
    _view("front right", 315, "Rotate the camera 45 degrees to the left.",
          "front-left quarter view"),
)  # fmt: skip
"""The eight of the LoRA's model card. Named for the side of the person that is seen; the card names
them for the side of the camera."""

SHOWN = {"front": (0,), "back": (180,), "front and back": (0, 180)}
KNOWN_WITHIN = 60  # degrees from a side that the garment's photo shows
STYLES = ("angles LoRA", "sentences")
KEEP = (
    " Keep the same person, face, hair, clothes, pose, light and background style; change only "
    "the camera."
)


def chosen(names: str) -> list[View]:
    """Views by their names, separated by commas; all eight for an empty text.

    Raises InputError for a name that there is not.
    """
    known = {view.name: view for view in VIEWS}
    wanted = [" ".join(part.lower().replace("-", " ").split()) for part in names.split(",")]
    wanted = [name for name in wanted if name]
    if unknown := [name for name in wanted if name not in known]:
        raise InputError(
            f"There is no view {', '.join(map(repr, unknown))}. Choose from: {', '.join(known)}."
        )
    return [known[name] for name in wanted] if wanted else list(VIEWS)


def words(view: View, style: str) -> str:
    """What the model is told for a view. style: one of STYLES."""
    if style not in STYLES:
        raise InputError(f"The style must be {' or '.join(STYLES)}, not {style!r}.")
    return view.lora if style == STYLES[0] else view.sentence + KEEP


def label(name: str, angle: int | None, shown: str) -> str:
    """What stands under a view: its name, and "invented" where the garment's photo does not show
    that side. angle: None for a view of which no side is known (a pose)."""
    if shown not in SHOWN:
        raise InputError(f"The garment's photo shows {', '.join(SHOWN)}; {shown!r} came.")
    if angle is None:
        return name
    apart = min(abs((angle - side + 180) % 360 - 180) for side in SHOWN[shown])
    return f"{name}: invented" if apart > KNOWN_WITHIN else name


def sheet(
    pictures: Sequence[np.ndarray], labels: Sequence[str], columns: int, cell: int
) -> np.ndarray:
    """All pictures on white, a label of one or more lines under each: uint8 (height, width, 3).

    pictures: uint8 (height, width, 3) of any sizes. cell: pixels of a field's longer side.
    Raises InputError where labels and pictures are not equally many.
    """
    from PIL import Image, ImageDraw, ImageFont

    from .images import resize

    if not pictures or len(pictures) != len(labels):
        raise InputError(
            f"A sheet needs one label for each picture; {len(pictures)} pictures and {len(labels)} "
            "labels came."
        )
    tallest = max(picture.shape[0] / max(picture.shape[:2]) for picture in pictures)
    widest = max(picture.shape[1] / max(picture.shape[:2]) for picture in pictures)
    wide, high = round(cell * widest), round(cell * tallest)
    text, gap = max(12, cell // 28), max(6, cell // 48)
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    lines = max(name.count("\n") for name in labels) + 1
    step_x, step_y = wide + gap, high + gap + round((0.6 + 1.2 * lines) * text)
    page = Image.new("RGB", (gap + columns * step_x, gap + rows * step_y), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(text)
    for index, (picture, name) in enumerate(zip(pictures, labels, strict=True)):
        scale = min(wide / picture.shape[1], high / picture.shape[0])
        size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
        one = Image.fromarray(resize(picture, *size, "lanczos"))
        left, top = gap + index % columns * step_x, gap + index // columns * step_y
        page.paste(one, (left + (wide - size[0]) // 2, top + (high - size[1]) // 2))
        invented = name.endswith("invented")
        draw.text((left + wide / 2, top + high + round(0.3 * text)), name, anchor="ma", font=font,
                  align="center", fill=(190, 30, 40) if invented else (30, 30, 30))  # fmt: skip
    return np.asarray(page)
