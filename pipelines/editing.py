"""Around an editing model: the person framed at a size it takes, garments on one sheet, its words,
and what of its picture comes back into the photo.

Editing models see whole pictures of about one megapixel. ComfyUI's own scaling crops to the middle;
here nothing of the region is cut off: the region is widened to the aspect of the size.
Tensors are (batch, channels, height, width) float32 in 0..1, RGB.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from .errors import InputError
from .images import Crop, crop_around, letterbox, resample

LANGUAGES = ("en", "zh")
PARTS = ("garment", "bottom", "shoes", "bag")
"""What can be put on at once; "garment" is of the category that is named."""

CATEGORIES = ("upper", "lower", "dress", "outfit")
WORDS = {
    "en": {"upper": "top", "lower": "bottom garment", "dress": "dress", "outfit": "whole outfit",
           "bottom": "bottom garment", "shoes": "shoes", "bag": "bag"},
    "zh": {"upper": "上衣", "lower": "下装", "dress": "连衣裙", "outfit": "整套服装",
           "bottom": "下装", "shoes": "鞋子", "bag": "包"},
}  # fmt: skip

GAP = 24  # pixels between garments on the sheet


@dataclass(frozen=True)
class Size:
    """A picture size in pixels, both sides multiples of the model's step."""

    width: int
    height: int


def frame_size(aspect: float, megapixels: float, step: int) -> Size:
    """The size of about `megapixels` (1 = 1024 * 1024) nearest to an aspect width / height.

    Raises InputError for an aspect or a size that no editing model takes.
    """
    if not 1 / 4 <= aspect <= 4:
        raise InputError(
            f"The region is {aspect:.2f} times as wide as high; editing models take 1:4 to 4:1. "
            "Give a photo, or a mask, that is less long."
        )
    if not 0.1 <= megapixels <= 4 or step < 1:
        raise InputError(
            f"0.1 to 4 megapixels were wanted, and {megapixels:g} came. 1 suits most models."
        )
    pixels = megapixels * 1024 * 1024
    width, height = (pixels * aspect) ** 0.5, (pixels / aspect) ** 0.5
    wide, high = (max(1, round(side / step)) * step for side in (width, height))
    return Size(wide, high)


def framed(
    photo_width: int, photo_height: int, mask: torch.Tensor | None, context: float,
    megapixels: float, step: int,
) -> Crop:  # fmt: skip
    """Where the model looks, and at which size.

    mask: (height, width) of the photo; the region lies around it with `context`, a share of its
    longer side. None: the whole photo. Raises InputError for an empty mask.
    """
    if mask is None:
        size = frame_size(photo_width / photo_height, megapixels, step)
        return letterbox(photo_width, photo_height, size.width, size.height)
    rows, columns = mask.amax(1).nonzero(), mask.amax(0).nonzero()
    if not len(rows):
        return crop_around(mask, step, step, context)  # which says that it is empty
    high, wide = (int(found[-1] - found[0]) + 1 for found in (rows, columns))
    room = 2 * context * max(high, wide)
    wide, high = min(wide + room, photo_width), min(high + room, photo_height)
    size = frame_size(min(max(wide / high, 0.5), 2.0), megapixels, step)
    return crop_around(mask, size.width, size.height, context)


def sheet(garments: Sequence[torch.Tensor], megapixels: float, step: int) -> torch.Tensor:
    """Garments (1, 3, any, any) side by side on white, whole: (1, 3, height, width).

    One garment stands alone; of several each gets a field of one size, two in a row at most three
    rows. Raises InputError where none is given.
    """
    if not garments:
        raise InputError("Connect at least one garment: its photo, on a plain ground.")
    if len(garments) == 1:
        only = garments[0]
        aspect = min(max(only.shape[-1] / only.shape[-2], 0.5), 2.0)
        size = frame_size(aspect, megapixels, step)
        return _on_white(only, size.width, size.height)
    columns = 2
    rows = (len(garments) + 1) // 2
    size = frame_size(columns / rows, megapixels, step)
    page = torch.ones(1, 3, size.height, size.width)
    wide, high = size.width // columns, size.height // rows
    for index, garment in enumerate(garments):
        row, column = divmod(index, columns)
        field = _on_white(garment, wide - GAP, high - GAP)
        top, left = row * high + GAP // 2, column * wide + GAP // 2
        page[:, :, top : top + field.shape[-2], left : left + field.shape[-1]] = field
    return page


def _on_white(picture: torch.Tensor, width: int, height: int) -> torch.Tensor:
    """The whole picture in the middle of white ground."""
    scale = min(width / picture.shape[-1], height / picture.shape[-2])
    wide, high = max(1, round(picture.shape[-1] * scale)), max(1, round(picture.shape[-2] * scale))
    page = torch.ones(1, 3, height, width)
    top, left = (height - high) // 2, (width - wide) // 2
    page[:, :, top : top + high, left : left + wide] = resample(picture.float(), wide, high)
    return page


def prompt(category: str, parts: Sequence[str], description: str, language: str) -> str:
    """What an editing model is told: picture 1 is the person, picture 2 the garments.

    parts: of PARTS, those on the sheet, in its order. description: the garment in the user's own
    words, may be empty. Raises InputError for an unknown category, part or language.
    """
    if language not in LANGUAGES or category not in CATEGORIES or not set(parts) <= set(PARTS):
        raise InputError(
            f"Category {category!r}, parts {list(parts)}, language {language!r}: a category out of "
            f"{', '.join(CATEGORIES)}, parts out of {', '.join(PARTS)} and en or zh were wanted."
        )
    words = WORDS[language]
    names = [words[category if part == "garment" else part] for part in parts]
    description = description.strip()
    if language == "zh":
        what = "、".join(names) + (f"（{description}）" if description else "")
        return (
            f"让图1中的人物穿戴图2中的{what}，替换掉原来的同类服装，款式、颜色、图案和面料与图2完全一致。"
            "图1中的脸、发型、手、姿势、体型、其余服装、背景、构图和光线保持不变。"
        )
    what = ", the ".join(names) + (f" ({description})" if description else "")
    return (
        f"Dress the person of image 1 in the {what} of image 2, in place of what is worn there "
        "now, with the same cut, colour, print and fabric as in image 2. Keep the face, hair, "
        "hands, pose, body shape, all other clothes, the background, the framing and the light of "
        "image 1 exactly as they are."
    )


def region_to_paste(mask: np.ndarray, grow: float, kept: np.ndarray | None) -> np.ndarray:
    """What of the model's picture comes back: the mask grown, but no head and no hand more.

    mask, kept: float32 (height, width) in 0..1. grow: pixels. kept: 1 = head and hands (see
    masking.embedded.head_and_hands); what the mask itself covers of them stays covered.
    """
    from .masking.refine import grown

    if grow <= 0:
        return mask
    wider = grown(mask >= 0.5, grow)
    if kept is not None:
        wider &= kept < 0.5
    return np.maximum(mask, wider.astype(np.float32))
