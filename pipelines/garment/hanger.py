"""Bars and clips of a hanger that were cut out with a waistband."""

from __future__ import annotations

import numpy as np

from ..maps.grids import boxes, narrowest, pieces, within
from ..maps.ranking import median
from .lower_outline import Armpit
from .silhouette import Silhouette, measure, widths

NARROW = 0.1  # all in widths of the garment: half as wide is the widest clip
ABOVE = 0.15  # clips stand no higher above a waistband: straps, necks and hoods do
BLUNT = 0.6  # of its bounding box that a clip fills: a corner of a neck is pointed
SLEEVE = 0.3  # how far below the top an armpit is; the ends of a bar are less
BAND = 0.2  # what stands out sideways is no further below


def without_clips(silhouette: Silhouette, armpits: dict[str, Armpit]) -> Silhouette:
    """A silhouette without what is narrow and stands out about its upper edge; itself where that
    has straps or sleeves. armpits: its own."""
    mask = silhouette.mask
    rows = np.flatnonzero(mask.any(1))
    wide = float(median(widths(mask[rows])))
    radius = max(1, round(NARROW * wide))
    core = mask & within(narrowest(mask, radius), radius)
    solid = np.flatnonzero(core.any(1))
    if not len(solid) or solid[0] - rows[0] > ABOVE * wide:
        return silhouette
    below = solid[0] + max(1, round(BAND * wide))
    lowest = rows[0] + SLEEVE * wide
    if any(pit.sleeve and pit.point[1] > lowest for pit in armpits.values()):
        return silhouette
    beside = np.flatnonzero(core[solid[0] : below].any(0))
    labels, _ = pieces((mask & ~core)[:below])
    kept = mask.copy()
    for number, place in boxes(labels):
        piece = labels[place] == number
        down, across = place
        beyond = across.start < beside[0] or across.stop > beside[-1] + 1
        if beyond or (down.start < solid[0] and piece.mean() > BLUNT):
            kept[:below][place][piece] = False
    return silhouette if np.array_equal(kept, mask) else measure(kept, silhouette.axis)
