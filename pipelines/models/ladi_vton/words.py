"""LaDI-VTON's text: the look of a garment becomes 16 pseudo-words inside a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

PLACES = 16
"""Pseudo-words of a garment."""

PLACEHOLDER = 259
"""Token of " $ ", which stands where a pseudo-word comes."""

WORDS = {
    "dress": "a dress",
    "upper": "an upper body garment",
    "lower": "a lower body garment",
}

LEVELS = 255
"""Of the pixels that the image encoder was given."""


class _Layer(nn.Module):
    """One encoder layer of CLIP, of which only token 0 is asked for: one query instead of 257."""

    def __init__(self, width: int, inner: int, heads: int, eps: float, activation: Any) -> None:
        super().__init__()
        self.heads = heads
        self.self_attn = nn.ModuleDict(
            {name: nn.Linear(width, width) for name in ("k_proj", "v_proj", "q_proj", "out_proj")}
        )
        self.layer_norm1 = nn.LayerNorm(width, eps=eps)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, inner), "fc2": nn.Linear(inner, width)})
        self.layer_norm2 = nn.LayerNorm(width, eps=eps)
        self.activation = activation

    def forward(self, states: Tensor) -> Tensor:
        """(garments, tokens, width) to (garments, width)."""
        normed = self.layer_norm1(states)
        query, key, value = (
            self.self_attn[f"{name}_proj"](tokens).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for name, tokens in (("q", normed[:, :1]), ("k", normed), ("v", normed))
        )  # (garments, heads, tokens, width of a head)
        attended = functional.scaled_dot_product_attention(query, key, value)
        attended = attended.transpose(1, 2).flatten(2)[:, 0]  # (garments, width)
        first = states[:, 0] + self.self_attn["out_proj"](attended)
        inner = self.activation(self.mlp["fc1"](self.layer_norm2(first)))
        return first + self.mlp["fc2"](inner)


class InversionAdapter(nn.Module):
    """CLIP's view of a garment, (garments, tokens, width), to pseudo-words, (garments, 16 * text
    width)."""

    def __init__(self, vision: Any, inner: int, out: int) -> None:
        """vision: the image encoder's configuration. inner, out: widths of the three linears."""
        from transformers.activations import ACT2FN

        super().__init__()
        width, eps = vision.hidden_size, vision.layer_norm_eps
        layer = _Layer(width, vision.intermediate_size, vision.num_attention_heads, eps,
                       ACT2FN[vision.hidden_act])  # fmt: skip
        self.encoder_layers = nn.ModuleList([layer])
        self.post_layernorm = nn.LayerNorm(width, eps=eps)
        drop = nn.Dropout(0.5)  # of the training; it keeps the numbers of the published names
        self.layers = nn.Sequential(
            nn.Linear(width, inner), nn.GELU(), drop, nn.Linear(inner, inner), nn.GELU(), drop,
            nn.Linear(inner, out),
        )  # fmt: skip

    def forward(self, states: Tensor) -> Tensor:
        return self.layers(self.post_layernorm(self.encoder_layers[0](states)))


def clip_pixels(pictures: Tensor, side: int) -> Tensor:
    """What the image encoder sees of garments, (garments, 3, side, side) uint8, aspect not kept.

    pictures: (garments, 3, height, width) in 0..1. Whole levels, cut down and not rounded, as the
    transformers of the authors made them. Golden stage: clip_pixels_uint8.
    """
    small = functional.interpolate(pictures, (side, side), mode="bilinear", antialias=True)
    return (small.clamp(0, 1) * LEVELS).to(torch.uint8)


def clip_input(pixels: Tensor, settings: dict) -> Tensor:
    """Pixels as the image encoder takes them, float32. settings: preprocessor_config.json."""
    mean, spread = (
        torch.tensor(settings[name], device=pixels.device).view(3, 1, 1)
        for name in ("image_mean", "image_std")
    )
    return (pixels / LEVELS - mean) / spread


def token_ids(tokenizer: Any, texts: Sequence[str]) -> Tensor:
    """(texts, 77) int64, padded with the tokenizer's own sign, which is "!" here."""
    return tokenizer(
        list(texts), max_length=tokenizer.model_max_length, padding="max_length",
        truncation=True, return_tensors="pt",
    ).input_ids  # fmt: skip


def sentence(category: str) -> str:
    """What the text encoder is told of a garment, with places for its pseudo-words."""
    return f"a photo of a model wearing {WORDS[category]} {' $ ' * PLACES}"


def text_states(encoder: nn.Module, ids: Tensor, words: Tensor) -> Tensor:
    """Last hidden states, (texts, 77, width), of texts whose places hold pseudo-words.

    ids: (texts, 77). words: (texts, 16, width); they stand from the first placeholder on. A text
    without one is left as it is. Everything but the words is the stock encoder: a hook puts them
    behind its token embedding.
    """

    def put(_: nn.Module, args: tuple, embedded: Tensor) -> Tensor:
        embedded = embedded.clone()
        for row, text in enumerate(ids):
            places = (text == PLACEHOLDER).nonzero()
            if len(places):
                first = int(places[0])
                embedded[row, first : first + PLACES] = words[row].to(embedded)
        return embedded

    embedding = next(
        module for name, module in encoder.named_modules() if name.endswith("token_embedding")
    )
    hook = embedding.register_forward_hook(put)
    try:
        return encoder(ids.to(words.device)).last_hidden_state
    finally:
        hook.remove()
