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
    drawn, origins, areas = [], [], []
    sizes = np.abs(turn(quads)).sum(0) / 2
    fineness = np.ceil(sides / POINTS).astype(int).clip(2, 200)
    for fine in np.unique(fineness):
        same = fineness == fine
        fraction = (np.arange(fine) + 0.5) / fine
        v, u = (part.ravel() for part in np.meshgrid(fraction, fraction, indexing="ij"))
        weights = np.stack([(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v])
        drawn.append(np.einsum("kqc,kf->qfc", quads[:, same], weights).reshape(-1, 2))
        origins.append(np.einsum("kqc,kf->qfc", places[:, same], weights).reshape(-1, 2))
        areas.append(np.repeat(sizes[same] / fine**2, fine**2))
    points, origin, area = (np.concatenate(part) for part in (drawn, origins, areas))
    return splat(points, origin, area, width, height)


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
    """Mean garment place (N, 2) of the points (N, 2), each for an area (N,), around each pixel."""
    kept = (drawn > -1).all(1) & (drawn[:, 0] < width) & (drawn[:, 1] < height)
    if not kept.any():
        return None
    drawn, places, areas = drawn[kept], places[kept], areas[kept]
    low = np.maximum(np.floor(drawn.min(0)), 0).astype(int)
    high = np.minimum(np.ceil(drawn.max(0)) + 1, [width, height]).astype(int)
    columns, rows = high - low + 2  # a rim of one pixel takes what falls beside
    shifted = drawn - (low - 1)
    base = np.clip(np.floor(shifted).astype(int), 0, [columns - 2, rows - 2])
    part = shifted - base
    sums = np.zeros((3, rows * columns))
    for dy in (0, 1):
        for dx in (0, 1):
            share = areas * np.abs(1 - dx - part[:, 0]) * np.abs(1 - dy - part[:, 1])
            index = (base[:, 1] + dy) * columns + base[:, 0] + dx
            for channel, value in enumerate((share, share * places[:, 0], share * places[:, 1])):
                sums[channel] += np.bincount(index, value, rows * columns)
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
