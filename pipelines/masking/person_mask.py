"""The mask of one person: what the networks say in several views, sharpened by the photo."""

from __future__ import annotations

import numpy as np
from PIL import Image

from .edges import BAND, WINDOW, sharpen
from .landmarks import LEAST_SCORE, Reading, read_mask
from .mediapipe.crops import TurnedSquare, cut_out, put_back
from .mediapipe.decoding import CROP_SIZE
from .mediapipe.model import BodyModel

Box = tuple[int, int, int, int]  # left, top, right, bottom in picture pixels

CELLS = 2  # of the grid where the photo sharpens the mask, per pixel of the network's mask
NEAREST = 0.75  # a closer view than this part of the crop loses the body's context
FURTHEST_ASIDE = 0.1  # of the crop, may the closer view move, for the same reason
VETO = 0.25  # below this the landmark network is sure enough that something is no person


def person_mask(
    model: BodyModel, picture: np.ndarray, image: Image.Image, reading: Reading, alone: bool
) -> np.ndarray:
    """The mask of the reading's person, (height, width) float32, 0..1; all 0 if there is none.

    picture and image are the same photo; `alone`: nobody else is in it.
    """
    height, width = picture.shape[:2]
    full = np.zeros((height, width), dtype=np.float32)
    outline = _outline(reading)
    tight = _boxed(outline, width, height)
    if tight is None:
        return full
    view = _closer_view(reading.crop, tight)
    closer, score = read_mask(model, image, view)
    cell = max(view.size / (CROP_SIZE * CELLS), 1.0)
    box = _boxed(outline, width, height, (BAND + 2 * WINDOW) * cell) or tight
    left, top, right, bottom = box
    columns, rows = max(round((right - left) / cell), 1), max(round((bottom - top) / cell), 1)
    (coarse,) = put_back([reading.mask], reading.crop, box, columns, rows)
    if score >= LEAST_SCORE:
        # The closer view tells arms from the waist; it may leave out hair or feet.
        masks = [closer, np.ones_like(closer)]
        detail, covered = put_back(masks, view, box, columns, rows)
        coarse = (coarse + detail) / (1 + covered)
    if alone:
        # Where the landmark network hesitates, hear the segmentation, which marks everybody.
        everybody = _segment(model, image, box, columns, rows)
        heard = 4 * np.maximum(coarse - VETO, 0) * (1 - coarse)
        coarse = coarse + heard * (everybody - coarse)
    full[top:bottom, left:right] = sharpen(picture[top:bottom, left:right], coarse)
    return full


def _segment(model: BodyModel, image: Image.Image, box: Box, columns: int, rows: int) -> np.ndarray:
    left, top, right, bottom = box
    view = TurnedSquare((left + right) / 2, (top + bottom) / 2, max(right - left, bottom - top))
    person = model.segment(cut_out(image, view, CROP_SIZE, "nearest"))
    return put_back([person], view, box, columns, rows)[0]


def _closer_view(crop: TurnedSquare, box: Box) -> TurnedSquare:
    """A smaller crop around the visible person, if the frame cuts them or they are slim."""
    left, top, right, bottom = box
    size = min(max(1.1 * max(right - left, bottom - top), NEAREST * crop.size), crop.size)
    aside = FURTHEST_ASIDE * crop.size
    x = float(np.clip((left + right) / 2, crop.x - aside, crop.x + aside))
    y = float(np.clip((top + bottom) / 2, crop.y - aside, crop.y + aside))
    return TurnedSquare(x, y, size, crop.angle)


def _outline(reading: Reading) -> np.ndarray | None:
    """(2, 2): left, top and right, bottom in the picture of all that the reading's mask holds."""
    held = reading.mask > 0.05
    rows = np.flatnonzero(held.any(1))
    if not len(rows):
        return None
    # The first and the last of each row: what is between reaches no further.
    ends = held[rows].argmax(1), held.shape[1] - 1 - held[rows, ::-1].argmax(1)
    cells = np.stack([np.concatenate(ends), np.tile(rows, 2)], 1) + 0.5
    places = reading.crop.to_picture(cells / CROP_SIZE)
    return np.stack([places.min(0), places.max(0)])


def _boxed(outline: np.ndarray | None, width: int, height: int, margin: float = 0.0) -> Box | None:
    """The box in the picture that holds an outline and `margin` pixels around it."""
    if outline is None:
        return None
    left, top = np.floor(outline[0] - margin).astype(int)
    right, bottom = np.ceil(outline[1] + margin).astype(int)
    left, top = max(int(left), 0), max(int(top), 0)
    right, bottom = min(int(right), width), min(int(bottom), height)
    return (left, top, right, bottom) if left < right and top < bottom else None
