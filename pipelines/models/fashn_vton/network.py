"""The transformer of FASHN VTON v1.5 (Apache-2.0), a FLUX-like one that works on pixels.

A picture is cut into patches of 12x12 pixels, one token each. The person's tokens pass four mixer
blocks alone, then eight double blocks beside the garment's, each with weights of its own, then
sixteen single blocks in one sequence, the garment's tokens first. Garment and person have the same
positions: nothing but the weights tells them apart.

Attributes have the published names; in double blocks `txt_*` is the garment and `img_*` the person.
What depends on the step and the category alone is a network of its own, see `modulation.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-6
"""Of every norm."""

THETA = 10_000
"""Frequencies fall from 1 to about 1 / THETA, in the rotations as in the time embedding."""

ROTATED = 7
"""Of eight equal parts of a head, half by the row and half by the column; the first never turns."""

PICTURE = 3
"""Colour channels."""


@dataclass(frozen=True)
class Sizes:
    """Of one network, as they show in its weights."""

    width: int
    heads: int
    hidden: int  # width inside the MLPs
    patch: int
    mixer_blocks: int
    double_blocks: int
    single_blocks: int
    categories: int  # beside "none"

    @property
    def head_width(self) -> int:
        return self.width // self.heads


class Rotation(NamedTuple):
    """Cosines and sines of the turned pairs of a head, each (tokens, pairs) float32."""

    cosine: Tensor
    sine: Tensor

    def twice(self) -> Rotation:
        """For garment and person tokens, which have the same positions."""
        return Rotation(torch.cat([self.cosine] * 2), torch.cat([self.sine] * 2))

    def without(self, tokens: int) -> Rotation:
        """For all but the first tokens."""
        return Rotation(self.cosine[tokens:], self.sine[tokens:])


class Modulations(NamedTuple):
    """What the blocks are told of step and category: (rows, vectors * width) each, one a block."""

    mixer: list[Tensor]  # shift, scale, gate
    garment: list[Tensor]  # of double blocks: those of attention, then those of the MLP
    person: list[Tensor]
    single: list[Tensor]
    final: Tensor  # shift, scale

    def row(self, index: int) -> Modulations:
        """Those of one row, as (1, vectors * width)."""
        one = slice(index, index + 1)
        return Modulations(
            [each[one] for each in self.mixer],
            [each[one] for each in self.garment],
            [each[one] for each in self.person],
            [each[one] for each in self.single],
            self.final[one],
        )


def rotation(rows: int, columns: int, head_width: int) -> Rotation:
    """Angles of a grid of patches, row by row. Golden stage: rope."""
    pairs = head_width * ROTATED // 8 // 4  # turned by the row; as many by the column
    powers = torch.arange(pairs, dtype=torch.float64) / pairs
    frequencies = THETA**-powers
    down = torch.arange(rows, dtype=torch.float64)[:, None] * frequencies
    across = torch.arange(columns, dtype=torch.float64)[:, None] * frequencies
    angles = torch.cat(
        [down.repeat_interleave(columns, dim=0), across.repeat(rows, 1)], dim=1
    )  # (rows * columns, 2 * pairs)
    return Rotation(angles.cos().float(), angles.sin().float())


def rotated(vectors: Tensor, by: Rotation) -> Tensor:
    """(batch, heads, tokens, head width) with neighbouring pairs turned, in float32, cast back."""
    turned = vectors.shape[-1] - 2 * by.cosine.shape[-1]
    even, odd = vectors[..., turned:].float().unflatten(-1, (-1, 2)).unbind(-1)
    pairs = [even * by.cosine - odd * by.sine, even * by.sine + odd * by.cosine]
    after = torch.stack(pairs, dim=-1).flatten(-2).to(vectors.dtype)
    return torch.cat([vectors[..., :turned], after], dim=-1)


def modulated(tokens: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Normed tokens (batch, tokens, width), scaled and shifted by (batch, 1, width)."""
    normed = functional.layer_norm(tokens, tokens.shape[-1:], eps=EPSILON)
    return torch.addcmul(shift, normed, 1 + scale)


