"""Reference tokens: read them from a garment UNet, give them to the denoiser.

OOTDiffusion, IDM-VTON and Leffa are all the same idea. A second UNet, the reference UNet, looks at
the garment. In every transformer block the denoiser's self-attention may also look at the tokens
that the reference UNet had in the block of the same name. Both are the stock
`UNet2DConditionModel` of diffusers; everything here goes through its attention processors, its
`cross_attention_kwargs` and forward hooks.

    equip(denoiser); equip(reference_unet)          once, after building
    trim_reference(reference_unet)                  once, after loading: drops what is never used
    tokens = read_tokens(reference_unet, latents, timestep, normalised=True)
    reference = project_reference(denoiser, tokens)
    denoiser(x, t, None, cross_attention_kwargs={"reference": reference, "context": context})

Nothing is kept on a module after a call: tokens, keys and values are arguments. `project_reference`
may be called at every step or once per run, which is the same arithmetic at another time.

What is not computed, compared with the published code, with the same result:
- queries, attention rows and output projections of the reference tokens, which it throws away
  (`attention.SelfAttention`);
- keys and values that do not change between steps (`project_reference`, `project_context`);
- attention to reference tokens that are all zero, in closed form (`zero_rows`);
- the reference UNet after the last block whose tokens are used (`trim_reference`);
- equal rows of a batch, as reference rows (`rows`).

Import this module at run time only: it imports diffusers.
"""

# diffusers declares parts of its attention as optional that a text-to-image UNet always has.
# pyright: reportOptionalMemberAccess=false, reportOptionalCall=false
# pyright: reportOptionalSubscript=false

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention import BasicTransformerBlock
from torch import Tensor, nn

from ..errors import InputError
from .attention import (
    BlockContext,
    BlockReference,
    CrossAttention,
    ImagePromptAttention,
    KeysValues,
    PassThrough,
    SelfAttention,
    zero_token_logits,
)

Tokens = dict[str, Tensor]
"""Tokens by block name ("down_blocks.0.attentions.0.transformer_blocks.0"), in the order of the
UNet's execution: (rows, tokens, channels)."""


@dataclass(frozen=True)
class Reference:
    """Projected reference tokens of every block, for one denoiser.

    A denoiser call with a batch of n samples uses it like this: the first `zero_rows` samples see
    reference tokens that are all zero (IDM-VTON's unconditional half); sample zero_rows + i sees
    row `rows[i]` of the keys and values, or row i where rows is None.
    """

    layers: dict[str, KeysValues]
    rows: Tensor | None = None  # (n - zero_rows,) int64
    zero_rows: int = 0

    def for_samples(self, rows: Tensor | None, zero_rows: int = 0) -> Reference:
        """The same keys and values, handed to other samples."""
        return replace(self, rows=rows, zero_rows=zero_rows)

    def for_block(self, name: str) -> BlockReference:
        key, value = self.layers[name]
        logits = self._zero_logits[key.shape[1]] if self.zero_rows else None
        return BlockReference(key, value, self.rows, self.zero_rows, logits)

    @cached_property
    def _zero_logits(self) -> dict[int, Tensor]:
        """By number of tokens."""
        keys = {key.shape[1]: key for key, _ in self.layers.values()}
        return {count: zero_token_logits(count, key) for count, key in keys.items()}


@dataclass(frozen=True)
class Context:
    """Projected cross-attention tokens of every block, for one UNet: sample i sees row `rows[i]`,
    or row i where rows is None."""

    text: dict[str, KeysValues]
    image: dict[str, KeysValues] | None = None
    rows: Tensor | None = None  # (n,) int64

    def for_samples(self, rows: Tensor | None) -> Context:
        """The same keys and values, handed to other samples."""
        return replace(self, rows=rows)

    def for_block(self, name: str) -> BlockContext | None:
        if name not in self.text:  # the last block of a trimmed reference UNet
            return None
        return BlockContext(self.text[name], self.image[name] if self.image else None, self.rows)


# ---------------------------------------------------------------------------------------------
# Preparing UNets, once


def transformer_blocks(unet: nn.Module) -> dict[str, BasicTransformerBlock]:
    """The blocks whose tokens are read or given, by name, in the order the UNet runs them."""

    def order(name: str) -> int:
        return ("down_blocks", "mid_block", "up_blocks").index(name.split(".")[0])

    blocks = [
        (name, module)
        for name, module in unet.named_modules()
        if isinstance(module, BasicTransformerBlock)
    ]
    return dict(sorted(blocks, key=lambda item: order(item[0])))


