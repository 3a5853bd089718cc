"""The lower garment where the old upper one hid it: it goes on up to its waistband."""

from __future__ import annotations

import numpy as np

from ..maps.edges import blur, outline, resized_map, to_planes
from ..maps.grids import box_of, each, narrowest, taken, widest
from ..maps.spreading import spread
from ..masking.anatomy import WAIST
from ..masking.hands import hand_discs
from ..masking.kinds import LOWER, UPPER, smooth_step
from .bare import lower_half_widths
from .paint_maps import LowerMaps
from .scene import Scene

HIGHEST = WAIST  # torso lengths below the shoulders, where a waistband is at most
MARGIN = 0.05  # units below the old hem that its shadow and its soft edge may reach
SEAM = 0.085  # units below a waistband's upper edge is its lower one


def lower_maps(scene: Scene) -> tuple[LowerMaps | None, np.ndarray]:
    """How a Painter continues the lower garment upwards, if there is one; and where it is below the
    old hem (h, w), 0 where that may throw its shadow."""
    figure, regions = scene.figure, scene.regions
    unit, kinds = figure.unit, regions.kinds
    height, width = kinds.shape[1:]
    level, side = scene.level, scene.side
    hem, touching = old_hem(scene, level)
    rows, columns = np.arange(height)[:, None], np.arange(width)
    known = smooth_step(kinds[LOWER], 0.8, 0.95) + 1e-7
    size = -(-height // 2), -(-width // 2)  # it is blurred anyway
    known = known * (rows > hem)
    share = resized_map(known, *size)
    plain = resized_map(scene.small * each(known), *size) / each(np.maximum(share, 1e-9))
    plain = resized_map(blur(spread(plain, share), 0.02 * unit), height, width)
    narrow = max(1, round(0.02 * unit))
    solid = narrowest(scene.lower_region, narrow)
    top = min(regions.waist, HIGHEST) * figure.torso
    depth = level - top
    sides = np.abs(side) - lower_half_widths(scene)
    bound = np.float32((0.5 - touching) * unit)
    # Where it shows, its rim is painted anew as well.
    seen = outline(widest(solid, narrow + 1), 1.0)
    edge = np.minimum(np.maximum(np.maximum(sides, -depth), bound), seen)
    shadow = smooth_step((rows - hem).astype(np.float32), 0.02 * unit, MARGIN * unit)
    below_hem = np.maximum(shadow, np.float32(1 - touching))
    # All the rest where it is painted.
    box = box_of(edge < 2)
    if box[0].start == box[0].stop:
        return None, below_hem
    axis, rows, columns = (hem + MARGIN * unit)[box[1]], rows[box[0]], columns[box[1]]
    mirrored = np.clip(np.round(2 * axis - rows).astype(int), 0, height - 1)
    usable = smooth_step(taken(solid, mirrored, columns), 0.7, 0.9)
    # Close to the hem folds go on, further up only the cloth does: no second pocket or crotch.
    near = usable * smooth_step((axis - rows).astype(np.float32), 0.3 * unit, 0.12 * unit)
    there, plain = taken(plain, mirrored, columns), plain[box]
    found = (
        axis,
        to_planes(there),
        to_planes(plain + (there - plain) * each(near)),
        blur(usable, 0.7),
        waistband(depth[box] / unit, (regions.waist * figure.torso - top) / unit),
    )
    return LowerMaps(edge, *(laid_in(values, box, level.shape) for values in found)), below_hem


def laid_in(values: np.ndarray, box: tuple[slice, slice], size: tuple[int, ...]) -> np.ndarray:
    """A map of this size (h, w), of as many channels as the values have, which lie in the box; 0
    around them."""
    result = np.zeros((*values.shape[:-2], *size), np.float32)
    result[(..., *box)] = values
    return result


def waistband(depth: np.ndarray, uncovered: float) -> np.ndarray:
    """Brightness by depth below the upper edge, in units: it turns away at the edge, and has a seam
    if so much of the garment is uncovered, in units."""
    light = 1 - 0.25 * np.exp(-((depth / 0.012) ** 2))
    if uncovered > SEAM + 0.03:
        light = light - 0.2 * np.exp(-(((depth - SEAM) / 0.008) ** 2))
    return light


def old_hem(scene: Scene, level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The row (w,) where each column of the lower garment begins under the old hem, and whether it
    does (w,), 0..1: no belly between them."""
    from scipy.ndimage import gaussian_filter1d, median_filter

    figure, kinds = scene.figure, scene.regions.kinds
    height, width = level.shape
    columns = np.arange(width)
    lower = (kinds[LOWER] > 0.6) & (level > 0.5 * figure.torso)
    found = lower.any(0)
    top = np.where(found, lower.argmax(0), height).astype(np.float64)
    reach = max(2, round(0.05 * figure.unit))
    above = np.clip(top.astype(int) - reach, 0, height - 1)
    touching = found & (kinds[UPPER][above, columns] > 0.5)
    if not touching.any():
        return np.full(width, -1.0), np.zeros(width)
    hem = np.interp(columns, columns[touching], top[touching])
    hem = gaussian_filter1d(median_filter(hem, 9), 2.0)
    # Here and there a fold hides the belly: most columns around decide, but not those of a hand,
    # nor those outside, where the legs may begin lower.
    middle = figure.neck + scene.regions.waist * figure.torso * figure.down
    inner = found & (np.abs(columns - middle[0]) < 0.45 * figure.unit)
    inner &= hand_discs(np.stack([columns, above]).astype(np.float32), figure) > 1.2
    if not inner.any():
        return hem, np.zeros(width)
    sigma = 0.15 * figure.unit
    shares = gaussian_filter1d((touching & inner).astype(np.float64), sigma)
    shares = shares[inner] / gaussian_filter1d(inner.astype(np.float64), sigma)[inner]
    return hem, smooth_step(np.interp(columns, columns[inner], shares), 0.45, 0.6)
