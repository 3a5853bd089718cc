"""Lays a garment's parts on a body: a trunk, two sleeves, two legs, each a grid that never folds.

The trunk keeps the garment's rows level and its columns upright, widened where the body is wider.
A sleeve is ruled between its outer and inner edge: it starts on the armhole exactly where the trunk
ends and swings into the arm's direction, so that a sleeve that was photographed sticking out closes
under the arm without a fold. Trouser legs are ruled in the same way from the crotch down.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..garment.parts import LEFT_LEG, LEFT_SLEEVE, RIGHT_LEG, RIGHT_SLEEVE, TORSO, GarmentLimb
from ..garment.read import Garment
from ..masking.figure import Limb, unit_vector
from ..masking.kinds import smooth_step
from .mesh import Patch, corners, turn
from .scene import Scene
from .shoulders import SIDES, shoulder_tips
from .trunk import LowerTrunk, Trunk, UpperTrunk

FULL_LEG = 1.45  # inseam of full-length trousers, in hip widths of the garment lying flat
ONE_HEIGHT = 0.7  # of the legs: shorter trousers hang free of how the legs are bent
TUBE = 0.8  # how wide a sleeve looks around an arm, compared to lying flat


def drape(garment: Garment, scene: Scene) -> list[Patch]:
    """The garment's patches in drawing order."""
    trunk = (
        LowerTrunk(garment, scene) if garment.category == "lower" else UpperTrunk(garment, scene)
    )
    figure = scene.figure
    sleeves = [
        patch
        for part, side, limb in (
            (RIGHT_SLEEVE, "right", figure.right_arm),
            (LEFT_SLEEVE, "left", figure.left_arm),
        )
        if part in garment.limbs
        for patch in parted(sleeve_patch(garment, trunk, limb, part, side, scene))
    ]
    patches = [trunk_patch(garment, trunk)]
    for part, side, limb, other in (
        (RIGHT_LEG, "right", figure.right_leg, figure.left_leg),
        (LEFT_LEG, "left", figure.left_leg, figure.right_leg),
    ):
        if part in garment.limbs:
            patches.append(leg_patch(garment, trunk, limb, other, part, side, scene))
    return [*patches, *sleeves]


def trunk_patch(garment: Garment, trunk: Trunk, rows: int = 36, columns: int = 16) -> Patch:
    labels = (TORSO,)
    bottom = trunk.rows[-1]
    if RIGHT_LEG in garment.limbs:
        bottom = garment.points["crotch"][1]
    left, right = float(trunk.left.min()), float(trunk.right.max())
    margin = 0.04 * (right - left)
    ys = np.linspace(trunk.rows[0] - margin, bottom + margin, rows)
    xs = np.linspace(left - margin, right + margin, columns)
    source = np.stack(np.meshgrid(xs, ys), -1)
    return Patch("torso", labels, source, trunk(source))


def sleeve_patch(
    garment: Garment, trunk: Trunk, limb: Limb, part: int, side: str, scene: Scene,
    rows: int = 24, columns: int = 9,
) -> Patch:  # fmt: skip
    """u runs from the armhole to the cuff, v from the outer edge to the inner one."""
    unit = scene.figure.unit
    tip = shoulder_tips(garment)[SIDES.index(side)]
    pit, outer, inner = (
        np.array(garment.points[f"{name}_{side}"])
        for name in ("armpit", "sleeve_end_outer", "sleeve_end_inner")
    )
    u = np.linspace(0, 1.1, rows)[:, None, None]
    v = np.linspace(-0.3, 1.3, columns)[None, :, None]
    own_outer, own_inner, own_half = garment_edges(
        garment.limbs[part], np.stack([tip, pit]), np.stack([outer, inner]), u[:, 0, 0]
    )
    source = (1 - v) * own_outer[:, None] + v * own_inner[:, None]
    reach = max(garment.reach * limb.length, 0.2 * unit)
    tip_to, pit_to = trunk(tip), trunk(pit)
    line = Line(limb.line, limb.radii)
    # The outer edge of an arm lies away from the trunk.
    out = 1.0 if (tip_to - trunk.figure.hips) @ line.normal(0.0) > 0 else -1.0
    # The hand of a bent arm may come back to the armpit's side: only the upper arm counts.
    start_tip, start_pit = (line.project(place, 0.3 * limb.length) for place in (tip_to, pit_to))
    end = max(reach, start_pit + 0.06 * unit)
    steps = u[:, 0, 0]

    def edge(start: float, place: np.ndarray, sign: float, blend: float) -> np.ndarray:
        along = start + steps * (end - start)
        own = TUBE * own_half * trunk.scale
        snug = line.radius(along) * 1.06 + 0.01 * unit
        # A sleeve lies on the outside of the arm; what it is wider than the arm hangs below.
        half = snug + np.maximum(own - snug, 0) * (0.4 if sign == out else 1.6)
        curve = line.at(along) + sign * half[:, None] * line.normals(along)
        fading = np.clip((along - start) / (blend * unit), 0, 1)
        return curve + (place - curve[0]) * (1 - smooth_step(fading, 0.0, 1.0))[:, None]

    out_edge = edge(start_tip, tip_to, out, 0.4)
    in_edge = edge(start_pit, pit_to, -out, 0.6)
    target = (1 - v) * out_edge[:, None] + v * in_edge[:, None]
    # Behind the armhole the sleeve goes on as the trunk does, so that the seam never gapes.
    step = source[0] - source[1]
    before = np.stack([source[0] + k * step for k in (4, 3, 2, 1, 0)])
    source = np.concatenate([before, source[1:]])
    target = np.concatenate([trunk(before), target[1:]])
    return Patch(f"{side}_arm", (part,), source, target)


