"""What a network of transformers is shown of a picture, by its preprocessor_config.json.

transformers' own image processors resize by Pillow or by torchvision, whichever is there, and give
other pixels by the one than by the other. The networks were trained and published with Pillow.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from .errors import MissingFiles
from .images import resize

FILE = "preprocessor_config.json"
METHODS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
"""Pillow's numbers, as the files have them."""

Size = tuple[int, int]
"""Width, height."""


@dataclass(frozen=True)
class Processor:
    """size: what a picture is stretched to; or short: what its short side is made, its aspect kept.
    crop: the middle that is taken of that. mean, deviation: of the values 0..1, for each colour."""

    size: Size | None
    short: int | None
    crop: Size | None
    how: str
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def __call__(self, pictures: Sequence[np.ndarray]) -> torch.Tensor:
        """(pictures, 3, height, width) float32 of pictures of any sizes, uint8 (height, width, 3)
        RGB. They may differ in size where the result does not."""
        pixels = np.stack([self._framed(picture) for picture in pictures]).astype(np.float32) / 255
        pixels = (pixels - np.array(self.mean, np.float32)) / np.array(self.deviation, np.float32)
        return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()

    def _framed(self, picture: np.ndarray) -> np.ndarray:
        height, width = picture.shape[:2]
        to = self.size or (width, height)
        if self.short is not None:
            to = (
                (self.short, int(self.short * height / width))
                if width <= height
                else (int(self.short * width / height), self.short)
            )
        picture = resize(picture, *to, self.how)
        if self.crop is None:
            return picture
        left, top = (to[0] - self.crop[0]) // 2, (to[1] - self.crop[1]) // 2
        return picture[top : top + self.crop[1], left : left + self.crop[0]]


def load_processor(folder: Path | str) -> Processor:
    """The processor of a network's folder. Raises MissingFiles for a file that is absent or broken,
    and for one that wants what is not known here."""
    path = Path(folder) / FILE
    try:
        return processor_of(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise MissingFiles(f"{path} was wanted, and there is no such file.") from error
    except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError) as error:
        raise MissingFiles(
            f"{path} does not say how pictures are prepared ({error!r}). Get the published file."
        ) from error


def processor_of(told: dict) -> Processor:
    """From the content of the file. Raises ValueError, KeyError or TypeError for what it is not."""
    size, short = None, None
    cropped = told.get("do_center_crop", False)
    if told.get("do_resize", True):
        given = told["size"]
        if isinstance(given, int):  # as older files have it: with a crop, of the short side
            size, short = (None, given) if cropped else ((given, given), None)
        elif "shortest_edge" in given:
            short = int(given["shortest_edge"])
        else:
            size = _size(given)
    if told.get("do_pad") or (short is not None and not cropped):
        raise ValueError("pictures of different sizes would come out, or padded")
    if (
        not told.get("do_rescale", True)
        or abs(told.get("rescale_factor", 1 / 255) * 255 - 1) > 1e-4
    ):
        raise ValueError("values of 0..1 are wanted before mean and deviation")
    normed = told.get("do_normalize", True)
    return Processor(
        size,
        short,
        _size(told["crop_size"]) if cropped else None,
        METHODS[told.get("resample", 2)],
        tuple(told["image_mean"]) if normed else (0.0, 0.0, 0.0),
        tuple(told["image_std"]) if normed else (1.0, 1.0, 1.0),
    )


def _size(told: int | dict) -> Size:
    """Older files write one number, newer ones a table."""
    return (told, told) if isinstance(told, int) else (int(told["width"]), int(told["height"]))
