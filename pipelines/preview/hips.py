"""How wide hips and lower garment are: Scene keeps what is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..masking.regions import BACKGROUND, LOWER, smooth_step
from .shape import lookup

if TYPE_CHECKING:
    from .scene import Scene


def lower_region(scene: Scene) -> np.ndarray:
    """Where the lower garment is seen (h, w), 0..1; the sleeves of a dress look the same."""
    region = scene.regions.kinds[LOWER]
    if not scene.regions.one_piece:
        return region
    arms = np.minimum(scene.frames.right_arm.beyond, scene.frames.left_arm.beyond)
    unit = scene.figure.unit
    return region * smooth_step(arms, 0.08 * unit, 0.1 * unit)


def hip_growth(scene: Scene) -> np.ndarray:
    """How far (2,), in pixels, the lower garment stands off the usual body towards the viewer's
    left and right, right below the old hem."""
    figure, unit = scene.figure, scene.figure.unit
    region, behind = scene.lower_region, scene.regions.kinds[BACKGROUND]
    levels = scene.regions.waist * figure.torso + np.arange(0.05, 0.4, 0.02) * unit
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
        excess = sign * side - scene.shape.half_width(figure.level(end), side)
        if ends.any():
            result[k] = np.median(excess[ends][:5])
        elif (last > 0).any():  # hidden by an arm: at least so far
            result[k] = max(0.0, float(np.median(excess[last > 0])))
    return result


def trunk_half_widths(scene: Scene, growth: np.ndarray) -> np.ndarray:
    """Half widths (h, w) of the bare trunk, which goes over into the hips that the photo shows.
    growth: see hip_growth."""
    grown = of_body(growth, scene.figure.unit).astype(np.float32)
    return scene.half_width + near_hips(scene, scene.level) * np.where(scene.side < 0, *grown)


def trunk_middle(scene: Scene, growth: np.ndarray, level: np.ndarray) -> np.ndarray:
    """How far (h, w), in pixels, the trunk's middle lies to the viewer's right of the torso's."""
    left, right = of_body(growth, scene.figure.unit)
    return near_hips(scene, level) * (right - left) / 2


def of_body(growth: np.ndarray, unit: float) -> np.ndarray:
    """How much of a hip_growth (2,) is the body's: hips may be shifted, but little broader."""
    shift, more = (growth[1] - growth[0]) / 2, growth.mean()
    shift = np.clip(shift, -0.3 * unit, 0.3 * unit)
    return np.clip(more, -0.15 * unit, 0.06 * unit) + np.array([-shift, shift])


def near_hips(scene: Scene, level: np.ndarray) -> np.ndarray:
    """How much the hips tell of the trunk (h, w) at a level, 0..1."""
    hem = scene.regions.waist * scene.figure.torso
    return smooth_step(hem - level, 0.9 * scene.figure.unit, 0)
