"""SieveNet's networks: the warp in two rounds, and one kind of U-Net for labels and for texture.

Everything is (batch, channels, 256, 192), pictures in -1..1.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...files.weights import State
from ..matching import (
    CONTROL_POINTS,
    HEIGHT,
    WIDTH,
    Extractor,
    Regression,
    correlate,
    widths_of,
)

AGNOSTIC = 22
"""Channels of a person without their clothes: shape 1, head 3, pose 18."""

LABELS = 20
"""Of the LIP set."""

SIDE = 5
"""Control points along each side."""


class Warping(nn.Module):
    """Person and garment to the offsets of the control points: a first guess, and what a look at
    the garment warped by it adds."""

    def __init__(self, person: Extractor, garment: Extractor, warped: Extractor,
                 first: Regression, second: Regression) -> None:  # fmt: skip
        super().__init__()
        self.extraction_agnostic = person
        self.extraction_cloth = garment
        self.extraction_warped_cloth = warped
        self.regression_zero = first
        self.regression_one = second

    @classmethod
    def shaped_like(cls, state: State) -> Warping:
        """Of the widths that a published file has. Raises KeyError."""
        return cls(
            Extractor.shaped_like(state, "extraction_agnostic.", AGNOSTIC),
            Extractor.shaped_like(state, "extraction_cloth.", 3),
            Extractor.shaped_like(state, "extraction_warped_cloth.", 3),
            Regression.shaped_like(state, "regression_zero."),
            Regression.shaped_like(state, "regression_one."),
        )

    def forward(self, person: Tensor, garment: Tensor, pictures: Tensor) -> Tensor:
        """Garments as they lie on people, (pairs, 3, 256, 192).

        person, garment: features by extraction_agnostic and extraction_cloth, (pairs, channels, 16,
        12), which depend on one of the two alone. pictures: the garments.
        """
        theta = self.regression_zero(correlate(person, garment))
        coarse = self.extraction_warped_cloth(bent(pictures, theta))
        more = self.regression_one(correlate(person, coarse))
        return bent(pictures, theta + more)


def bent(pictures: Tensor, offsets: Tensor) -> Tensor:
    """Pictures sampled where a spline of these offsets, (batch, 50), says."""
    return functional.grid_sample(
        pictures, grid(offsets), mode="bilinear", padding_mode="border", align_corners=False
    )


def grid(offsets: Tensor) -> Tensor:
    """Where each pixel of a 192x256 picture is taken from, (batch, 256, 192, 2), x and y in -1..1.

    offsets: (batch, 50), of all control points first in x, then in y. The points lie on a regular
    5x5 grid, y counted fastest. Kept as the published code computes it, in float32 and in its
    order (and order in memory): a spline enlarges the last bit, and one matrix product, or
    float64, moves single pixels by 8e-4 (golden stage cloth_warp).
    """
    spline = _spline()
    inverse, bends, pixels, rest = (each.to(offsets) for each in spline)
    moved = offsets.unflatten(1, (2, CONTROL_POINTS)) + rest  # (batch, 2, 25)
    moved = moved.transpose(1, 2).contiguous()
    weights = inverse @ moved  # (batch, 28, 2): of bends, then 1, x, y
    bend, flat = weights.transpose(1, 2).split([CONTROL_POINTS, 3], dim=2)
    places = [
        flat[:, axis, :1] + flat[:, axis, 1:2] * pixels[0] + flat[:, axis, 2:] * pixels[1]
        + (bend[:, axis, None] * bends).sum(dim=2)
        for axis in (0, 1)
    ]  # fmt: skip
    return torch.stack(places, dim=2).unflatten(1, (HEIGHT, WIDTH))


@lru_cache(maxsize=1)
def _spline() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Constants, which the published code makes anew at each call: (from control points to weights
    (28, 25), how a weight of each bends each pixel (49152, 25), pixels x and y (2, 49152), the
    points at rest (2, 25))."""
    side = torch.linspace(-1, 1, SIDE, dtype=torch.float64).tolist()
    points = torch.tensor(list(product(side, side)))  # x, y
    rows, columns = (torch.linspace(-1, 1, count, dtype=torch.float64).float()
                     for count in (HEIGHT, WIDTH))  # fmt: skip
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    pixels = torch.stack([x.flatten(), y.flatten()])
    flat = torch.cat([torch.ones(CONTROL_POINTS, 1), points], dim=1)
    whole = torch.zeros(CONTROL_POINTS + 3, CONTROL_POINTS + 3)
    whole[:CONTROL_POINTS, :CONTROL_POINTS] = _bends(points, points)
    whole[:CONTROL_POINTS, CONTROL_POINTS:] = flat
    whole[CONTROL_POINTS:, :CONTROL_POINTS] = flat.T
    inverse = torch.linalg.inv(whole)[:, :CONTROL_POINTS].contiguous()
    return inverse, _bends(pixels.T, points), pixels, points.T.contiguous()


def _bends(places: Tensor, points: Tensor) -> Tensor:
    """d² log d² to every control point, (places, 25)."""
    squares = (places[:, None] - points[None]).pow(2).sum(dim=-1)
    squares[squares == 0] = 1  # whose logarithm is 0
    return squares * squares.log()


class UNet(nn.Module):
    """Six halvings and back. SEG: person 22 and garment 3 to logits of 20 labels. TOM: labels 20,
    warped garment 3 and texture 3 to a person 3 and a mask 1."""

    DEPTH = 6

    def __init__(self, channels: int, downs: list[int], ups: list[int]) -> None:
        """downs: channels after each halving. ups: after each doubling, from the deepest."""
        super().__init__()
        before = [channels, *downs]
        for number in range(1, self.DEPTH + 1):
            convolution = nn.Conv2d(before[number - 1], before[number], 4, 2, 1)
            self.add_module(f"conv{number}", convolution)
            if number > 1:
                self.add_module(f"norm{number}", nn.BatchNorm2d(before[number]))
        channels = downs[-1]
        for number, out in zip(range(self.DEPTH, 0, -1), ups, strict=True):
            self.add_module(f"upconv{number}", nn.ConvTranspose2d(channels, out, 4, 2, 1))
            if number > 1:
                self.add_module(f"upnorm{number}", nn.BatchNorm2d(out))
                channels = out + downs[number - 2]

    @classmethod
    def shaped_like(cls, state: State) -> UNet:
        """Of the widths that a published file has. Raises KeyError."""
        numbers = range(1, cls.DEPTH + 1)
        return cls(
            state["conv1.weight"].shape[1],
            widths_of(state, (f"conv{number}.weight" for number in numbers)),
            [state[f"upconv{number}.weight"].shape[1] for number in reversed(numbers)],
        )

    def forward(self, pictures: Tensor) -> Tensor:
        made, skips = self.get_submodule("conv1")(pictures), []
        for number in range(2, self.DEPTH + 1):
            skips.append(functional.leaky_relu(made, 0.2))
            made = self.get_submodule(f"conv{number}")(skips[-1])
            made = self.get_submodule(f"norm{number}")(made)
        for number in range(self.DEPTH, 1, -1):
            made = self.get_submodule(f"upconv{number}")(functional.relu(made))
            made = self.get_submodule(f"upnorm{number}")(made)
            made = torch.cat([made, skips.pop()], dim=1)
        return self.get_submodule("upconv1")(functional.relu(made))
