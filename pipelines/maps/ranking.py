"""Medians, without what numpy's own do besides: of a photo's pixels they cost ten times as much."""

from __future__ import annotations

import numpy as np


def median(values: np.ndarray) -> np.floating:
    """Of all numbers of an array, none of which is nan; nan of none."""
    flat = values.flatten()
    half = flat.size // 2
    if not flat.size:
        return np.float64(np.nan)
    flat.partition(half)
    return flat[half] if flat.size % 2 else (flat[:half].max() + flat[half]) / 2


def medians(planes: np.ndarray) -> np.ndarray:
    """Of each plane (C, ...): (C,)."""
    return np.array([median(plane) for plane in planes])


def percentile(values: np.ndarray, share: float) -> np.floating:
    """The number of an array below which so many of 100 lie, between two of them as numpy has it;
    nan of none."""
    flat = values.flatten()
    if not flat.size:
        return np.float64(np.nan)
    place = share / 100 * (flat.size - 1)
    below = int(place)
    flat.partition(below)
    above = flat[below + 1 :].min() if below + 1 < flat.size else flat[below]
    return flat[below] + (place - below) * (above - flat[below])
