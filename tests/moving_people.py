"""A moving person: the sample's, cut out, over a drawn ground."""

import numpy as np

SIZE = (448, 320)  # height, width


def ground(seed=0):
    """A quiet room: soft light, a floor and some things on the wall."""
    height, width = SIZE
    rows = np.linspace(200, 150, height)[:, None, None] * np.ones((1, width, 3))
    random = np.random.default_rng(seed)
    for _ in range(6):
        y, x = random.integers(0, height - 60), random.integers(0, width - 50)
        rows[y : y + 50, x : x + 40] = random.integers(60, 230, 3)
    return rows.astype(np.uint8)


def laid(frame, cutout, x, y):
    """The frame with a cut-out at x, y (its left upper corner); and where it is, as a mask."""
    picture, mask = cutout
    height, width = frame.shape[:2]
    place = np.zeros((height, width), np.float32)
    result = frame.astype(np.float32)
    top, left = max(y, 0), max(x, 0)
    bottom, right = min(y + mask.shape[0], height), min(x + mask.shape[1], width)
    if bottom > top and right > left:
        part = (slice(top - y, bottom - y), slice(left - x, right - x))
        place[top:bottom, left:right] = mask[part]
        weight = mask[part][..., None]
        result[top:bottom, left:right] += weight * (picture[part] - result[top:bottom, left:right])
    return np.rint(result).astype(np.uint8), place
