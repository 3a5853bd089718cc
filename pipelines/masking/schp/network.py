"""The parsing network: ResNet-101, pyramid pooling, an edge branch, a parsing branch, their fusion.

Parameter names are the published ones (without "module."). Where they leave out an activation,
the activation is a plain function call here.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import Shapes, conv, count, norm

UNUSED = ("decoder.conv4.*", "edge.conv4.*", "edge.conv5.*")
"""In the published files, but they feed only outputs of the training: the parsing branch's own
classes and the edge map."""

POOLED_SIDES = (1, 2, 3, 6)


def leaky(features: Tensor) -> Tensor:
    return F.leaky_relu(features, 0.01)


def enlarged(features: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(features, size=like.shape[-2:], mode="bilinear", align_corners=True)


class SchpBottleneck(nn.Module):
    def __init__(self, shapes: Shapes, name: str, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(shapes, f"{name}.conv1"), norm(shapes, f"{name}.bn1")
        self.conv2 = conv(shapes, f"{name}.conv2", stride, dilation)
        self.bn2 = norm(shapes, f"{name}.bn2")
        self.conv3, self.bn3 = conv(shapes, f"{name}.conv3"), norm(shapes, f"{name}.bn3")
        self.downsample = None
        if f"{name}.downsample.0.weight" in shapes:
            self.downsample = nn.Sequential(
                conv(shapes, f"{name}.downsample.0", stride), norm(shapes, f"{name}.downsample.1")
            )

    def forward(self, features: Tensor) -> Tensor:
        inner = F.relu(self.bn1(self.conv1(features)))
        inner = F.relu(self.bn2(self.conv2(inner)))
        inner = self.bn3(self.conv3(inner))
        kept = features if self.downsample is None else self.downsample(features)
        return F.relu(inner + kept)


def stage(shapes: Shapes, name: str, stride: int, dilation: int = 1) -> nn.Sequential:
    blocks = (
        SchpBottleneck(shapes, f"{name}.{index}", stride if index == 0 else 1, dilation)
        for index in range(count(shapes, name))
    )
    return nn.Sequential(*blocks)


def conv_norm(shapes: Shapes, name: str) -> nn.Sequential:
    return nn.Sequential(conv(shapes, f"{name}.0"), norm(shapes, f"{name}.1"))


class PyramidPooling(nn.Module):
    """(batch, features, height, width) -> (batch, context, height, width)."""

    def __init__(self, shapes: Shapes, name: str) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            nn.Sequential(
                nn.AdaptiveAvgPool2d(side),
                conv(shapes, f"{name}.stages.{index}.1"),
                norm(shapes, f"{name}.stages.{index}.2"),
            )
            for index, side in enumerate(POOLED_SIDES)
        )
        self.bottleneck = conv_norm(shapes, f"{name}.bottleneck")

    def forward(self, features: Tensor) -> Tensor:
        pooled = [enlarged(leaky(stage(features)), features) for stage in self.stages]
        return leaky(self.bottleneck(torch.cat([*pooled, features], dim=1)))


class EdgeBranch(nn.Module):
    """Features of the first three stages, side by side at the size of the first."""

    def __init__(self, shapes: Shapes, name: str) -> None:
        super().__init__()
        self.conv1 = conv_norm(shapes, f"{name}.conv1")
        self.conv2 = conv_norm(shapes, f"{name}.conv2")
        self.conv3 = conv_norm(shapes, f"{name}.conv3")

    def forward(self, first: Tensor, second: Tensor, third: Tensor) -> Tensor:
        return torch.cat(
            [
                leaky(self.conv1(first)),
                enlarged(leaky(self.conv2(second)), first),
                enlarged(leaky(self.conv3(third)), first),
            ],
            dim=1,
        )


class ParsingBranch(nn.Module):
    def __init__(self, shapes: Shapes, name: str) -> None:
        super().__init__()
        self.conv1 = conv_norm(shapes, f"{name}.conv1")
        self.conv2 = conv_norm(shapes, f"{name}.conv2")
        self.conv3 = nn.Sequential(
            conv(shapes, f"{name}.conv3.0"),
            norm(shapes, f"{name}.conv3.1"),
            conv(shapes, f"{name}.conv3.2"),
            norm(shapes, f"{name}.conv3.3"),
        )

    def forward(self, context: Tensor, first: Tensor) -> Tensor:
        context = enlarged(leaky(self.conv1(context)), first)
        features = torch.cat([context, leaky(self.conv2(first))], dim=1)
        features = leaky(self.conv3[1](self.conv3[0](features)))
        return leaky(self.conv3[3](self.conv3[2](features)))


class Schp(nn.Module):
    """Pictures to label scores, at a quarter of the input size.

    (batch, 3, height, width) normalised -> (batch, labels, ceil(height / 4), ceil(width / 4)).
    shapes: parameter names (without "module.") and shapes of the weight file.
    """

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(shapes, "conv1", stride=2), norm(shapes, "bn1")
        self.conv2, self.bn2 = conv(shapes, "conv2"), norm(shapes, "bn2")
        self.conv3, self.bn3 = conv(shapes, "conv3"), norm(shapes, "bn3")
        self.layer1 = stage(shapes, "layer1", stride=1)
        self.layer2 = stage(shapes, "layer2", stride=2)
        self.layer3 = stage(shapes, "layer3", stride=2)
        self.layer4 = stage(shapes, "layer4", stride=1, dilation=2)
        self.context_encoding = PyramidPooling(shapes, "context_encoding")
        self.edge = EdgeBranch(shapes, "edge")
        self.decoder = ParsingBranch(shapes, "decoder")
        # "fushion" is the published spelling; number 2 was a dropout.
        self.fushion = nn.Sequential(
            OrderedDict(
                {
                    "0": conv(shapes, "fushion.0"),
                    "1": norm(shapes, "fushion.1"),
                    "3": conv(shapes, "fushion.3"),
                }
            )
        )

    @property
    def labels(self) -> int:
        """How many labels the network tells apart: 18 (ATR) or 20 (LIP)."""
        last: Any = self.fushion[-1]
        return last.out_channels

    def forward(self, pictures: Tensor) -> Tensor:
        features = F.relu(self.bn1(self.conv1(pictures)))
        features = F.relu(self.bn2(self.conv2(features)))
        features = F.relu(self.bn3(self.conv3(features)))
        first = self.layer1(F.max_pool2d(features, kernel_size=3, stride=2, padding=1))
        second = self.layer2(first)
        third = self.layer3(second)
        context = self.context_encoding(self.layer4(third))
        parsing = self.decoder(context, first)
        fused = torch.cat([parsing, self.edge(first, second, third)], dim=1)
        fused = leaky(self.fushion[1](self.fushion[0](fused)))
        return self.fushion[2](fused)
