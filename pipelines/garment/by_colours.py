"""Cuts a garment out by its colours, where the ground it lies on or hangs before is rough: creased
sheets, quilts, wood, tiles, rails.

A graph cut (Rother, Kolmogorov and Blake, "GrabCut", 2004, as OpenCV has it) between mixtures of
colours: the ground's, learned along the border, and the garment's, learned from the middle.
"""

from __future__ import annotations

import numpy as np

from ..errors import NoGarmentFound
from ..maps.grids import narrowest, within
from .matting import main_pieces

SIDE = 256  # long side of the copy on which the colours are learned, pixels
ROUNDS = 3  # of learning and cutting
RIM = 0.03  # of the long side: so close to the border everything is ground at first
GROUND = 0.08  # of either side: so close to it more is ground than not
BAND = 2  # small pixels to either side of the outline in which it is looked for at full size
LINE = 0.006  # of the long side: half the width of wires and joints of tiles
CELL = 3  # bits: colours that differ in these alone are alike
COMMON = 0.002  # of what is so close to the border: a colour as frequent is the ground's
ALIKE = (
    "A garment on a plain background was wanted, but nothing in this picture has other colours "
    "than its edge. Use a photo on a plain background, or give a mask of the garment."
)


def find_by_colours(small: np.ndarray, strange: bool = False) -> np.ndarray:
    """The share (height, width), 0..1, of what has other colours than the border of a reduced photo
    uint8 (height, width, 3) RGB. Raises NoGarmentFound where nothing has.

    strange: the garment's colours are first learned from what no place near the border has, which
    is better for a small garment and worse for one that reaches there."""
    import cv2

    colours = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    height, width = small.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    coarse = cv2.resize(colours, size, interpolation=cv2.INTER_AREA)
    marks = guessed(coarse, strange)
    rim = marks == cv2.GC_BGD
    mixtures = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    cv2.grabCut(coarse, marks, (0, 0, 1, 1), *mixtures, ROUNDS, cv2.GC_INIT_WITH_MASK)
    solid = marks == cv2.GC_PR_FGD
    if solid.mean() < 0.01:
        raise NoGarmentFound(ALIKE)
    unsure = within(solid, BAND) & within(~solid, BAND)
    # What goes on into the rim is looked at there as well.
    beyond = rim & within(solid, 2 + round(RIM * max(solid.shape)))
    marks = np.where(solid, cv2.GC_FGD, cv2.GC_BGD)
    marks[unsure] = np.where(solid, cv2.GC_PR_FGD, cv2.GC_PR_BGD)[unsure]
    marks[beyond] = cv2.GC_PR_BGD
    marks = cv2.resize(marks.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    cv2.grabCut(colours, marks, (0, 0, 1, 1), *mixtures, 1, cv2.GC_EVAL_FREEZE_MODEL)
    solid = (marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)
    radius = max(1, round(LINE * max(solid.shape)))
    solid &= within(narrowest(solid, radius), radius)
    if not solid.any():
        raise NoGarmentFound(ALIKE)
    return main_pieces(solid).astype(np.float32)


def guessed(coarse: np.ndarray, strange: bool) -> np.ndarray:
    """Marks (height, width) for the first cut of Lab colours uint8 (height, width, 3): the rim is
    ground, the middle garment; strange: only what has other colours than all around it."""
    import cv2

    height, width = coarse.shape[:2]
    down = np.abs((np.arange(height) + 0.5) / height - 0.5)[:, None]
    across = np.abs((np.arange(width) + 0.5) / width - 0.5)
    garment = np.maximum(down, across) < 0.5 - GROUND
    if strange:
        cells = (coarse >> CELL).astype(np.int32) @ (1, 32, 1024)
        around = np.bincount(cells[~garment], minlength=32 * 1024)
        garment &= (around < COMMON * np.count_nonzero(~garment))[cells]
    marks = np.where(garment, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    rim = max(2, round(RIM * max(height, width)))
    marks[:rim] = marks[-rim:] = marks[:, :rim] = marks[:, -rim:] = cv2.GC_BGD
    if not (marks == cv2.GC_PR_FGD).any():
        raise NoGarmentFound(ALIKE)
    return marks
