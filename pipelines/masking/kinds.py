"""The kinds of things that a photo of a person shows, and how one goes over into another."""

from __future__ import annotations

import numpy as np

BACKGROUND, SKIN, HAIR, UPPER, LOWER, SHOES = range(6)


def smooth_step(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below low, 1 above high, smooth between; falls instead where low > high."""
    place = np.asarray(values - float(low))
    place *= 1 / float(high - low)
    place.clip(0, 1, out=place)
    result = place * place
    place *= -2
    place += 3
    result *= place
    return result
