"""Peaks of heat maps, limbs between them along the part-affinity fields, and people from limbs.

The published greedy algorithm, step for step: same thresholds, same order, same ties.
"""

from __future__ import annotations

import numpy as np

from .maps import Enlarger, enlarger

PEAK_THRESHOLD = 0.1
LIMB_THRESHOLD = 0.05
LIMB_SAMPLES = 10
LIMB_SHARE = 0.8
"""More than this share of a limb's samples must lie above LIMB_THRESHOLD."""

FEWEST_JOINTS = 4
LOWEST_MEAN_SCORE = 0.4

MOST_PEAKS = 128
"""Per joint: the strongest; a noise picture would otherwise give millions of possible limbs."""

LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12),
    (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17), (2, 16), (5, 17),
)  # fmt: skip
"""First and second joint. The last two, shoulder to ear, never begin a person."""

FIELD_X = (12, 20, 14, 16, 22, 24, 0, 2, 4, 6, 8, 10, 28, 30, 34, 32, 36, 18, 26)
"""Per limb: its x field; y is the next one."""

SCORE, JOINTS = 18, 19
"""Columns of a person after the 18 peak numbers (-1 = missing): total score, number of joints."""


def find_people(
    fields: np.ndarray, heat: np.ndarray, height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """fields (38, rows, columns) and heat maps (19, rows, columns) of a height x width frame.

    Returns peaks (n, 4) float64: x, y, score, number; and people (n, 20) float64: the number of the
    peak of each of the 18 joints or -1, then total score and number of joints.
    """
    maps = enlarger(height, width, *heat.shape[-2:])
    peaks = find_peaks(heat.astype(np.float64), maps)
    everything = np.concatenate(peaks)
    people: list[np.ndarray] = []
    fields = fields.astype(np.float64)
    for number, (first, second) in enumerate(LIMBS):
        field = fields[FIELD_X[number] : FIELD_X[number] + 2]
        for start, end, score in find_limbs(peaks[first], peaks[second], field, maps, height):
            _add_limb(people, everything, number, start, end, score)
    kept = [
        person for person in people
        if person[JOINTS] >= FEWEST_JOINTS and person[SCORE] / person[JOINTS] >= LOWEST_MEAN_SCORE
    ]  # fmt: skip
    return everything, np.array(kept).reshape(-1, 20)


def find_peaks(heat: np.ndarray, maps: Enlarger) -> list[np.ndarray]:
    """Per joint (n, 4): x, y, score and a number that counts through all joints.

    A peak is no lower than its four neighbours on the smoothed map; its score is of the map itself.
    """
    smooth = maps.smoothed(heat[:-1])
    joints, y, x = np.nonzero(smooth > PEAK_THRESHOLD)
    around = np.pad(smooth, ((0, 0), (1, 1), (1, 1)))
    values = smooth[joints, y, x]
    highest = np.ones(len(values), dtype=bool)
    for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        highest &= values >= around[joints, y + 1 + dy, x + 1 + dx]
    joints, y, x = joints[highest], y[highest], x[highest]
    peaks, count = [], 0
    for joint in range(len(smooth)):
        places = np.stack([x[joints == joint], y[joints == joint]])
        scores = maps.at(heat[joint], *places)
        if len(scores) > MOST_PEAKS:
            strongest = np.sort(np.argsort(-scores, kind="stable")[:MOST_PEAKS])
            places, scores = places[:, strongest], scores[strongest]
        numbers = np.arange(count, count + len(scores))
        peaks.append(np.stack([*places, scores, numbers], axis=1).astype(np.float64))
        count += len(scores)
    return peaks


def find_limbs(
    starts: np.ndarray, ends: np.ndarray, field: np.ndarray, maps: Enlarger, height: int
) -> list[tuple[int, int, float]]:
    """(number of the first peak, of the second, score), best first; each peak in one limb at most.

    field: (2, rows, columns). A limb's score is how well the field points along it, less for limbs
    longer than half the frame's height.
    """
    if len(starts) == 0 or len(ends) == 0:
        return []
    way = ends[None, :, :2] - starts[:, None, :2]  # (starts, ends, 2)
    length = np.maximum(np.sqrt((way**2).sum(axis=-1)), 0.001)
    steps = np.arange(LIMB_SAMPLES)[:, None, None, None]
    places = starts[:, None, :2] + steps * (way / (LIMB_SAMPLES - 1))
    places[-1] = ends[None, :, :2]
    x, y = np.rint(places).astype(np.int64).reshape(-1, 2).T
    along = np.stack([maps.at(part, x, y) for part in field], axis=-1)
    along = along.reshape(*places.shape) * (way / length[..., None])
    along = along.sum(axis=-1)  # (samples, starts, ends)
    scores = along.mean(axis=0) + np.minimum(0.5 * height / length - 1, 0)
    good = ((along > LIMB_THRESHOLD).sum(axis=0) > LIMB_SHARE * LIMB_SAMPLES) & (scores > 0)
    first, second = np.nonzero(good)
    order = np.argsort(-scores[first, second], kind="stable")
    limbs: list[tuple[int, int, float]] = []
    used_first, used_second = set(), set()
    for i, j in zip(first[order], second[order], strict=True):
        if i not in used_first and j not in used_second:
            used_first.add(i)
            used_second.add(j)
            limbs.append((int(starts[i, 3]), int(ends[j, 3]), float(scores[i, j])))
    return limbs


def _add_limb(
    people: list[np.ndarray], peaks: np.ndarray, limb: int, start: int, end: int, score: float
) -> None:
    """Gives the limb to the people who have one of its ends; joins two of them; or begins one."""
    first, second = LIMBS[limb]
    owners = [
        index for index, person in enumerate(people)
        if person[first] == start or person[second] == end
    ]  # fmt: skip
    if not owners:
        if limb < len(LIMBS) - 2:
            person = np.full(20, -1.0)
            person[[first, second]] = start, end
            person[SCORE], person[JOINTS] = peaks[[start, end], 2].sum() + score, 2
            people.append(person)
        return
    person = people[owners[0]]
    if len(owners) > 1:
        other = people[owners[1]]
        if not ((person[:18] >= 0) & (other[:18] >= 0)).any():
            person[:18] += other[:18] + 1
            person[SCORE] += other[SCORE] + score
            person[JOINTS] += other[JOINTS]
            del people[owners[1]]
            return
    elif person[second] == end:
        return
    person[second] = end
    person[SCORE] += peaks[end, 2] + score
    person[JOINTS] += 1
