"""The three networks, written out as modules.

Layouts are read from the published TensorFlow Lite files: pose_detection, pose_landmark_full and
selfie_segmentation of MediaPipe 0.10. Batch normalisation is already part of the convolutions.
Everything is meant for inference: activations overwrite their input.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Convolution(nn.Conv2d):
    """A convolution that keeps the size (or divides it by `stride`), then an activation.

    `padding="late"` puts the odd pixel of a strided convolution's border at the right and bottom,
    as TensorFlow's "same" does; "even" has the same border on all sides.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        activation: str | None = "relu6",
        padding: str = "even",
    ):
        border = kernel // 2 if padding == "even" else 0
        super().__init__(inputs, outputs, kernel, stride, border, groups=groups)
        self.activation = activation
        early = (kernel - stride) // 2
        self.border = (early, kernel - stride - early) * 2 if padding == "late" else None

    def forward(self, x: Tensor) -> Tensor:
        if self.border:
            x = functional.pad(x, self.border)
        x = super().forward(x)
        if self.activation == "relu6":
            return functional.hardtanh_(x, 0.0, 6.0)
        if self.activation == "relu":
            return functional.relu_(x)
        if self.activation == "hardswish":
            return functional.hardswish(x, inplace=True)
        return x


def depthwise(channels: int, kernel: int = 3, stride: int = 1, **options) -> Convolution:  # noqa: ANN003
    """A convolution of each channel by itself."""
    return Convolution(channels, channels, kernel, stride, groups=channels, **options)


def enlarge(x: Tensor, factor: int = 2) -> Tensor:
    """Bilinear enlargement, pixel centres aligned as in TensorFlow's half_pixel_centers."""
    return functional.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


class InvertedResidual(nn.Module):
    """Widen, filter each channel, narrow; adds its input where the shapes agree."""

    def __init__(self, inputs: int, hidden: int, outputs: int, kernel: int, stride: int = 1):
        super().__init__()
        self.expand = Convolution(inputs, hidden)
        self.filter = depthwise(hidden, kernel, stride)
        self.project = Convolution(hidden, outputs, activation=None)
        self.residual = inputs == outputs and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(self.filter(self.expand(x)))
        return y.add_(x) if self.residual else y


