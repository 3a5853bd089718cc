"""How much wider a top lies in its photo than on its wearer."""

from __future__ import annotations

import numpy as np

from ..masking.kinds import smooth_step
from .outline import GarmentOutline
from .silhouette import SIDES

USUAL = 1.7  # a top's length to the hips, in widths of the wearer's chest as it is seen
CROPPED = (0.6, 0.95)  # lengths between which a top goes over into one that was cut short
NECK, STRAPS = 0.85, 0.7  # of that width: hardly a neck is wider, or straps further apart
SLOPE = 0.25  # of that width: a neck is higher above the shoulders only where a hood lies
PATH = 2.3  # of that width: from the middle of the neck to the wrist


def looseness(shape: GarmentOutline) -> float:
    """How many times as wide as its wearer's chest is seen a top's chest lies, 1 for a close one.

    Cloth laid flat is wider than around a body, so a top that is short for its width is taken for
    a loose one of usual length, the less the more plainly it is cropped. But it is never so loose
    that its neck were wider, or its sleeves longer, than anyone's.
    """
    points = shape.points
    if shape.category != "upper" or "hem_center" not in points:
        return 1.0
    chest = float(abs(points["armpit_left"][0] - points["armpit_right"][0]))
    necks = [points[f"neck_{side}"] for side, _ in SIDES]
    middle = (necks[0] + necks[1]) / 2
    shoulders = np.mean([points[f"shoulder_{side}"][1] for side, _ in SIDES])
    middle[1] = max(middle[1], shoulders - SLOPE * chest)
    length = float(points["hem_center"][1] - middle[1]) / chest
    missing = max(USUAL - length, 0.0) * float(smooth_step(np.array(length), *CROPPED))
    widest = (NECK if shape.sleeves else STRAPS) * chest
    limits = [1 + missing, widest / float(np.hypot(*(necks[0] - necks[1])))]
    paths = [sleeve_path(shape, side, middle) for side in shape.sleeves]
    if paths:
        limits.append(PATH * chest / float(np.mean(paths)))
    return max(1.0, min(limits))


def sleeve_path(shape: GarmentOutline, side: str, neck: np.ndarray) -> float:
    """From the middle of the neck (2,) by way of the shoulder to the middle of the cuff, pixels."""
    shoulder = shape.points[f"shoulder_{side}"]
    outer, inner = shape.limbs[f"sleeve_{side}"]
    cuff = (outer[-1] + inner[-1]) / 2
    return float(np.hypot(*(shoulder - neck)) + np.hypot(*(cuff - shoulder)))
