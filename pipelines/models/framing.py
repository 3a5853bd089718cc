"""How pictures of any size come to a model's size: "fit", or the authors' own framing.

fit: the photo is cut around the mask with context; the garment is padded with white, so that no
aspect is stretched. reference: what each model's authors do with a whole photo, for comparison.
Tensors are (1, channels, height, width) float32 in 0..1.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..images import Crop, crop_around, cut, letterbox
from ..masking.wishes import without_specks

FRAMINGS = ("fit", "reference")


def check_model_size(width: int, height: int) -> None:
    """Raises InputError unless both sides are multiples of 8 pixels, as every model here wants."""
    if width % 8 or height % 8:
        raise InputError(
            f"The model's size must be multiples of 8 pixels; {width}x{height} came. "
            f"Use {max(width // 8, 1) * 8}x{max(height // 8, 1) * 8}, for example."
        )


def person_crop(
    model: str, framing: str, mask: Tensor, width: int, height: int, context: float
) -> Crop:
    """The region of a photo that a model sees.

    model: "leffa", "idm_vton" or "ootdiffusion". mask: (height, width) of the photo.
    context: for fit, the surroundings on each side as a share of the mask's longer side.
    Stray dots of the mask do not decide. Raises InputError for a mask that marks nothing else.
    """
    wish = torch.from_numpy(without_specks(mask.cpu().numpy()))
    around = crop_around(wish, width, height, context)
    if framing == "fit":
        return around
    photo_height, photo_width = mask.shape
    if model == "leffa":
        return letterbox(photo_width, photo_height, width, height)
    if model == "ootdiffusion":
        box = (0, 0, photo_width, photo_height)
    else:
        from .idm_vton.pictures import centre_box

        box = [round(side) for side in centre_box(photo_width, photo_height)]
    left, top, right, bottom = box
    size = (width, height, photo_width, photo_height)
    return Crop(left, top, right - left, bottom - top, *size)


def framed_photo(picture: Tensor, model: str, framing: str, crop: Crop) -> Tensor:
    """A photo at the model's size. For the reference framing, by the authors' own resampling."""
    if framing == "fit":
        return cut(picture, crop)
    return _resampled(picture, model, crop)


def framed_mask(mask: Tensor, crop: Crop) -> Tensor:
    """A photo's mask at the model's size, 0 beyond the photo's edges."""
    return cut(mask, crop, "constant")


def framed_body(body: Tensor, crop: Crop) -> Tensor:
    """A body map of the photo's size at the model's size: labels are never mixed."""
    return cut(body, crop, "constant", mode="nearest-exact")


def framed_garment(
    picture: Tensor, model: str, framing: str, width: int, height: int
) -> Tensor:  # fmt: skip
    """A garment's photo at the model's size: whole, on white; or as the authors frame it."""
    crop = letterbox(picture.shape[-1], picture.shape[-2], width, height)
    if framing == "fit":
        return 1 - cut(1 - picture, crop, "constant")
    if model == "leffa":
        return _resampled(picture, model, crop)
    whole = Crop(0, 0, crop.photo_width, crop.photo_height, width, height,
                 crop.photo_width, crop.photo_height)  # fmt: skip
    return _resampled(picture, model, whole)


def _resampled(picture: Tensor, model: str, crop: Crop) -> Tensor:
    """The crop of a photo, by the functions that the golden cases hold to the authors' pixels."""
    pixels = (picture[0] * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    size = crop.model_width, crop.model_height
    if model == "leffa":
        from .leffa.pictures import letterbox as on_white

        made = on_white(pixels, *size)
    else:
        from .idm_vton.pictures import stretch

        made = stretch(
            pixels[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width], *size
        )
    return unit(made)


def unit(picture: np.ndarray) -> Tensor:
    """uint8 (height, width, 3) to (1, 3, height, width) in 0..1."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255
