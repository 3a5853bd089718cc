"""Where a repainted picture meets its photo: colours matched on the ring around it, no border seen.

Models repaint the whole crop, also what the mask leaves alone; what they make of that tells how far
their colours have drifted (a VAE's round trip, sampling). Tensors are (batch, channels, height,
width) float32 in 0..1; masks have one channel.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

RING = 0.04  # of the photo's shorter side: how far around the mask the colours are compared
SAME = 0.18  # a larger difference is another thing, not another tone of the same
LEAST_SAME = 0.5  # of the ring's pixels: else the picture does not show the photo's surroundings
MOST = 0.15  # that a colour is moved
COARSE = 64  # cells along the longer side in which the drift is worked out
FAINT = 0.02  # how much the usual drift counts beside what is seen near
SPREAD = 3  # cells over which it is smoothed


def matched(photo: Tensor, picture: Tensor, mask: Tensor, reach: Tensor) -> Tensor:
    """The picture with its colours moved to those of the photo around the mask, smoothly.

    photo, picture: of one size. mask: 1 = the picture is shown. reach: where there is a picture.
    Where too little of the surroundings is alike, the picture comes back as it is.
    """
    ring = ring_around(mask) * reach
    away = photo - picture
    alike = ring * (away.abs().amax(1, keepdim=True) < SAME)
    counted = alike.sum((1, 2, 3))
    if ((counted < LEAST_SAME * ring.sum((1, 2, 3))) | (counted < 16)).any():
        return picture
    height, width = photo.shape[-2:]
    shrink = max(1, -(-max(height, width) // COARSE))
    weights = F.avg_pool2d(alike, shrink, ceil_mode=True)
    sums = F.avg_pool2d(away * alike, shrink, ceil_mode=True)
    usual = (away * alike).sum((2, 3), keepdim=True) / counted[:, None, None, None]
    # Near the ring the drift there, further inside the usual one.
    local = (_soft(sums) + FAINT * usual) / (_soft(weights) + FAINT)
    drift = F.interpolate(local, (height, width), mode="bilinear", align_corners=False)
    return picture + drift.clamp(-MOST, MOST)


def ring_around(mask: Tensor) -> Tensor:
    """1 outside the mask, up to RING from it."""
    reach = max(2, round(RING * min(mask.shape[-2:])))
    shown = (mask > 0).float()
    for sizes in ((2 * reach + 1, 1), (1, 2 * reach + 1)):
        padding = (sizes[0] // 2, sizes[1] // 2)
        shown = F.max_pool2d(shown, sizes, stride=1, padding=padding)
    return shown * (mask <= 0)


def _soft(values: Tensor) -> Tensor:
    """Blurred over SPREAD cells, twice; beyond the edge there is nothing."""
    for _ in range(2):
        values = F.avg_pool2d(values, 2 * SPREAD + 1, stride=1, padding=SPREAD)
    return values


def seam(photo: Tensor, result: Tensor, mask: Tensor) -> float:
    """How much brighter or darker, on average in 0..1, the rim of what was repainted is than the
    photo is there: what is seen as a border on plain surroundings."""
    inner = (1 - mask > 0).float()
    near = F.max_pool2d(inner, 5, stride=1, padding=2) * (mask > 0)
    step = (result - photo).mean(1, keepdim=True).abs() * near
    return float(step.sum() / near.sum().clamp_min(1))
