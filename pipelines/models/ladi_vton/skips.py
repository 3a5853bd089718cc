"""EMASC: what the VAE's encoder saw of the kept part of a photo, added to its decoder.

Everything goes through hooks on the stock VAE's own parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...files.weights import State

ADAPTERS = 5


class SkipAdapters(nn.Module):
    """Five pairs of convolutions, one for each place where the decoder is given something."""

    def __init__(self, channels: Sequence[tuple[int, int]]) -> None:
        """channels: in and out of each."""
        super().__init__()
        self.conv = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(into, into, 3, padding=1), nn.SiLU(), nn.Conv2d(into, out, 3, padding=1)
            )
            for into, out in channels
        )

    @classmethod
    def shaped_like(cls, state: State) -> SkipAdapters:
        """Of the widths that a published file has. Raises KeyError."""
        return cls(
            [
                (state[f"conv.{place}.0.weight"].shape[1], state[f"conv.{place}.2.weight"].shape[0])
                for place in range(ADAPTERS)
            ]
        )

    def forward(self, seen: Sequence[Tensor]) -> list[Tensor]:
        """seen: what `watched` kept. The first two adapters read the same tensor."""
        return [adapter(each) for adapter, each in zip(self.conv, (seen[0], *seen), strict=True)]


@contextmanager
def watched(vae: Any) -> Iterator[list[list[Tensor]]]:
    """Keeps what four parts of the encoder give while pictures run through it: of each part a list,
    an entry a call, (pictures, channels, height, width)."""
    parts = [vae.encoder.conv_in, *vae.encoder.down_blocks[:3]]
    seen: list[list[Tensor]] = [[] for _ in parts]
    hooks = [
        part.register_forward_hook(lambda _, args, out, kept=kept: kept.append(out))
        for part, kept in zip(parts, seen, strict=True)
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def masked(skips: Sequence[Tensor], mask: Tensor) -> list[Tensor]:
    """Skips (pictures, channels, …) with nothing of what the mask (pictures, 1, height, width), 0
    or 1, repaints; the mask is resized to each from the one before, by the nearest."""
    kept, made = 1 - mask, []
    for skip in skips:
        kept = functional.interpolate(kept.to(skip), skip.shape[-2:], mode="nearest")
        made.append(skip * kept)
    return made


@contextmanager
def added(vae: Any, skips: Sequence[Tensor]) -> Iterator[None]:
    """While it lasts, the decoder's up blocks and its last convolution are given the skips too, the
    deepest first."""
    parts = [*vae.decoder.up_blocks, vae.decoder.conv_out]

    def add(skip: Tensor) -> Any:
        return lambda _, args: (args[0] + skip.to(args[0]), *args[1:])

    hooks = [
        part.register_forward_pre_hook(add(skip))
        for part, skip in zip(parts, reversed(skips), strict=True)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def joined(seen: Sequence[Sequence[Tensor]]) -> tuple[Tensor, ...]:
    """What `watched` kept, (pictures, channels, height, width) a part."""
    return tuple(torch.cat(list(calls)) for calls in seen)
