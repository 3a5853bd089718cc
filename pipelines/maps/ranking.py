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


def medians(colours: np.ndarray) -> np.ndarray:
    """Of each column of (N, C): (C,)."""
    return np.array([median(column) for column in colours.T])
