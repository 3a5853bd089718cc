"""A piece of fabric as a grid of quads, and which garment pixel each photo pixel then shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .warp import BackwardMap, fill_outside


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

    Each quad is cut into two triangles and interpolated in them. Triangles that are turned over
    (the patch would be seen from behind) are left out; where a patch covers a pixel twice the
    first quad in row order wins, so that folds never show through.
    """
    corners = triangles(target)
    garment = triangles(source)
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    area = cross(b - a, c - a)
    flat = cross(garment[:, 1] - garment[:, 0], garment[:, 2] - garment[:, 0])
    usable = (np.abs(area) > 1e-6) & (area * flat > 0)
    low = np.maximum(np.floor(corners.min((0, 1))), 0).astype(int)
    high = np.minimum(np.ceil(corners.max((0, 1))) + 1, [width, height]).astype(int)
    if (high <= low).any():
        return None
    shape = (high[1] - low[1], high[0] - low[0])
    xy = np.zeros((*shape, 2), np.float32)
    inside = np.zeros(shape, bool)
    for index in np.nonzero(usable)[0]:
        triangle = corners[index] - low
        start = np.maximum(np.ceil(triangle.min(0) - 1e-6), 0).astype(int)
        stop = np.minimum(np.floor(triangle.max(0) + 1e-6) + 1, shape[::-1]).astype(int)
        if (stop <= start).any():
            continue
        xs = np.arange(start[0], stop[0]) - triangle[0, 0]
        ys = np.arange(start[1], stop[1])[:, None] - triangle[0, 1]
        (bx, by), (cx, cy) = triangle[1] - triangle[0], triangle[2] - triangle[0]
        second = (xs * cy - ys * cx) / area[index]
        third = (ys * bx - xs * by) / area[index]
        hit = (second >= -1e-6) & (third >= -1e-6) & (second + third <= 1 + 1e-6)
        cut = (slice(start[1], stop[1]), slice(start[0], stop[0]))
        hit &= ~inside[cut]
        if not hit.any():
            continue
        g = garment[index]
        places = g[0] + second[..., None] * (g[1] - g[0]) + third[..., None] * (g[2] - g[0])
        xy[cut][hit] = places[hit]
        inside[cut] |= hit
    return BackwardMap(int(low[0]), int(low[1]), fill_outside(xy, inside), inside)


def triangles(grid: np.ndarray) -> np.ndarray:
    """(rows, columns, 2) nodes to (count, 3, 2) triangles, row by row."""
    one, two = grid[:-1, :-1], grid[:-1, 1:]
    three, four = grid[1:, :-1], grid[1:, 1:]
    pairs = np.stack([np.stack([one, two, three], -2), np.stack([two, four, three], -2)], -3)
    return pairs.reshape(-1, 3, 2)


def cross(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