class Norms(nn.Module):
    """RMS norms of queries and keys, head by head. In the file their weights are named `scale`."""

    def __init__(self, head_width: int) -> None:
        super().__init__()
        self.query_norm = nn.RMSNorm(head_width, eps=EPSILON)
        self.key_norm = nn.RMSNorm(head_width, eps=EPSILON)
        self.head_width = head_width

    def heads(self, vectors: Tensor) -> Tensor:
        """(batch, tokens, width) to (batch, heads, tokens, head width)."""
        return vectors.unflatten(-1, (-1, self.head_width)).transpose(1, 2)

    def split(self, qkv: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of (batch, tokens, 3 * width), in heads and normed."""
        query, key, value = (self.heads(each) for each in qkv.chunk(3, dim=-1))
        return self.query_norm(query), self.key_norm(key), value


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """(batch, heads, tokens, head width) each, to (batch, tokens, width)."""
    attended = functional.scaled_dot_product_attention(query, key, value)
    return attended.transpose(1, 2).flatten(2)


class SingleBlock(nn.Module):
    """Attention and MLP side by side."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.inner = (3 * sizes.width, sizes.hidden)
        self.linear1 = nn.Linear(sizes.width, sum(self.inner))
        self.linear2 = nn.Linear(sizes.width + sizes.hidden, sizes.width)
        self.norm = Norms(sizes.head_width)

    def forward(self, tokens: Tensor, modulation: Tensor, by: Rotation) -> Tensor:
        shift, scale, gate = modulation[:, None].chunk(3, dim=-1)
        qkv, hidden = self.linear1(modulated(tokens, shift, scale)).split(self.inner, dim=-1)
        query, key, value = self.norm.split(qkv)
        attended = attend(rotated(query, by), rotated(key, by), value)
        hidden = functional.gelu(hidden, approximate="tanh")
        return torch.addcmul(tokens, gate, self.linear2(torch.cat([attended, hidden], dim=-1)))


class LastBlock(nn.Module):
    """The last single block: the garment's tokens only answer, nothing comes out for them.

    1.8 % of all operations less; golden stages v_cond.* hold it to the whole block's result.
    """

    def __init__(self, block: SingleBlock) -> None:
        """Takes the weights of the whole block over."""
        super().__init__()
        weight, bias = block.linear1.weight.detach(), block.linear1.bias.detach()
        width = weight.shape[1]
        self.inner = (width, block.inner[1])
        answer = torch.zeros(len(weight), dtype=torch.bool)
        answer[width : 3 * width] = True
        self.key_value = _linear(weight[answer], bias[answer])
        self.query_hidden = _linear(weight[~answer], bias[~answer])
        self.linear2 = block.linear2
        self.norm = block.norm

    def forward(self, tokens: Tensor, modulation: Tensor, by: Rotation, dropped: int) -> Tensor:
        """tokens: (batch, tokens, width), without the first `dropped` of them in the result."""
        shift, scale, gate = modulation[:, None].chunk(3, dim=-1)
        seen = modulated(tokens, shift, scale)
        query, hidden = self.query_hidden(seen[:, dropped:]).split(self.inner, dim=-1)
        key, value = (self.norm.heads(each) for each in self.key_value(seen).chunk(2, dim=-1))
        query = rotated(self.norm.query_norm(self.norm.heads(query)), by.without(dropped))
        attended = attend(query, rotated(self.norm.key_norm(key), by), value)
        hidden = functional.gelu(hidden, approximate="tanh")
        out = self.linear2(torch.cat([attended, hidden], dim=-1))
        return torch.addcmul(tokens[:, dropped:], gate, out)


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    with torch.device("meta"):
        layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.weight = nn.Parameter(weight, requires_grad=False)
    layer.bias = nn.Parameter(bias, requires_grad=False)
    return layer


class Projections(nn.Module):
    """Into and out of the attention of one stream of a double block."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.qkv = nn.Linear(sizes.width, 3 * sizes.width)
        self.norm = Norms(sizes.head_width)
        self.proj = nn.Linear(sizes.width, sizes.width)


def _mlp(sizes: Sizes) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(sizes.width, sizes.hidden),
        nn.GELU(approximate="tanh"),
        nn.Linear(sizes.hidden, sizes.width),
    )


class DoubleBlock(nn.Module):
    """Joint attention of garment and person, each with weights of its own."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.txt_attn, self.txt_mlp = Projections(sizes), _mlp(sizes)
        self.img_attn, self.img_mlp = Projections(sizes), _mlp(sizes)

    def forward(
        self, garment: Tensor, person: Tensor, of_garment: Tensor, of_person: Tensor, by: Rotation
    ) -> tuple[Tensor, Tensor]:
        """Tokens (batch, tokens, width) and modulations (batch, 6 * width) of both streams."""
        about_garment = of_garment[:, None].chunk(6, dim=-1)
        about_person = of_person[:, None].chunk(6, dim=-1)
        asked = self.txt_attn.norm.split(self.txt_attn.qkv(modulated(garment, *about_garment[:2])))
        own = self.img_attn.norm.split(self.img_attn.qkv(modulated(person, *about_person[:2])))
        query, key, value = (torch.cat(each, dim=2) for each in zip(asked, own, strict=True))
        attended = attend(rotated(query, by), rotated(key, by), value)
        to_garment, to_person = attended.split([garment.shape[1], person.shape[1]], dim=1)
        garment = torch.addcmul(garment, about_garment[2], self.txt_attn.proj(to_garment))
        person = torch.addcmul(person, about_person[2], self.img_attn.proj(to_person))
        inner = self.txt_mlp(modulated(garment, *about_garment[3:5]))
        garment = torch.addcmul(garment, about_garment[5], inner)
        inner = self.img_mlp(modulated(person, *about_person[3:5]))
        return garment, torch.addcmul(person, about_person[5], inner)


class Patches(nn.Module):
    """Pictures to tokens."""

    def __init__(self, channels: int, sizes: Sizes) -> None:
        super().__init__()
        self.proj = nn.Conv2d(channels, sizes.width, sizes.patch, stride=sizes.patch)

    def forward(self, pictures: Tensor) -> Tensor:
        """(batch, channels, height, width) to (batch, tokens, width), row by row."""
        return self.proj(pictures).flatten(2).transpose(1, 2)


class Final(nn.Module):
    """Tokens to the colours of their patches."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.linear = nn.Linear(sizes.width, PICTURE * sizes.patch**2)

    def forward(self, tokens: Tensor, modulation: Tensor) -> Tensor:
        return self.linear(modulated(tokens, *modulation[:, None].chunk(2, dim=-1)))


class Transformer(nn.Module):
    """Everything but the modulation."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.x_embedder = Patches(2 * PICTURE + 1, sizes)
        self.garment_embedder = Patches(PICTURE + 1, sizes)
        self.x_patch_mixer = nn.ModuleList(SingleBlock(sizes) for _ in range(sizes.mixer_blocks))
        self.double_blocks = nn.ModuleList(DoubleBlock(sizes) for _ in range(sizes.double_blocks))
        self.single_blocks = nn.ModuleList(SingleBlock(sizes) for _ in range(sizes.single_blocks))
        self.final_layer = Final(sizes)

    def split_last(self) -> None:
        """Once the published weights are in: the last block need not answer for the garment."""
        whole = self.single_blocks[-1]
        assert isinstance(whole, SingleBlock)
        self.single_blocks[-1] = LastBlock(whole)

    def forward(
        self, noisy: Tensor, person: Tensor, garment: Tensor, about: Modulations, by: Rotation
    ) -> Tensor:
        """The velocity from noise to picture, (batch, 3, height, width).

        noisy: (batch, 3, height, width); person, garment: (batch, 4, height, width), picture and
        pose in -1..1. by: of one picture's grid, see `rotation`.
        """
        rows, columns = (side // self.sizes.patch for side in noisy.shape[-2:])
        people = self.x_embedder(torch.cat([noisy, person], dim=1))
        for block, modulation in zip(self.x_patch_mixer, about.mixer, strict=True):
            people = block(people, modulation, by)
        garments = self.garment_embedder(garment)
        both = by.twice()
        for block, of_garment, of_person in zip(
            self.double_blocks, about.garment, about.person, strict=True
        ):
            garments, people = block(garments, people, of_garment, of_person, both)
        tokens = torch.cat([garments, people], dim=1)
        *blocks, last = self.single_blocks
        for block, modulation in zip(blocks, about.single, strict=False):
            tokens = block(tokens, modulation, both)
        people = last(tokens, about.single[-1], both, dropped=garments.shape[1])
        colours = self.final_layer(people, about.final)  # (batch, tokens, 3 * patch * patch)
        patches = colours.unflatten(-1, (PICTURE, self.sizes.patch, self.sizes.patch))
        patches = patches.unflatten(1, (rows, columns)).permute(0, 3, 1, 4, 2, 5)
        return patches.flatten(2, 3).flatten(3)
