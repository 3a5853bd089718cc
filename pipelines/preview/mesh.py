"""A piece of fabric as a grid of quads, and which garment pixel each photo pixel then shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..maps.colours import length
from ..maps.grids import nearest_known
from .warp import BackwardMap

POINTS = 0.6  # pixels between the points that a quad is drawn with


@dataclass(frozen=True)
class Patch:
    """part: "torso", "right_arm", …; labels: parts of the garment's label map that it may show.

    source (rows, columns, 2): nodes in garment pixels. target (rows, columns, 2): where they lie
    in the photo, in working pixels.
    """

    part: str
    labels: tuple[int, ...]
    source: np.ndarray
    target: np.ndarray


def backward(source: np.ndarray, target: np.ndarray, width: int, height: int) -> BackwardMap | None:
    """Rasterises a patch into a width x height picture; None where it lies outside.

    Every quad is drawn as points, closer together than pixels, and each pixel takes the weighted
    mean of the garment places around it. Quads that are turned over (the patch would be seen from
    behind) are left out, so that folds never show.
    """
    quads, places = corners(target), corners(source)
    usable = (turn(quads) * turn(places) > 0).all(0)
    quads, places = quads[:, usable], places[:, usable]
    if not usable.any():
        return None
    sides = length(quads[[1, 2, 3, 3]] - quads[[0, 0, 1, 2]]).max(0)
    nodes = np.concatenate([quads, places], -1).transpose(2, 1, 0)
    drawn, areas = [], []
    sizes = np.abs(turn(quads)).sum(0) / 2
    fineness = np.ceil(sides / POINTS).astype(int).clip(2, 200)
    for fine in np.unique(fineness):
        same = fineness == fine
        fraction = (np.arange(fine) + 0.5) / fine
        one = np.stack([1 - fraction, fraction])
        weights = (one[:, None, :, None] * one[None, :, None]).reshape(4, fine**2)
        drawn.append((nodes[:, same] @ weights).reshape(4, -1))
        areas.append(np.repeat(sizes[same] / fine**2, fine**2))
    points = np.concatenate(drawn, 1)
    return splat(points[:2], points[2:], np.concatenate(areas), width, height)


def corners(grid: np.ndarray) -> np.ndarray:
    """(rows, columns, 2) nodes to the corners (4, quads, 2): both upper ones, both lower ones."""
    four = np.stack([grid[:-1, :-1], grid[:-1, 1:], grid[1:, :-1], grid[1:, 1:]])
    return four.reshape(4, -1, 2).astype(np.float64)


def turn(quads: np.ndarray) -> np.ndarray:
    """Twice the signed areas (2, quads) of the triangles at the first and the last corner."""
    first = cross(quads[1] - quads[0], quads[2] - quads[0])
    last = cross(quads[2] - quads[3], quads[1] - quads[3])
    return np.stack([first, last])


def splat(
    drawn: np.ndarray, places: np.ndarray, areas: np.ndarray, width: int, height: int
) -> BackwardMap | None:
    """Mean garment place (2, N) of the points (2, N), each for an area (N,), around each pixel."""
    x, y = drawn
    kept = (x > -1) & (y > -1) & (x < width) & (y < height)
    if not kept.any():
        return None
    if not kept.all():
        drawn, places = drawn.compress(kept, 1), places.compress(kept, 1)
        areas = areas[kept]
    low = np.maximum(np.floor(drawn.min(1)), 0).astype(int)
    high = np.minimum(np.ceil(drawn.max(1)) + 1, [width, height]).astype(int)
    columns, rows = high - low + 2  # a rim of one pixel takes what falls beside
    shifted = drawn - (low - 1)[:, None]
    base = np.floor(shifted).astype(int)
    for axis, last in zip(base, (columns - 2, rows - 2), strict=True):
        np.clip(axis, 0, last, out=axis)
    across, down = shifted - base
    first = base[1] * columns + base[0]
    sums = np.zeros((3, rows * columns))
    for dy, high_share in enumerate((np.abs(1 - down), np.abs(down))):
        for dx, wide_share in enumerate((np.abs(1 - across), np.abs(across))):
            share = areas * wide_share * high_share
            index = first + (dy * columns + dx)
            for total, value in zip(sums, (share, *(share * places)), strict=True):
                total += np.bincount(index, value, rows * columns)
    sums = sums.reshape(3, rows, columns)[:, 1:-1, 1:-1]
    cover = np.minimum(sums[0], 1).astype(np.float32)
    inside = cover > 0.5
    if not inside.any():
        return None
    source = np.stack([sums[1], sums[2]], -1) / np.maximum(sums[0], 1e-9)[..., None]
    source = nearest_known(source.astype(np.float32), cover > 0.1)
    return BackwardMap(int(low[0]), int(low[1]), source, cover)


def cross(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
