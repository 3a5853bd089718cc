"""What a try-on model without a mask changed in a photo: that alone is put back into it.

Such a model draws the whole picture anew. Faces, hands and the background come out almost as they
were, and almost is not good enough: here the region of the old and of the new garment is found, and
everything outside it stays the photo's own, bit by bit.

Pictures are uint8 (height, width, 3) RGB, masks bool (height, width), all of one size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..alignment import LIMITS, NotAligned, check, corrected, measure
from ..colour_cast import colour_cast, without_cast
from ..fit import FitReport, doubtful
from ..masking.rules_common import opencv

GROWN = 0.012
"""Of the longer side: how far the region reaches beyond what was found."""

BLUR = 0.002
"""Of the longer side: single pixels that differ are no garment."""

NEAR = 0.03
"""Of the longer side: what changed belongs to the garment where it comes this near to it."""

LEAST, MOST = 14.0, 40.0
"""Levels: changes below are never, above are always counted."""

NOISE = 2.5
"""Times the change of nine tenths of what should have stayed."""

LEAST_CHANGE = 0.02
"""Of the place of the garment: a picture that differs in less shows no other garment."""

HARDLY = (
    "Where the garment is, the model's picture hardly differs from the photo. Another seed may "
    "help, or the person wears the same already."
)

SMALL_SHIFT = 0.25  # pixels
SMALL_ZOOM = 0.0005
SMALL_CAST = 1.0  # levels


@dataclass(frozen=True)
class Wearing:
    """What is known of a person before the try-on. old: where the garment of the category is; or,
    where that is not `sure`, where one can be. kept: face, hair, hands and other things that stay.
    reach: how far the new garment can come."""

    old: np.ndarray
    kept: np.ndarray
    reach: np.ndarray
    sure: bool


@dataclass(frozen=True)
class Changed:
    """picture: the model's, laid onto the photo and in its colours; region: what comes back of it;
    notes: what was done to it; fit: whether it can be trusted."""

    picture: np.ndarray
    region: np.ndarray
    notes: tuple[str, ...] = ()
    fit: FitReport = FitReport()


def find_changes(photo: np.ndarray, made: np.ndarray, wearing: Wearing) -> Changed:
    """What of the model's picture comes back. Where it does not fit onto the photo that is said,
    and what comes back is the place of the old garment, as it is."""
    side = max(photo.shape[:2])
    expected = wearing.old & ~wearing.kept
    around = _grown(expected, NEAR * side) & ~wearing.kept
    try:
        picture, notes = _laid_on(photo, made, around)
    except NotAligned as error:
        region = _grown(expected, GROWN * side) & ~wearing.kept
        return Changed(made, region, fit=doubtful([str(error)]))
    changed = _changes(photo, picture, wearing, around)
    region = _whole(changed | (expected & wearing.sure), NEAR * side)
    region = _grown(region, GROWN * side) & ~wearing.kept
    hardly = (changed & expected).sum() < LEAST_CHANGE * expected.sum()
    return Changed(picture, region, notes, doubtful([HARDLY] if hardly else []))


def _laid_on(
    photo: np.ndarray, made: np.ndarray, expected: np.ndarray
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The picture moved and coloured as the photo is, and what had to be done."""
    notes = []
    weights = expected.astype(np.float32)
    found = measure(photo, made, weights)
    check(found, (photo.shape[1], photo.shape[0]), LIMITS)
    shift = float(np.hypot(found.shift_x, found.shift_y))
    if shift > SMALL_SHIFT or abs(found.zoom - 1) > SMALL_ZOOM:
        made = corrected(made, found)
        notes.append(f"The model's picture was moved onto the photo: {found.text}.")
    cast = colour_cast(photo, made, weights)
    if max(map(abs, cast.levels)) > SMALL_CAST:
        made = without_cast(made, cast)
        notes.append(f"The model's colours were set to the photo's: {cast.text}.")
    return made, tuple(notes)


def _changes(
    photo: np.ndarray, picture: np.ndarray, wearing: Wearing, expected: np.ndarray
) -> np.ndarray:
    """Where the picture differs from the photo and that hangs together with the garment."""
    cv2 = opencv()
    side = max(photo.shape[:2])
    blurred = [cv2.GaussianBlur(each, (0, 0), max(BLUR * side, 0.8)) for each in (photo, picture)]
    difference = cv2.absdiff(*blurred).max(axis=2).astype(np.float32)
    rest = difference[~expected]
    usual = float(np.quantile(rest, 0.9)) if rest.size else 0.0
    differs = difference > min(max(NOISE * usual, LEAST), MOST)
    differs &= wearing.reach & ~wearing.kept
    _, parts = cv2.connectedComponents((differs | expected).astype(np.uint8))
    touching = np.unique(parts[expected])
    return differs & np.isin(parts, touching[touching > 0])


def _grown(mask: np.ndarray, pixels: float) -> np.ndarray:
    cv2 = opencv()
    size = 2 * max(1, round(pixels)) + 1
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return cv2.dilate(mask.astype(np.uint8), brush).astype(bool)


def _whole(mask: np.ndarray, pixels: float) -> np.ndarray:
    """The mask without gaps and holes: a garment is one piece, also where its colour is the old."""
    cv2 = opencv()
    size = 2 * max(1, round(pixels / 2)) + 1
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    room = size // 2
    padded = np.pad(mask.astype(np.uint8), room)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, brush)
    outside = np.pad(closed, 1)
    cv2.floodFill(outside, None, (0, 0), 2)
    filled = outside[1:-1, 1:-1] != 2
    return filled[room:-room, room:-room]