class Separable(nn.Module):
    """Filter each channel, then mix the channels."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int = 1,
        first: str | None = "relu6",
        second: str | None = "relu6",
        padding: str = "even",
    ):
        super().__init__()
        self.filter = depthwise(inputs, 3, stride, activation=first, padding=padding)
        self.mix = Convolution(inputs, outputs, activation=second)

    def forward(self, x: Tensor) -> Tensor:
        return self.mix(self.filter(x))


class Residual(Separable):
    """A separable convolution added to its input; `stride` 2 halves both by max pooling."""

    def __init__(self, channels: int, stride: int = 1, first: str | None = "relu6"):
        padding = "late" if stride == 2 else "even"
        super().__init__(channels, channels, stride, first, None, padding)
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        if self.stride == 2:
            x = functional.max_pool2d(x, 2)
        return functional.hardtanh_(y.add_(x), 0.0, 6.0)


def _stem() -> nn.Sequential:
    return nn.Sequential(
        Convolution(3, 24, 3, stride=2), depthwise(24), Convolution(24, 16, activation=None)
    )


class PersonDetector(nn.Module):
    """pose_detection: (batch, 3, 224, 224) RGB in -1..1 -> boxes (batch, 2254, 12), scores.

    A box is centre, size and four points in pixels relative to its anchor (see `decoding`);
    scores (batch, 2254) are logits. Rows run from the fine 28x28 grid to the coarse 7x7 one.
    """

    def __init__(self):
        super().__init__()
        self.stem = _stem()
        self.fine = nn.Sequential(  # -> (batch, 40, 28, 28)
            InvertedResidual(16, 64, 24, 3, stride=2),
            InvertedResidual(24, 144, 24, 3),
            InvertedResidual(24, 144, 40, 5, stride=2),
            InvertedResidual(40, 240, 40, 5),
        )
        self.middle = nn.Sequential(  # -> (batch, 112, 14, 14)
            InvertedResidual(40, 240, 80, 3, stride=2),
            InvertedResidual(80, 480, 80, 3),
            InvertedResidual(80, 480, 80, 3),
            InvertedResidual(80, 480, 112, 5),
            InvertedResidual(112, 672, 112, 5),
            InvertedResidual(112, 672, 112, 5),
        )
        self.coarse = nn.Sequential(  # -> (batch, 1152, 7, 7)
            InvertedResidual(112, 672, 192, 5, stride=2),
            *(InvertedResidual(192, 1152, 192, 5) for _ in range(3)),
            Convolution(192, 1152),
            depthwise(1152),
        )
        self.narrow_middle = Convolution(1152, 192, activation=None)
        self.narrow_fine = Convolution(192, 96, activation=None)
        self.side_middle = Separable(112, 192, first=None)
        self.side_fine = Separable(40, 96, first=None)
        self.join_middle = nn.Sequential(*(Residual(192, first=None) for _ in range(2)))
        self.join_fine = nn.Sequential(*(Residual(96, first=None) for _ in range(2)))
        sizes = ((24, 2), (48, 2), (288, 6))  # channels, anchors per cell: fine, middle, coarse
        self.scores = nn.ModuleList(Separable(c, n, 2, None, None) for c, n in sizes)
        self.boxes = nn.ModuleList(Separable(c, n * 12, 2, None, None) for c, n in sizes)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        fine = self.fine(self.stem(picture))
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        middle = self.join_middle(self.side_middle(middle).add_(_rise(self.narrow_middle, coarse)))
        fine = self.join_fine(self.side_fine(fine).add_(_rise(self.narrow_fine, middle)))
        levels = [_depth_to_space(level) for level in (fine, middle, coarse)]
        scores = [_rows(head(x), 1) for head, x in zip(self.scores, levels, strict=True)]
        boxes = [_rows(head(x), 12) for head, x in zip(self.boxes, levels, strict=True)]
        return torch.cat(boxes, 1), torch.cat(scores, 1)[..., 0]


def _rise(narrow: Convolution, x: Tensor) -> Tensor:
    # The file enlarges first; a 1x1 convolution and an enlargement may change places, and the
    # convolution is then four times cheaper.
    return functional.hardtanh_(enlarge(narrow(x)), 0.0, 6.0)


def _depth_to_space(x: Tensor) -> Tensor:
    """(batch, 4c, h, w) -> (batch, c, 2h, 2w) with c innermost, unlike torch's PixelShuffle."""
    batch, channels, height, width = x.shape
    x = x.view(batch, 2, 2, channels // 4, height, width).permute(0, 3, 4, 1, 5, 2)
    x = x.reshape(batch, channels // 4, height * 2, width * 2)
    return x.contiguous(memory_format=torch.channels_last)


def _rows(x: Tensor, values: int) -> Tensor:
    """(batch, anchors * values, h, w) -> (batch, h * w * anchors, values)."""
    return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, values)


class PoseLandmarks(nn.Module):
    """pose_landmark_full: (batch, 3, 256, 256) RGB in 0..1 -> landmarks, heat, flag, mask.

    landmarks (batch, 39, 5): x, y, z in crop pixels, visibility and presence as logits (33 body
    points, then points that only steer the next crop); heat (batch, 39, 64, 64): logits of where
    each of them is; flag (batch,): logit of "a person is here"; mask (batch, 256, 256): logits of
    "belongs to that person".
    """

    def __init__(self):
        super().__init__()
        self.grid128 = _stem()  # -> (batch, 16, 128, 128)
        self.grid64 = nn.Sequential(
            InvertedResidual(16, 64, 24, 3, stride=2), InvertedResidual(24, 144, 24, 3)
        )
        self.grid32 = nn.Sequential(
            InvertedResidual(24, 144, 32, 5, stride=2), InvertedResidual(32, 192, 32, 5)
        )
        self.grid16 = nn.Sequential(
            InvertedResidual(32, 192, 64, 3, stride=2),
            InvertedResidual(64, 384, 64, 3),
            InvertedResidual(64, 384, 64, 3),
            InvertedResidual(64, 384, 88, 5),
            InvertedResidual(88, 528, 88, 5),
            InvertedResidual(88, 528, 88, 5),
        )
        self.grid8 = nn.Sequential(  # -> (batch, 864, 8, 8)
            InvertedResidual(88, 528, 144, 5, stride=2),
            *(InvertedResidual(144, 864, 144, 5) for _ in range(3)),
            Convolution(144, 864),
            depthwise(864),
        )
        self.side128 = Separable(16, 8)
        self.side64 = Separable(24, 48)
        self.side32 = Separable(32, 48)
        self.side16 = Separable(88, 48)
        self.side8 = Separable(864, 48)
        self.narrow = Separable(48, 8)
        self.join128 = nn.Sequential(Residual(8), Residual(8))
        self.join256 = nn.Sequential(Residual(8), Residual(8))
        self.mask = Convolution(8, 1, 3, activation=None)
        self.heat = Convolution(48, 39, activation=None)
        self.body = nn.Sequential(  # -> (batch, 288, 2, 2)
            Separable(864, 288),
            Residual(288, stride=2),
            *(Residual(288) for _ in range(4)),
            Residual(288, stride=2),
            *(Residual(288) for _ in range(5)),
        )
        self.landmarks = nn.Conv2d(288, 39 * 5, 2)
        self.flag = nn.Conv2d(288, 1, 2)

    def forward(self, crop: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        grid128 = self.grid128(crop)
        grid64 = self.grid64(grid128)
        grid32 = self.grid32(grid64)
        grid16 = self.grid16(grid32)
        grid8 = self.grid8(grid16)
        x = self.side16(grid16).add_(enlarge(self.side8(grid8)))
        x = self.side32(grid32).add_(enlarge(x))
        x = self.side64(grid64).add_(enlarge(x))
        heat = self.heat(x)
        x = self.join128(self.side128(grid128).add_(enlarge(self.narrow(x))))
        mask = self.mask(self.join256(enlarge(x)))
        body = self.body(grid8)
        landmarks = self.landmarks(body).view(-1, 39, 5)
        return landmarks, heat, self.flag(body).view(-1), mask[:, 0]


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
