"""The inside of a garment's back above a front edge, told from the front by its colour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..maps.colours import lengths, products
from ..maps.grids import closed, narrowest, pieces, widest
from ..maps.ranking import medians

RIM = 2  # upright pixels along an edge that show both sides of it
FRONT = 0.3  # of half the opening: what lies so far below its edge is compared with the inside
LEAST = 30  # pixels of either that tell its colour
DARKEST = 0.35  # of the front's lightness: no cloth is darker in its own shade
SHADES = 8.0, 0.25  # in Lab, and of the front's chroma: how far the shaded cloth is off its hue
APART = 15.0  # in Lab, between inside and front that can be told from each other
ALIKE = 0.8, 0.9  # of inside (which has labels) and front that have their own side's colour
ASIDE = 0.2  # of half the opening beyond its ends
GROWN = 0.03  # of what lies above the edge, that is found on either side of it
TAPE = 0.12  # of half the opening, that a tape along the back's edge is wide
UNEVEN = 4.0  # times as much on one side: no opening, but a shadow


@dataclass(frozen=True)
class Sides:
    """Both sides of an edge, (height, width), bool: above all of what lies above it, inside and
    front what surely is on either side; their colours in Lab (3,)."""

    above: np.ndarray
    inside: np.ndarray
    front: np.ndarray
    inner: np.ndarray
    outer: np.ndarray


def above_edge(mask: np.ndarray, edge: np.ndarray) -> np.ndarray:
    """The part of a mask (height, width) over an edge, between its ends."""
    return mask & (np.arange(mask.shape[0])[:, None] < level_of(edge, mask.shape[1])[None])


def level_of(edge: np.ndarray, width: int) -> np.ndarray:
    """The row of an edge (n, 2) in each column; beyond its ends it lies above all."""
    return np.interp(np.arange(width), edge[:, 0], edge[:, 1], left=-np.inf, right=-np.inf)


def both_sides(lab: np.ndarray, mask: np.ndarray, edge: np.ndarray, length: float) -> Sides | None:
    """What lies above and below an edge (n, 2); None where that is too little.

    lab: float32 (3, height, width); mask: bool (height, width); length: half the opening's width.
    """
    above = above_edge(mask, edge)
    inside = narrowest(above, RIM)
    below = np.arange(mask.shape[0])[:, None] - level_of(edge, mask.shape[1])[None]
    front = mask & (below > RIM + 1) & (below < RIM + 1 + FRONT * length)
    if min(np.count_nonzero(inside), np.count_nonzero(front)) < LEAST:
        return None
    return Sides(above, inside, front, medians(lab[:, inside]), medians(lab[:, front]))


def is_shaded_cloth(sides: Sides) -> bool:
    """Whether the inside has the colour of the front, in the shade."""
    share = sides.inner[0] / max(float(sides.outer[0]), 1.0)
    least, part = SHADES
    off = np.hypot(*(sides.inner[1:] - share * sides.outer[1:]))
    return bool(DARKEST < share < 1.02 and off < least + part * np.hypot(*sides.outer[1:]))


def likeness(lab: np.ndarray, mask: np.ndarray, sides: Sides) -> np.ndarray | None:
    """What of a mask (height, width) has the colour of the inside, bool; None where the colour does
    not tell a darker inside from the front."""
    way = (sides.inner - sides.outer).astype(np.float32)
    size = float(np.hypot.reduce(way))
    if size < APART or way[0] > 0:
        return None
    change = lab - sides.outer.astype(np.float32)[:, None, None]
    share = products(change, way[:, None, None]) / size**2
    strange = lengths(change - share * way[:, None, None])
    like = mask & (share > 0.5) & (strange < size)
    inside, front = ALIKE
    told = like[sides.inside].mean() >= inside and like[sides.front].mean() <= 1 - front
    return like if told else None


def wide_opening(
    lab: np.ndarray, mask: np.ndarray, edge: np.ndarray, ends: list[np.ndarray]
) -> np.ndarray | None:
    """The inside of the back (height, width), bool, of a wide opening, which is rounder than the
    edge (n, 2) that was found and goes on on both sides of it. None where it does not, or where its
    colour does not tell it from the front. ends: (x, y) of the opening, right and left."""
    right, left = ends
    length = float(np.hypot(*(left - right))) / 2
    sides = both_sides(lab, mask, edge, length)
    if sides is None:
        return None
    like = likeness(lab, mask, sides)
    if like is None:
        return None
    columns = np.arange(mask.shape[1])
    margin = ASIDE * length
    like[:, (columns < right[0] - margin) | (columns > left[0] + margin)] = False
    like[int(edge[:, 1].max()) + 1 :] = False
    found = like & ~sides.above
    found = widest(narrowest(found, RIM), 2 * RIM) & like
    labels, count = pieces(found | sides.above)
    joined = np.zeros(count + 1, bool)
    joined[labels[sides.inside]] = True
    found &= joined[labels] & ~sides.above
    middle = round(float(right[0] + left[0]) / 2)
    grown = np.array([found[:, :middle].sum(), found[:, middle:].sum()])
    if grown.min() < GROWN * sides.above.sum() or grown.max() > UNEVEN * grown.min():
        return None
    total = found | sides.above
    # A seam or a tape along the back's own edge is the inside as well.
    over = np.flip(np.logical_or.accumulate(np.flip(total, 0), 0), 0) & mask
    beyond = (columns <= right[0]) | (columns >= left[0])
    over[:, beyond & ((over & ~total).sum(0) > TAPE * length)] = False
    total |= over
    return closed(total, RIM) & mask | widest(total, 3 * RIM) & like
