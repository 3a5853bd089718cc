"""Divides a garment's silhouette into body, sleeves and legs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from ..maps.grids import nearest_known, pieces, sizes_of
from .contour import resampled
from .outline import GarmentOutline
from .silhouette import Upright, affine

TORSO, RIGHT_SLEEVE, LEFT_SLEEVE, RIGHT_LEG, LEFT_LEG, INSIDE = 1, 2, 3, 4, 5, 6
NUMBERS = {
    "sleeve_right": RIGHT_SLEEVE, "sleeve_left": LEFT_SLEEVE,
    "leg_right": RIGHT_LEG, "leg_left": LEFT_LEG,
}  # fmt: skip
LINE_POINTS = 12


@dataclass(frozen=True)
class GarmentLimb:
    """A sleeve or trouser leg: its centre line from the body to its end, (n, 2) float pixels, and
    half its width at each of these points, (n,)."""

    line: np.ndarray
    half_widths: np.ndarray


def divide(upright: Upright, shape: GarmentOutline) -> np.ndarray:
    """Label map uint8 in upright coordinates: 0 none, 1 body, 2-5 sleeves and legs."""
    mask = upright.mask
    labels = mask.astype(np.uint8)
    for name, (outer, inner) in shape.limbs.items():
        canvas = Image.new("1", mask.shape[::-1])
        corners = [tuple(point) for point in np.concatenate([outer, inner[::-1]])]
        ImageDraw.Draw(canvas).polygon(corners, fill=1)
        labels[np.asarray(canvas) & mask] = NUMBERS[name]
    # Pieces of the body cut off by the limbs' straight ends belong to the limbs.
    numbers, count = pieces(labels == TORSO)
    if count > 1:
        largest = sizes_of(numbers, count).argmax()
        known = np.where((labels == TORSO) & (numbers != largest), 0, labels)
        labels = nearest_known(known, known > 0, mask).astype(np.uint8)
    return labels


def centre_lines(shape: GarmentOutline) -> dict[int, GarmentLimb]:
    """By part number the centre line of each limb, in upright coordinates."""
    limbs = {}
    for name, (outer, inner) in shape.limbs.items():
        length = max(len(outer), len(inner), 2)
        ends = []
        for edge in (outer, inner):
            step = np.hypot(*np.diff(edge, axis=0).T).sum() / (LINE_POINTS - 1)
            ends.append(resampled(edge, step)[:LINE_POINTS] if step > 0 and length > 1 else edge)
        if min(len(end) for end in ends) < LINE_POINTS:
            continue
        across = ends[0] - ends[1]
        limbs[NUMBERS[name]] = GarmentLimb((ends[0] + ends[1]) / 2, np.hypot(*across.T) / 2)
    return limbs


def lies_in(parts: np.ndarray, labels: Iterable[int]) -> np.ndarray:
    """Where a label map uint8 (h, w) has one of the labels, bool."""
    import cv2

    known = np.zeros(256, np.uint8)
    known[list(labels)] = 1
    return cv2.LUT(parts, known).view(bool)


def at_full_size(
    labels: np.ndarray, upright: Upright, alpha: np.ndarray, scale: float
) -> np.ndarray:
    """The upright label map over the picture, wherever its alpha (height, width) is not zero.

    scale: pixels of the picture per pixel of the copy that was stood upright.
    """
    filled = nearest_known(labels, labels > 0)
    back = np.linalg.inv(upright.turn)
    shift = back @ (np.full(2, 0.5 / scale - 0.5) - upright.origin)
    height, width = alpha.shape
    # Beyond the frame the nearest parts go on.
    corners = np.array([[x, y] for x in (0, width) for y in (0, height)]) @ (back / scale).T + shift
    rows, columns = filled.shape
    before = np.maximum(np.ceil(-corners.min(0)), 0).astype(int) + 1
    after = np.maximum(np.ceil(corners.max(0) - [columns, rows]), 0).astype(int) + 1
    filled = np.pad(filled, ((before[1], after[1]), (before[0], after[0])), mode="edge")
    matrix = np.column_stack([back / scale, shift + before])
    laid = affine(filled, matrix, width, height, Image.Resampling.NEAREST)
    return laid * (alpha > 0)
