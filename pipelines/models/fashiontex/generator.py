"""StyleGAN-Human's generator (StyleGAN2, arXiv 1912.04958): pictures of people, 512x1024.

In plain torch, under the parameter names of rosinality/stylegan2-pytorch. Its first map is twice as
high as wide, and so is everything after. All in float32: the weights' norm overflows 16 bits.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...files.weights import State
from ..matching import widths_of

SMALL = 1e-8
SLOPE, GAIN = 0.2, math.sqrt(2)
STYLE_RATE = 0.01
"""How much faster the mapping network was trained: its weights are stored that much larger."""


def activated(maps: Tensor, bias: Tensor) -> Tensor:
    """Bias, leaky ReLU and a gain that keeps the spread."""
    shape = (1, -1) + (1,) * (maps.ndim - 2)
    return functional.leaky_relu(maps + bias.view(shape), SLOPE) * GAIN


def filtered(maps: Tensor, kernel: Tensor, before: int, after: int) -> Tensor:
    """Every channel under a small kernel; before and after: zeros around, on each axis."""
    batch, channels, *_ = maps.shape
    padded = functional.pad(maps, (before, after, before, after)).flatten(0, 1)[:, None]
    made = functional.conv2d(padded, kernel.flip(0, 1)[None, None])
    return made.unflatten(0, (batch, channels))[:, :, 0]


def doubled(maps: Tensor, kernel: Tensor) -> Tensor:
    """Twice the size: zeros between all pixels, then the kernel over them."""
    batch, channels, height, width = maps.shape
    spread = maps.new_zeros(batch, channels, 2 * height, 2 * width)
    spread[:, :, ::2, ::2] = maps
    return filtered(spread, kernel, 2, 1)


class Scaled(nn.Module):
    """A linear layer whose stored weights are scaled when they are used."""

    def __init__(self, into: int, out: int, rate: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out, into))
        self.bias = nn.Parameter(torch.empty(out))
        self.rate = rate

    def linear(self, values: Tensor) -> Tensor:
        """Without the bias."""
        scale = self.rate / math.sqrt(self.weight.shape[1])
        return functional.linear(values, self.weight * scale)

    def forward(self, values: Tensor) -> Tensor:
        return self.linear(values) + self.bias * self.rate


class _Mapped(Scaled):
    """One layer of the mapping network."""

    def forward(self, values: Tensor) -> Tensor:
        return activated(self.linear(values), self.bias * self.rate)


class _UnitMean(nn.Module):
    def forward(self, values: Tensor) -> Tensor:
        return pixel_norm(values)


def pixel_norm(values: Tensor) -> Tensor:
    """Values whose mean square along axis 1 is 1."""
    return values * torch.rsqrt(values.pow(2).mean(dim=1, keepdim=True) + SMALL)


class _Kernel(nn.Module):
    """A blur kernel as the file holds it, times 4 already."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", torch.empty(4, 4))


class Modulated(nn.Module):
    """A convolution whose weights a style scales, channel by channel."""

    def __init__(self, shape: torch.Size, style: int, *, enlarge: bool, normed: bool) -> None:
        """shape: (1, out, in, size, size). enlarge: to twice the size. normed: demodulated."""
        super().__init__()
        self.weight = nn.Parameter(torch.empty(shape))
        self.modulation = Scaled(style, shape[2])
        self.normed = normed
        self.blur = _Kernel() if enlarge else None

    def forward(self, maps: Tensor, style: Tensor) -> Tensor:
        """maps (batch, in, height, width), style (batch, style)."""
        batch, channels, height, width = maps.shape
        _, out, _, size, _ = self.weight.shape
        scale = 1 / math.sqrt(channels * size**2)
        weight = scale * self.weight * self.modulation(style)[:, None, :, None, None]
        if self.normed:
            norm = torch.rsqrt(weight.pow(2).sum(dim=(2, 3, 4)) + SMALL)
            weight = weight * norm[:, :, None, None, None]  # (batch, out, in, size, size)
        grouped = maps.reshape(1, batch * channels, height, width)
        if self.blur is None:
            made = functional.conv2d(grouped, weight.flatten(0, 1), padding=size // 2, groups=batch)
            return made.view(batch, out, height, width)
        turned = weight.transpose(1, 2).flatten(0, 1)
        made = functional.conv_transpose2d(grouped, turned, stride=2, groups=batch)
        made = made.view(batch, out, *made.shape[-2:])
        return filtered(made, self.blur.kernel, 1, 1)


class _Strength(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1))


