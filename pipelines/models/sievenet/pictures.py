"""What SieveNet is given: a person without their upper clothes, and what of them must stay.

Pictures are uint8 (256, 192, 3) RGB, labels uint8 (256, 192) of the LIP set.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...images import resize
from ..matching import HEIGHT, WIDTH

HEAD = (1, 2, 4, 13)  # hat, hair, sunglasses, face
STAYS = (1, 2, 3, 4, *range(8, 20))  # all but background, upper clothes, dress and coat
GLOVE = 3
POINT = 4
"""Pixels around a key point that are marked."""

SHRINK = 16
"""How much the silhouette is blurred: it is made so much smaller, and large again."""


def stretch(picture: np.ndarray) -> np.ndarray:
    """Any picture at 192x256, its aspect not kept (Pillow, bicubic), as the published code does."""
    from PIL import Image

    return resize(np.asarray(Image.fromarray(picture).convert("RGB")), WIDTH, HEIGHT)


def stretch_labels(labels: np.ndarray) -> np.ndarray:
    """A label map at 192x256: nearest, labels are never mixed."""
    return resize(labels, WIDTH, HEIGHT, "nearest")


def unit(picture: np.ndarray) -> Tensor:
    """(1, 3, 256, 192) in 0..1."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255


def pose_squares(points: np.ndarray) -> Tensor:
    """A filled square at each key point, (18, 256, 192), 1 inside, 0 outside.

    points: (18, 2 or more), x and y in 192x256 pixels; one with x or y up to 1 is missing. Golden
    stage: pose_map_uint8.
    """
    from PIL import Image, ImageDraw

    maps = np.zeros((len(points), HEIGHT, WIDTH), np.uint8)
    for number, (x, y) in enumerate(np.asarray(points, dtype=float)[:, :2]):
        if x > 1 and y > 1:
            image = Image.new("L", (WIDTH, HEIGHT))
            box = (x - POINT, y - POINT, x + POINT, y + POINT)
            ImageDraw.Draw(image).rectangle(box, fill=1, outline=1)
            maps[number] = np.array(image)
    return torch.from_numpy(maps)


def silhouette(labels: np.ndarray) -> Tensor:
    """Where anybody is, blurred, (1, 256, 192) in -1..1. Golden stage: agnostic_shape."""
    person = ((labels > 0) * 255).astype(np.uint8)
    small = resize(person, WIDTH // SHRINK, HEIGHT // SHRINK, "bilinear")
    large = resize(small, WIDTH, HEIGHT, "bilinear")
    return torch.from_numpy(large)[None].float() / 255 * 2 - 1


def agnostic(photo: Tensor, labels: np.ndarray, points: np.ndarray) -> Tensor:
    """Shape, head and pose of a person, (1, 22, 256, 192) in -1..1.

    photo: (1, 3, 256, 192) in 0..1. Golden stages: agnostic_*.
    """
    pose = pose_squares(points).float() * 2 - 1
    head = _only(photo, np.isin(labels, HEAD).astype(np.float32))
    return torch.cat([silhouette(labels)[None], head, pose[None]], dim=1)


def texture(photo: Tensor, labels: np.ndarray) -> Tensor:
    """What of a photo must stay, (1, 3, 256, 192); elsewhere -1.

    The published code counts gloves twice, and the network was trained so: their pixels are
    2 * photo + 1. Golden stage: texture_prior.
    """
    stays = np.isin(labels, STAYS).astype(np.float32) + (labels == GLOVE)
    return _only(photo, stays)


def _only(photo: Tensor, weight: np.ndarray) -> Tensor:
    kept = torch.from_numpy(weight).float()
    return (photo * 2 - 1) * kept - (1 - kept)
