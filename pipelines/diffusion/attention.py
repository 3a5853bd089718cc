"""Attention processors for the transformer blocks of stock diffusers UNets.

A processor holds no data of a run: what a block is given besides its own hidden states comes as
`reference` (self-attention) and `context` (cross-attention), see `reference.py`.
"""

# diffusers declares parts of its attention as optional that a text-to-image UNet always has.
# pyright: reportOptionalMemberAccess=false, reportOptionalCall=false
# pyright: reportOptionalSubscript=false

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn
from torch.nn import functional


class KeysValues(NamedTuple):
    """Keys and values of one attention layer, before the split into heads."""

    key: Tensor  # (rows, tokens, channels)
    value: Tensor  # (rows, tokens, channels)


class BlockReference(NamedTuple):
    """What the self-attention of one block is given."""

    key: Tensor
    value: Tensor
    rows: Tensor | None
    zero_rows: int
    zero_logits: Tensor | None


class BlockContext(NamedTuple):
    """What the cross-attention of one block is given."""

    text: KeysValues
    image: KeysValues | None
    rows: Tensor | None


def _attend(
    heads: int, query: Tensor, key: Tensor, value: Tensor, logits: Tensor | None = None
) -> Tensor:
    """Softmax attention on (batch, tokens, channels); `logits` are added, as wide as the keys."""
    query, key, value = (
        tensor.unflatten(-1, (heads, -1)).transpose(1, 2) for tensor in (query, key, value)
    )  # (batch, heads, tokens, channels of a head)
    attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=logits)
    return attended.transpose(1, 2).flatten(2)  # (batch, tokens, channels)


def _attend_with_zero_tokens(
    heads: int, query: Tensor, key: Tensor, value: Tensor, zero_logits: Tensor
) -> Tensor:
    """Attention to the own tokens and to reference tokens that are all zero.

    The projections have no bias, so a zero token has a zero key (logit 0, weight exp(0) = 1) and a
    zero value: it only takes its share of the softmax. N of them weigh as much as a few zero keys
    whose added logits' exponentials sum to N.
    """
    zeros = key.new_zeros(key.shape[0], zero_logits.shape[0], key.shape[2])
    logits = torch.cat([zero_logits.new_zeros(key.shape[1]), zero_logits])
    return _attend(
        heads, query, torch.cat([key, zeros], 1), torch.cat([value, zeros], 1),
        logits.expand(1, 1, query.shape[1], -1),
    )  # fmt: skip


def zero_token_logits(count: int, like: Tensor, terms: int = 4) -> Tensor:
    """Numbers exact in the dtype of `like` whose exponentials sum to `count`, (terms,).

    One number would do in float32. ln(3072) rounded to bfloat16 weighs 3 % wrong; each further
    term takes up the rest of the one before.
    """
    below = torch.tensor(-math.inf, dtype=like.dtype)
    logits, rest = [], float(count)
    for _ in range(terms):
        logit = torch.tensor(math.log(rest) if rest > 0 else -math.inf, dtype=like.dtype)
        if math.exp(logit) > rest:
            logit = torch.nextafter(logit, below)
        logits.append(float(logit))
        rest -= math.exp(logit)
    return torch.tensor(logits, dtype=like.dtype, device=like.device)


class SelfAttention:
    """Own tokens ask, own tokens and reference tokens answer: one softmax over both.

    Equal to attention among all tokens of which the own ones are kept afterwards. Without a
    reference it is the stock self-attention.
    """

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        reference: BlockReference | None = None,
        context: BlockContext | None = None,
    ) -> Tensor:
        query = attn.to_q(hidden_states)
        key = attn.to_k(hidden_states)
        value = attn.to_v(hidden_states)
        if reference is None:
            return attn.to_out[0](_attend(attn.heads, query, key, value))
        first = reference.zero_rows
        attended = _attend(
            attn.heads,
            query[first:],
            torch.cat([key[first:], _pick(reference.key, reference.rows)], dim=1),
            torch.cat([value[first:], _pick(reference.value, reference.rows)], dim=1),
        )
        if reference.zero_logits is not None:
            without = _attend_with_zero_tokens(
                attn.heads, query[:first], key[:first], value[:first], reference.zero_logits
            )
            attended = torch.cat([without, attended])
        return attn.to_out[0](attended)


class CrossAttention:
    """The stock cross-attention, with keys and values that may be given ready made."""

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        reference: BlockReference | None = None,
        context: BlockContext | None = None,
    ) -> Tensor:
        query = attn.to_q(hidden_states)
        if context is None:
            key, value = attn.to_k(encoder_hidden_states), attn.to_v(encoder_hidden_states)
        else:
            key, value = (_pick(tensor, context.rows) for tensor in context.text)
        return attn.to_out[0](_attend(attn.heads, query, key, value))


class ImagePromptAttention(nn.Module):
    """Cross-attention to text and, with projections of its own, to image tokens; both are summed.

    Image tokens come with the context (`project_context(..., image=...)`). The parameters'
    names are those of published IP-Adapter UNets: `attn2.processor.to_k_ip.weight`.
    """

    def __init__(self, attn: Attention) -> None:
        super().__init__()
        self.to_k_ip = nn.Linear(attn.to_k.in_features, attn.to_k.out_features, bias=False)
        self.to_v_ip = nn.Linear(attn.to_v.in_features, attn.to_v.out_features, bias=False)

    def __call__(  # not forward: diffusers reads the names of its arguments here
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        reference: BlockReference | None = None,
        context: BlockContext | None = None,
    ) -> Tensor:
        if context is None or context.image is None:
            raise ValueError("the image tokens are missing: give project_context(image=...)")
        query = attn.to_q(hidden_states)
        text = _attend(attn.heads, query, *(_pick(tensor, context.rows) for tensor in context.text))
        image = _attend(
            attn.heads, query, *(_pick(tensor, context.rows) for tensor in context.image)
        )
        return attn.to_out[0](text + image)


class PassThrough(nn.Module):
    """In place of a cross-attention: gives its input back, so the block adds norm2(h) to h."""

    def forward(self, hidden_states: Tensor, **_unused: Any) -> Tensor:
        return hidden_states


def _pick(tensor: Tensor, rows: Tensor | None) -> Tensor:
    return tensor if rows is None else tensor[rows]
