"""Turned squares of a picture: cutting one out for a network, and putting a mask back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

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


def cut_out(picture: Image.Image, crop: TurnedSquare, size: int, outside: str) -> Tensor:
    """The crop as (1, 3, size, size), 0..1, channels last in memory.

    outside: "black" or "nearest", what stands where the crop leaves the picture. MediaPipe fills
    with black for the detector and with the nearest pixel for landmarks and masks.
    """
    left, top, right, bottom = box = crop.box(*picture.size)
    # Averaging whole pixels first leaves the bilinear sampling at most a factor of 1.5.
    factor = max(round(crop.size / size), 1)
    small = picture.reduce(factor, box) if factor > 1 else picture.crop(box)
    pixels = torch.from_numpy(np.array(small))[None].permute(0, 3, 1, 2).float().div_(255)
    # Reducing rounds the size up: the last row and column may stand for fewer pixels.
    extent = torch.tensor([pixels.shape[3], pixels.shape[2]]) * float(factor)
    to_picture = torch.from_numpy(crop.affine()).float()
    place = (torch.arange(size) + 0.5) / size
    place = torch.stack(torch.meshgrid(place, place, indexing="xy"), dim=-1)  # (size, size, 2)
    place = place @ to_picture[:, :2].T + to_picture[:, 2] - torch.tensor([left, top])
    return functional.grid_sample(
        pixels,
        (place / extent * 2 - 1)[None],
        padding_mode="zeros" if outside == "black" else "border",
        align_corners=False,
    )


def put_back(
    mask: Tensor, crop: TurnedSquare, box: tuple[int, int, int, int], width: int, height: int
) -> Tensor:
    """A crop's mask (size, size), 0..1, as it lies on `box` (left, top, right, bottom in picture
    pixels), width x height cells; 0 outside the crop."""
    left, top, right, bottom = box
    x = left + (torch.arange(width) + 0.5) * ((right - left) / width)
    y = top + (torch.arange(height) + 0.5) * ((bottom - top) / height)
    place = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)  # (height, width, 2)
    matrix = torch.from_numpy(crop.affine()).float()
    place = (place - matrix[:, 2]) @ torch.linalg.inv(matrix[:, :2]).T
    cells = functional.grid_sample(
        mask[None, None].cpu(), (place * 2 - 1)[None], mode="bicubic", align_corners=False
    )
    return cells[0, 0].clamp_(0, 1)