class _Bias(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.empty(channels))


class StyledConvolution(nn.Module):
    def __init__(self, shape: torch.Size, style: int, enlarge: bool) -> None:
        super().__init__()
        self.conv = Modulated(shape, style, enlarge=enlarge, normed=True)
        self.noise = _Strength()
        self.activate = _Bias(shape[1])

    def forward(self, maps: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        made = self.conv(maps, style) + self.noise.weight * noise
        return activated(made, self.activate.bias)


class ToPicture(nn.Module):
    """Maps to R, G, B, added to the picture so far at twice its size."""

    def __init__(self, shape: torch.Size, style: int, enlarge: bool) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.empty(1, 3, 1, 1))
        self.conv = Modulated(shape, style, enlarge=False, normed=False)
        self.upsample = _Kernel() if enlarge else None

    def forward(self, maps: Tensor, style: Tensor, picture: Tensor | None = None) -> Tensor:
        made = self.conv(maps, style) + self.bias
        if picture is None or self.upsample is None:
            return made
        return made + doubled(picture, self.upsample.kernel)


class _First(nn.Module):
    def __init__(self, shape: torch.Size) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.empty(shape))


class Generator(nn.Module):
    """W+ codes (batch, layers, style) to pictures (batch, 3, height, width) of about -1..1."""

    def __init__(self, state: State) -> None:
        """state: the file's tensors, for their names and shapes. Raises KeyError."""
        super().__init__()
        style = state["style.1.weight"].shape[0]
        layers = [name for name in state if name.startswith("style.") and name.endswith("weight")]
        self.style = nn.Sequential(
            _UnitMean(), *(_Mapped(style, style, STYLE_RATE) for _ in layers)
        )
        self.input = _First(state["input.input"].shape)
        self.conv1 = StyledConvolution(state["conv1.conv.weight"].shape, style, False)
        self.to_rgb1 = ToPicture(state["to_rgb1.conv.weight"].shape, style, False)
        self.convs, self.to_rgbs = nn.ModuleList(), nn.ModuleList()
        while (name := f"to_rgbs.{len(self.to_rgbs)}.conv.weight") in state:
            for enlarge in (True, False):
                shape = state[f"convs.{len(self.convs)}.conv.weight"].shape
                self.convs.append(StyledConvolution(shape, style, enlarge))
            self.to_rgbs.append(ToPicture(state[name].shape, style, True))
        self.noises = nn.Module()
        for place in range(len(self.convs) + 1):
            shape = state[f"noises.noise_{place}"].shape
            self.noises.register_buffer(f"noise_{place}", torch.empty(shape))

    @property
    def layers(self) -> int:
        """Codes that a picture takes: 18 at 512x1024."""
        return 2 * len(self.to_rgbs) + 2

    def forward(self, codes: Tensor) -> Tensor:
        noises = [self.noises.get_buffer(f"noise_{n}") for n in range(len(self.convs) + 1)]
        maps = self.input.input.expand(len(codes), -1, -1, -1)
        maps = self.conv1(maps, codes[:, 0], noises[0])
        picture = self.to_rgb1(maps, codes[:, 1])
        for place, to_picture in enumerate(self.to_rgbs):
            first = 2 * place  # the code of the picture is that of the next convolution too
            maps = self.convs[first](maps, codes[:, first + 1], noises[first + 1])
            maps = self.convs[first + 1](maps, codes[:, first + 2], noises[first + 2])
            picture = to_picture(maps, codes[:, first + 3], picture)
        return picture


def style_width(state: State) -> int:
    """Numbers of one code."""
    return widths_of(state, ["style.1.weight"])[0]
