"""Pictures that show what was found: labels with their names, body parts, the mask. All uint8
(height, width, 3) RGB of the photo's size."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..errors import InputError
from .densepose import COLOURS
from .rules_common import ATR, check_labels

RED = (255.0, 40.0, 60.0)
OPACITY = 0.55
GOLDEN_RATIO = 0.618034  # hues this far apart stay distinct however many there are


def mask_over_photo(photo: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The photo with the mask (height, width) in translucent red. Raises InputError."""
    return _blend(photo, np.array(RED, dtype=np.float32), mask)


def parsing_over_photo(
    photo: np.ndarray, labels: np.ndarray, names: Mapping[str, int] = ATR
) -> np.ndarray:
    """The photo with each label in a colour of its own, and a legend of those that are there.

    labels: uint8 (height, width), 0 = background. names: of the labels, ATR or LIP of
    rules_common.py. Raises InputError.
    """
    check_labels(labels, "parsing")
    colours = label_colours()
    picture = _blend(photo, colours[labels].astype(np.float32), labels > 0)
    present = set(np.unique(labels).tolist())
    entries = [
        (name.replace("_", " "), tuple(colours[number].tolist()))
        for name, number in names.items() if number and number in present
    ]  # fmt: skip
    return _with_legend(picture, entries)


def densepose_over_photo(photo: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The photo with DensePose's 24 parts in their published colours. Raises InputError."""
    check_labels(labels, "DensePose")
    if labels.max() >= len(COLOURS):
        raise InputError(
            f"DensePose has parts 1 to {len(COLOURS) - 1}; this map goes up to {labels.max()}."
        )
    return _blend(photo, COLOURS[labels].astype(np.float32), labels > 0)


def label_colours() -> np.ndarray:
    """(256, 3) uint8: a colour for each label, black for 0."""
    colours = [(0.0, 0.0, 0.0)]
    for number in range(1, 256):
        value = 1.0 if number % 2 else 0.75
        colours.append(colorsys.hsv_to_rgb(number * GOLDEN_RATIO % 1, 0.75, value))
    return np.rint(np.array(colours) * 255).astype(np.uint8)


def _blend(photo: np.ndarray, colour: np.ndarray, where: np.ndarray) -> np.ndarray:
    if where.shape != photo.shape[:2]:
        raise InputError(
            f"The map is {where.shape[1]}x{where.shape[0]}, the photo {photo.shape[1]}x"
            f"{photo.shape[0]}. Give the photo that the map was made from."
        )
    weight = OPACITY * where[..., None].astype(np.float32)
    return np.rint(photo * (1 - weight) + colour * weight).astype(np.uint8)


def _with_legend(picture: np.ndarray, entries: list[tuple[str, tuple[int, ...]]]) -> np.ndarray:
    """Names with their colours in the upper left corner, as large as fits."""
    if not entries:
        return picture
    height, width = picture.shape[:2]
    size = int(min(max(height / 40, 9), height / (1.4 * len(entries) + 1)))
    if size < 6:  # unreadable in so small a picture
        return picture
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image, "RGBA")
    font = ImageFont.load_default(size)
    line = round(1.4 * size)
    widest = max(draw.textlength(name, font) for name, _ in entries)
    draw.rectangle((0, 0, min(widest + 2.5 * size, width), line * len(entries) + size / 2),
                   fill=(0, 0, 0, 140))  # fmt: skip
    for row, (name, colour) in enumerate(entries):
        top = row * line + size / 4
        draw.rectangle((size / 2, top + size / 4, 1.5 * size, top + 1.25 * size), fill=colour)
        draw.text((2 * size, top), name, fill=(255, 255, 255), font=font)
    return np.array(image)
