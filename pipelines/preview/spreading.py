"""Colours carried smoothly over unknown places, from coarse to fine."""

from __future__ import annotations

import numpy as np


def spread(colours: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Carries float (height, width, channels) colours on from where they are known, smoothly.

    A pyramid of averages of the known pixels, filled in from coarse to fine.
    """
    known = known.astype(np.float32)[..., None]
    levels = [(colours * known, known)]
    while not levels[-1][1].all() and min(levels[-1][1].shape[:2]) > 1:
        value, weight = (halved(part) for part in levels[-1])
        weight = np.maximum(weight, 1e-6)
        levels.append((value / weight, (weight > 1e-3).astype(np.float32)))
    filled = levels[-1][0]
    for value, weight in reversed(levels[:-1]):
        filled = value + doubled(filled, value.shape[:2]) * (1 - weight)
    return filled


def halved(values: np.ndarray) -> np.ndarray:
    """Averages of 2x2 pixels, (height, width, channels)."""
    height, width = values.shape[:2]
    if height % 2 or width % 2:
        values = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return 0.25 * (values[::2, ::2] + values[1::2, ::2] + values[::2, 1::2] + values[1::2, 1::2])


def doubled(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Enlarged to size (height, width), linearly."""
    for axis in (0, 1):
        count = values.shape[axis]
        before = np.take(values, np.r_[0, 0 : count - 1], axis=axis)
        after = np.take(values, np.r_[1:count, count - 1], axis=axis)
        pair = np.stack([0.75 * values + 0.25 * before, 0.75 * values + 0.25 * after], axis + 1)
        shape = list(values.shape)
        shape[axis] = 2 * count
        values = pair.reshape(shape)
    return values[: size[0], : size[1]]
