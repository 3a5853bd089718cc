"""Cuts a garment out by its edges alone, where the background is smooth but not one field of
colour: a vignette, a shadow across it, a wall and a floor.

Whatever can be reached from the border without climbing an edge is background, each of its parts
from its own border; the lines between them are thinner than any garment.
"""

from __future__ import annotations

import numpy as np

from ..errors import NoGarmentFound
from ..maps.colours import lengths
from ..maps.grids import average, narrowest, pieces, sizes_of, within
from ..maps.ranking import median, percentile
from .background import before_edge, steepness
from .reach import reach_from_border

STEEP = 0.9  # Lab units a pixel: more is an edge, unless that lets the background in
LEVELS = (1.0, 0.8, 0.62, 0.5, 0.4, 0.32)  # of that, tried in turn
LEAKS = 0.7  # of the area with the lowest level: less has lost a part to the background
NOISY = 3.0  # times the usual slope of the photo, if that is more
LINE = 0.007  # of the long side: half the width of a line between parts of the background
STEP = 3  # pixels to either side of an outline between which its contrast is measured
LEAST_CONTRAST = 1.6  # Lab units across most of a true outline, white on white included


def find_by_edges(lab: np.ndarray) -> np.ndarray:
    """The share (height, width), 0..1, of what edges part from the border of a photo, float32
    (3, height, width) Lab.

    What counts as an edge is lowered until the background is kept out of the garment; lower still
    its soft shadow would count as well. Raises NoGarmentFound where nothing stands out.
    """
    slope = steepness(np.stack([average(plane, 3) for plane in lab]))
    noise = NOISY * float(median(slope))
    levels = [level for part in LEVELS if (level := part * STEEP) > noise] or [max(STEEP, noise)]
    least = behind_edges(slope, levels[-1])
    found = least
    for level in levels[:-1]:
        found = behind_edges(slope, level)
        if found.sum() > LEAKS * least.sum():
            break
    else:
        found = least
    labels, count = pieces(found)
    sizes = sizes_of(labels, count)
    if not count or sizes.max() < 0.01 * found.size:
        raise NoGarmentFound(
            "A garment on a plain background was wanted, but nothing in this picture has an edge "
            "all around. Use a photo on a plain background, or give a mask of the garment."
        )
    return (sizes >= 0.04 * sizes.max())[labels].astype(np.float32)


def behind_edges(slope: np.ndarray, level: float) -> np.ndarray:
    """What cannot be reached from the border (height, width), bool, without crossing a slope
    (height, width) above a level."""
    background = reach_from_border(slope < level, 1)
    unsure = within(background, 3) & ~background
    solid = ~(background | before_edge(unsure, background, slope))
    radius = max(2, round(LINE * max(solid.shape)))
    solid = within(narrowest(np.pad(solid, radius + 1), radius), radius)
    return solid[radius + 1 : -radius - 1, radius + 1 : -radius - 1]


def contrast(inside: np.ndarray, lab: np.ndarray, share: float = 50) -> float:
    """How clear the outline of a silhouette (height, width), 0..1, is in a photo (3, height,
    width): the Lab distance across it that this share of it, in percent, stays below."""
    import cv2

    solid = inside > 0.5
    rim = solid & ~narrowest(solid, 1)
    rim[:STEP] = rim[-STEP:] = rim[:, :STEP] = rim[:, -STEP:] = False
    rows, columns = np.nonzero(rim)
    if not len(rows):
        return 0.0
    square = (2 * STEP + 1, 2 * STEP + 1)
    soft = cv2.blur(inside.astype(np.float32), square, borderType=cv2.BORDER_REPLICATE)
    ways = np.stack([
        (soft[rows + 1, columns] - soft[rows - 1, columns]) / 2,
        (soft[rows, columns + 1] - soft[rows, columns - 1]) / 2,
    ])  # fmt: skip
    ways /= np.maximum(np.hypot(*ways), 1e-6)
    ends = []
    for sign in (-STEP, STEP):
        y = np.round(rows + sign * ways[0]).astype(int).clip(0, len(solid) - 1)
        x = np.round(columns + sign * ways[1]).astype(int).clip(0, solid.shape[1] - 1)
        ends.append(lab[:, y, x])
    return float(percentile(lengths(ends[0] - ends[1]), share))
