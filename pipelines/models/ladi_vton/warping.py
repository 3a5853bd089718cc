"""LaDI-VTON's warping: a thin-plate spline onto the body, then a small U-Net that refines it.

Both run in float32, whatever the rest uses. Pictures are in -1..1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...files.weights import State
from ..matching import CONTROL_POINTS, HEIGHT, WIDTH, Extractor, Regression, correlate, widths_of

POSE = 18
"""Channels of a pose map, one a key point."""


class Spline(nn.Module):
    """A thin-plate spline whose matrices are constants of the published file."""

    inverse_kernel: Tensor
    padding_matrix: Tensor
    target_coordinate_repr: Tensor

    def __init__(self) -> None:
        super().__init__()
        terms = CONTROL_POINTS + 3
        self.register_buffer("inverse_kernel", torch.empty(terms, terms))
        self.register_buffer("padding_matrix", torch.empty(3, 2))
        self.register_buffer("target_coordinate_repr", torch.empty(HEIGHT * WIDTH, terms))

    def forward(self, points: Tensor) -> Tensor:
        """Where the control points (batch, 25, 2), x and y, lie in the garment's picture, to where
        every pixel lies: (batch, 256, 192, 2)."""
        padded = torch.cat([points, self.padding_matrix.expand(len(points), 3, 2)], dim=1)
        mapping = self.inverse_kernel @ padded
        return (self.target_coordinate_repr @ mapping).unflatten(1, (HEIGHT, WIDTH))


class Matching(nn.Module):
    """Garment and person to a sampling grid.

    What the published head computes beside it, six losses of smoothness in Python loops, no
    inference uses; it is left out.
    """

    def __init__(self, garment: Extractor, person: Extractor, regression: Regression) -> None:
        super().__init__()
        self.extractionA = garment
        self.extractionB = person
        self.loc_net = nn.ModuleDict({"regression": regression})
        self.gridGen = Spline()

    @classmethod
    def shaped_like(cls, state: State) -> Matching:
        """Of the widths that a published file has. Raises KeyError."""
        return cls(
            Extractor.shaped_like(state, "extractionA.", 3),
            Extractor.shaped_like(state, "extractionB.", 3 + POSE),
            Regression.shaped_like(state, "loc_net.regression."),
        )

    def forward(self, garments: Tensor, people: Tensor) -> Tensor:
        """garments (batch, 3, 256, 192), people (batch, 21, 256, 192): masked photo and pose.
        Grid (batch, 256, 192, 2)."""
        correlation = correlate(self.extractionA(garments), self.extractionB(people))
        points = self.loc_net["regression"](correlation)
        return self.gridGen(points.unflatten(1, (CONTROL_POINTS, 2)))


class DoubleConvolution(nn.Module):
    """Twice convolution, norm, ReLU, under the published names."""

    def __init__(self, channels: int, middle: int, out: int) -> None:
        super().__init__()
        self.double_conv = nn.Sequential(
            nn.Conv2d(channels, middle, 3, padding=1, bias=False),
            nn.BatchNorm2d(middle),
            nn.ReLU(),
            nn.Conv2d(middle, out, 3, padding=1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(),
        )

    @classmethod
    def shaped_like(cls, state: State, prefix: str) -> DoubleConvolution:
        middle, channels = state[f"{prefix}double_conv.0.weight"].shape[:2]
        return cls(channels, middle, state[f"{prefix}double_conv.3.weight"].shape[0])

    def forward(self, pictures: Tensor) -> Tensor:
        return self.double_conv(pictures)


class _Down(nn.Module):
    def __init__(self, convolution: DoubleConvolution) -> None:
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), convolution)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.maxpool_conv(pictures)


class _Up(nn.Module):
    def __init__(self, convolution: DoubleConvolution) -> None:
        super().__init__()
        self.conv = convolution

    def forward(self, pictures: Tensor, skip: Tensor) -> Tensor:
        size = [2 * side for side in pictures.shape[-2:]]
        larger = functional.interpolate(pictures, size, mode="bilinear", align_corners=True)
        down, right = (skip.shape[axis] - larger.shape[axis] for axis in (-2, -1))
        around = [right // 2, right - right // 2, down // 2, down - down // 2]
        return self.conv(torch.cat([skip, functional.pad(larger, around)], dim=1))


class Refinement(nn.Module):
    """Masked photo 3, pose 18 and warped garment 3 to the garment as it should look, -1..1."""

    STEPS = 4

    def __init__(self, first: DoubleConvolution, downs: list[DoubleConvolution],
                 ups: list[DoubleConvolution], channels: int) -> None:  # fmt: skip
        super().__init__()
        self.inc = first
        for number, (down, up) in enumerate(zip(downs, ups, strict=True), start=1):
            self.add_module(f"down{number}", _Down(down))
            self.add_module(f"up{number}", _Up(up))
        self.outc = nn.ModuleDict({"conv": nn.Conv2d(channels, 3, 1)})

    @classmethod
    def shaped_like(cls, state: State) -> Refinement:
        """Of the widths that a published file has. Raises KeyError."""

        def convolution(prefix: str) -> DoubleConvolution:
            return DoubleConvolution.shaped_like(state, prefix)

        numbers = range(1, cls.STEPS + 1)
        last = widths_of(state, [f"up{cls.STEPS}.conv.double_conv.3.weight"])[0]
        return cls(
            convolution("inc."),
            [convolution(f"down{number}.maxpool_conv.1.") for number in numbers],
            [convolution(f"up{number}.conv.") for number in numbers],
            last,
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """(batch, 24, height, width) to (batch, 3, height, width); any size from 16 up."""
        skips = [self.inc(pictures)]
        for number in range(1, self.STEPS + 1):
            skips.append(self.get_submodule(f"down{number}")(skips[-1]))
        made = skips.pop()
        for number in range(1, self.STEPS + 1):
            made = self.get_submodule(f"up{number}")(made, skips.pop())
        return self.outc["conv"](made).clamp(-1, 1)


def warp(matching: Matching, refinement: Refinement, garments: Tensor, hidden: Tensor,
         poses: Tensor) -> Tensor:  # fmt: skip
    """Garments as they lie on people, (pairs, 3, height, width) in -1..1.

    garments, hidden (the photos with the mask made grey): (pairs, 3, height, width); poses: (pairs,
    18, height, width) in 0..1; all of one size. Golden stages: coarse_warp, warped_cloth.
    """
    small = [_resized(each, HEIGHT, WIDTH) for each in (garments, hidden, poses)]
    grid = matching(small[0], torch.cat(small[1:], dim=1))
    height, width = garments.shape[-2:]
    grid = _resized(grid.permute(0, 3, 1, 2), height, width).permute(0, 2, 3, 1)
    coarse = functional.grid_sample(
        garments, grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    given = torch.cat([hidden, poses, coarse], dim=1)
    return torch.cat([refinement(each) for each in given.split(1)])  # large: one by one


def _resized(pictures: Tensor, height: int, width: int) -> Tensor:
    return functional.interpolate(
        pictures, (height, width), mode="bilinear", antialias=True, align_corners=False
    )
