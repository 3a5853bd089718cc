"""The Resampler: patches of an image encoder -> a few image tokens for the denoiser.

Perceiver attention as in IP-Adapter Plus (arXiv 2308.06721): learned queries look at the patches
and at themselves. Parameter names are the published ones, below `encoder_hid_proj.`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...files.weights import State

HEAD_CHANNELS = 64
"""Channels of an attention head: the one size that no parameter's shape tells."""


class Attention(nn.Module):
    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.norm2 = nn.LayerNorm(channels)
        self.to_q = nn.Linear(channels, inner, bias=False)
        self.to_kv = nn.Linear(channels, 2 * inner, bias=False)
        self.to_out = nn.Linear(inner, channels, bias=False)

    def forward(self, patches: Tensor, tokens: Tensor) -> Tensor:
        patches, tokens = self.norm1(patches), self.norm2(tokens)
        key, value = self.to_kv(torch.cat([patches, tokens], dim=1)).chunk(2, dim=-1)
        # The authors scale query and key by the fourth root each: the same product.
        heads = (
            each.unflatten(-1, (-1, HEAD_CHANNELS)).transpose(1, 2)
            for each in (self.to_q(tokens), key, value)
        )  # (batch, heads, tokens, channels of a head)
        attended = functional.scaled_dot_product_attention(*heads)
        return self.to_out(attended.transpose(1, 2).flatten(2))


class Resampler(nn.Module):
    """(batch, patches, in_channels) -> (batch, queries, out_channels)."""

    def __init__(
        self, in_channels: int, channels: int, out_channels: int, *, queries: int, layers: int,
        inner: int, hidden: int,
    ) -> None:  # fmt: skip
        """inner: channels of the attention, all heads. hidden: of the feed-forward layers."""
        super().__init__()
        self.latents = nn.Parameter(torch.empty(1, queries, channels))
        self.proj_in = nn.Linear(in_channels, channels)
        self.proj_out = nn.Linear(channels, out_channels)
        self.norm_out = nn.LayerNorm(out_channels)
        self.layers = nn.ModuleList(
            nn.ModuleList([Attention(channels, inner), _feed_forward(channels, hidden)])
            for _ in range(layers)
        )

    @classmethod
    def shaped_like(cls, state: State) -> Resampler:
        """One whose parameters have the shapes of `state`. Raises KeyError for others."""
        _, queries, channels = state["latents"].shape
        return cls(
            state["proj_in.weight"].shape[1], channels, state["proj_out.weight"].shape[0],
            queries=queries,
            layers=len({name.split(".")[1] for name in state if name.startswith("layers.")}),
            inner=state["layers.0.0.to_q.weight"].shape[0],
            hidden=state["layers.0.1.1.weight"].shape[0],
        )  # fmt: skip

    def forward(self, patches: Tensor) -> Tensor:
        patches = self.proj_in(patches)
        tokens = self.latents.expand(len(patches), -1, -1)
        for attention, feed_forward in self.layers:  # pyright: ignore[reportGeneralTypeIssues]
            tokens = tokens + attention(patches, tokens)
            tokens = tokens + feed_forward(tokens)
        return self.norm_out(self.proj_out(tokens))


def _feed_forward(channels: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(
        nn.LayerNorm(channels),
        nn.Linear(channels, hidden, bias=False),
        nn.GELU(),
        nn.Linear(hidden, channels, bias=False),
    )
