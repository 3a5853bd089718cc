"""The authors' own framing of pictures for FASHN VTON v1.5. Pictures are uint8 RGB arrays.

A photo is first shrunk so that it fits into a square of the model's longer side (never enlarged);
pose, parsing and masks are made at that size. Then it is fitted into the model's size, on black.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError
from ...images import resize
from ...masking.rules_common import opencv

WIDTH, HEIGHT = 576, 864
MASKED = 127
"""The grey in all channels that stands for what is not to be seen."""

CATEGORIES = {"upper": 1, "lower": 2, "dress": 3}
"""The model's numbers; its authors say tops, bottoms and one-pieces. 0 is no category."""


@dataclass(frozen=True)
class Bars:
    """Black pixels on each side of a picture that was fitted into the model's size."""

    left: int
    top: int
    right: int
    bottom: int

    def cropped(self, picture: np.ndarray) -> np.ndarray:
        """(height, width, …) without the bars."""
        height, width = picture.shape[:2]
        return picture[self.top : height - self.bottom, self.left : width - self.right]


def shrunk(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """At the size that pose and masks are made at. Golden stages: letterbox.*.resized_u8.

    Pillow 13, with which these were recorded, begins with the columns where they lose more than
    twice as many pixels as the rows; the order shows in single pixels (letterbox.tall).
    """
    side = max(width, height)
    factor = min(side / picture.shape[1], side / picture.shape[0])
    if factor >= 1:
        return picture
    columns, rows = _scaled(picture, factor, side, side)
    if picture.shape[0] - rows > 2 * (picture.shape[1] - columns):
        picture = resize(picture, picture.shape[1], rows, "lanczos")
    return resize(picture, columns, rows, "lanczos")


def fitted(
    picture: np.ndarray, width: int, height: int, nearest: bool = False
) -> tuple[np.ndarray, Bars]:
    """Whole, its aspect kept, centred on black of width x height.

    picture: uint8 (h, w, 3) or (h, w). nearest: for drawn poses. Golden stages: letterbox.*.
    """
    cv2 = opencv()
    factor = min(width / picture.shape[1], height / picture.shape[0])
    if factor != 1:
        smooth = cv2.INTER_LANCZOS4 if factor > 1 else cv2.INTER_AREA
        how = cv2.INTER_NEAREST_EXACT if nearest else smooth
        picture = cv2.resize(picture, _scaled(picture, factor, width, height), interpolation=how)
    across, down = width - picture.shape[1], height - picture.shape[0]
    bars = Bars(across // 2, down // 2, across - across // 2, down - down // 2)
    canvas = np.zeros((height, width, *picture.shape[2:]), dtype=np.uint8)
    bars.cropped(canvas)[:] = picture
    return canvas, bars


def _scaled(picture: np.ndarray, factor: float, width: int, height: int) -> tuple[int, int]:
    """Width and height times a factor, cut to whole pixels."""
    rows, columns = picture.shape[:2]
    size = int(factor * columns), int(factor * rows)
    if min(size) < 1:
        raise InputError(
            f"The picture is {columns}x{rows}, too narrow to be fitted into {width}x{height}. "
            "Crop it first."
        )
    return size


def hidden(picture: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The picture with grey where it is not to be seen; where: bool (height, width)."""
    return np.where(where[:, :, None], np.uint8(MASKED), picture)


def network_input(picture: np.ndarray, pose: np.ndarray) -> Tensor:
    """(1, 4, height, width) float32 in -1..1 of a picture (height, width, 3) and its drawn pose
    (height, width), both at the model's size."""
    channels = np.concatenate([picture, pose[:, :, None]], axis=2)
    return torch.from_numpy(channels).permute(2, 0, 1)[None].float() / 127.5 - 1


def published_bytes(pictures: Tensor) -> np.ndarray:
    """uint8 (batch, height, width, 3) of pictures in 0..1, cut, not rounded.

    Golden stage: quantise.u8.
    """
    return (pictures * 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
