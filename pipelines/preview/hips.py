"""How wide hips and lower garment are: Scene keeps what is found."""

from __future__ import annotations

import numpy as np

from ..maps.ranking import median
from ..masking.figure import Figure, LimbFrames
from ..masking.kinds import BACKGROUND, LOWER, smooth_step
from ..masking.regions import Regions
from .shape import BodyShape, lookup


def read_lower(regions: Regions, frames: LimbFrames, unit: float) -> np.ndarray:
    """Where the lower garment is seen (h, w), 0..1; the sleeves of a dress look the same."""
    region = regions.kinds[LOWER]
    if not regions.one_piece:
        return region
    arms = np.minimum(frames.right_arm.beyond, frames.left_arm.beyond)
    return region * smooth_step(arms, 0.08 * unit, 0.1 * unit)


def read_growth(
    region: np.ndarray, regions: Regions, figure: Figure, shape: BodyShape
) -> np.ndarray:
    """How far (2,), in pixels, the lower garment stands off the usual body towards the viewer's
    left and right, right below the old hem. region (h, w): see read_lower."""
    unit, behind = figure.unit, regions.kinds[BACKGROUND]
    levels = regions.waist * figure.torso + np.arange(0.05, 0.4, 0.02) * unit
    steps = np.arange(0.2, 0.9, 0.01) * unit
    result = np.zeros(2)
    for k, sign in enumerate((-1, 1)):
        ahead = figure.neck[:, None] + levels * figure.down[:, None]
        points = ahead[..., None] + sign * steps * figure.across[:, None, None]
        last = np.where(lookup(region, points) > 0.5, steps, 0).max(1)
        end = ahead + sign * last * figure.across[:, None]
        beyond = end + sign * 0.03 * unit * figure.across[:, None]
        ends = (last > 0) & (lookup(behind, beyond) > 0.5)
        side = figure.side(end)  # which is not along the torso's middle where that is oblique
        excess = sign * side - shape.half_width(figure.level(end), side)
        if ends.any():
            result[k] = median(excess[ends][:5])
        elif (last > 0).any():  # hidden by an arm: at least so far
            result[k] = max(0.0, float(median(excess[last > 0])))
    return result


def of_body(growth: np.ndarray, unit: float) -> np.ndarray:
    """How much of the hips' growth (2,) is the body's: they may be shifted, but little broader."""
    shift, more = (growth[1] - growth[0]) / 2, growth.mean()
    shift = np.clip(shift, -0.3 * unit, 0.3 * unit)
    return np.clip(more, -0.15 * unit, 0.06 * unit) + np.array([-shift, shift])


def near_hips(level: np.ndarray, regions: Regions, figure: Figure) -> np.ndarray:
    """How much the hips tell of the trunk (h, w) at a level, 0..1."""
    return smooth_step(regions.waist * figure.torso - level, 0.9 * figure.unit, 0)
