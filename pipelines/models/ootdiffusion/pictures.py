"""The authors' own framing of pictures for OOTDiffusion.

Pictures are uint8 (height, width, 3) RGB, masks uint8 (height, width), 255 = repaint.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...images import resize

HIDDEN = 127
"""Grey level of what the mask hides."""


def stretch(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """Any picture at the model's size, its aspect not kept, as the authors do (Pillow, bicubic).

    Golden stages: picture.garment_u8, picture.person_u8.
    """
    from PIL import Image

    return resize(np.asarray(Image.fromarray(picture).convert("RGB")), width, height)


def stretch_mask(mask: np.ndarray, width: int, height: int) -> np.ndarray:
    """A mask at the model's size: Pillow's nearest. Golden stage: picture.mask_u8."""
    return resize(mask, width, height, "nearest")


def hide(pictures: Tensor, mask: Tensor) -> Tensor:
    """Pictures (n, 3, h, w) in 0..1 with the masked part (n, 1, h, w), 0 or 1, made grey.

    Golden stages: picture.masked_u8, image.masked_person.
    """
    return torch.where(mask > 0, HIDDEN / 255, pictures)


def clip_input(picture: np.ndarray, settings: dict) -> Tensor:
    """What CLIP's vision network takes of a picture, (1, 3, crop, crop) float32.

    settings: preprocessor_config.json. Short side to `size` (Pillow, bicubic), a centre crop of
    `crop_size`, so a tall garment loses its top and bottom, as in the authors' code.
    Golden stage: clip.pixel_values.
    """
    short, crop = _side(settings["size"]), _side(settings["crop_size"])
    height, width = picture.shape[:2]
    scaled = (short, int(short * height / width)) if width <= height else (
        int(short * width / height), short)  # fmt: skip
    left, top = (scaled[0] - crop) // 2, (scaled[1] - crop) // 2
    cropped = resize(picture, *scaled)[top : top + crop, left : left + crop]
    mean, spread = (torch.tensor(settings[name]) for name in ("image_mean", "image_std"))
    normalised = (torch.from_numpy(cropped) / 255 - mean) / spread
    return normalised.permute(2, 0, 1)[None]


def _side(size: int | dict) -> int:
    """Older files write one number, newer ones a table."""
    return size if isinstance(size, int) else int(size.get("shortest_edge") or size["height"])
