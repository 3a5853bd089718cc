"""Sleeves and trouser legs: how far they reach along the limbs."""

from __future__ import annotations

import numpy as np

from .figure import Figure, Limb, along, around, capsule, pixels_of
from .kinds import LOWER, SKIN, UPPER, smooth_step

SEEN = 0.55  # visibility of a joint from which it is seen
BINS = 12  # places along each half of a limb at which it is looked at


def limb_cover(
    kinds: np.ndarray, figure: Figure
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Which part of the right and left arm, and of each leg, a garment covers."""
    arms = [covered_part(kinds, limb, UPPER) for limb in (figure.right_arm, figure.left_arm)]
    legs = [covered_part(kinds, limb, LOWER) for limb in (figure.right_leg, figure.left_leg)]
    return (arms[0], arms[1]), (legs[0], legs[1])


def covered_part(kinds: np.ndarray, limb: Limb, garment: int) -> float:
    """Which part of a limb (0 none .. 1 all) lies under a garment that starts at its upper end."""
    votes = along_limb(kinds[garment] - kinds[SKIN], limb)
    totals = np.concatenate([[0.0], np.cumsum(votes)])
    end = int(np.argmax(totals - (totals[-1] - totals)))
    # Sheer or patterned cloth passes for skin here and there: its clear last piece counts.
    clear = np.nonzero(votes > 0.5)[0]
    if end > 0 and len(clear):
        end = max(end, int(clear[-1]) + 1)
    return float(end / len(votes))


def along_limb(values: np.ndarray, limb: Limb) -> np.ndarray:
    """Means of a map (H, W) along a limb's middle, (2 BINS,); 0 outside the picture."""
    means = np.zeros(2 * BINS)
    for k in range(2):
        wide = 0.6 * limb.radii[k + 1]  # the line still runs from joint to joint
        cut = around(limb.joints[k : k + 2], wide, *values.shape)
        place, distance = along(pixels_of(cut), limb.joints[k], limb.joints[k + 1])
        core = distance < wide
        index = (place[core] * BINS).astype(int).clip(0, BINS - 1) + k * BINS
        count = np.bincount(index, minlength=2 * BINS)
        means += np.bincount(index, values[cut][core], 2 * BINS) / np.maximum(count, 1)
    return means


def limb_priors(
    priors: np.ndarray, figure: Figure, arms: tuple[float, ...], legs: tuple[float, ...]
) -> np.ndarray:
    """Priors that know where the sleeves and trouser legs end."""
    result = priors.copy()
    limbs = ((figure.right_arm, arms[0], UPPER), (figure.left_arm, arms[1], UPPER),
             (figure.right_leg, legs[0], LOWER), (figure.left_leg, legs[1], LOWER))  # fmt: skip
    for limb, covered, garment in limbs:
        for k in range(2):
            radius = float(limb.radii[k])
            cut = around(limb.joints[k : k + 2], 1.3 * radius, *priors.shape[1:])
            place, distance = along(pixels_of(cut), limb.joints[k], limb.joints[k + 1])
            near = smooth_step(distance / radius, 1.3, 0.9) * (place > 0) * (place < 1)
            bare = smooth_step((place + k) / 2, covered - 0.08, covered + 0.12)
            result[SKIN][cut] *= 1 + near * (4 * bare - 0.9 * (1 - bare))
            result[garment][cut] *= 1 + near * (2 * (1 - bare) - 0.9 * bare)
    return result


def sleeves_told_apart(kinds: np.ndarray, figure: Figure) -> np.ndarray:
    """What looks like the lower garment on an arm, where a sleeve goes before it without skin
    between: the upper one. After bare skin it is a pocket."""
    result = kinds.copy()
    for arm in (figure.right_arm, figure.left_arm):
        if arm.seen[2] <= SEEN:
            continue
        lower = along_limb(kinds[LOWER], arm) > 0.5
        end = round(covered_part(kinds, arm, UPPER) * len(lower))
        while 0 < end < len(lower) and lower[end]:
            end += 1
        lower[end:] = False
        if not lower.any():
            continue
        cut = around(arm.line, float(arm.radii.max()) + 0.05 * figure.unit, *kinds.shape[1:])
        points = pixels_of(cut)
        near = smooth_step(capsule(points, arm), 0.05 * figure.unit, 0.0)
        # Of the two halves the nearer one.
        halves = [along(points, *arm.joints[k : k + 2]) for k in range(2)]
        place = np.where(halves[0][1] < halves[1][1], halves[0][0], 1 + halves[1][0]) / 2
        there = lower[(place * len(lower)).astype(int).clip(0, len(lower) - 1)]
        moved = result[LOWER][cut] * near * there
        result[UPPER][cut] += moved
        result[LOWER][cut] -= moved
    return result
