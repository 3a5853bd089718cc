"""What the new garment leaves open: no skin that the photo did not show, nothing below the ankle.

Chest, belly and back keep the old garment there, cut at the outline of the body: what was loose
about it goes. Above a closed collar the neck is bare, whatever collar was there before.
"""

from __future__ import annotations

import numpy as np

from ..garment.read import Garment
from ..maps.edges import blur
from ..maps.grids import box_of, narrowest, pieces, sizes_of, widest
from ..masking.anatomy import LEGS_APART
from ..masking.figure import Coordinates, Limb, along, projected, unit_vector
from ..masking.hands import hand_box, hand_disc
from ..masking.kinds import HAIR, LOWER, SKIN, UPPER, smooth_step
from .bare import BodyOutlines
from .lower import HIGHEST
from .paint_maps import BareBody
from .scene import Scene

CHEST = -0.06  # units below the shoulder joints: what is open below is more than a neckline
LEAST_OPEN = 0.012  # of the square of the unit
ARMHOLE = 0.2  # units: what is narrower beside a new garment lies in its armhole or was loose
LOWEST = 0.5  # torso lengths below the shoulders: no armhole is deeper
BESIDE = 0.05  # units from the bare body where what is carried begins
COLOURS = 150  # of the clothes that the carried is compared with
BLOCK = 512  # colours that are compared at once
UNLIKE = 14.0  # in Lab: further from every colour of the clothes
AT_HAND = 1.7  # see hand_disc
LEAST_CARRIED = 0.03  # of the square of the unit
ANKLE = 0.06  # units below an ankle's joint where a trouser leg may end at most
FOOT = 0.32  # units around the foot's middle line that belong to it


