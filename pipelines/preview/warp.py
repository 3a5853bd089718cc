"""Drawing a garment through a backward map, antialiased, at the photo's own resolution.

The maps come from `mesh.backward`, which rasterises the patches that `drape` lays on the body.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..maps.averaging import averaged_layer
from ..maps.enlarging import Cut, Enlarged, Grid
from ..maps.ranking import median

STEP = 2  # a garment bends little: its map is coarser than the small picture


@dataclass(frozen=True)
class BackwardMap:
    """For the window of a map of STEP working pixels a pixel that starts at (left, top): source
    (H, W, 2) garment pixels x, y of each pixel; cover (H, W): how much of it the layer (with its
    margin) covers, 0..1."""

    left: int
    top: int
    source: np.ndarray
    cover: np.ndarray

    @cached_property
    def inside(self) -> np.ndarray:
        """Where the layer lies (H, W), bool."""
        return self.cover > 0.5

    @cached_property
    def shrinking(self) -> float:
        """Garment pixels per map pixel, in the middle of all places."""
        across = np.diff(self.source, axis=1)[self.inside[:, 1:]]
        steps = np.concatenate([across, np.diff(self.source, axis=0)[self.inside[1:]]])
        return float(median(np.hypot(*steps.T))) if len(steps) else 1.0


class LayerPicture:
    """A layer's picture that is drawn through a backward map.

    layer: float32 (h, w, C) in garment pixels (premultiplied colours and alphas); grid: how the
    photo's pixels lie to working pixels. Garments that shrink are averaged first.
    """

    def __init__(self, layer: np.ndarray, mapping: BackwardMap, grid: Grid) -> None:
        rows, columns = mapping.cover.shape
        x, y = (STEP * scale for scale in grid.scale)
        self.box = Cut(
            int(mapping.top * y), int((mapping.top + rows) * y) + 1,
            int(mapping.left * x), int((mapping.left + columns) * x) + 1,
        )  # fmt: skip
        corner, sides = (mapping.left, mapping.top), (self.box.left, self.box.right)
        maps = np.stack([mapping.source[..., 0], mapping.source[..., 1], mapping.cover])
        self.map = Enlarged(maps.astype(np.float32), Grid((x, y)), sides, corner)
        self.steep = max(1.0, (x + y) / 4)  # the edge is two of the photo's pixels wide
        # The map's columns, in each of its rows, between which anything is drawn.
        there = mapping.cover > 0.5 - 0.5 / self.steep
        self.first = np.where(there.any(1), there.argmax(1), columns)
        self.last = columns - 1 - np.where(there.any(1), there[:, ::-1].argmax(1), columns)
        self.mapping, self.scale = mapping, (x, y)
        self.size = layer.shape[:2]
        shrink = 2 * mapping.shrinking / (x + y)
        if shrink > 1.15:
            height, width = (max(2, round(side / shrink)) for side in self.size)
            layer = averaged_layer(layer, height, width)
        self.pixels = layer

    def within(self, cut: Cut) -> Cut | None:
        """The part of the cut in which the layer may lie."""
        top, bottom = max(cut.top, self.box.top), min(cut.bottom, self.box.bottom)
        if top >= bottom:
            return None
        x, y = self.scale
        rows = slice(
            max(0, int(top / y) - 1 - self.mapping.top), int(bottom / y) + 2 - self.mapping.top
        )
        first, last = (
            self.mapping.left + places for places in (self.first[rows].min(), self.last[rows].max())
        )
        part = Cut(
            top, bottom,
            max(cut.left, self.box.left, int((first - 0.5) * x)),
            min(cut.right, self.box.right, int((last + 1.5) * x) + 1),
        )  # fmt: skip
        return part if part.left < part.right else None

    def draw(self, cut: Cut) -> tuple[np.ndarray, ...]:
        """Each channel (rows, columns) of the cut, zero outside the map."""
        import cv2

        x, y, inside = self.map.cut(cut)
        for places, axis in ((x, 1), (y, 0)):
            places += 0.5
            places *= self.pixels.shape[axis] / self.size[axis]
            places -= 0.5
        drawn = cv2.remap(self.pixels, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT)
        inside -= 0.5
        inside *= self.steep
        inside += 0.5
        inside.clip(0, 1, out=inside)
        np.clip(drawn, 0, 1, out=drawn)
        channels = cv2.split(drawn)
        for channel in channels:
            channel *= inside
        return tuple(channels)
