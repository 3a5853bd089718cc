"""Colours carried smoothly over unknown places, from coarse to fine."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F


def spread(colours: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Carries float (height, width, channels) colours on from where they are known, smoothly.

    known (height, width): bool, or how sure a colour is, 0..1. Averages at ever smaller sizes (a
    pyramid) fill what the finer ones leave open.
    """
    value, weight = to_planes(colours), to_planes(known[..., None])
    levels = [(value, weight)]
    while weight.min() < 1 and min(weight.shape[-2:]) > 1:
        sums, weight = halved(value * weight), halved(weight)
        value = sums / weight.clamp_min(1e-9)
        weight = (4 * weight).clamp_max(1)
        levels.append((value, weight))
    mean = (value * weight).sum((2, 3), keepdim=True) / weight.sum().clamp_min(1e-9)
    filled = torch.lerp(mean.expand_as(value), value, weight)
    for value, weight in reversed(levels[:-1]):
        filled = torch.lerp(enlarged(filled, 2, value.shape[-2:]), value, weight)
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
