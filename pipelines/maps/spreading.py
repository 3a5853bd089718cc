"""Colours carried smoothly over unknown places, from coarse to fine."""

from __future__ import annotations

import numpy as np


def spread(colours: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Carries float (height, width, channels) colours on from where they are known, smoothly.

    known (height, width): bool, or how sure a colour is, 0..1. Averages at ever smaller sizes (a
    pyramid) fill what the finer ones leave open.
    """
    import cv2

    weight: np.ndarray = known.astype(np.float32)
    values: np.ndarray = np.ascontiguousarray(colours.transpose(2, 0, 1), np.float32)
    levels: list[tuple[np.ndarray, np.ndarray]] = [(values, weight)]
    while weight.min() < 1 and min(weight.shape) > 1:
        sums, weight = [halved(value * weight) for value in values], halved(weight)
        values = np.stack(sums) / np.maximum(weight, np.float32(1e-9))
        weight = np.minimum(4 * weight, 1)
        levels.append((values, weight))
    mean = (values * weight).sum((1, 2), keepdims=True) / max(float(weight.sum()), 1e-9)
    filled = mean + (values - mean) * weight
    for values, weight in reversed(levels[:-1]):
        below = np.stack([enlarged(plane, 2, weight.shape) for plane in filled])
        filled = values - below
        filled *= weight
        filled += below
    return cv2.merge(list(filled)).reshape(*filled.shape[1:], len(filled))


def halved(values: np.ndarray) -> np.ndarray:
    """Averages of 2x2 pixels of a float32 map (height, width) or (height, width, channels); at the
    edge of what there is of them."""
    import cv2

    height, width = values.shape[:2]
    if height % 2 or width % 2:
        values = cv2.copyMakeBorder(values, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    size = (values.shape[1] // 2, values.shape[0] // 2)
    return cv2.resize(values, size, interpolation=cv2.INTER_AREA)


def enlarged(values: np.ndarray, factor: int, size: tuple[int, ...]) -> np.ndarray:
    """A map so many times larger, linearly, and cut to (height, width)."""
    import cv2

    large = cv2.resize(values, (factor * values.shape[1], factor * values.shape[0]))
    return large[: size[0], : size[1]]
