"""How a garment hangs around the trunk: garment pixels to working pixels, row by row."""

from __future__ import annotations

import numpy as np

from ..garment.parts import INSIDE, LEFT_LEG, LEFT_SLEEVE, RIGHT_LEG, RIGHT_SLEEVE, TORSO, lies_in
from ..garment.read import Garment
from ..maps.ranking import median
from ..masking.figure import projected
from ..masking.kinds import smooth_step
from .scene import Scene
from .shoulders import pair, shoulder_edge, shoulder_tips

SHOULDER = 0.54  # shoulder tips from the axis, in units: a little beyond the joints
ROUND = 0.8  # of the way to the shoulder tips, from where the shoulders are rounded
EASE = 0.025  # how far a garment stands off the body on either side, in units
LOOSE = 0.06  # units that the cloth around a leg stands off it at most
WIDEST = 1.4  # of its own width that a skirt is pulled around legs that stand apart
LOOSENED = 0.3  # power of how loose a garment is by which it looks wider than a close one
NARROW = 0.6  # of the usual width: what is narrower further down is no longer the trunk
OVERLAP = 0.04  # units that a waistband reaches above where the old lower garment began
HIGHEST_WAIST = 0.5  # torso lengths below the shoulders: no waistband is higher


class Trunk:
    """Garment pixels to working pixels for the part of a garment that hangs around the trunk."""

    def __init__(self, garment: Garment, scene: Scene, scale: float, origin: np.ndarray,
                 level: float, fitted_from: float, fitted_full: float) -> None:  # fmt: skip
        """scale: working pixels per garment pixel. origin: garment point that hangs at `level`
        on the axis. fitted_from, fitted_full: levels between which the body's width takes over."""
        self.figure, self.shape = scene.figure, scene.shape
        self.scale, self.origin, self.level = scale, origin, level
        # Broad people wear broader garments that are hardly longer.
        self.drop = scale * float(np.clip(self.shape.build**-0.6, 0.8, 1.1))
        self.fitted = (fitted_from, fitted_full)
        self.standing = 1.0  # of its width: below the armpits a garment is no narrower
        # What is one piece of cloth below the hips hangs around both legs.
        skirt = garment.category != "upper" and not {RIGHT_LEG, LEFT_LEG} & set(garment.limbs)
        self.legs = [leg_edge(scene, sign) for sign in (-1, 1)] if skirt else None
        parts = (TORSO, INSIDE, RIGHT_LEG, LEFT_LEG)
        inside = lies_in(garment.parts, parts) & (garment.alpha > 0.5)
        self.rows = np.nonzero(inside.any(1))[0].astype(np.float64)
        rows = self.rows.astype(int)
        left = inside[rows].argmax(1).astype(np.float64)
        right = inside.shape[1] - 1.0 - inside[rows, ::-1].argmax(1)
        softness = 0.02 * len(rows)
        from scipy.ndimage import gaussian_filter1d

        # Near a curved hem, and where only a tie hangs below it, rows get short: the last full one
        # speaks for them.
        wide = right - left
        short = (np.arange(len(rows)) > 0.5 * len(rows)) & (wide < NARROW * median(wide))
        full = min(int(0.93 * len(rows)), int(np.argmax(short)) if short.any() else len(rows))
        left[full:] = np.minimum(left[full:], left[full - 1])
        right[full:] = np.maximum(right[full:], right[full - 1])
        # So they are where one corner of a waistband stands higher than the other.
        first = int(np.argmax(wide >= NARROW * median(wide)))
        left[:first] = np.minimum(left[:first], left[first])
        right[:first] = np.maximum(right[:first], right[first])
        self.left = gaussian_filter1d(left, softness, mode="nearest")
        self.right = gaussian_filter1d(right, softness, mode="nearest")
        self.gathered = self.above_ankles() if skirt else None

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """(..., 2) garment pixels to (..., 2) working pixels."""
        side = self.around((points[..., 0] - self.origin[0]) * self.scale)
        level = self.level + (points[..., 1] - self.origin[1]) * self.drop
        side = side * self.widening(points[..., 1], level, side)
        level = level + self.lift(side, level)
        if self.gathered is not None:
            start, share = self.gathered
            level = np.where(level > start, start + (level - start) * share, level)
        return self.place(side, level)

    def above_ankles(self) -> tuple[float, float] | None:
        """From which level on, and to which share of its length, a skirt to the floor is gathered:
        it ends at the ankles, below which nothing of the photo changes. None for a shorter one."""
        figure = self.figure
        legs = (figure.right_leg, figure.left_leg)
        ankle = min(float(projected(leg.joints[2], figure.neck, figure.down)) for leg in legs)
        hem = self.level + (float(self.rows[-1]) - self.origin[1]) * self.drop
        start = 1.3 * figure.torso
        return (start, (ankle - start) / (hem - start)) if start < ankle < hem else None

    def place(self, side: np.ndarray, level: np.ndarray) -> np.ndarray:
        """Axis coordinates to working pixels; levels turn from the shoulders' to the hips' tilt."""
        figure = self.figure
        upright = np.array([figure.down[1], -figure.down[0]])
        share = smooth_step(np.asarray(level) / figure.torso, 0.1, 0.9)[..., None]
        across = figure.across * (1 - share) + upright * share
        return figure.neck + np.asarray(level)[..., None] * figure.down + side[..., None] * across

    def widening(self, rows: np.ndarray, level: np.ndarray, side: np.ndarray) -> np.ndarray:
        """Factor by which a row is stretched so that it goes around the body."""
        own_left = np.maximum(self.origin[0] - np.interp(rows, self.rows, self.left), 1)
        own_right = np.maximum(np.interp(rows, self.rows, self.right) - self.origin[0], 1)
        own = self.around(np.where(side < 0, own_left, own_right) * self.scale)
        body = self.shape.half_width(level, side)
        if self.legs is not None:
            legs = np.where(side < 0, *(np.interp(level, *edge) for edge in self.legs))
            body = np.maximum(body, np.minimum(legs, WIDEST * own))
        body = body + EASE * self.figure.unit
        share = smooth_step(level, *self.fitted)
        wider = np.maximum(body / own, self.standing) - 1
        return 1 + share * wider + self.tightening(body / own, level)

    def tightening(self, ratio: np.ndarray, level: np.ndarray) -> np.ndarray:
        """What else is added to the widening; ratio: of the body's width to the garment's."""
        return np.zeros_like(level)

    def around(self, side: np.ndarray) -> np.ndarray:
        """Distances from the axis of cloth that lies flat, in pixels, as they look worn."""
        return side

    def lift(self, side: np.ndarray, level: np.ndarray) -> np.ndarray:
        return np.zeros_like(level)


