"""A hood that stands above the shoulders in its photo. Worn, it hangs behind and shows no front."""

from __future__ import annotations

import numpy as np

from .outline import GarmentOutline

HIGH = 0.62  # of the neck's width that a hood stands above it: a collar is lower
WIDE = 0.45, 1.04  # the same of one that is so much wider than the neck
DEPTH = 0.32  # of the neck's width, of the neckline in front of it

WORDS = "The hood was left out: it hangs behind."


def hood_edge(mask: np.ndarray, shape: GarmentOutline) -> np.ndarray | None:
    """The neckline (n, 2) below a hood, from the wearer's right to the left, (x, y) in the pixels
    of the upright mask, bool (rows, columns); None where there is no hood."""
    if shape.category == "lower":
        return None
    right, left = (np.asarray(shape.points[f"neck_{side}"]) for side in ("right", "left"))
    width = float(np.hypot(*(left - right)))
    foot = round(float(min(right[1], left[1])))
    top = int(np.flatnonzero(mask.any(1))[0])
    rims = [shape.rims[side] for side in ("right", "left")]
    stands = all(rim[1] < neck[1] - 1 for rim, neck in zip(rims, (right, left), strict=True))
    if not stands or width < 4:
        return None
    above = mask[top:foot]
    high = (foot - top) / width
    wide = float(above.sum(1).max(initial=0)) / width
    if high < HIGH and not (high > WIDE[0] and wide > WIDE[1]):
        return None
    along = np.linspace(-1, 1, 33)
    fall = DEPTH * width * (1 - np.abs(along) ** 2)
    line = (right + left) / 2 + along[:, None] * (left - right) / 2
    neckline = np.stack([line[:, 0], line[:, 1] + fall], -1)
    # Beside the neck as well: a hood may be wider.
    ends = [[0.0, right[1] - 1]], [[mask.shape[1] - 1.0, left[1] - 1]]
    return np.concatenate([ends[0], neckline, ends[1]])
