"""Where each point of a garment belongs on a body: the rules of the fit.

All lengths are pixels of the small picture, all garment points pixels of the garment's picture.
The garment keeps its own proportions: one scale for the whole of it, found at the chest (or the
waist) and the shoulders; only where the body is wider than the garment does the garment give way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..masking.figure import Figure, Limb, unit_vector
from .regions import smooth_step
from .shape import Shape

SPACING = 1.0  # pixels between the points of a path
EASE = 1.05  # a garment's chest against the bare chest, when nothing else is known


@dataclass(frozen=True)
class Outline:
    """A garment's own measures. rows (N,): heights; sides (2, N): x of its left and right edge
    there without sleeves; neck (2, 2): where the neckline meets the shoulders, viewer's left
    first; tips (2, 2): ends of the shoulders; armpits (2, 2)."""

    rows: np.ndarray
    sides: np.ndarray
    neck: np.ndarray
    tips: np.ndarray
    armpits: np.ndarray

    @property
    def top(self) -> float:
        """Height of the neck points."""
        return float(self.neck[:, 1].mean())

    def axis(self, y: np.ndarray) -> np.ndarray:
        """x of the middle at heights."""
        return np.interp(y, self.rows, self.sides.mean(0))

    def half_width(self, y: np.ndarray) -> np.ndarray:
        """Half of the width at heights."""
        return np.interp(y, self.rows, (self.sides[1] - self.sides[0]) / 2)


@dataclass(frozen=True)
class TorsoFit:
    """The rule for the torso of an upper garment or dress."""

    figure: Figure
    shape: Shape
    outline: Outline
    scale: float
    rise: float
    levels: np.ndarray
    widening: np.ndarray
    on_shoulders: bool = True

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Garment points (..., 2) to places in the small picture (..., 2)."""
        figure, outline = self.figure, self.outline
        x, y = points[..., 0], points[..., 1]
        fall = (y - outline.top) * self.scale
        level = fall - self.rise
        side = (x - self.axis(y)) * self.scale
        side = side * np.where(
            side < 0,
            np.interp(fall, self.levels, self.widening[0]),
            np.interp(fall, self.levels, self.widening[1]),
        )
        if self.on_shoulders:
            depth = np.maximum(fall, 0) / (0.32 * figure.unit)
            level = level + self.shoulder_shift(x, side) * np.exp(-depth * depth)
        return body_point(figure, level, side)

    def axis(self, y: np.ndarray) -> np.ndarray:
        """x of the garment's middle: as it is below the armpits, upright above them."""
        pit = self.outline.armpits[:, 1].mean()
        return self.outline.axis(np.maximum(y, pit))

    def shoulder_shift(self, x: np.ndarray, side: np.ndarray) -> np.ndarray:
        """How far down a garment column must move so that its shoulder line lies on the body's."""
        outline = self.outline
        xs = np.array([outline.tips[0, 0], outline.neck[0, 0], outline.neck[1, 0],
                       outline.tips[1, 0]])  # fmt: skip
        ys = np.array([outline.tips[0, 1], outline.neck[0, 1], outline.neck[1, 1],
                       outline.tips[1, 1]])  # fmt: skip
        order = np.argsort(xs)
        own = (np.interp(x, xs[order], ys[order]) - outline.top) * self.scale - self.rise
        columns = np.linspace(xs.min(), xs.max(), 41)
        middle = self.axis(np.full(1, outline.top))[0]
        places = (columns - middle) * self.scale
        # Within the neckline the body's line would climb the neck: straight across instead.
        inner = (places > (outline.neck[0, 0] - middle) * self.scale) & (
            places < (outline.neck[1, 0] - middle) * self.scale
        )
        lines = -self.shape.rise(places)
        if inner.any() and not inner.all():
            lines[inner] = np.interp(places[inner], places[~inner], lines[~inner])
        return np.interp(side, places, lines) - own


def body_point(figure: Figure, level: np.ndarray, side: np.ndarray) -> np.ndarray:
    """The place at a level below the shoulders and a distance from the axis. The sideways
    direction turns from the shoulders' to the hips'; below the hips things hang down."""
    torso = figure.torso
    hips_across = figure.facing * unit_vector(figure.left_hip - figure.right_hip)
    turn = smooth_step(level / torso, 0.1, 0.9)[..., None]
    across = figure.across * (1 - turn) + hips_across * turn
    across = across / np.linalg.norm(across, axis=-1, keepdims=True)
    upper = np.minimum(level, torso)[..., None] * figure.down
    hanging = unit_vector(figure.down + np.array([0.0, 2.0]))
    below = np.maximum(level - torso, 0)[..., None] * hanging
    return figure.neck + upper + below + side[..., None] * across