def leg_edge(scene: Scene, sign: int) -> tuple[np.ndarray, np.ndarray]:
    """Levels (n,) and how far the legs, with what covers them, are seen to reach there from the
    axis, in pixels, to the viewer's left (sign -1) or right."""
    from scipy.ndimage import gaussian_filter1d

    figure, unit = scene.figure, scene.figure.unit
    legs = np.minimum(scene.frames.right_leg.beyond, scene.frames.left_leg.beyond)
    seen = (legs < LOOSE * unit) & (scene.small_person > 0.5) & (scene.level > figure.torso)
    upright = np.array([figure.down[1], -figure.down[0]])
    aside = sign * projected(scene.points, figure.neck, upright)[seen]
    rows = (scene.level[seen] - figure.torso).astype(int)
    most = np.zeros(int(2 * figure.torso) + 1)
    rows, aside = rows[rows < len(most)], aside[rows < len(most)]
    np.maximum.at(most, rows, aside)
    most = gaussian_filter1d(most, 0.05 * unit, mode="nearest")
    # The hips are measured apart, and what goes over into them is no leg.
    levels = np.arange(len(most)) + figure.torso
    return levels, most * smooth_step(levels, figure.torso, 1.2 * figure.torso)


class UpperTrunk(Trunk):
    """Hangs from the shoulders: the garment's shoulder seams lie on the body's shoulder line."""

    def __init__(self, garment: Garment, scene: Scene) -> None:
        figure, shape = scene.figure, scene.shape
        unit = figure.unit
        necks, pits = pair(garment, "neck"), pair(garment, "armpit")
        tips = shoulder_tips(garment)
        chest = 2 * float(shape.half_width(np.array(0.30 * figure.torso), np.array(1.0)))
        # Bare arms along the trunk make it look narrower than it is; grown chests hardly are.
        from_chest = 1.06 * max(chest, 0.88 * unit) / np.abs(pits[1, 0] - pits[0, 0])
        sleeved = RIGHT_SLEEVE in garment.limbs or LEFT_SLEEVE in garment.limbs
        scale = from_chest
        if sleeved:
            from_tips = (
                2 * SHOULDER * unit * max(1.0, shape.build) ** 0.5 / np.abs(tips[1, 0] - tips[0, 0])
            )
            # Shoulders that were cut wide or narrow count half.
            scale = np.sqrt(from_chest * np.clip(from_tips, 0.8 * from_chest, 1.3 * from_chest))
        self.chest = float(np.abs(pits[1, 0] - pits[0, 0])) / 2 * scale
        self.loose = garment.looseness
        origin = (tips[0] + tips[1]) / 2
        half = np.abs(tips[1, 0] - tips[0, 0]) / 2 * scale
        scale *= self.loose
        level = -float(np.mean(shape.rise(np.array([-half, half]))))
        pit = max(level + (float(pits[:, 1].mean()) - origin[1]) * scale, level + 0.1 * unit)
        super().__init__(garment, scene, scale, origin, level, level + 0.4 * (pit - level), pit)
        self.standing = self.loose**LOOSENED
        self.offsets = np.linspace(-1.2 * half, 1.2 * half, 81)
        columns, edge = shoulder_edge(garment, tips, necks)
        sides = self.around((columns - origin[0]) * scale)
        seam = np.interp(self.offsets, sides, level + (edge - origin[1]) * self.drop)
        wanted = -shape.rise(self.offsets) - 0.012 * unit
        # A shoulder is round where it goes over into the arm, and has no corner.
        outer = np.maximum(np.abs(self.offsets) - max(ROUND * half, 0.4 * unit), 0)
        wanted = wanted + 0.2 * outer**2 / ((1 - ROUND) * half)
        difference = wanted - seam
        first, last = self.around((np.sort(necks[:, 0]) - origin[0]) * scale)
        between = (self.offsets > first) & (self.offsets < last)
        ends = np.interp(self.offsets, [first, last],
                         np.interp([first, last], self.offsets, difference))  # fmt: skip
        self.lifts = np.clip(np.where(between, ends, difference), -0.25 * unit, 0.25 * unit)
        self.fading = (level, level + 0.55 * unit)
        self.armholes = None if sleeved else (level, pit, level + 0.8 * figure.torso)

    def around(self, side: np.ndarray) -> np.ndarray:
        """A loose garment keeps its size in the middle. Towards its sides it turns away around the
        body, as far as it were to be seen if it were close."""
        way = (side / (self.loose * self.chest)) ** 2
        return side * (1 + (2 / self.loose - 1) * way) / (1 + way)

    def tightening(self, ratio: np.ndarray, level: np.ndarray) -> np.ndarray:
        """Without sleeves a garment ends beside the body where the arms begin."""
        if self.armholes is None:
            return np.zeros_like(level)
        shoulders, pit, loose = self.armholes
        share = smooth_step(level, shoulders, pit) * smooth_step(level, loose, pit)
        return share * (np.clip(ratio, 0.8, 1) - 1)

    def lift(self, side: np.ndarray, level: np.ndarray) -> np.ndarray:
        share = 1 - smooth_step(level, *self.fading)
        return np.interp(side, self.offsets, self.lifts) * share


