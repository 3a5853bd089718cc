"""Picture to network input, and label scores back to the picture: exact to the published steps.

The published code warps with OpenCV 4's warpAffine, which works on a grid of 1/32 pixel; OpenCV 5
does not, so the result would depend on what is installed. There is no rotation in this warp, so
it is two interpolations of rows and of columns: whole-number arithmetic for pictures, two small
matrices for scores. The matrices also take in the enlargement of the scores to the input size,
which the published code does as a step of its own and then warps each label's map by itself.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

STEPS = 32
"""Sub-pixel positions of OpenCV 4's warp."""

MEAN = np.array([0.406, 0.456, 0.485], dtype=np.float32)
STD = np.array([0.225, 0.224, 0.229], dtype=np.float32)
"""ImageNet's constants in the order blue, green, red."""

STRIP_VALUES = 8_000_000
"""Scores held at once on the way to labels."""


def network_input(picture: np.ndarray, size: int) -> np.ndarray:
    """The whole picture, centred on a black square and normalised.

    picture: (height, width, 3) uint8, blue first. Result: (3, size, size) float32.
    """
    height, width, _ = picture.shape
    rows, row_steps = _positions(size, height, size, max(height, width), inverse=False)
    columns, column_steps = _positions(size, width, size, max(height, width), inverse=False)
    padded = np.pad(picture, ((2, 2), (2, 2), (0, 0)))
    rows = np.clip(rows + 2, 0, height + 2)
    columns = np.clip(columns + 2, 0, width + 2)
    square = _between(padded, rows, row_steps, axis=0)
    square = _between(square, columns, column_steps, axis=1)
    square = (square + STEPS * STEPS // 2) >> 10  # // (32 * 32), rounded
    scaled = (square.astype(np.float32) / np.float32(255) - MEAN) / STD
    return np.ascontiguousarray(scaled.transpose(2, 0, 1))


def _between(values: np.ndarray, first: np.ndarray, steps: np.ndarray, axis: int) -> np.ndarray:
    """32 times the interpolated rows (axis 0) or columns (axis 1), in whole numbers."""
    shape = (-1, 1, 1) if axis == 0 else (1, -1, 1)
    steps = steps.reshape(shape).astype(np.int32)
    lower = np.take(values, first, axis=axis).astype(np.int32)
    upper = np.take(values, first + 1, axis=axis).astype(np.int32)
    return lower * (STEPS - steps) + upper * steps


def picture_labels(scores: Tensor, height: int, width: int, size: int) -> np.ndarray:
    """The best label at each pixel of the picture, uint8 (height, width).

    scores: (labels, rows, columns) as the network gives them; size: side of the network's input.
    """
    longer = max(height, width)
    scores = scores.float()
    down = _matrix(scores.shape[1], height, size, longer).to(scores)
    across = scores @ _matrix(scores.shape[2], width, size, longer).to(scores).T
    labels = torch.empty(height, width, dtype=torch.uint8)
    # In strips: all labels of a 12-megapixel picture at once would be a gigabyte.
    for strip in torch.arange(height).split(max(1, STRIP_VALUES // (len(scores) * width))):
        labels[strip] = (down[strip] @ across).max(dim=0).indices.to("cpu", torch.uint8)
    return labels.numpy()


def _matrix(cells: int, pixels: int, size: int, longer: int) -> Tensor:
    """(pixels, cells) float64: each pixel's mean of cells."""
    enlarge = torch.zeros(size + 4, cells, dtype=torch.float64)  # two empty places at either end
    place = torch.arange(size, dtype=torch.float64) * ((cells - 1) / (size - 1))
    cell = place.floor().clamp(max=cells - 1).long()
    share = (place - cell)[:, None]
    one_hot = torch.eye(cells, dtype=torch.float64)
    enlarge[2:-2] = one_hot[cell] * (1 - share) + one_hot[(cell + 1).clamp(max=cells - 1)] * share
    first, steps = _positions(pixels, pixels, size, longer, inverse=True)
    index = torch.from_numpy(np.clip(first + 2, 0, size + 2))
    part = torch.from_numpy(steps / STEPS)[:, None]
    return enlarge[index] * (1 - part) + enlarge[index + 1] * part


def _positions(
    count: int, pixels: int, size: int, longer: int, inverse: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Where each of `count` places of the result lies in the source: whole part and 32nds.

    pixels: the picture's side along this axis; longer: its longer side. The warp puts the middle of
    the picture on the middle of a square of `size` and fits the longer side. inverse: the result is
    the picture and the source the square.
    """
    scale = (size - 1) / max(longer - 1, 1)
    picture_middle, square_middle = (pixels - 1) / 2, (size - 1) / 2
    if inverse:
        slope, start = scale, square_middle - picture_middle * scale
    else:
        slope, start = 1 / scale, picture_middle - square_middle / scale
    # OpenCV 4: both terms in 1024ths, rounded by themselves; then 32nds, rounded.
    along = np.rint(np.arange(count) * slope * 1024) + np.rint(start * 1024) + 16
    place = along.astype(np.int64) >> 5
    return place >> 5, place & (STEPS - 1)
