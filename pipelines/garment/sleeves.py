"""How much of the arm a garment's sleeves cover."""

from __future__ import annotations

import numpy as np

from .outline import GarmentOutline
from .silhouette import widths

LEAST_SLEEVE, LONG_SLEEVE, SURELY_LONG = 0.08, 0.6, 0.75  # of the arm
WIDE_CUFF = 0.36  # of the length of a sleeve to the elbow
NARROW_CUFF = 0.27  # of the length of a sleeve that is not loose at all
DOME = 0.45, 0.7, 0.03, 0.02  # of the largest width: see may_hide_sleeves
HIDDEN = (
    "No sleeves can be told from the body. If it has any, use a photo in which they are spread "
    "away from it."
)


def sleeve_length(shape: GarmentOutline, loose: float = 1.0) -> tuple[str, float]:
    """("none" | "short" | "long", share of the arm): against shoulders and chest.

    An arm is about 1.45 times as long as shoulders are wide. loose: how much wider the garment is
    (`looseness`); what its shoulders are wider hangs down the arm.
    """
    points = shape.points
    reaches, cuffs, outsides = [], [], []
    for name in shape.sleeves:
        outer, inner = shape.limbs[f"sleeve_{name}"]
        shoulders = np.hypot(*(points["shoulder_left"] - points["shoulder_right"]))
        chest = np.hypot(*(points["armpit_left"] - points["armpit_right"]))
        dropped = (1 - 1 / loose) * shoulders / 2
        straight = np.hypot(*((outer[-1] + inner[-1]) / 2 - outer[0]))
        bent = np.hypot(*np.diff(outer, axis=0).T).sum()
        # A bent sleeve is longer, a puffed one is not.
        length = 0.8 * straight + 0.2 * bent + dropped
        arm = 1.45 * (shoulders + chest) / 2 / loose
        reach = length / arm
        if shape.category == "upper":
            drop = points["hem_center"][1] if "hem_center" in points else points["crotch"][1]
            drop = max(1.0, drop - points[f"shoulder_{name}"][1])
            # In a loose sleeve the arm lies along the outer edge. The body beside it looks narrow.
            outside = np.hypot(*(outer[-1] - outer[0])) + dropped
            outsides.append(outside / np.sqrt(arm * drop))
            if reach < SURELY_LONG:
                # Of a wide garment they are wider than the wearer's: its length tells.
                reach = min(reach, length / (0.85 * drop))
        reaches.append(reach)
        cuffs.append(np.hypot(*(outer[-1] - inner[-1])) / length)
    reach = float(np.clip(np.mean(reaches), 0, 1)) if reaches else 0.0
    wide = bool(cuffs) and np.mean(cuffs) > WIDE_CUFF
    name = "short" if wide and LONG_SLEEVE <= reach < SURELY_LONG else sleeve_name(reach)
    if outsides and reach > LONG_SLEEVE:
        share = np.interp(np.mean(cuffs), (NARROW_CUFF, WIDE_CUFF), (0, 1))
        less = reach - max(float(np.mean(outsides)), LONG_SLEEVE)
        reach -= float(share) * max(less, 0.0)
    return name, reach if reach >= LEAST_SLEEVE else 0.0


def may_hide_sleeves(mask: np.ndarray) -> bool:
    """Whether the silhouette (rows, columns), bool, of a top without sleeves is a dome: from the
    shoulders down it gets wider, less and less. So it is where sleeves lie against the body;
    armholes would dent it."""
    extents = widths(mask[mask.any(1)]).astype(float)
    extents = np.convolve(np.pad(extents, 4, "edge"), np.ones(9) / 9, "valid")
    extents /= np.percentile(extents, 97)
    start, least, step, dent = DOME
    below = extents[int((extents > start).argmax()) :]
    first, second, third = (below[int(part * (len(below) - 1))] for part in (0.1, 0.2, 0.3))
    upper = below[: int(below.argmax()) + 1]
    dents = (np.maximum.accumulate(upper) - upper).max()
    slowing = step <= third - second <= second - first + dent
    return bool(second > least and second - first >= step and slowing and dents <= dent)


def sleeve_name(reach: float) -> str:
    """ "none", "short" or "long", by the share of the arm."""
    return "none" if reach < LEAST_SLEEVE else "short" if reach < LONG_SLEEVE else "long"
