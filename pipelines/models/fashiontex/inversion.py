"""StyleGAN-Human's e4e encoder (arXiv 2102.02766): a picture of a person to the code that draws it.

IR-SE50 with a pyramid; the first style is the code of every layer, the others are added to theirs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...files.weights import State
from .generator import Scaled

WIDTH, HEIGHT = 128, 256
"""Pixels of the picture that it sees."""

MIDDLE, FINE = 3, 7
"""Styles from these on see the middle and the fine level of the pyramid."""

FINE_BLOCK, MIDDLE_BLOCK = 6, 20
"""The blocks of the body whose maps are those levels."""


class _Attention(nn.Module):
    """Scales channels by what the whole picture holds."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, inner, 1, bias=False)
        self.fc2 = nn.Conv2d(inner, channels, 1, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        inner = functional.relu(self.fc1(maps.mean(dim=(2, 3), keepdim=True)))
        return maps * torch.sigmoid(self.fc2(inner))


class _Block(nn.Module):
    def __init__(self, into: int, out: int, inner: int, stride: int) -> None:
        super().__init__()
        self.shortcut_layer: nn.Module = nn.MaxPool2d(1, stride)
        if into != out:
            self.shortcut_layer = nn.Sequential(
                nn.Conv2d(into, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(into),
            nn.Conv2d(into, out, 3, 1, 1, bias=False),
            nn.PReLU(out),
            nn.Conv2d(out, out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(out),
            _Attention(out, inner),
        )

    def forward(self, maps: Tensor) -> Tensor:
        return self.res_layer(maps) + self.shortcut_layer(maps)


class _Style(nn.Module):
    """Maps of a level to one code: halved until one pixel is left."""

    def __init__(self, channels: int, halvings: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(halvings):
            layers += [nn.Conv2d(channels, channels, 3, 2, 1), nn.LeakyReLU()]
        self.convs = nn.Sequential(*layers)
        self.linear = Scaled(channels, channels)

    def forward(self, maps: Tensor) -> Tensor:
        return self.linear(self.convs(maps).flatten(1))


class Encoder(nn.Module):
    """Pictures (batch, 3, 256, 128) in -1..1 to codes (batch, layers, width), to which the mean
    code is still to be added."""

    BLOCKS = (3, 4, 14, 3)
    """Of each width; all but the first of a width keep the size."""

    def __init__(self, state: State) -> None:
        """state: the file's tensors, for their names and shapes. Raises KeyError."""
        super().__init__()
        first = state["input_layer.0.weight"].shape[0]
        self.input_layer = nn.Sequential(
            nn.Conv2d(3, first, 3, 1, 1, bias=False), nn.BatchNorm2d(first), nn.PReLU(first)
        )
        self.body = nn.Sequential()
        for count in self.BLOCKS:
            for number in range(count):
                place = f"body.{len(self.body)}.res_layer"
                out, into = state[f"{place}.1.weight"].shape[:2]
                inner = state[f"{place}.5.fc1.weight"].shape[0]
                self.body.append(_Block(into, out, inner, 1 if number else 2))
        self.styles = nn.ModuleList()
        while f"styles.{len(self.styles)}.linear.weight" in state:
            prefix = f"styles.{len(self.styles)}."
            halvings = sum(
                name.startswith(f"{prefix}convs.") and name.endswith("bias") for name in state
            )
            width = state[f"{prefix}linear.weight"].shape[0]
            self.styles.append(_Style(width, halvings))
        self.latlayer1 = _lateral(state, "latlayer1")
        self.latlayer2 = _lateral(state, "latlayer2")

    def forward(self, pictures: Tensor) -> Tensor:
        levels: list[Any] = []
        maps = self.input_layer(pictures)
        for place, block in enumerate(self.body):
            maps = block(maps)
            if place in (FINE_BLOCK, MIDDLE_BLOCK):
                levels.append(maps)
        fine, middle = levels
        middle = _added(maps, self.latlayer1(middle))
        fine = _added(middle, self.latlayer2(fine))
        main = self.styles[0](maps)
        codes = [main]
        for place in range(1, len(self.styles)):
            level = maps if place < MIDDLE else middle if place < FINE else fine
            codes.append(main + self.styles[place](level))
        return torch.stack(codes, dim=1)


def _lateral(state: State, name: str) -> nn.Conv2d:
    out, into = state[f"{name}.weight"].shape[:2]
    return nn.Conv2d(into, out, 1)


def _added(small: Tensor, large: Tensor) -> Tensor:
    size = large.shape[-2:]
    return functional.interpolate(small, size, mode="bilinear", align_corners=True) + large
