"""What can be reached from the border of a photo, and what else is as wide."""

from __future__ import annotations

import numpy as np

from ..maps.grids import narrowest, pieces, widest


def reach_from_border(passable: np.ndarray, radius: int) -> np.ndarray:
    """What a square of that radius reaches from outside (bool). It does not slip through small
    gaps."""
    labels, _ = pieces(middles(passable, radius))
    return covered(labels == labels[0, 0], radius)


def enclosed_in(passable: np.ndarray, outside: np.ndarray, radius: int) -> np.ndarray:
    """What else it fits into (bool) than what it reaches from outside (bool)."""
    return covered(middles(passable, radius), radius) & ~outside


def enclosed_pieces(passable: np.ndarray, outside: np.ndarray, radius: int) -> np.ndarray:
    """The same, numbered by what it reaches from there."""
    labels, _ = pieces(middles(passable, radius))
    return covered(np.where(labels == labels[0, 0], 0, labels), radius) * ~outside


def middles(passable: np.ndarray, radius: int) -> np.ndarray:
    """Where the middle of a square may be (bool), with a margin that is free."""
    import cv2

    pad = 2 * radius + 1
    free = passable.view(np.uint8)
    free = cv2.copyMakeBorder(free, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=1)
    return narrowest(free.view(bool), radius)


def covered(places: np.ndarray, radius: int) -> np.ndarray:
    """What the squares around middles (bool or numbered) cover, without the margin."""
    inner = slice(2 * radius + 1, -2 * radius - 1)
    return widest(places, radius)[inner, inner]
