"""What MediaPipe's networks are built of. For inference only: activations overwrite their input."""

from __future__ import annotations

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

    def forward(self, input: Tensor) -> Tensor:
        x = functional.pad(input, self.border) if self.border else input
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


def stem() -> nn.Sequential:
    """(batch, 3, h, w) -> (batch, 16, h / 2, w / 2)."""
    return nn.Sequential(
        Convolution(3, 24, 3, stride=2), depthwise(24), Convolution(24, 16, activation=None)
    )
