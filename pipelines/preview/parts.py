"""Divides a garment's silhouette into body, sleeves and legs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from .contour import resampled
from .outline import Shape
from .silhouette import Upright

TORSO, RIGHT_SLEEVE, LEFT_SLEEVE, RIGHT_LEG, LEFT_LEG, INSIDE = 1, 2, 3, 4, 5, 6
NUMBERS = {
    "sleeve_right": RIGHT_SLEEVE, "sleeve_left": LEFT_SLEEVE,
    "leg_right": RIGHT_LEG, "leg_left": LEFT_LEG,
}  # fmt: skip
LINE_POINTS = 12


@dataclass(frozen=True)
class Limb:
    """A sleeve or trouser leg: its centre line from the body to its end, (n, 2) float pixels, and
    half its width at each of these points, (n,)."""

    line: np.ndarray
    half_widths: np.ndarray


def divide(upright: Upright, shape: Shape) -> np.ndarray:
    """Label map uint8 in upright coordinates: 0 none, 1 body, 2-5 sleeves and legs."""
    from scipy import ndimage

    mask = upright.mask
    labels = mask.astype(np.uint8)
    for name, (outer, inner) in shape.limbs.items():
        canvas = Image.new("1", mask.shape[::-1])
        corners = [tuple(point) for point in np.concatenate([outer, inner[::-1]])]
        ImageDraw.Draw(canvas).polygon(corners, fill=1)
        labels[np.asarray(canvas) & mask] = NUMBERS[name]
    # Pieces of the body cut off by the limbs' straight ends belong to the limbs.
    pieces, count = ndimage.label(labels == TORSO)
    if count > 1:
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        known = np.where((labels == TORSO) & (pieces != sizes.argmax()), 0, labels)
        nearest = ndimage.distance_transform_edt(known == 0, return_indices=True)[1]
        labels = np.where(mask, known[tuple(nearest)], 0).astype(np.uint8)
    return labels


def centre_lines(shape: Shape) -> dict[int, Limb]:
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
        limbs[NUMBERS[name]] = Limb((ends[0] + ends[1]) / 2, np.hypot(*across.T) / 2)
    return limbs


def at_full_size(
    labels: np.ndarray, upright: Upright, alpha: np.ndarray, scale: float
) -> np.ndarray:
    """The upright label map over the picture, wherever its alpha (height, width) is not zero.

    scale: pixels of the picture per pixel of the copy that was stood upright.
    """
    from scipy import ndimage

    nearest = ndimage.distance_transform_edt(labels == 0, return_indices=True)[1]
    filled = labels[tuple(nearest)]
    back = np.linalg.inv(upright.turn)
    shift = back @ (np.full(2, 0.5 / scale - 0.5) - upright.origin)
    spread_out = ndimage.affine_transform(
        filled, (back / scale)[::-1, ::-1], shift[::-1], alpha.shape, order=0, mode="nearest"
    )
    return np.where(alpha > 0, spread_out, 0).astype(np.uint8)