class _OwnPart:
    """Before a block runs: of each thing given to all blocks, passes on the part of this one.

    Selecting outside the block's forward keeps its name out of the compiled code, so that equal
    blocks share one compilation.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, block: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        given = kwargs.get("cross_attention_kwargs") or {}
        own = {kind: whole.for_block(self.name) for kind, whole in given.items() if whole}
        return args, {**kwargs, "cross_attention_kwargs": own}


def equip(unet: UNet2DConditionModel, image_prompt: bool = False) -> None:
    """Makes every transformer block take `reference` and `context` from cross_attention_kwargs.

    Without them the UNet is bit for bit the stock one. Call once, before the weights are loaded if
    `image_prompt` (it adds the parameters to_k_ip and to_v_ip), and never change processors after.
    """
    block: Any
    for name, block in transformer_blocks(unet).items():
        for attn in (block.attn1, block.attn2):
            if attn.to_k.bias is not None or attn.group_norm is not None or attn.upcast_attention:
                raise InputError(f"{name} is not a plain attention block as in SD-1.5 and SDXL.")
        block.attn1.set_processor(SelfAttention())
        block.attn2.set_processor(
            ImagePromptAttention(block.attn2) if image_prompt else CrossAttention()
        )
        block.register_forward_pre_hook(_OwnPart(name), with_kwargs=True)


def drop_cross_attention(unet: UNet2DConditionModel) -> None:
    """Replaces every cross-attention by its own input, as Leffa does, and frees its weights.

    The block then adds norm2(h) to h. Configuring the UNet without cross-attention would lose
    norm2 as well.
    """
    for block in transformer_blocks(unet).values():
        block.register_module("attn2", PassThrough())


class _LastTokens(nn.Module):
    """What is left of the last transformer block of a trimmed reference UNet."""

    def __init__(self, norm1: nn.Module) -> None:
        super().__init__()
        self.norm1 = norm1

    def forward(self, hidden_states: Tensor, **_unused: Any) -> Tensor:
        return hidden_states


def trim_reference(unet: UNet2DConditionModel) -> None:
    """Drops everything that runs after the last tokens were read: its weights and its work.

    The tokens stay bit for bit the same; the UNet's own output is meaningless afterwards. Call
    after loading, so that the file is checked against the whole UNet.
    """
    last = max(
        number for number, block in enumerate(unet.up_blocks) if hasattr(block, "attentions")
    )
    unet.up_blocks = unet.up_blocks[: last + 1]
    final: Any = unet.up_blocks[last]
    transformer = final.attentions[-1]
    blocks = transformer.transformer_blocks
    blocks[-1] = _LastTokens(blocks[-1].norm1)
    transformer.proj_out = nn.Identity()
    final.upsamplers = None
    unet.conv_norm_out = None
    unet.register_module("conv_out", nn.Identity())


def compile_blocks(unet: nn.Module, **options: Any) -> None:
    """Compiles the transformer blocks (torch.compile, with its `options`) at their first use.

    A module without such blocks is taken for one. Only `forward`: the hook that selects a block's
    own part stays outside, so blocks of equal width share one compilation. `del block.forward`
    undoes it.
    """
    for block in transformer_blocks(unet).values() or [unet]:
        block.forward = torch.compile(block.forward, fullgraph=True, **options)


# ---------------------------------------------------------------------------------------------
# Reading and giving


def _token_blocks(unet: nn.Module) -> dict[str, nn.Module]:
    """The transformer blocks and, where the UNet is trimmed, what is left of the last one."""
    last = [(n, module) for n, module in unet.named_modules() if isinstance(module, _LastTokens)]
    return {**transformer_blocks(unet), **dict(last)}


def read_tokens(
    unet: UNet2DConditionModel,
    latents: Tensor,
    timestep: Tensor | int,
    context: Context | None = None,
    *,
    normalised: bool,
) -> Tokens:
    """Runs an equipped reference UNet once and gives the tokens of its transformer blocks.

    latents: (rows, channels, height, width). timestep: one for all rows, or (rows,).
    normalised: True gives the tokens after the reference UNet's norm1 (IDM-VTON, Leffa); False
    before it (OOTDiffusion, whose denoiser applies its own norm1 to them).

    The hooks are gone when this returns or raises. They belong to the UNet: one read at a time.
    """
    tokens: Tokens = {}

    def keep(name: str, block: Any, args: tuple, kwargs: dict) -> None:
        hidden_states = args[0] if args else kwargs["hidden_states"]
        tokens[name] = block.norm1(hidden_states) if normalised else hidden_states

    hooks = [
        block.register_forward_pre_hook(partial(keep, name), with_kwargs=True)
        for name, block in _token_blocks(unet).items()
    ]
    try:
        unet(latents, timestep, None, cross_attention_kwargs={"context": context})
    finally:
        for hook in hooks:
            hook.remove()
    return tokens


def project_reference(
    denoiser: UNet2DConditionModel,
    tokens: Tokens,
    *,
    normalise: bool = False,
    rows: Tensor | None = None,
    zero_rows: int = 0,
) -> Reference:
    """Keys and values of reference tokens under the denoiser's own projections.

    normalise: apply the denoiser's norm1 first, to tokens that were read before norm1.
    rows, zero_rows: which sample sees what, see `Reference`.
    The tokens may be of another picture size than the denoiser's. Raises InputError where they
    come from another architecture.
    """
    blocks = transformer_blocks(denoiser)
    if set(blocks) != set(tokens):
        raise InputError(
            f"The denoiser has {len(blocks)} transformer blocks and the garment's tokens are of "
            f"{len(tokens)}, or they have other names. Encode the garment with the same model."
        )
    layers = {}
    for name, block in blocks.items():
        hidden_states = block.norm1(tokens[name]) if normalise else tokens[name]
        layers[name] = KeysValues(block.attn1.to_k(hidden_states), block.attn1.to_v(hidden_states))
    return Reference(layers, rows, zero_rows)


def project_context(
    unet: UNet2DConditionModel,
    text: Tensor,
    image: Tensor | None = None,
    rows: Tensor | None = None,
) -> Context:
    """Keys and values of the cross-attention's tokens, which are the same at every step.

    text: (rows, tokens, channels), what is otherwise given as encoder_hidden_states.
    image: (rows, image tokens, channels) for a UNet equipped with `image_prompt`.
    rows: which sample sees which row, see `Context`.
    """
    blocks = transformer_blocks(unet)
    texts = {n: KeysValues(b.attn2.to_k(text), b.attn2.to_v(text)) for n, b in blocks.items()}
    if image is None:
        return Context(texts, None, rows)
    prompts: dict[str, Any] = {name: block.attn2.processor for name, block in blocks.items()}
    images = {n: KeysValues(p.to_k_ip(image), p.to_v_ip(image)) for n, p in prompts.items()}
    return Context(texts, images, rows)
