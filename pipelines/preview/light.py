"""The photo's light on the new garment: folds and shadows, without the old garment's print."""

from __future__ import annotations

import numpy as np

from ..maps.colours import to_lab
from ..maps.edges import blur, resized_map
from ..maps.grids import each
from ..masking.figure import Figure
from ..masking.kinds import BACKGROUND, LOWER, SKIN, UPPER, smooth_step
from ..masking.regions import Regions
from .fill import round_shading, spread
from .scene import Scene

LUMINANCE = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)  # of sRGB primaries
STRONGEST = 0.18  # largest change of the logarithm of brightness that folds make


def fold_shading(small: np.ndarray, figure: Figure, regions: Regions) -> np.ndarray:
    """Natural logarithm of the photo's shading (H, W): 0 where the light is as on average.

    small float32 (H, W, 3) in 0..1. Each kind of surface is compared with its own surroundings;
    places whose colour (not only brightness) changes are print, not fold, and count little.
    Worked out at half size: folds are soft.
    """
    import cv2

    height, width = small.shape[:2]
    size = (max(2, height // 2), max(2, width // 2))
    unit = figure.unit * size[0] / height
    half = resized_map(small, *size)
    _, *tints = cv2.split(to_lab(half))
    logarithm = np.log(cv2.transform(half, LUMINANCE[None]) + 0.04)
    signals = cv2.merge([logarithm, *tints])
    total, weight = np.zeros(size, np.float32), np.zeros(size, np.float32)
    for kind in (UPPER, LOWER, SKIN):
        if regions.kinds[kind].max() < 0.5:
            continue  # then it has no say anywhere
        inside = np.clip(resized_map(regions.kinds[kind], *size) * 2 - 1, 0, 1) + 1e-6
        base, *around = cv2.split(weighted_blur(signals, inside, 0.22 * unit))
        strange = sum((one - other) ** 2 for one, other in zip(tints, around, strict=True))
        plain = np.exp(strange * (-1 / 81))
        fine = logarithm - weighted_blur(logarithm, inside, 0.05 * unit)
        busy = np.maximum(weighted_blur(fine * fine, inside, 0.15 * unit), 0)
        calm = np.exp(busy * (-1 / 0.08**2))
        bright = np.clip(np.exp(base) / 0.22, 0.15, 1.0)
        folds = weighted_blur(logarithm - base, inside * plain + 1e-6, 0.022 * unit)
        total += inside * folds * calm * bright
        weight += inside
    shown = 1 - resized_map(regions.kinds[BACKGROUND], *size)
    known = np.clip(1.2 * shown - 0.2, 0, 1) * np.clip(weight, 0, 1)
    shading = spread((total / np.maximum(weight, 1e-6))[..., None], known)[..., 0]
    # Shadows may be deep; what is brighter is more often a faded or shiny old garment.
    limit = np.where(shading > 0, np.float32(0.4 * STRONGEST), np.float32(STRONGEST))
    return resized_map(limit * np.tanh(shading / limit), height, width)


def weighted_blur(values: np.ndarray, weights: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian mean of (H, W) or (H, W, C) values that counts pixels by weights (H, W)."""
    below = blur(weights, sigma)
    if values.ndim == 3:
        weights, below = each(weights, values.shape[2]), each(below, values.shape[2])
    return blur(values * weights, sigma) / below


def body_shading(scene: Scene, part: str, trousers: bool) -> np.ndarray:
    """Brightness (H, W) that roundness gives to a part of a garment: "right_arm" and "left_arm"
    to a sleeve, anything else to the trunk and, of trousers, the legs below it."""
    frames = scene.frames
    if part.endswith("_arm"):
        return roundness(0.85 * frames.of(part).offset)
    right, left = frames.right_leg, frames.left_leg
    trunk = roundness(scene.side / scene.half_width)
    if not trousers:
        return trunk
    nearer = right.beyond < left.beyond
    share = smooth_step(np.where(nearer, right.place, left.place), 0.1, 0.4)
    legs = roundness(0.85 * np.where(nearer, right.offset, left.offset))
    return trunk * (1 - share) + legs * share


def roundness(offset: np.ndarray) -> np.ndarray:
    """Shading of cloth around something round: half as strong as that of skin."""
    return np.sqrt(round_shading(np.clip(offset, -1.1, 1.1), 0.0))
