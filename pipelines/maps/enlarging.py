"""Small maps at a photo's own size, cut out of it in pieces, so that nothing large is ever held."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from .grids import box_of

ROWS = 16  # of a photo that are enlarged at once
WIDE = 0.6  # of a photo
STRIPS = 4  # of widened rows that are kept, more than there are threads


@dataclass(frozen=True)
class Cut:
    """A rectangle of a photo, in pixels: rows top to bottom, columns left to right."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns to index an array (H, W, ...) with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def within(self, larger: Cut) -> tuple[slice, slice]:
        """Rows and columns of this rectangle in one that holds it."""
        return (
            slice(self.top - larger.top, self.bottom - larger.top),
            slice(self.left - larger.left, self.right - larger.left),
        )


@dataclass(frozen=True)
class Grid:
    """How the pixels of a photo lie to those of a smaller picture of it: photo pixels per small
    pixel in x and y; both pictures' corners are aligned."""

    scale: tuple[float, float]

    def between(
        self, start: int, stop: int, axis: int, first: int, count: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """For photo columns (axis 0) or rows (axis 1) start to stop: which of the small ones, that
        begin with number `first`, each lies behind, and the share of the next one."""
        places = (np.arange(start, stop) + 0.5) / self.scale[axis] - 0.5 - first
        places = places.clip(0, count - 1)
        before = places.astype(int).clip(max=max(count - 2, 0))
        return before, (places - before).astype(np.float32)


class Enlarged:
    """Small maps float32 (channels, h, w) whose first pixel is the small pixel `corner` (x, y),
    enlarged linearly to photo columns `columns`; beyond the maps their edge goes on."""

    def __init__(
        self,
        maps: np.ndarray,
        grid: Grid,
        columns: tuple[int, int],
        corner: tuple[int, int] = (0, 0),
    ) -> None:
        self.maps, self.grid, self.columns, self.corner = maps, grid, columns, corner
        self.strips: dict[tuple[int, int], tuple[np.ndarray, list[Block]]] = {}

    def cut(self, cut: Cut) -> np.ndarray:
        """(channels, rows, columns) of the cut."""
        wide, blocks = self._strip(cut.top, cut.bottom)
        left = cut.left - self.columns[0]
        wide = wide[:, :, left : left + cut.right - cut.left]
        result = np.empty((len(wide), cut.bottom - cut.top, wide.shape[2]), np.float32)
        for rows, sources, weights in blocks:
            np.matmul(weights, wide[:, sources], out=result[:, rows])
        return result

    def _strip(self, top: int, bottom: int) -> tuple[np.ndarray, list[Block]]:
        """The maps (channels, k, columns), widened only, that photo rows top to bottom lie between,
        and how. The last ones are kept: cuts lie beside each other."""
        found = self.strips.get((top, bottom))
        if found is None:
            if len(self.strips) >= STRIPS:
                self.strips.clear()
            kept, blocks = between_rows(self.grid, top, bottom, self.corner[1], self.maps.shape[1])
            found = self._widened(self.maps[:, kept]), blocks
            self.strips[top, bottom] = found
        return found

    def _widened(self, strip: np.ndarray) -> np.ndarray:
        """The rows of a strip, as wide as they are wanted."""
        import cv2

        channels, rows, width = strip.shape
        size = self.columns[1] - self.columns[0]
        if (*self.corner, self.columns[0]) == (0, 0, 0) and self.grid.scale[0] == size / width:
            return cv2.resize(strip.reshape(-1, width), (size, channels * rows)).reshape(
                channels, rows, size
            )
        before, share = self.grid.between(*self.columns, 0, self.corner[0], width)
        wide = strip.take(before, 2)
        after = strip.take((before + 1).clip(max=width - 1), 2)
        after -= wide
        after *= share
        wide += after
        return wide


Block = tuple[slice, slice, np.ndarray]
"""Which rows, the rows that they lie between, and the weights of those."""


@lru_cache(maxsize=256)
def between_rows(
    grid: Grid, top: int, bottom: int, first: int, count: int
) -> tuple[slice, list[Block]]:
    """Which of `count` small rows, that begin with number `first`, photo rows top to bottom lie
    between; and how those are mixtures of two of them, in blocks: as products of small matrices
    that is quickest."""
    before, share = grid.between(top, bottom, 1, first, count)
    kept = slice(int(before[0]), min(int(before[-1]) + 2, count))
    before -= kept.start
    blocks = []
    for start in range(0, len(before), ROWS):
        rows = slice(start, min(start + ROWS, len(before)))
        places, low = np.arange(rows.stop - start), before[start]
        high = min(before[rows.stop - 1] + 2, kept.stop - kept.start)
        weights = np.zeros((len(places), high - low), np.float32)
        weights[places, before[rows] - low] = 1 - share[rows]
        weights[places, (before[rows] - low + 1).clip(max=high - low - 1)] += share[rows]
        blocks.append((rows, slice(int(low), int(high)), weights))
    return kept, blocks


class EnlargedMaps:
    """All the small maps of a dataclass, (h, w) or (channels, h, w) each, enlarged together. Its
    fields may be maps, None, tuples and dataclasses of maps. left: the small column that they begin
    with."""

    def __init__(self, maps: Any, grid: Grid, left: int = 0) -> None:
        self.enlarged, self.left = None, left
        if grid.scale == (1, 1):
            self.maps = mapped(maps, lambda values: np.asarray(values, np.float32))
            return
        self.channels: list[np.ndarray] = []
        self.maps = mapped(maps, self._place)
        size = len(self.channels), *self.channels[0].shape
        planes: np.ndarray = np.empty(size, np.float32)
        for index, channel in enumerate(self.channels):
            planes[index] = channel
        first, last = (round(end * grid.scale[0]) for end in (left, left + planes.shape[2]))
        self.enlarged = Enlarged(planes, grid, (first, last), (left, 0))
        self.channels.clear()

    def _place(self, values: np.ndarray) -> int | slice:
        start = len(self.channels)
        if values.ndim == 2:
            self.channels.append(values)
            return start
        self.channels.extend(values)
        return slice(start, len(self.channels))

    def cut(self, cut: Cut) -> Any:
        """The same dataclass at the photo's size: (rows, columns) or (channels, rows, columns).
        Not to be changed: at the small maps' own size it is part of them."""
        if self.enlarged is None:
            rows, columns = cut.slices
            columns = slice(columns.start - self.left, columns.stop - self.left)
            return mapped(self.maps, lambda values: values[..., rows, columns])
        large = self.enlarged.cut(cut)
        return mapped(self.maps, lambda place: large[place])


class RareMaps:
    """Small maps of a dataclass that mean something in few places: where (h, w), bool."""

    def __init__(self, maps: Any, grid: Grid, where: np.ndarray) -> None:
        self.where, self.grid = where, grid
        columns = box_of(where)[1]
        first, last = max(0, columns.start - 1), min(columns.stop + 1, where.shape[1])
        if last - first > WIDE * where.shape[1]:  # whole rows are widened at once
            first, last = 0, where.shape[1]
        self.maps = None
        if columns.stop > columns.start:
            maps = mapped(maps, lambda values: values[..., first:last])
            self.maps = EnlargedMaps(maps, grid, first)

    def cut(self, cut: Cut) -> tuple[Cut, Any] | None:
        """The part of a cut that holds all of it where it means something, and the same dataclass
        there, at the photo's size; None where it means nothing in the cut."""
        if self.maps is None:
            return None
        x, y = self.grid.scale
        rows = slice(max(0, int(cut.top / y) - 1), int(cut.bottom / y) + 2)
        first = max(0, int(cut.left / x) - 1)
        there = np.flatnonzero(self.where[rows, first : int(cut.right / x) + 2].any(0)) + first
        if not len(there):
            return None
        left, right = round((there[0] - 0.5) * x), round((there[-1] + 1.5) * x)
        part = replace(cut, left=max(cut.left, left), right=min(cut.right, right))
        return (part, self.maps.cut(part)) if part.left < part.right else None


def mapped(maps: Any, change: Callable[[Any], Any]) -> Any:
    """A dataclass of maps with each of them changed; see EnlargedMaps."""
    if maps is None:
        return None
    if isinstance(maps, tuple):
        return tuple(mapped(each, change) for each in maps)
    if is_dataclass(maps) and not isinstance(maps, type):
        return replace(
            maps, **{f.name: mapped(getattr(maps, f.name), change) for f in fields(maps)}
        )
    return change(maps)