def fit_torso(figure: Figure, shape: Shape, outline: Outline, sleeved: bool) -> TorsoFit:
    """Scale and widening of an upper garment or dress."""
    from scipy.ndimage import gaussian_filter1d

    unit = figure.unit
    pit = float(outline.armpits[:, 1].mean())
    chest_level = np.array([0.33 * figure.torso])
    body_chest = float(shape.half_width(chest_level, np.array([-1.0]))[0]
                       + shape.half_width(chest_level, np.array([1.0]))[0])  # fmt: skip
    body_chest = max(body_chest, 0.84 * unit)
    garment_chest = 2 * float(outline.half_width(np.array([pit]))[0])
    scale = EASE * body_chest / garment_chest
    if sleeved:
        shoulders = float(outline.tips[1, 0] - outline.tips[0, 0])
        scale = float(np.sqrt(scale * np.clip(1.06 * unit / shoulders, 0.85 * scale, 1.15 * scale)))
    half_neck = (outline.neck[1, 0] - outline.neck[0, 0]) / 2 * scale
    rise = float(shape.rise(np.array([-half_neck, half_neck])).mean())

    height = (float(outline.rows[-1]) - outline.top) * scale
    levels = np.linspace(-0.3 * unit, height + 0.3 * unit, 80)
    own = outline.half_width(levels / scale + outline.top) * scale
    pit_level = (pit - outline.top) * scale
    fixed = levels < pit_level
    own[fixed] = np.interp(pit_level, levels, own)
    hips = rise + figure.torso
    widening = np.empty((2, len(levels)))
    for k, side in enumerate((-1.0, 1.0)):
        body = shape.half_width(levels - rise, np.full(len(levels), side)) * 1.03
        # A dress falls free from the hips: only trunk and hips push it outwards.
        body = np.where(levels > hips * 1.15, 0, body)
        factor = np.clip(body / np.maximum(own, 1e-6), 1.0, 1.6)
        factor[fixed] = np.interp(pit_level, levels, factor)
        widening[k] = gaussian_filter1d(
            factor, 0.12 * unit / (levels[1] - levels[0]), mode="nearest"
        )
    return TorsoFit(figure, shape, outline, scale, rise, levels, widening)


def fit_lower(figure: Figure, shape: Shape, outline: Outline, waist: float, legs: bool) -> TorsoFit:
    """Scale and widening of trousers or a skirt; waist: level of the waistband in pixels."""
    from scipy.ndimage import gaussian_filter1d

    unit = figure.unit
    body = float(sum(shape.half_width(np.array([waist]), np.array([side]))[0]
                     for side in (-1.0, 1.0)))  # fmt: skip
    own_waist = float(outline.neck[1, 0] - outline.neck[0, 0])
    scale = 1.03 * max(body, 0.74 * unit) / own_waist
    height = float(outline.rows[-1]) - outline.top
    if legs:  # full length ends near the ankles
        ankles = (figure.right_leg.joints[2] + figure.left_leg.joints[2]) / 2
        length = float((ankles - figure.neck) @ figure.down) - waist
        scale = float(np.clip(length / height, 0.88 * scale, 1.05 * scale))
    height = height * scale
    levels = np.linspace(-0.2 * unit, height + 0.2 * unit, 80)
    own = outline.half_width(levels / scale + outline.top) * scale
    widening = np.empty((2, len(levels)))
    for k, side in enumerate((-1.0, 1.0)):
        wide = shape.half_width(levels + waist, np.full(len(levels), side)) * 1.03
        wide = np.where(levels + waist > 1.15 * figure.torso, 0, wide)
        factor = np.clip(wide / np.maximum(own, 1e-6), 1.0, 1.6)
        widening[k] = gaussian_filter1d(
            factor, 0.12 * unit / (levels[1] - levels[0]), mode="nearest"
        )
    return TorsoFit(figure, shape, outline, scale, -waist, levels, widening, False)