def parted(patch: Patch) -> list[Patch]:
    """A sleeve in drawing order: in one, or where it folds over itself in two, of which the one
    nearer to the cuff is in front."""
    quads = turn(corners(patch.target)) * turn(corners(patch.source)) <= 0
    rows, columns = (side - 1 for side in patch.target.shape[:2])
    turned = quads.any(0).reshape(rows, columns)[:, 1:-1].any(1)  # without its margins
    if not turned.any():
        return [patch]
    middle = int(round(float(np.nonzero(turned)[0].mean())))
    halves = (slice(0, middle + 2), slice(middle, None))
    return [replace(patch, source=patch.source[half], target=patch.target[half]) for half in halves]


def garment_edges(
    limb: GarmentLimb, first: np.ndarray, last: np.ndarray, places: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outer and inner edge (n, 2) of a sleeve in garment pixels at places 0..1 along it, straight
    on beyond 1, and half its width (n,) square to its middle. first, last (2, 2): the outer and
    the inner point at both ends, which are met exactly."""
    given = np.linspace(0, 1, len(limb.line))
    inside = np.clip(places, 0, 1)
    middle = np.stack([np.interp(inside, given, limb.line[:, k]) for k in (0, 1)], 1)
    middle += (
        np.maximum(places - 1, 0)[:, None] * (limb.line[-1] - limb.line[-2]) * (len(given) - 1)
    )
    half = np.interp(inside, given, limb.half_widths)[:, None]
    share = inside[:, None]
    across = (1 - share) * unit_vector(first[1] - first[0]) + share * unit_vector(last[1] - last[0])
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    edges = []
    for k, sign in enumerate((-1, 1)):
        edge = middle + sign * half * across
        start, end = np.argmin(np.abs(places)), np.argmin(np.abs(places - 1))
        near = (1 - share) ** 2 * (first[k] - edge[start]) + share**2 * (last[k] - edge[end])
        edges.append(edge + near)
    tangent = np.gradient(middle, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-9)
    square = np.abs(across[:, 0] * tangent[:, 1] - across[:, 1] * tangent[:, 0])
    return edges[0], edges[1], half[:, 0] * square


def leg_patch(
    garment: Garment, trunk: Trunk, limb: Limb, other: Limb, part: int, side: str, scene: Scene,
    rows: int = 26, columns: int = 8,
) -> Patch:  # fmt: skip
    """u runs from the crotch to the hem, v from the outer edge to the inner one. other: the leg
    beside it, up to half way to which the inner edge goes."""
    unit = scene.figure.unit
    crotch = np.array(garment.points["crotch"])
    outer, inner = (
        np.array(garment.points[f"{name}_{side}"]) for name in ("hem_outer", "hem_inner")
    )
    limb_of = garment.limbs[part]
    top_outer = 2 * limb_of.line[0] - crotch
    steps = np.linspace(0, 1.06, rows)
    steps = np.concatenate([-steps[1:2], steps])  # its rim above the crotch as well
    u = steps[:, None, None]
    v = np.linspace(-0.3, 1.15, columns)[None, :, None]
    source = (1 - v) * (top_outer + u * (outer - top_outer)) + v * (crotch + u * (inner - crotch))
    top_to, crotch_to = trunk(top_outer), trunk(crotch)
    line, beside = Line(limb.line, limb.radii), Line(other.line, other.radii)
    start = line.project(crotch_to)
    end = leg_end(line, limb, crotch_to, leg_reach(garment))
    if leg_reach(garment) < ONE_HEIGHT:  # both hems hang at one height, whatever the legs do
        down = scene.figure.down
        ends = [end, leg_end(beside, other, crotch_to, leg_reach(garment))]
        levels = [float(lines.at(np.array(at)) @ down)
                  for lines, at in zip((line, beside), ends, strict=True)]  # fmt: skip
        end += (sum(levels) / 2 - levels[0]) / max(float(line.tangent(end) @ down), 0.5)
    out = 1.0 if (top_to - crotch_to) @ line.normal(start) > 0 else -1.0
    widths = limb_of.half_widths[[0, -1]] * trunk.scale

    def edge(first: float, place: np.ndarray, sign: float) -> np.ndarray:
        along = first + steps * (end - first)
        snug = line.radius(along) * 1.06 + 0.01 * unit
        half = np.maximum(np.interp(steps, [0, 1], widths), snug)
        # What is wider than the space between the legs hangs on the outside.
        apart = np.linalg.norm(line.at(along) - beside.at(along), axis=1) / 2 - 0.012 * unit
        inner = np.minimum(half, np.maximum(apart, 0.9 * snug))
        half = inner if sign != out else 2 * half - inner
        curve = line.at(along) + sign * half[:, None] * line.normals(along)
        return curve + (place - curve[1]) * (1 - smooth_step(steps, 0.0, 0.7))[:, None]

    out_edge = edge(line.project(top_to), top_to, out)
    in_edge = edge(start, crotch_to, -out)
    target = (1 - v) * out_edge[:, None] + v * in_edge[:, None]
    return Patch(f"{side}_leg", (part,), source, target)


def leg_end(line: Line, limb: Limb, crotch: np.ndarray, reach: float) -> float:
    """How far down a leg's line trousers go that reach so far, 0..1, from the crotch (2,)."""
    start = line.project(crotch)
    return start + reach * (1.02 * limb.length - start)


def leg_reach(garment: Garment) -> float:
    """How far down the legs trousers go, 0..1. Lying flat they are wider than when worn, so their
    inseam's ratio to the hips tells."""
    outer, inner, crotch = (
        np.array(garment.points[name]) for name in ("hem_outer_right", "hem_inner_right", "crotch")
    )
    wide = "hip" if "hip_left" in garment.points else "waist"
    inseam = np.linalg.norm((outer + inner) / 2 - crotch)
    reach = float(inseam) / (FULL_LEG * garment.distance(f"{wide}_left", f"{wide}_right"))
    return reach if reach < 0.9 else 1.0


class Line:
    """The rounded middle line of a limb, by distance from its first joint."""

    def __init__(self, points: np.ndarray, radii: np.ndarray) -> None:
        from scipy.ndimage import gaussian_filter1d

        lengths = np.r_[0, np.cumsum(np.hypot(*np.diff(points, axis=0).T))]
        total = max(float(lengths[-1]), 1.0)
        beyond = points[-1] + 0.5 * total * unit_vector(points[-1] - points[-2])
        before = points[0] - 0.5 * total * unit_vector(points[min(2, len(points) - 1)] - points[0])
        points = np.vstack([before, points, beyond])
        knots = np.r_[-0.5 * total, lengths, 1.5 * total]
        self.steps = np.linspace(-0.5 * total, 1.5 * total, 161)
        line = np.stack([np.interp(self.steps, knots, points[:, k]) for k in (0, 1)], 1)
        line = gaussian_filter1d(line, 7, axis=0, mode="nearest")
        self.line = line
        tangent = np.gradient(line, axis=0)
        tangent = gaussian_filter1d(tangent, 3, axis=0, mode="nearest")
        tangent /= np.maximum(np.hypot(*tangent.T), 1e-9)[:, None]
        self.across = np.stack([-tangent[:, 1], tangent[:, 0]], 1)
        self.radii = np.interp(self.steps, lengths, radii)

    def at(self, along: np.ndarray) -> np.ndarray:
        return np.stack([np.interp(along, self.steps, self.line[:, k]) for k in (0, 1)], -1)

    def normals(self, along: np.ndarray) -> np.ndarray:
        return np.stack([np.interp(along, self.steps, self.across[:, k]) for k in (0, 1)], -1)

    def normal(self, along: float) -> np.ndarray:
        return self.normals(np.array(along))

    def tangent(self, along: float) -> np.ndarray:
        """Unit vector (2,) down the limb."""
        across = self.normal(along)
        return np.array([across[1], -across[0]])

    def radius(self, along: np.ndarray) -> np.ndarray:
        return np.interp(along, self.steps, self.radii)

    def project(self, point: np.ndarray, most: float = np.inf) -> float:
        """Distance along the line of its place nearest to a point, at most `most`."""
        distance = ((self.line - point) ** 2).sum(1)
        return float(self.steps[np.where(self.steps <= most, distance, np.inf).argmin()])
