"""Jackets and cardigans that are open all the way up their front: read as if they were closed.

What is open stays open: whatever lies behind it shows there.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw

from .kind import VEST_LEGS
from .outline import GarmentOutline, find_armpits, read_shape
from .parts import INSIDE, TORSO, divide
from .silhouette import Silhouette, Upright, measure

BELOW_PITS = 0.22  # of the height: legs begin further below the armpits
SHORT = 1.55  # chest widths: a suit with two legs is longer than that from the armpits down
BUTTONED = 0.35  # of the way from the neckline to the armpits: below, cloth above is the front
CORNER = 0.07  # of the opening from its tip: there the front edges have begun

WORDS = "The garment is open down its front, so the old clothes show in the opening."


def is_open(shape: GarmentOutline, silhouette: Silhouette) -> bool:
    """Whether what was read as two legs are the two fronts of an open garment."""
    if not shape.legs or shape.category == "lower":
        return False
    pits = [shape.points[f"armpit_{side}"] for side in ("left", "right")]
    crotch = shape.points["crotch"][1]
    if not shape.sleeves:
        return silhouette.legs > VEST_LEGS
    level = max(pit[1] for pit in pits)
    chest = float(np.hypot(*(pits[0] - pits[1])))
    short = silhouette.bottom - level < SHORT * chest
    return bool(crotch < level + BELOW_PITS * silhouette.tall or short)


def read_open(
    upright: Upright, shape: GarmentOutline, category: str, sleeved: bool
) -> tuple[Upright, GarmentOutline, np.ndarray]:
    """The closed silhouette of an open garment, what its outline shows, and its label map, in which
    the inside of the back is marked. shape: of the open one."""
    fronts = upright.mask
    upright = closed_front(upright, shape.points["crotch"])
    silhouette = measure(upright.mask, upright.axis)
    armpits = find_armpits(silhouette)
    shape = read_shape(silhouette, armpits, "upper" if category == "auto" else category, sleeved)
    labels = divide(upright, shape)
    labels[back_inside(labels == TORSO, upright.mask & ~fronts, shape)] = INSIDE
    return upright, shape, labels


def closed_front(upright: Upright, tip: np.ndarray) -> Upright:
    """The silhouette with its opening filled. tip: (x, y), the upper end of the opening."""
    mask = upright.mask.copy()
    middle = float(tip[0])
    for row in range(max(0, int(tip[1]) - 2), len(mask)):
        solid = np.flatnonzero(mask[row])
        left, right = solid[solid < middle], solid[solid > middle]
        if not len(left) or not len(right):
            break
        if not mask[row, round(middle)]:
            middle = (left[-1] + right[0]) / 2
            mask[row, left[-1] : right[0]] = True
    return replace(upright, mask=mask)


def back_inside(torso: np.ndarray, opened: np.ndarray, shape: GarmentOutline) -> np.ndarray:
    """What of the torso is the inside of the back, seen above the opening between the two front
    edges. torso: bool (rows, columns), of the closed garment; opened: what was filled of it."""
    rows = np.flatnonzero(opened.any(1))
    if not len(rows):
        return np.zeros_like(torso)
    pits = np.mean([shape.points[f"armpit_{side}"][1] for side in ("left", "right")])
    necks = np.mean([shape.points[f"neck_{side}"][1] for side in ("left", "right")])
    if rows[0] > necks + BUTTONED * (pits - necks):
        return np.zeros_like(torso)
    at = rows[min(len(rows) - 1, round(CORNER * len(rows)))]
    ends = np.flatnonzero(opened[at])[[0, -1]]
    corners = [tuple(shape.points[f"neck_{side}"]) for side in ("right", "left")]
    corners += [(float(end), float(at)) for end in ends[::-1]]
    canvas = Image.new("1", torso.shape[::-1])
    pen = ImageDraw.Draw(canvas)
    top = float(np.flatnonzero(torso.any(1))[0])
    (right, _), (left, _) = corners[:2]
    pen.polygon([(right, top), (left, top), *corners[1:], corners[0]], fill=1)
    return np.asarray(canvas) & torso