@dataclass(frozen=True)
class StripFit:
    """The rule for a sleeve or a trouser leg: along a path, offsets across scaled with the width.

    line (K, 2): the part's centre line in garment pixels; path (M, 2): where it runs in the photo,
    evenly spaced; reach: path lengths (start, end) of the line's ends; widths (M,): factor from
    garment pixels to photo pixels across, along the line.
    """

    line: np.ndarray
    path: np.ndarray
    reach: tuple[float, float]
    widths: np.ndarray

    def __call__(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Garment points (..., 2) to places (..., 2) and how far along the line they lie, 0..1."""
        place, offset = project(points, self.line)
        position = (self.reach[0] + place * (self.reach[1] - self.reach[0])) / SPACING
        centre = interpolate(self.path, position)
        tangent = interpolate(np.gradient(self.path, axis=0), position)
        tangent = tangent / np.maximum(np.linalg.norm(tangent, axis=-1, keepdims=True), 1e-6)
        normal = np.stack([-tangent[..., 1], tangent[..., 0]], -1)
        width = np.interp(place, np.linspace(0, 1, len(self.widths)), self.widths)
        return centre + (offset * width)[..., None] * normal, place


def interpolate(path: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Points of a path (M, 2) at fractional indices; straight on beyond its ends."""
    base = np.clip(np.floor(position).astype(int), 0, len(path) - 2)
    part = (position - base)[..., None]
    return path[base] * (1 - part) + path[base + 1] * part


def project(points: np.ndarray, line: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nearest place of a polyline (0..1 by length, beyond the ends straight on) and the signed
    distance from it, positive towards its tangent turned by +90 degrees (x right, y down)."""
    steps = np.diff(line, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    starts = np.concatenate([[0.0], np.cumsum(lengths)])
    best = np.full(points.shape[:-1], np.inf)
    place, offset = np.zeros_like(best), np.zeros_like(best)
    last = len(steps) - 1
    for k, (step, length) in enumerate(zip(steps, lengths, strict=True)):
        relative = points - line[k]
        along = (relative @ step) / length
        low, high = (-np.inf if k == 0 else 0.0), (np.inf if k == last else length)
        along = np.clip(along, low, high)
        across = (relative[..., 1] * step[0] - relative[..., 0] * step[1]) / length
        gap = np.linalg.norm(relative - along[..., None] * step / length, axis=-1)
        nearer = gap < best
        best = np.where(nearer, gap, best)
        place = np.where(nearer, starts[k] + along, place)
        offset = np.where(nearer, np.sign(across) * gap, offset)
    return place / starts[-1], offset


def smooth_path(joints: np.ndarray, softness: float) -> np.ndarray:
    """Evenly spaced points along joints with the bends rounded; straight on beyond both ends."""
    from scipy.ndimage import gaussian_filter1d

    lead = unit_vector(joints[0] - joints[1]) * 8 * softness
    tail = unit_vector(joints[-1] - joints[-2]) * 8 * softness
    corners = np.vstack([joints[0] + lead, joints, joints[-1] + tail])
    lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(corners, axis=0), axis=1))])
    places = np.arange(0, lengths[-1], SPACING)
    dense = np.stack([np.interp(places, lengths, corners[:, k]) for k in (0, 1)], 1)
    return gaussian_filter1d(dense, softness / SPACING, axis=0, mode="nearest")


def fit_sleeve(
    limb: Limb, line: np.ndarray, half_widths: np.ndarray, scale: float, reach: float,
    start: np.ndarray,
) -> StripFit:  # fmt: skip
    """A sleeve along an arm.

    line (K, 2): centre line from the armhole to the cuff, half_widths (K,) there, in garment
    pixels; reach: the part of the arm that it covers; start (2,): where the torso's rule puts
    the middle of the armhole.
    """
    softness = max(
        0.8 * float(half_widths[-1]) * scale, 0.6 * float(limb.radii[len(limb.radii) // 2])
    )
    path = smooth_path(limb.line, softness)
    nearest = int(np.argmin(((path - start) ** 2).sum(1)))
    shoulder = int(np.argmin(((path - limb.joints[0]) ** 2).sum(1)))
    length = limb.length
    begin = min(nearest * SPACING, shoulder * SPACING + 0.15 * length)
    end = shoulder * SPACING + reach * length
    places = np.linspace(0, 1, len(half_widths))
    radii = np.interp(
        (begin + places * (end - begin)) - shoulder * SPACING,
        np.linspace(0, length, len(limb.radii)), limb.radii,
    ) * 1.12  # fmt: skip
    widths = np.maximum(scale, radii / np.maximum(half_widths, 1e-6))
    return StripFit(line, path, (begin, end), widths)


def fit_leg(
    limb: Limb, line: np.ndarray, half_widths: np.ndarray, scale: float, start: np.ndarray
) -> StripFit:
    """A trouser leg along a leg: start (2,) is where the trunk's rule puts its upper end. It keeps
    its own length, but a hem near the ankle goes to the ankle."""
    joints = np.vstack([start, limb.line[len(limb.line) // 2 :]])
    softness = max(
        0.8 * float(half_widths[-1]) * scale, 0.6 * float(limb.radii[len(limb.radii) // 2])
    )
    path = smooth_path(joints, softness)
    begin = int(np.argmin(((path - start) ** 2).sum(1))) * SPACING
    body = float(np.linalg.norm(np.diff(joints, axis=0), axis=1).sum())
    own = float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum()) * scale
    length = float(np.clip(body, 0.88 * own, 1.15 * own))
    places = np.linspace(0, 1, len(half_widths))
    radii = np.interp(places * length, np.linspace(0, body, len(limb.radii)), limb.radii) * 1.08
    radii[0] = 0  # the trunk's rule decides at the crotch
    widths = np.maximum(scale, radii / np.maximum(half_widths, 1e-6))
    return StripFit(line, path, (begin, begin + length), widths)
