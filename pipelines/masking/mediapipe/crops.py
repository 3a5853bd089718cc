"""Turned squares of a picture: cutting one out for a network, and putting a mask back."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
    import cv2

    left, top, right, bottom = box = crop.box(*picture.size)
    # Averaging whole pixels first leaves the bilinear sampling at most a factor of 1.5.
    factor = max(round(crop.size / size), 1)
    small = np.asarray(picture.reduce(factor, box) if factor > 1 else picture.crop(box))
    border = cv2.BORDER_CONSTANT if outside == "black" else cv2.BORDER_REPLICATE
    small = cv2.copyMakeBorder(small, 1, 1, 1, 1, border)
    centres, matrix = (np.arange(size) + 0.5) / size, crop.affine()
    if crop.angle == 0:
        x, y = matrix[0, 0] * centres + matrix[0, 2], matrix[1, 1] * centres + matrix[1, 2]
    else:
        x, y = _applied(matrix, centres, centres)
    sampled = _sampled_upright if crop.angle == 0 else _sampled
    height, width = small.shape[:2]
    return sampled(small, _between(x, left, factor, width), _between(y, top, factor, height))


def put_back(
    masks: Sequence[np.ndarray],
    crop: TurnedSquare,
    box: tuple[int, int, int, int],
    width: int,
    height: int,
) -> list[np.ndarray]:
    """A crop's masks float32 (size, size), 0..1, as they lie on `box` (left, top, right, bottom in
    picture pixels), width x height cells; 0 outside the crop."""
    import cv2

    left, top, right, bottom = box
    affine = crop.affine()
    inverse = np.linalg.inv(affine[:, :2])
    to_crop = np.column_stack([inverse, -inverse @ affine[:, 2]]) * len(masks[0])
    x = left + (np.arange(width) + 0.5) * ((right - left) / width)
    y = top + (np.arange(height) + 0.5) * ((bottom - top) / height)
    x, y = (place.astype(np.float32) - np.float32(0.5) for place in _applied(to_crop, x, y))
    put = [cv2.remap(mask, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT) for mask in masks]
    return [np.clip(cells, 0, 1, out=cells) for cells in put]


def _applied(matrix: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where a (2, 3) matrix takes the points of the grid of x (width,) and y (height,): both
    (height, width)."""
    u, v = (row[0] * x[None] + (row[1] * y + row[2])[:, None] for row in matrix)
    return u, v


Between = tuple[np.ndarray, np.ndarray]
"""Where places lie between two pixels: which is the first, and the share of the next, float32."""


def _between(places: np.ndarray, start: float, factor: float, length: int) -> Between:
    """Places in picture pixels as ones in `length` pixels of a part that begins at `start`, was
    reduced by `factor` and has a rim of one pixel; changes `places`."""
    places -= start
    places /= factor
    places -= 0.5
    places += 1
    np.clip(places, 0, length - 1, out=places)
    first = np.minimum(places.astype(np.int16), length - 2)
    places -= first
    return first, places.astype(np.float32)


def _sampled(picture: np.ndarray, x: Between, y: Between) -> np.ndarray:
    """Bilinearly, float32 (3, height, width), 0..1, of uint8 (h, w, 3) at x and y, both (height,
    width).

    Not OpenCV's bilinear remap, which before 5 knows fractions of a pixel to a 32nd only: that
    moves the landmarks by pixels.
    """
    import cv2

    (column, right), (row, down) = x, y
    places, no_fractions = cv2.merge([column, row]), np.empty(0, np.uint16)
    four = (
        cv2.split(cv2.remap(shifted, places, no_fractions, cv2.INTER_NEAREST))
        for shifted in (picture[:-1, :-1], picture[:-1, 1:], picture[1:, :-1], picture[1:, 1:])
    )
    result = np.empty((3, *column.shape), np.float32)
    for channel, (one, two, three, last) in enumerate(zip(*four, strict=True)):
        result[channel] = _mixed(_mixed(one, two, right), _mixed(three, last, right), down)
    result *= np.float32(1 / 255)
    return result


def _sampled_upright(picture: np.ndarray, x: Between, y: Between) -> np.ndarray:
    """The same at a grid's x (width,) and y (height,): the rows first."""
    import cv2

    (column, right), (row, down) = x, y
    result = np.empty((3, len(row), len(column)), np.float32)
    for channel, colour in enumerate(cv2.split(picture)):
        lines = _mixed(colour.take(column, 1), colour.take(column + 1, 1), right)
        result[channel] = _mixed(lines.take(row, 0), lines.take(row + 1, 0), down[:, None])
    result *= np.float32(1 / 255)
    return result


def _mixed(one: np.ndarray, other: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Float32: so much of the other."""
    one, other = one.astype(np.float32), other.astype(np.float32)
    other -= one
    other *= share
    one += other
    return one
