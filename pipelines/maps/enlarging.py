"""Small maps at a photo's own size, cut out of it in pieces, so that nothing large is ever held."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np


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
    enlarged linearly; beyond the maps their edge goes on."""

    def __init__(self, maps: np.ndarray, grid: Grid, corner: tuple[int, int] = (0, 0)) -> None:
        self.maps, self.grid, self.corner = maps, grid, corner

    def cut(self, cut: Cut) -> np.ndarray:
        """(channels, rows, columns) of the cut; where nothing is enlarged, the maps themselves."""
        height = self.maps.shape[1]
        if self.grid.scale == (1, 1) and self.corner == (0, 0):
            return self.maps[(slice(None), *cut.slices)]
        before, share = self.grid.between(cut.top, cut.bottom, 1, self.corner[1], height)
        low = before[0]
        wide = self._widened(slice(low, before[-1] + 2), cut)
        # Each row is a mixture of two; as a product of matrices that is quickest.
        weights = np.zeros((len(before), wide.shape[1]), np.float32)
        places = np.arange(len(before))
        weights[places, before - low] = 1 - share
        weights[places, (before - low + 1).clip(max=wide.shape[1] - 1)] += share
        return weights @ wide

    def _widened(self, rows: slice, cut: Cut) -> np.ndarray:
        """Rows of the maps, as many columns as the cut has."""
        import cv2

        strip, width = self.maps[:, rows], self.maps.shape[2]
        whole = self.grid.scale[0] * width
        size = round(whole)
        if self.corner[0] == 0 and abs(whole - size) < 1e-6 and cut.right <= size:
            flat = strip.reshape(-1, width)
            flat = cv2.resize(flat, (size, len(flat)))  # only sideways
            return flat.reshape(*strip.shape[:2], -1)[:, :, cut.left : cut.right]
        before, share = self.grid.between(cut.left, cut.right, 0, self.corner[0], width)
        wide = strip.take(before, 2)
        after = strip.take((before + 1).clip(max=width - 1), 2)
        after -= wide
        after *= share
        wide += after
        return wide


class EnlargedMaps:
    """All the small maps of a dataclass, (h, w) or (h, w, channels) each, enlarged together. Its
    fields may be maps, None, tuples and dataclasses of maps."""

    def __init__(self, maps: Any, grid: Grid) -> None:
        self.channels: list[np.ndarray] = []
        self.places = mapped(maps, self._place)
        planes = np.empty((len(self.channels), *self.channels[0].shape), np.float32)
        for index, channel in enumerate(self.channels):
            planes[index] = channel
        self.enlarged = Enlarged(planes, grid)

    def _place(self, values: np.ndarray) -> int | slice:
        start = len(self.channels)
        if values.ndim == 2:
            self.channels.append(values)
            return start
        self.channels.extend(np.moveaxis(values, -1, 0))
        return slice(start, len(self.channels))

    def cut(self, cut: Cut) -> Any:
        """The same dataclass at the photo's size: (rows, columns) or (channels, rows, columns)."""
        large = self.enlarged.cut(cut)
        return mapped(self.places, lambda place: large[place])


class RareMaps:
    """Small maps of a dataclass that mean something in few places: where (h, w), bool."""

    def __init__(self, maps: Any, grid: Grid, where: np.ndarray) -> None:
        self.maps, self.where, self.grid = EnlargedMaps(maps, grid), where, grid

    def cut(self, cut: Cut) -> Any | None:
        """The same dataclass at the photo's size; None where it means nothing in the cut."""
        x, y = self.grid.scale
        rows = slice(max(0, int(cut.top / y) - 1), int(cut.bottom / y) + 2)
        columns = slice(max(0, int(cut.left / x) - 1), int(cut.right / x) + 2)
        return self.maps.cut(cut) if self.where[rows, columns].any() else None


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
