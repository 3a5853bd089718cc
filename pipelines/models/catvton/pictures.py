"""The authors' own framing of pictures for CatVTON.

Two ways are published: their application crops the photo, pads the garment and blurs the mask;
their script for data sets stretches everything. Pictures are uint8 (height, width, 3) RGB, masks
uint8 (height, width), 255 = repaint, unless said otherwise.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError
from ...images import resize

MASK_BLUR = 9
"""Pixels, whatever the size of the picture. Golden stage: pre.mask."""


def centre_box(width: int, height: int, to_width: int, to_height: int) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of the largest centred part of a picture of the other's aspect."""
    if width / height < to_width / to_height:
        inner = width, width * to_height // to_width
    else:
        inner = height * to_width // to_height, height
    if min(inner) < 1:
        raise InputError(
            f"The picture is {width}x{height}, too narrow for {to_width}x{to_height}. "
            "Crop it first."
        )
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    return left, top, (width + inner[0]) // 2, (height + inner[1]) // 2


def crop(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """The largest centred part of the size's aspect, resampled (Pillow, Lanczos).

    Of a photo or of a mask, (h, w, 3) or (h, w). Golden stages: resize.*.crop, mask.*.crop.
    """
    from PIL import Image

    box = centre_box(picture.shape[1], picture.shape[0], width, height)
    return resize(np.asarray(Image.fromarray(picture).crop(box)), width, height, "lanczos")


def pad(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """The whole picture, its aspect kept, centred on white. Golden stages: resize.*.pad."""
    from PIL import Image

    own_height, own_width = picture.shape[:2]
    if own_width / own_height < width / height:
        inner = own_width * height // own_height, height
    else:
        inner = width, own_height * width // own_width
    if min(inner) < 1:
        raise InputError(
            f"The picture is {own_width}x{own_height}, too narrow to be fitted into "
            f"{width}x{height}. Crop it first."
        )
    canvas = Image.new("RGB", (width, height), (255, 255, 255))
    sized = Image.fromarray(resize(picture, *inner, "lanczos"))
    canvas.paste(sized, ((width - inner[0]) // 2, (height - inner[1]) // 2))
    return np.array(canvas)


def stretch(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """At the size, its aspect not kept (Pillow, Lanczos). Golden stages: resize.*.stretch."""
    return resize(picture, width, height, "lanczos")


def drawn_mask(layer: np.ndarray, width: int, height: int) -> np.ndarray:
    """A mask drawn by hand: whatever is above 0 counts, cropped like the photo."""
    return crop(np.where(layer > 0, 255, 0).astype(np.uint8), width, height)


def blur_mask(mask: np.ndarray) -> np.ndarray:
    """The mask as the application gives it to the model. Golden stages: mask.*.blur."""
    from PIL import Image, ImageFilter

    return np.array(Image.fromarray(mask).filter(ImageFilter.GaussianBlur(MASK_BLUR)))


def stretch_mask(mask: np.ndarray, width: int, height: int) -> np.ndarray:
    """A mask of a data set, stretched, made grey afterwards. Golden stages: mask.*.dataset."""
    from PIL import Image

    sized = resize(np.asarray(Image.fromarray(mask).convert("RGB")), width, height, "lanczos")
    return np.array(Image.fromarray(sized).convert("L"))


def unit(picture: np.ndarray) -> Tensor:
    """A picture as the pipeline takes it, (1, 3, height, width) in 0..1."""
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255


def unit_mask(mask: np.ndarray) -> Tensor:
    """A mask as (1, 1, height, width) of exactly 0 and 1, from half of 255 up. Golden stages:
    mask.*.binary."""
    return (torch.from_numpy(mask)[None, None].float() / 255 >= 0.5).float()


def repaint(person: np.ndarray, generated: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The person's pixels outside a softened mask, the generated ones inside, as the script for
    data sets does (Gaussian of radius height // 50, made odd). Golden stages: repaint.*.soft."""
    from PIL import Image, ImageFilter

    radius = mask.shape[0] // 50
    radius += radius % 2 == 0
    return blend(
        person, generated, np.array(Image.fromarray(mask).filter(ImageFilter.GaussianBlur(radius)))
    )


def blend(person: np.ndarray, generated: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """person * (1 - mask) + generated * mask, cut down to whole levels. Golden stages:
    repaint.*.hard."""
    weight = mask[:, :, None] / 255
    return (person * (1 - weight) + generated * weight).astype(np.uint8)
