"""Turned squares of a picture: cutting one out for a network, and putting a mask back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

MARGIN = 1.25  # MediaPipe's crop is this much larger than the circle around the person


@dataclass(frozen=True)
class TurnedSquare:
    """A square of `size` pixels around (x, y), turned clockwise by `angle` radians."""

    x: float
    y: float
    size: float
    angle: float = 0.0

    def affine(self) -> np.ndarray:
        """(2, 3) matrix from places in the crop (0..1 both ways) to picture pixels."""
        cosine, sine = math.cos(self.angle) * self.size, math.sin(self.angle) * self.size
        return np.array(
            [
                [cosine, -sine, self.x - (cosine - sine) / 2],
                [sine, cosine, self.y - (sine + cosine) / 2],
            ]
        )

    def to_picture(self, points: np.ndarray) -> np.ndarray:
        """(n, 2) places in the crop, 0..1, as picture pixels."""
        matrix = self.affine()
        return points @ matrix[:, :2].T + matrix[:, 2]

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """The part of a width x height picture that the crop touches: left, top, right, bottom.
        At least one pixel, also for a crop beside the picture."""
        corners = self.to_picture(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]))
        left, top = np.clip(np.floor(corners.min(0)), 0, [width - 1, height - 1]).astype(int)
        right, bottom = np.clip(np.ceil(corners.max(0)), 1, [width, height]).astype(int)
        return int(left), int(top), max(int(right), int(left) + 1), max(int(bottom), int(top) + 1)


def person_crop(hips: np.ndarray, top: np.ndarray) -> TurnedSquare:
    """The upright crop of a person from the middle of the hips and the point straight above that
    lies on the circle around the whole body."""
    across, up = top - hips
    return TurnedSquare(
        x=float(hips[0]),
        y=float(hips[1]),
        size=max(float(2 * MARGIN * math.hypot(across, up)), 1.0),
        angle=math.atan2(across, -up),
    )


def cut_out(picture: Image.Image, crop: TurnedSquare, size: int, outside: str) -> np.ndarray:
    """The crop as float32 (3, size, size), 0..1.

    outside: "black" or "nearest", what stands where the crop leaves the picture. MediaPipe fills
    with black for the detector and with the nearest pixel for landmarks and masks.
    """
    left, top, right, bottom = box = crop.box(*picture.size)
    # Averaging whole pixels first leaves the bilinear sampling at most a factor of 1.5.
    factor = max(round(crop.size / size), 1)
    small = picture.reduce(factor, box) if factor > 1 else picture.crop(box)
    centres = (np.arange(size) + 0.5) / size
    x, y = _applied(crop.affine(), centres, centres)
    return _bilinear(small, (x - left) / factor - 0.5, (y - top) / factor - 0.5, outside)


def put_back(
    mask: np.ndarray, crop: TurnedSquare, box: tuple[int, int, int, int], width: int, height: int
) -> np.ndarray:
    """A crop's mask float32 (size, size), 0..1, as it lies on `box` (left, top, right, bottom in
    picture pixels), width x height cells; 0 outside the crop."""
    import cv2

    left, top, right, bottom = box
    affine = crop.affine()
    inverse = np.linalg.inv(affine[:, :2])
    to_crop = np.column_stack([inverse, -inverse @ affine[:, 2]]) * len(mask)
    x = left + (np.arange(width) + 0.5) * ((right - left) / width)
    y = top + (np.arange(height) + 0.5) * ((bottom - top) / height)
    x, y = (place.astype(np.float32) - np.float32(0.5) for place in _applied(to_crop, x, y))
    cells = cv2.remap(mask, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT)
    return np.clip(cells, 0, 1, out=cells)


def _applied(matrix: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where a (2, 3) matrix takes the points of the grid of x (width,) and y (height,): both
    (height, width)."""
    u, v = (row[0] * x[None] + (row[1] * y + row[2])[:, None] for row in matrix)
    return u, v


def _bilinear(picture: Image.Image, x: np.ndarray, y: np.ndarray, outside: str) -> np.ndarray:
    """Float32 (3, height, width), 0..1, of places in pixels, 0 = the middle of the first.

    Not OpenCV's remap, which before 5 knows fractions of a pixel to a 32nd only: that moves the
    landmarks by pixels.
    """
    # A black pixel on every side, or the nearest once more.
    rim = ((0, 0), (1, 1), (1, 1))
    planes = np.asarray(picture).transpose(2, 0, 1)
    planes = np.pad(planes, rim, "constant" if outside == "black" else "edge")
    height, width = planes.shape[1:]
    x, y = np.clip(x + 1, 0, width - 1), np.clip(y + 1, 0, height - 1)
    column, row = (
        np.minimum(place.astype(np.intp), length - 2) for place, length in ((x, width), (y, height))
    )
    right, down = (x - column).astype(np.float32), (y - row).astype(np.float32)
    flat, first = planes.reshape(3, -1), row * width + column

    def pixels(places: np.ndarray) -> np.ndarray:
        return flat.take(places, axis=1).astype(np.float32)

    above, below = pixels(first), pixels(first + width)
    above += (pixels(first + 1) - above) * right
    below += (pixels(first + width + 1) - below) * right
    above += (below - above) * down
    above *= np.float32(1 / 255)
    return above