def kept_clothes(
    scene: Scene, garment: Garment, old: np.ndarray, outlines: BodyOutlines,
    free: np.ndarray, worn: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Where the old garment (h, w) stays, 0..1.

    old (h, w): what of it would go; outlines: the body_distances; free (h, w): signed distance to
    where bare arms are in front of the torso; worn (h, w): where the new garment lies.
    """
    figure, unit, category = scene.figure, scene.figure.unit, garment.category
    level = scene.level
    arms = np.maximum(outlines.arms, free)
    inside = np.maximum(smooth_step(outlines.torso, 0.5, -1.0), beside_neck(scene))
    inside = inside * smooth_step(arms, 0.0, 2.0)
    if category == "lower":  # at its waistband, not between the legs
        inside = inside * smooth_step(level / figure.torso, LEGS_APART + 0.03, LEGS_APART)
    if category == "upper" and not garment.open_front:
        # Further down the lower garment goes on under what hung over it.
        top = min(scene.regions.waist, HIGHEST) * figure.torso
        inside = inside * smooth_step(level - top, 0.5, -0.5)
    stays = inside * smooth_step(old, 0.2, 0.6)
    if garment.open_front:  # nothing is taken off below it but what is loose under its sleeves
        stays = np.maximum(stays, below_sleeves(scene, garment) * smooth_step(old, 0.2, 0.6))
    # What is seen between the edges of the new garment and of the body, without slivers.
    left_open = (stays > 0.5) & (worn < 0.5)
    # In an armhole, or beside trousers, what is narrow is no cloth, whether of chest or shoulder.
    if not garment.open_front:
        slim = max(1, round(ARMHOLE * unit / 2))
        wide = widest(narrowest(left_open.astype(np.float32), slim), slim) > 0.5
        beyond = outside_of(worn > 0.5, scene.side, max(1, round(0.1 * unit)))
        if category != "lower":
            beyond &= level < LOWEST * figure.torso
        left_open &= wide | ~beyond
        stays = np.where(beyond, stays * widest(left_open.astype(np.float32), 1), stays)
    labels, count = pieces(left_open)
    large = np.bincount(labels[level > CHEST * unit], minlength=count + 1) > LEAST_OPEN * unit**2
    large[0] = False
    if not large.any():
        return np.zeros_like(worn)
    # Under the rim of the new garment as well.
    near = widest(large[labels].astype(np.float32), max(2, round(0.04 * unit)))
    return stays * near


def outside_of(worn: np.ndarray, side: np.ndarray, reach: int) -> np.ndarray:
    """Where the garment (h, w), bool, lies in a row towards the body's middle and no longer towards
    its side. Above it the same goes for its upper `reach` rows. side (h, w): see Figure.side."""
    result = np.zeros_like(worn)
    for half, way in ((side < 0, slice(None)), (side >= 0, slice(None, None, -1))):
        own = worn & half
        rows = np.nonzero(own.any(1))[0]
        if not len(rows):
            continue
        own[: rows[0]] = own[rows[0] : rows[0] + reach].any(0)
        begun = np.logical_or.accumulate(own[:, way], axis=1)[:, way]
        result |= half & ~begun & own.any(1, keepdims=True)
    return result


def beside_neck(scene: Scene) -> np.ndarray:
    """The person between neck and shoulder joints (h, w), 0..1: clothes lie close there, however
    high the shoulder is drawn or padded."""
    unit = scene.figure.unit
    result = np.zeros(scene.level.shape, np.float32)
    there = box_of((scene.level < 0) & (np.abs(scene.side) < 0.44 * unit))
    side = np.abs(scene.side[there]) / unit
    above = smooth_step(scene.level[there] / unit, 0.0, -0.05) * smooth_step(side, 0.44, 0.4)
    result[there] = above * smooth_step(scene.small_person[there], 0.5, 0.8)
    return result


def below_sleeves(scene: Scene, garment: Garment) -> np.ndarray:
    """Where the old sleeves (h, w), 0..1, go on beyond a garment's own."""
    unit, reach = scene.figure.unit, garment.reach
    beyond = np.zeros(scene.small.shape[:2], np.float32)
    for name in ("right_arm", "left_arm"):
        frame = scene.frames.of(name)
        below = smooth_step(frame.place, reach - 0.1, reach - 0.06) if reach else 1.0
        near = smooth_step(frame.beyond, 0.4 * unit, 0.35 * unit)
        beyond = np.maximum(beyond, near * below)
    return beyond


def between_fronts(trunk: np.ndarray) -> np.ndarray:
    """What lies between the two fronts of an open garment (h, w), 0..1, whose trunk is drawn with
    this alpha (h, w)."""
    begun = np.maximum.accumulate(trunk, axis=1)
    goes_on = np.maximum.accumulate(trunk[:, ::-1], axis=1)[:, ::-1]
    return np.minimum(begun, goes_on) * (1 - trunk)


def carried(scene: Scene, outlines: BodyOutlines) -> np.ndarray:
    """What the person carries (h, w), 0..1, such as a handbag: what hangs together beside the body
    at a hand and has no colour of the clothes. It stays."""
    figure, unit, kinds = scene.figure, scene.figure.unit, scene.regions.kinds
    body = np.minimum(np.minimum(outlines.trunk, outlines.arms), outlines.legs)
    beside = (body > BESIDE * unit) & (scene.small_person > 0.6)
    clothes = (kinds[UPPER] + kinds[LOWER] > 0.6) & (body < 0)
    if not beside.any() or not clothes.any():
        return np.zeros_like(body, dtype=np.float32)
    worn = scene.lab[clothes]
    worn = worn[:: max(1, len(worn) // COLOURS)]
    strange = np.zeros(body.shape, bool)
    strange[beside] = nearest_colour(scene.lab[beside], worn) > UNLIKE
    strange &= kinds[SKIN] + kinds[HAIR] < 0.5
    labels, count = pieces(strange)
    held = np.zeros(count + 1, bool)
    x, y = scene.points
    for arm in (figure.right_arm, figure.left_arm):
        rows, columns = hand_box(arm, unit, body.shape, AT_HAND)
        near = hand_disc((x[columns], y[rows]), arm, unit) < AT_HAND
        held[labels[rows, columns][near]] = True
    held &= sizes_of(labels, count) > LEAST_CARRIED * unit**2
    held[0] = False
    if not held.any():
        return np.zeros_like(body, dtype=np.float32)
    # With its own rim, which is mixed with what is behind.
    whole = widest(held[labels].astype(np.float32), max(1, round(0.03 * unit)))
    return blur(whole * (body > 0), 0.7)


def nearest_colour(colours: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How far (n,) each of the colours (n, 3) is from the nearest of the others (m, 3)."""
    middle = others.mean(0)
    colours, others = colours - middle, others - middle
    lengths, turned = (others * others).sum(1), np.ascontiguousarray(others.T)
    nearest = np.empty(len(colours), colours.dtype)
    for start in range(0, len(colours), BLOCK):  # so few that BLAS starts no threads
        some = slice(start, start + BLOCK)
        nearest[some] = (lengths - 2 * colours[some] @ turned).min(1)
    return np.sqrt(np.maximum(nearest + (colours * colours).sum(1), 0))


def below_ankles(scene: Scene) -> np.ndarray:
    """The feet (h, w), 0..1, with whatever is on them: they stay as they are. The shin of a leg
    that is in front of the other one's foot is none."""
    figure, unit = scene.figure, scene.figure.unit
    feet = np.zeros(scene.level.shape, np.float32)
    for leg, other in ((figure.right_leg, "left_leg"), (figure.left_leg, "right_leg")):
        frame = scene.frames.of(other)
        shin = smooth_step(frame.beyond, 0.12 * unit, 0.09 * unit) * (frame.place < 1)
        feet = np.maximum(feet, foot(scene.points, leg, unit) * (1 - shin))
    return feet


def foot(points: Coordinates, leg: Limb, unit: float) -> np.ndarray:
    """What lies beyond the ankle of a leg and close to its foot, 0..1, at points."""
    ankle = leg.joints[2]
    beyond = projected(points, ankle, unit_vector(ankle - leg.joints[1])) / unit
    near = along(points, ankle, leg.end)[1] / unit
    return smooth_step(beyond, ANKLE, ANKLE + 0.02) * smooth_step(near, FOOT, FOOT - 0.03)


def skin_share(scene: Scene, bare: BareBody, seen: np.ndarray) -> float:
    """How much skin is painted that the photo does not show, in squares of the unit. seen (h, w):
    what of the painted is seen."""
    body = smooth_step(np.minimum(bare.trunk, bare.arms), 1.0, -1.0)
    if bare.lower is not None:
        body = body * smooth_step(bare.lower.edge, -1.0, 1.0)
    shown = np.clip(scene.regions.kinds[SKIN] + scene.regions.kinds[HAIR], 0, 1)
    return float((body * seen * (1 - shown)).sum()) / scene.figure.unit**2
