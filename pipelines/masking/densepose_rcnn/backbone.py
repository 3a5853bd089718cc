"""ResNet and feature pyramid. Parameter names are detectron2's."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import FrozenNorm, Shapes, conv, count

STAGES = ("res2", "res3", "res4", "res5")
LEVELS = (2, 3, 4, 5)
"""Pyramid level n has 1 cell for 2 ** n pixels; level 6 is added on top."""


class NormedConv(nn.Conv2d):
    """A convolution with its norm inside, named `norm`."""

    norm: FrozenNorm

    def forward(self, input: Tensor) -> Tensor:
        return self.norm(super().forward(input))


def normed_conv(shapes: Shapes, name: str, stride: int = 1) -> NormedConv:
    channels_out, channels_in, size, _ = shapes[f"{name}.weight"]
    layer = NormedConv(
        channels_in, channels_out, size, stride=stride, padding=size // 2, bias=False
    )
    layer.norm = FrozenNorm(channels_out)
    return layer


class Bottleneck(nn.Module):
    def __init__(self, shapes: Shapes, name: str, stride: int) -> None:
        super().__init__()
        # The stride is in the first 1x1, as in the first ResNet and MSRA's weights.
        self.conv1 = normed_conv(shapes, f"{name}.conv1", stride)
        self.conv2 = normed_conv(shapes, f"{name}.conv2")
        self.conv3 = normed_conv(shapes, f"{name}.conv3")
        self.shortcut = None
        if f"{name}.shortcut.weight" in shapes:
            self.shortcut = normed_conv(shapes, f"{name}.shortcut", stride)

    def forward(self, features: Tensor) -> Tensor:
        inner = F.relu(self.conv2(F.relu(self.conv1(features))))
        kept = features if self.shortcut is None else self.shortcut(features)
        return F.relu(self.conv3(inner) + kept)


class ResNet(nn.Module):
    """(batch, 3, height, width) -> features at 1/4, 1/8, 1/16 and 1/32."""

    def __init__(self, shapes: Shapes, name: str) -> None:
        super().__init__()
        self.stem = nn.ModuleDict({"conv1": normed_conv(shapes, f"{name}.stem.conv1", stride=2)})
        for stage in STAGES:
            blocks = (
                Bottleneck(
                    shapes, f"{name}.{stage}.{index}", 2 if index == 0 < int(stage[3]) - 2 else 1
                )
                for index in range(count(shapes, f"{name}.{stage}"))
            )
            self.add_module(stage, nn.Sequential(*blocks))

    def forward(self, pictures: Tensor) -> list[Tensor]:
        features = F.relu(self.stem["conv1"](pictures))
        features = F.max_pool2d(features, kernel_size=3, stride=2, padding=1)
        stages = []
        for stage in STAGES:
            features = self.get_submodule(stage)(features)
            stages.append(features)
        return stages


class Pyramid(nn.Module):
    """(batch, 3, height, width), sides multiples of 32 -> five feature maps, p2 to p6."""

    def __init__(self, shapes: Shapes, name: str) -> None:
        super().__init__()
        self.bottom_up = ResNet(shapes, f"{name}.bottom_up")
        for level in LEVELS:
            for part in ("lateral", "output"):
                self.add_module(f"fpn_{part}{level}", conv(shapes, f"{name}.fpn_{part}{level}"))

    def forward(self, pictures: Tensor) -> list[Tensor]:
        stages = self.bottom_up(pictures)
        maps: list[Tensor] = []
        above = None
        for level, features in zip(reversed(LEVELS), reversed(stages), strict=True):
            lateral = self.get_submodule(f"fpn_lateral{level}")(features)
            if above is not None:
                lateral = lateral + F.interpolate(above, scale_factor=2.0, mode="nearest")
            maps.insert(0, self.get_submodule(f"fpn_output{level}")(lateral))
            above = lateral
        maps.append(F.max_pool2d(maps[-1], kernel_size=1, stride=2))
        return maps