class LowerTrunk(Trunk):
    """Hangs from the waist: its upper edge runs along that of the old lower garment."""

    def __init__(self, garment: Garment, scene: Scene) -> None:
        figure, shape = scene.figure, scene.shape
        unit = figure.unit
        waist, hip = pair(garment, "waist"), pair(garment, "hip")
        hips = 2 * float(shape.half_width(np.array(1.05 * figure.torso), np.array(1.0)))
        scale = 1.04 * hips / np.abs(hip[1, 0] - hip[0, 0])
        origin = (waist[0] + waist[1]) / 2
        level: float = scene.waist
        crotch: tuple[float, float] | None = None
        if "crotch" in garment.points:
            rise = garment.points["crotch"][1] - origin[1]
            level = float(np.clip(figure.torso + 0.30 * unit - rise * scale,
                                  0.60 * figure.torso, 0.95 * figure.torso))  # fmt: skip
            crotch = rise, level
        # No gap below the old top: the waistband is raised, the crotch stays where it is.
        edge = scene.lower_edge
        highest = HIGHEST_WAIST * figure.torso
        raised = max(float(edge.level(0.0)) - OVERLAP * unit, highest) if edge else np.inf
        lower = max(0.0, raised - level) if edge else 0.0
        level = min(level, raised)
        self.waist: float | None = None
        self.lifts: np.ndarray | None = None
        super().__init__(garment, scene, scale, origin, level, level - 1, level)
        if crotch is not None:
            rise, low = crotch
            self.drop = (low + rise * self.drop - level) / max(rise, 1e-6)
        self.waist = level
        if edge is not None and (top := upper_edge(garment, waist)) is not None:
            rows = np.polyval(top, np.linspace(-1, 1, 41))
            x = origin[0] + np.linspace(-1, 1, 41) * (waist[1, 0] - waist[0, 0]) / 2
            own = level + (rows - origin[1]) * self.drop
            self.sides = (x - origin[0]) * scale
            self.sides = self.sides * self.widening(rows, own, self.sides)
            wanted = np.maximum(edge.level(self.sides) - OVERLAP * unit, highest) - lower
            self.lifts = np.clip(wanted - own, -0.3 * unit, 0.3 * unit)

    def tightening(self, ratio: np.ndarray, level: np.ndarray) -> np.ndarray:
        """Around the waist it closes."""
        if self.waist is None:
            return np.zeros_like(level)
        share = smooth_step(level, self.waist + 0.4 * self.figure.unit, self.waist)
        return share * (np.clip(ratio, 0.75, 1) - 1)

    def lift(self, side: np.ndarray, level: np.ndarray) -> np.ndarray:
        if self.lifts is None or self.waist is None:
            return np.zeros_like(level)
        share = smooth_step(level, self.waist + 0.6 * self.figure.unit, self.waist)
        return np.interp(side, self.sides, self.lifts) * share


def upper_edge(garment: Garment, waist: np.ndarray) -> np.ndarray | None:
    """The curve of a lower garment's front along its upper edge: rows as a polynomial of the place
    between the waist points (2, 2), -1..1. Lying flat it may sag in the middle, where one sees the
    back's inside above it. None where the garment has no front there."""
    front = (garment.alpha > 0.5) & (garment.parts != INSIDE)
    half = (waist[1, 0] - waist[0, 0]) / 2
    columns = np.arange(round(min(waist[:, 0])), round(max(waist[:, 0])) + 1)
    columns = columns[(columns >= 0) & (columns < front.shape[1])]
    columns = columns[front[:, columns].any(0)]
    if len(columns) < 8:
        return None
    rows = front[:, columns].argmax(0)
    places = (columns - waist[:, 0].mean()) / half
    inner = np.abs(places) < 0.92  # the corners are rounded
    return np.polyfit(places[inner], rows[inner], 2)
