"""The authors' own framing of pictures for OOTDiffusion.

Pictures are uint8 (height, width, 3) RGB, masks uint8 (height, width), 255 = repaint.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...images import resize
from ...processor import processor_of

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

    settings: preprocessor_config.json: the short side is made `size`, and the middle `crop_size` is
    cut out, so a tall garment loses its top and bottom, as in the authors' code.
    Golden stage: clip.pixel_values.
    """
    return processor_of(settings)([picture])
