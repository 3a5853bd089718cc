"""What LaDI-VTON is given beside pictures: the pose as 18 maps."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

SIGMA = 9.0
"""Pixels; the authors do not scale it with the picture, which is 384x512 with them."""


def pose_map(points: np.ndarray, width: int, height: int) -> Tensor:
    """A bell around every key point, (18, height, width) float32 in 0..1.

    points: (18, 2 or more), x and y in pixels of a width x height picture; one with neither above
    0 is missing and gives an empty map. Golden stage: agnostic_mean_std.
    """
    rows = torch.arange(height, dtype=torch.float64)[:, None]
    columns = torch.arange(width, dtype=torch.float64)[None]
    maps = torch.zeros(len(points), height, width)
    for number, (x, y) in enumerate(np.asarray(points, dtype=np.float64)[:, :2]):
        if x > 0 or y > 0:
            bell = torch.exp(-((columns - x) ** 2 + (rows - y) ** 2) / SIGMA**2)
            maps[number] = bell / (bell.max() + torch.finfo(torch.float32).eps)
    return maps
