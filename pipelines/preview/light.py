"""The photo's light on the new garment: folds and shadows, without the old garment's print."""

from __future__ import annotations

import numpy as np

from ..masking.figure import Figure, LimbFrame, pixel_grid
from .edges import blur
from .fill import round_shading, spread
from .regions import BACKGROUND, LOWER, SKIN, UPPER, Regions, to_lab
from .shape import Shape

STRONGEST = 0.22  # largest change of the logarithm of brightness that folds make


def fold_shading(small: np.ndarray, figure: Figure, regions: Regions) -> np.ndarray:
    """Natural logarithm of the photo's shading (H, W): 0 where the light is as on average.

    small float32 (H, W, 3) in 0..1. Each kind of surface is compared with its own surroundings;
    places whose colour (not only brightness) changes are print, not fold, and count little.
    """
    unit = figure.unit
    luminance = small @ np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
    logarithm = np.log(luminance + 0.04)
    lab = to_lab(small.astype(np.float64)).astype(np.float32)
    total = np.zeros(luminance.shape)
    weight = np.zeros(luminance.shape)
    for kind in (UPPER, LOWER, SKIN):
        inside = np.clip(regions.kinds[kind] * 2 - 1, 0, 1) + 1e-6
        smooth = lambda values, sigma, inside=inside: (
            blur(values * inside, sigma)
            / blur(  # noqa: E731
                inside, sigma
            )
        )
        base = smooth(logarithm, 0.22 * unit)
        chroma = lab[..., 1:]
        mean = np.stack([smooth(chroma[..., k], 0.35 * unit) for k in (0, 1)], -1)
        strange = np.linalg.norm(chroma - mean, axis=-1)
        plain = np.exp(-((strange / 9.0) ** 2))
        fine = logarithm - smooth(logarithm, 0.05 * unit)
        busy = np.sqrt(np.maximum(smooth(fine * fine, 0.15 * unit), 0))
        calm = np.exp(-((busy / 0.11) ** 2))
        bright = np.clip(np.exp(base) / 0.22, 0.15, 1.0)
        trust = inside * plain + 1e-6
        folds = blur((logarithm - base) * trust, 0.022 * unit) / blur(trust, 0.022 * unit)
        total += inside * folds * calm * bright
        weight += inside
    known = np.clip(1.2 * (1 - regions.kinds[BACKGROUND]) - 0.2, 0, 1) * np.clip(weight, 0, 1)
    shading = spread((total / np.maximum(weight, 1e-6))[..., None], known)[..., 0]
    # Shadows may be deep; what is brighter is more often a faded or shiny old garment.
    limit = np.where(shading > 0, 0.4 * STRONGEST, STRONGEST)
    return (limit * np.tanh(shading / limit)).astype(np.float32)


def body_shading(
    figure: Figure, shape: Shape, size: tuple[int, int], frame: LimbFrame | None
) -> np.ndarray:
    """Brightness (H, W) that roundness gives to a limb or, without a frame, to the trunk."""
    if frame is None:
        offset = pixel_grid(*size) - figure.neck
        side = offset @ figure.across
        relative = side / shape.half_width(offset @ figure.down, side)
    else:
        relative = frame.offset * 0.85
    return np.sqrt(round_shading(np.clip(relative, -1.1, 1.1), 0.0))
