"""How steady masks are, as numbers: for tests and benchmarks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two masks (height, width), at 0.5; 1 where both are empty."""
    first, second = one > 0.5, other > 0.5
    union = int((first | second).sum())
    return float((first & second).sum() / union) if union else 1.0


def flicker(masks: Sequence[np.ndarray]) -> float:
    """Share of the mask's pixels that blink: differ from the frame before and from the one after,
    which agree; the mean over all frames with neighbours."""
    shares = []
    for before, now, after in zip(masks, masks[1:], masks[2:], strict=False):
        first, middle, last = before > 0.5, now > 0.5, after > 0.5
        size = max(int(middle.sum()), int(first.sum()), 1)
        shares.append(float(((first == last) & (middle != first)).sum() / size))
    return float(np.mean(shares)) if shares else 0.0
