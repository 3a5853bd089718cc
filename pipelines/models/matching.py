"""Geometric matching: where a garment's photo must be bent to lie on a person.

The networks that CP-VTON (arXiv 1807.07688) introduced and that LaDI-VTON and SieveNet took over,
under the same parameter names: two extractors, all features of the one compared with all of the
other, and a regression to the 25 control points of a thin-plate spline. Pictures are 192x256.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from ..errors import MissingFiles
from ..files.weights import State, looks_like

WIDTH, HEIGHT = 192, 256
"""Pixels that the matching sees, whatever the size of the pictures."""

CONTROL_POINTS = 25
EXTRACTOR_LAYERS, REGRESSION_LAYERS = 6, 4
LAYER = 3  # numbers between the convolutions in a Sequential: convolution, activation, norm

Network = TypeVar("Network")


class Extractor(nn.Module):
    """(batch, channels, height, width) to features (batch, widths[-1], height / 16, width / 16):
    four convolutions that halve, two more, no norm after the last."""

    def __init__(self, channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        layers = []
        for place, width in enumerate(widths):
            size, stride = (4, 2) if place < 4 else (3, 1)
            convolution = nn.Conv2d(channels, width, size, stride, padding=1)
            layers += [convolution, nn.ReLU(), nn.BatchNorm2d(width)]
            channels = width
        self.model = nn.Sequential(*layers[:-1])

    @classmethod
    def shaped_like(cls, state: State, prefix: str, channels: int) -> Extractor:
        """Of the widths that the tensors below `prefix` have. Raises KeyError."""
        names = (f"{prefix}model.{LAYER * place}.weight" for place in range(EXTRACTOR_LAYERS))
        return cls(channels, widths_of(state, names))

    def forward(self, pictures: Tensor) -> Tensor:
        return unit_length(self.model(pictures))


class Regression(nn.Module):
    """Correlations of a 192x256 picture, (batch, 192, 16, 12), to two numbers for each control
    point in -1..1, (batch, 50)."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        layers, channels = [], (HEIGHT // 16) * (WIDTH // 16)
        for place, width in enumerate(widths):
            size, stride = (4, 2) if place < 2 else (3, 1)
            convolution = nn.Conv2d(channels, width, size, stride, padding=1)
            layers += [convolution, nn.BatchNorm2d(width), nn.ReLU()]
            channels = width
        self.conv = nn.Sequential(*layers)
        self.linear = nn.Linear(channels * (HEIGHT // 64) * (WIDTH // 64), 2 * CONTROL_POINTS)

    @classmethod
    def shaped_like(cls, state: State, prefix: str) -> Regression:
        """Of the widths that the tensors below `prefix` have. Raises KeyError."""
        names = (f"{prefix}conv.{LAYER * place}.weight" for place in range(REGRESSION_LAYERS))
        return cls(widths_of(state, names))

    def forward(self, correlation: Tensor) -> Tensor:
        return torch.tanh(self.linear(self.conv(correlation).flatten(1)))


def widths_of(state: State, names: Iterable[str]) -> list[int]:
    """Output channels of the named weights. Raises KeyError with the first that is not there."""
    return [state[name].shape[0] for name in names]


def shaped(make: Callable[[State], Network], state: State, source: str, what: str) -> Network:
    """make(state), which reads the widths of a network off its tensors.

    Raises MissingFiles where the file at `source` lacks one: it is not `what`.
    """
    try:
        return make(state)
    except (KeyError, IndexError) as error:
        raise MissingFiles(
            f"{source} does not hold {what}: {error} is not in it; it looks like "
            f"{looks_like(state)}. Put the published file there."
        ) from error


def unit_length(features: Tensor) -> Tensor:
    """Features of length 1 at every place; the small number is the published one."""
    return features / (features.pow(2).sum(dim=1, keepdim=True) + 1e-6).sqrt()


def correlate(first: Tensor, second: Tensor) -> Tensor:
    """Every feature of `first` with every feature of `second`, (batch, places, height, width).

    Both (batch, channels, height, width). The places of `first` are counted DOWN the columns: the
    regression was trained so (golden stage tps_correlation_mean_std). The order of the factors and
    of the axes in memory is the published one too: a spline enlarges the last bit a thousandfold
    (golden stage coarse_warp).
    """
    places = first.transpose(2, 3).flatten(2)  # (batch, channels, places)
    products = second.flatten(2).transpose(1, 2) @ places  # (batch, height * width, places)
    return products.unflatten(1, second.shape[-2:]).permute(0, 3, 1, 2)


def part(state: Mapping[str, Tensor], prefix: str) -> State:
    """The tensors below a prefix, without it."""
    return {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}
