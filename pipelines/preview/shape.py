"""The body under the clothes: how wide the torso is at each height, where the shoulders run."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..masking.anatomy import HALF_WIDTHS, HEIGHTS, SHOULDER_RISES, SHOULDER_SIDES
from ..masking.figure import Coordinates, Figure, Limb, capsule
from ..masking.hands import hand_discs
from ..masking.kinds import BACKGROUND, HAIR, SKIN, UPPER
from ..masking.regions import Regions


@dataclass(frozen=True)
class BodyShape:
    """Lengths in pixels of the small picture, measured from the middle between the shoulders.

    levels (N,): heights along the torso's axis. sides (2, N): half widths of the bare body there
    towards the viewer's left and right. ledge (2, M): distances from the axis, and the height of
    the shoulder line there, for either side (rises (2, M), positive above the joints).
    build: how broad the body is compared to the average.
    """

    levels: np.ndarray
    sides: np.ndarray
    offsets: np.ndarray
    rises: np.ndarray
    build: float

    def half_width(self, level: np.ndarray, side: np.ndarray) -> np.ndarray:
        """Half width of the body at heights, towards the left (side < 0) or right."""
        return between(self.levels, self.sides, level, side)

    def rise(self, offset: np.ndarray) -> np.ndarray:
        """Height of the shoulder line above the joints at signed distances from the axis."""
        return between(self.offsets, self.rises, np.abs(offset), offset)


def between(
    knots: np.ndarray, values: np.ndarray, places: np.ndarray, side: np.ndarray
) -> np.ndarray:
    """Of two curves over evenly spaced knots, values (2, knots), the first where side < 0 and the
    second elsewhere, at places; beyond the ends they go on level."""
    first = float(knots[0])
    step = (float(knots[-1]) - first) / (len(knots) - 1)
    where = np.clip((places - first) / step, 0, len(knots) - 1.001)
    before = where.astype(np.int32)
    curves = values.ravel().astype(where.dtype)
    index = before + (np.asarray(side) >= 0) * np.int32(len(knots))
    start = curves[index]
    return start + (where - before.astype(where.dtype)) * (curves[index + 1] - start)


def lookup(values: np.ndarray, points: Coordinates) -> np.ndarray:
    """Nearest value of a map (H, W) at points; 0 outside."""
    import cv2

    padded = cv2.copyMakeBorder(values, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    height, width = padded.shape
    x, y = points
    columns = (np.round(x) + 1).clip(0, width - 1).astype(np.intp)
    rows = (np.round(y) + 1).clip(0, height - 1).astype(np.intp)
    rows *= width
    rows += columns
    return padded.ravel().take(rows)


def read_shape(figure: Figure, regions: Regions) -> BodyShape:
    """Measures the body; where clothes or hair hide it, the average body of that build."""
    from scipy.ndimage import gaussian_filter1d

    unit, torso = figure.unit, figure.torso
    body = 1 - regions.kinds[BACKGROUND]
    levels = np.arange(-0.2 * torso, 2.4 * torso, max(1.0, 0.02 * unit))
    average = np.interp(levels / torso, HEIGHTS, HALF_WIDTHS) * unit
    steps = np.arange(0.0, 0.9 * unit, 0.5)
    inner = int((steps <= 0.25 * unit).sum())  # are the trunk
    measured = np.empty((2, len(levels)))
    found = np.zeros((2, len(levels)), dtype=bool)
    neck, down, across = (v[:, None, None] for v in (figure.neck, figure.down, figure.across))
    for k, side in enumerate((-1, 1)):
        points = neck + levels[:, None] * down + side * steps * across
        solid = lookup(body, points) > 0.5
        solid[:, :inner] = False
        within = points[:, solid]
        arms = np.minimum(
            capsule(within, figure.right_arm, 0.02 * unit, 0.0),
            capsule(within, figure.left_arm, 0.02 * unit, 0.0),
        )
        solid[solid] = (arms > 0) & (hand_discs(within, figure) > 0.6)
        solid[:, :inner] = True
        ends = solid.argmin(1)
        measured[k] = np.where(solid.all(1), np.inf, steps[ends])
        # A side is seen when it ends at the background rather than at an arm.
        end = points[:, np.arange(len(levels)), ends]
        found[k] = np.isfinite(measured[k]) & (lookup(body, end) < 0.5)
        # An upper garment stands off the body, a little at the chest and more at the hips.
        last = points[:, np.arange(len(levels)), np.maximum(ends - 3, 0)]
        loose = lookup(regions.kinds[UPPER], last) > 0.5
        measured[k] = np.where(loose, 0.95 * measured[k], measured[k])
        found[k] &= ~(loose & (levels > 0.6 * torso))
    ratio = np.where(found, measured / average, np.nan)
    chest = (levels > 0.22 * torso) & (levels < 0.45 * torso)
    hips = (levels > 0.9 * torso) & (levels < 1.1 * torso)
    ratios = [np.nanmedian(ratio[:, rows]) for rows in (chest, hips) if found[:, rows].any()]
    build = float(np.clip(min(ratios), 0.85, 1.4)) if ratios else 1.0
    sides = np.where(found, np.clip(measured, 0.75 * build * average, 1.06 * build * average),
                     build * average)  # fmt: skip
    sides = gaussian_filter1d(sides, 0.12 * unit / (levels[1] - levels[0]), axis=1, mode="nearest")
    offsets, rises = _read_shoulders(figure, regions)
    return BodyShape(levels, sides, offsets, rises, build)


def _read_shoulders(figure: Figure, regions: Regions) -> tuple[np.ndarray, np.ndarray]:
    """Height of the shoulder line by distance from the axis: the edge of the person without
    hair, kept near the average where hair, a collar or a raised arm hides it."""
    from scipy.ndimage import gaussian_filter1d

    unit = figure.unit
    offsets = np.arange(0.0, 0.9 * unit, 1.0)
    average = np.interp(offsets / unit, SHOULDER_SIDES, SHOULDER_RISES) * unit
    heights = np.arange(-0.5 * unit, 0.5 * unit, 0.5)
    solid = 1 - regions.kinds[BACKGROUND] - regions.kinds[HAIR]
    rises = np.empty((2, len(offsets)))
    neck, down, across = (v[:, None, None] for v in (figure.neck, figure.down, figure.across))
    for k, side in enumerate((-1, 1)):
        points = neck + side * offsets[:, None] * across - heights * down
        inside = lookup(solid, points) > 0.5
        # The highest point that is reached from the joints' height without leaving the person.
        below = heights < average[:, None] - 0.15 * unit
        blocked = np.where(inside | below, np.inf, heights[None])
        top = blocked.min(1)
        top = np.where(np.isfinite(top), top, average)
        # Further out cloth stands off the shoulder, or hangs over it.
        edge = points[:, np.arange(len(offsets)), np.clip(np.argmin(blocked, 1) - 3, 0, None)]
        cloth = lookup(regions.kinds[UPPER], edge) > 0.5
        most = np.where(cloth, np.interp(offsets / unit, [0.35, 0.5], [0.05, 0.0]), 0.05)
        limited = np.clip(top, average - 0.05 * unit, average + most * unit)
        rises[k] = np.where(np.abs(top - average) < 0.16 * unit, limited, average)
    return offsets, gaussian_filter1d(rises, 0.05 * unit, axis=1, mode="nearest")


STATIONS = 11  # places along a limb at which it is measured
FORESHORTENED = 0.3  # of the bone before it: a shorter one points at the camera or away


def measure_limb(limb: Limb, solid: np.ndarray, background: np.ndarray) -> Limb:
    """The limb with the middle line and the widths that the photo shows.

    solid (H, W): the bare skin. Where one of its sides is hidden, the side before the background
    (H, W) tells where the limb of average width lies. Stations where both are, or where the width
    is not that of a limb, keep the average.
    """
    from scipy.ndimage import gaussian_filter1d

    bones = np.array([0.0, 0.5, 1.0])
    places = np.linspace(0, 1, STATIONS)
    joints = limb.joints.copy()
    first, last = np.linalg.norm(np.diff(joints, axis=0), axis=1)
    if last < FORESHORTENED * first:  # then its direction is chance, and it has no bend
        joints[2] = joints[1] + (joints[1] - joints[0]) * (last / first)
    line = np.stack([np.interp(places, bones, joints[:, k]) for k in (0, 1)], 1)
    radii = np.interp(places, np.linspace(0, 1, len(limb.radii)), limb.radii)
    tangent = np.gradient(line, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-6)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1)
    steps = np.arange(-2.2, 2.21, 0.05)
    offsets = steps * radii[:, None]
    across = line.T[..., None] + offsets * normal.T[..., None]
    inside, outside = lookup(solid, across) > 0.5, lookup(background, across) > 0.5
    middle, half, sure = np.zeros(STATIONS), radii.copy(), np.zeros(STATIONS)
    for k in range(1, STATIONS):
        near = np.nonzero(inside[k] & (np.abs(steps) < 0.6))[0]
        if not len(near):
            continue
        centre = near[np.argmin(np.abs(steps[near]))]
        gaps = np.nonzero(~inside[k])[0]
        low = gaps[gaps < centre].max(initial=-1)
        high = gaps[gaps > centre].min(initial=len(steps))
        if low < 0 or high >= len(steps):
            continue
        width = (offsets[k, high] - offsets[k, low]) / 2
        if 0.6 < width / radii[k] < 1.5:
            middle[k], half[k], sure[k] = (offsets[k, high] + offsets[k, low]) / 2, width, 1.0
            continue
        ends = [outside[k, max(low - 3, 0)], outside[k, min(high + 3, len(steps) - 1)]]
        if width < radii[k] and ends[0] != ends[1]:
            edge, sign = (offsets[k, low], 1) if ends[0] else (offsets[k, high], -1)
            middle[k], sure[k] = edge + sign * radii[k], 1.0
    if sure.sum() < 2:
        return replace(limb, line=line, radii=radii)
    known = np.nonzero(sure)[0]
    factor = np.interp(np.arange(STATIONS), known, (half / radii)[known])
    # As ways in the picture: past a bend, sideways is another direction.
    ways = middle[known, None] * normal[known]
    shift = np.stack([np.interp(np.arange(STATIONS), known, way) for way in ways.T], 1)
    shift *= np.minimum(places / 0.2, 1)[:, None]
    factor = gaussian_filter1d(factor, 0.8, mode="nearest")
    shift = gaussian_filter1d(shift, 0.8, axis=0, mode="nearest")
    return replace(limb, line=line + shift, radii=radii * factor)


def measure_limbs(figure: Figure, regions: Regions) -> Figure:
    """The figure with arms and legs as the photo shows them."""
    skin = regions.kinds[SKIN]
    limbs = {
        name: measure_limb(getattr(figure, name), skin, regions.kinds[BACKGROUND])
        for name in ("right_arm", "left_arm", "right_leg", "left_leg")
    }
    return replace(figure, **limbs)
