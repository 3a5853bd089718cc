"""What FashionTex is told: patches of texture as CLIP sees them, and which belong to what."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ...diffusion.latents import to_bytes
from ...images import resize
from .inversion import HEIGHT, WIDTH

PATCH = 64
"""Pixels of a patch of texture."""

OWN_PATCH = {"upper": (257, 200), "lower": (515, 187)}
"""Top row and left column of the patch of an aligned person's own clothes."""

LOOK = 224
LOOK_MEAN = (0.48145466, 0.4578275, 0.40821073)  # of CLIP's training pictures, R, G, B
LOOK_SPREAD = (0.26862954, 0.26130258, 0.27577711)

ONE_PIECE = ("dress", "romper", "overalls", "jumpsuit")


def own_texture(photo: Tensor, part: str) -> Tensor:
    """The patch of what an aligned person (1, 3, 1024, 512) wears already, (1, 3, 64, 64). part:
    upper or lower."""
    top, left = OWN_PATCH[part]
    return photo[:, :, top : top + PATCH, left : left + PATCH]


def patch_of(cloth: Tensor) -> Tensor:
    """The middle of a photo of cloth, (1, 3, height, width), as a patch (1, 3, 64, 64)."""
    height, width = cloth.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = cloth[:, :, top : top + side, left : left + side]
    return functional.interpolate(square, (PATCH, PATCH), mode="bilinear", antialias=True)


def seen_by_encoder(photos: Tensor) -> Tensor:
    """Photos at the 128x256 that the inversion sees (Pillow, bilinear, whole levels)."""
    seen = [resize(each, WIDTH, HEIGHT, "bilinear") for each in to_bytes(photos)]
    return torch.from_numpy(np.stack(seen)).permute(0, 3, 1, 2).float() / 255


def clip_input(patches: Tensor) -> Tensor:
    """Patches (batch, 3, height, width) in 0..1 as CLIP takes them, (batch, 3, 224, 224).
    Enlarged by areas, as published. Golden stages: clip_image_in_*."""
    large = functional.adaptive_avg_pool2d(patches, (LOOK, LOOK))
    mean, spread = (torch.tensor(v).view(3, 1, 1).to(large) for v in (LOOK_MEAN, LOOK_SPREAD))
    return (large - mean) / spread


def is_one_piece(*words: str) -> bool:
    """Whether these names are of a garment in one piece, which has one texture from top to toe."""
    return any(kind in each for each in words for kind in ONE_PIECE)
