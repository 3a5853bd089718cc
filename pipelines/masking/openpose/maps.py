"""Picture to network input, and the network's maps back to the picture: exact, without full maps.

The published program enlarges all 57 maps twice with OpenCV's Lanczos resize and smooths 18 of
them, a second of work. All these steps are linear and separable, so here each is a small matrix
per axis; fields and scores are worked out only at the places that are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..rules_common import opencv
from .network import STRIDE

SHORTER_SIDE = 384
MULTIPLE = 64
NETWORK_HEIGHT = 0.5 * 368
PADDING = 128
SMOOTHING = 3.0
"""Standard deviation in pixels of the smoothing before peaks are looked for."""


def frame_of(picture: np.ndarray) -> np.ndarray:
    """The picture as detection sees it: shorter side 384, both sides multiples of 64.

    uint8 (height, width, 3) in and out. A 384x512 picture stays as it is.
    """
    cv2 = opencv()
    height, width = picture.shape[:2]
    scale = SHORTER_SIDE / min(height, width)
    size = tuple(int(np.round(side * scale / MULTIPLE)) * MULTIPLE for side in (width, height))
    how = cv2.INTER_LANCZOS4 if scale > 1 else cv2.INTER_AREA
    return cv2.resize(np.ascontiguousarray(picture), size, interpolation=how)


def network_size(height: int, width: int) -> tuple[int, int]:
    """Rows and columns that a frame has before padding."""
    scale = NETWORK_HEIGHT / height
    return int(height * scale), int(width * scale)


def network_input(frame: np.ndarray) -> np.ndarray:
    """RGB frame to (1, 3, rows, columns) float32 BGR in -0.5..0.5, grey below and right."""
    cv2 = opencv()
    rows, columns = network_size(*frame.shape[:2])
    small = cv2.resize(frame, (columns, rows), interpolation=cv2.INTER_AREA)[:, :, ::-1]
    padding = ((0, -rows % STRIDE), (0, -columns % STRIDE), (0, 0))
    small = np.pad(small, padding, constant_values=PADDING)
    return small.transpose(2, 0, 1)[None].astype(np.float32) / 256 - 0.5


@dataclass(frozen=True)
class Enlarger:
    """Values of the network's maps at pixels of the frame.

    down: (height, map rows), across: (width, map columns), float64. smooth_down, smooth_across: the
    same, smoothed.
    """

    down: np.ndarray
    across: np.ndarray
    smooth_down: np.ndarray
    smooth_across: np.ndarray

    def whole(self, maps: np.ndarray) -> np.ndarray:
        """(maps, map rows, map columns) -> (maps, height, width)."""
        return self.down @ maps @ self.across.T

    def smoothed(self, maps: np.ndarray) -> np.ndarray:
        return self.smooth_down @ maps @ self.smooth_across.T

    def at(self, values: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """One map (map rows, map columns) at whole-number places of the frame, one value each."""
        (height, rows), width = self.down.shape, len(self.across)
        if len(x) * rows > height * (rows + width):  # then the whole map is less work
            return (self.down @ values @ self.across.T)[y, x]
        return ((self.down[y] @ values) * self.across[x]).sum(axis=1)


def enlarger(height: int, width: int, map_rows: int, map_columns: int) -> Enlarger:
    """For a frame of height x width and the maps that the network gives for it."""
    from scipy.ndimage import gaussian_filter1d

    rows, columns = network_size(height, width)
    down = _resize(map_rows, map_rows * STRIDE)[:rows]
    across = _resize(map_columns, map_columns * STRIDE)[:columns]
    down, across = _resize(rows, height) @ down, _resize(columns, width) @ across
    return Enlarger(
        down,
        across,
        gaussian_filter1d(down, SMOOTHING, axis=0),
        gaussian_filter1d(across, SMOOTHING, axis=0),
    )


def _resize(cells: int, pixels: int) -> np.ndarray:
    """(pixels, cells): OpenCV's own weights, read from what it makes of a unit matrix."""
    cv2 = opencv()
    return cv2.resize(np.eye(cells), (cells, pixels), interpolation=cv2.INTER_LANCZOS4)
