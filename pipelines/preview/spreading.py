"""Colours carried smoothly over unknown places, from coarse to fine."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F


def spread(colours: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Carries float (height, width, channels) colours on from where they are known, smoothly.

    known: bool (height, width). A pyramid of averages of the known pixels, filled in from coarse to
    fine.
    """
    weight = to_planes(known[..., None])
    value = to_planes(colours) * weight
    levels = [(value, weight)]
    while not weight.all() and min(weight.shape[-2:]) > 1:
        value, weight = halved(value), halved(weight)
        value = value / weight.clamp_min(1e-6)  # nothing where nothing is known
        weight = (weight > 0).float()
        levels.append((value, weight))
    filled = levels[-1][0]
    for value, weight in reversed(levels[:-1]):
        filled = value + enlarged(filled, 2, value.shape[-2:]) * (1 - weight)
    return to_picture(filled)


def to_planes(values: np.ndarray) -> torch.Tensor:
    """(height, width, channels) as float32 (1, channels, height, width)."""
    return torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1), np.float32))[None]


def to_picture(planes: torch.Tensor) -> np.ndarray:
    """(1, channels, height, width) as (height, width, channels)."""
    return np.ascontiguousarray(planes[0].permute(1, 2, 0).numpy())


def halved(planes: torch.Tensor) -> torch.Tensor:
    """Averages of 2x2 pixels."""
    return F.avg_pool2d(planes, 2, ceil_mode=True)


def enlarged(planes: torch.Tensor, factor: int, size: tuple[int, ...]) -> torch.Tensor:
    """So many times larger, linearly, and cut to (height, width)."""
    large = F.interpolate(planes, scale_factor=factor, mode="bilinear", align_corners=False)
    return large[..., : size[0], : size[1]]
