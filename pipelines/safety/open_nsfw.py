"""Yahoo's open_nsfw: how likely a picture is not safe for work, from 0 to 1.

The network is the thin ResNet-50 of https://github.com/yahoo/open_nsfw (BSD-2-Clause, Copyright
2016 Yahoo Inc.); its 1.6 times fewer channels are read from the shapes of the weights. The weights
beside this file were converted by `scripts/convert_opennsfw.py`, batch norms already folded into
the convolutions, and are kept in half precision.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from ..files.weights import load_strict, read_state
from ..images import resize

WEIGHTS = Path(__file__).with_name("open_nsfw.safetensors")

BLOCKS = (3, 4, 6, 3)
"""Residual blocks per stage, as in ResNet-50."""

RESIZED, CROPPED = 256, 224
MEAN_BLUE_GREEN_RED = (104.0, 117.0, 123.0)


class OpenNsfw(nn.Module):
    """(batch, 3, 224, 224) float BGR, mean taken away -> (batch,) probability in 0..1."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 2 * width, 7, stride=2, padding=3)
        self.stages = nn.ModuleList()
        channels = 2 * width
        for index, count in enumerate(BLOCKS):
            narrow = width * 2**index
            stage = nn.ModuleList()
            for position in range(count):
                stride = 2 if index > 0 and position == 0 else 1
                stage.append(Block(channels, narrow, stride, widens=position == 0))
                channels = 4 * narrow
            self.stages.append(stage)
        self.classifier = nn.Linear(channels, 2)

    def forward(self, picture: Tensor) -> Tensor:
        x = F.relu(self.stem(picture))  # (batch, 64, 112, 112)
        # Caffe pools with the last row and column included: padded at the right and bottom only.
        x = F.max_pool2d(F.pad(x, (0, 1, 0, 1)), 3, stride=2)  # (batch, 64, 56, 56)
        for stage in self.stages:
            assert isinstance(stage, nn.ModuleList)
            for block in stage:
                x = block(x)
        x = x.mean(dim=(2, 3))  # (batch, 1024)
        return self.classifier(x).softmax(dim=1)[:, 1]


class Block(nn.Module):
    """A bottleneck; the stride sits in its first convolution, as in the first ResNet paper."""

    def __init__(self, channels: int, narrow: int, stride: int, widens: bool) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, narrow, 1, stride=stride)
        self.spatial = nn.Conv2d(narrow, narrow, 3, padding=1)
        self.expand = nn.Conv2d(narrow, 4 * narrow, 1)
        self.shortcut = nn.Conv2d(channels, 4 * narrow, 1, stride=stride) if widens else None

    def forward(self, x: Tensor) -> Tensor:
        aside = x if self.shortcut is None else self.shortcut(x)
        x = F.relu(self.reduce(x))
        x = F.relu(self.spatial(x))
        return F.relu(self.expand(x) + aside)


def load_open_nsfw(path: Path | str = WEIGHTS) -> OpenNsfw:
    """The network in float32 on the CPU, ready to judge.

    Raises MissingFiles where the weights are absent, a Git LFS pointer or of another network.
    """
    state = read_state(path)
    stem = state.get("stem.weight")
    network = OpenNsfw(width=32 if stem is None else stem.shape[0] // 2)
    load_strict(network, state, source=str(path), dtype=torch.float32)
    # The layout that a CPU's convolutions work in: a fifth less time on one core.
    return network.to(memory_format=torch.channels_last)


def prepare(picture: np.ndarray) -> Tensor:
    """A picture as the published preprocessing makes it: (3, 224, 224) float32 BGR.

    picture: uint8 (height, width, 3) RGB. The whole picture is squeezed to 256 x 256 (bilinear over
    the area, Pillow), of which the middle 224 x 224 are kept. They pass once through JPEG at
    Pillow's usual quality: the network was trained on JPEG files, and its scores were published so.
    """
    small = Image.fromarray(resize(picture, RESIZED, RESIZED, "bilinear"))
    edge = (RESIZED - CROPPED) // 2
    middle = small.crop((edge, edge, edge + CROPPED, edge + CROPPED))
    with io.BytesIO() as file:
        middle.save(file, format="JPEG")
        pixels = np.array(Image.open(file), dtype=np.float32)
    blue_green_red = pixels[:, :, ::-1] - np.array(MEAN_BLUE_GREEN_RED, dtype=np.float32)
    return torch.from_numpy(np.ascontiguousarray(blue_green_red.transpose(2, 0, 1)))
