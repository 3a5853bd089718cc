"""The segmentation network, written out as modules.

The layout is read from the published TensorFlow Lite file: selfie_segmentation of MediaPipe 0.10.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .blocks import Convolution, depthwise, enlarge


class Gate(nn.Module):
    """Squeeze and excitation: weighs each channel by what the whole picture holds."""

    def __init__(self, channels: int, hidden: int):
        super().__init__()
        self.squeeze = Convolution(channels, hidden, activation="relu")
        self.excite = Convolution(hidden, channels, activation=None)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.excite(self.squeeze(x.mean((2, 3), keepdim=True))))


class GatedBlock(nn.Module):
    """MobileNetV3's inverted residual: `hidden_gate` 0 leaves the gate out."""

    def __init__(
        self,
        inputs: int,
        hidden: int,
        outputs: int,
        kernel: int,
        stride: int,
        hidden_gate: int,
        activation: str,
    ):
        super().__init__()
        padding = "late" if stride == 2 else "even"
        self.expand = Convolution(inputs, hidden, activation=activation)
        self.filter = depthwise(hidden, kernel, stride, activation=activation, padding=padding)
        self.gate = Gate(hidden, hidden_gate) if hidden_gate else None
        self.project = Convolution(hidden, outputs, activation=None)
        self.residual = stride == 1

    def forward(self, x: Tensor) -> Tensor:
        y = self.filter(self.expand(x))
        if self.gate:
            y = y.mul_(self.gate(y))
        y = self.project(y)
        return y.add_(x) if self.residual else y


class Rise(nn.Module):
    """One decoder step: enlarge, join the encoder's features of that size, smooth."""

    def __init__(self, inputs: int, channels: int):
        super().__init__()
        self.narrow = Convolution(inputs, channels, activation=None)
        self.gate = Gate(channels, channels)
        self.mix = Convolution(channels, channels, activation="relu")
        self.filter = depthwise(channels, activation="relu")

    def forward(self, x: Tensor, side: Tensor) -> Tensor:
        x = enlarge(self.narrow(x))  # the file enlarges first; the same, four times dearer
        x = self.mix(torch.addcmul(x, side, self.gate(side + x)))
        return self.filter(x).add_(x)


class SelfieSegmentation(nn.Module):
    """selfie_segmentation: (batch, 3, 256, 256) RGB in 0..1 -> probability of "person"
    (batch, 256, 256), everybody in the picture together."""

    def __init__(self):
        super().__init__()
        self.grid128 = Convolution(3, 16, 3, stride=2, activation="hardswish", padding="late")
        self.grid64 = GatedBlock(16, 16, 16, 3, 2, 8, "relu")
        self.grid32 = nn.Sequential(
            GatedBlock(16, 72, 24, 3, 2, 0, "relu"), GatedBlock(24, 88, 24, 3, 1, 0, "relu")
        )
        self.grid16 = nn.Sequential(
            GatedBlock(24, 96, 32, 5, 2, 24, "hardswish"),
            GatedBlock(32, 128, 32, 5, 1, 32, "hardswish"),
            GatedBlock(32, 128, 32, 5, 1, 32, "hardswish"),
            GatedBlock(32, 96, 32, 5, 1, 24, "hardswish"),
            GatedBlock(32, 96, 32, 5, 1, 24, "hardswish"),
        )
        self.widen = Convolution(32, 128, activation="relu")
        self.weigh = Convolution(32, 128, activation=None)
        self.rise32 = Rise(128, 24)
        self.rise64 = Rise(24, 16)
        self.rise128 = Rise(16, 16)
        self.mask = nn.ConvTranspose2d(16, 1, 2, stride=2)

    def forward(self, picture: Tensor) -> Tensor:
        grid128 = self.grid128(picture)
        grid64 = self.grid64(grid128)
        grid32 = self.grid32(grid64)
        x = self.grid16(grid32)
        x = self.widen(x).mul_(torch.sigmoid(self.weigh(x.mean((2, 3), keepdim=True))))
        x = self.rise32(x, grid32)
        x = self.rise64(x, grid64)
        x = self.rise128(x, grid128)
        return torch.sigmoid(self.mask(x))[:, 0]
