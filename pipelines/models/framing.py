"""How pictures of any size come to a model's size: what the models share.

fit: the photo is cut around the mask with context; the garment is padded with white, so that no
aspect is stretched. reference: what each model's authors do with a whole photo.
Tensors are (1, channels, height, width) float32 in 0..1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..images import Crop, crop_around, cut, letterbox
from ..masking.wishes import without_specks
from .common import FIT, Sight

Resample = Callable[[np.ndarray, int, int], np.ndarray]
"""uint8 (h, w, 3), width, height -> uint8 (height, width, 3): how the authors resize pictures."""


def check_model_size(width: int, height: int, step: int = 8) -> None:
    """Raises InputError unless both sides are multiples of `step` pixels, as the model wants."""
    if width % step or height % step or width < step or height < step:
        raise InputError(
            f"The model's size must be multiples of {step} pixels; {width}x{height} came. "
            f"Use {max(width // step, 1) * step}x{max(height // step, 1) * step}, for example."
        )


def mask_of(sight: Sight) -> Tensor:
    """The mask of a photo for a model that needs one. Raises InputError where there is none."""
    if sight.mask is None:
        raise InputError(
            "This model repaints what a mask covers, and none came. Connect the mask of Garment "
            "Mask, or draw one in the mask editor."
        )
    return sight.mask


def around_mask(sight: Sight) -> Crop:
    """The region around the mask, with context. Stray dots of the mask do not decide.

    Raises InputError for a mask that marks nothing else.
    """
    wish = torch.from_numpy(without_specks(mask_of(sight)[0, 0].cpu().numpy()))
    return crop_around(wish, sight.width, sight.height, sight.context)


def whole(picture: Tensor, width: int, height: int) -> Crop:
    """A picture from edge to edge at another size, its aspect not kept."""
    size = picture.shape[-1], picture.shape[-2]
    return Crop(0, 0, *size, width, height, *size)


def framed(picture: Tensor, crop: Crop, framing: str, resample: Resample) -> Tensor:
    """The crop of a photo at the model's size. For the reference framing, by the functions that
    the golden cases hold to the authors' pixels."""
    return cut(picture, crop) if framing == FIT else resampled(picture, crop, resample)


def framed_mask(mask: Tensor, crop: Crop) -> Tensor:
    """A photo's mask at the model's size, 0 beyond the photo's edges."""
    return cut(mask, crop, "constant")


def framed_labels(picture: Tensor, crop: Crop) -> Tensor:
    """A body map of the photo's size at the model's size: labels are never mixed."""
    return cut(picture, crop, "constant", mode="nearest-exact")


def on_white(picture: Tensor, width: int, height: int) -> Tensor:
    """The whole picture, its aspect kept, on white."""
    crop = letterbox(picture.shape[-1], picture.shape[-2], width, height)
    return 1 - cut(1 - picture, crop, "constant")


def resampled(picture: Tensor, crop: Crop, resample: Resample) -> Tensor:
    """The part of a crop that lies in the photo, by one of the authors' functions."""
    pixels = (picture[0] * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    top, left = max(crop.top, 0), max(crop.left, 0)
    part = pixels[top : crop.top + crop.height, left : crop.left + crop.width]
    return unit(resample(np.ascontiguousarray(part), crop.model_width, crop.model_height))


def unit(picture: np.ndarray) -> Tensor:
    """uint8 (height, width, 3) to (1, 3, height, width) in 0..1."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255
