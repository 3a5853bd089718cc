"""The two UNets of each model at published size, and one denoising step in several formulations.

"As published" is the authors' formulation on the same networks: every reference token is a query
too, the reference UNet runs to its end, constant keys and values are made anew at every step, and
IDM-VTON's unconditional garment is written out in zeros. The others switch single savings on.
Needs `fitting_room` to be importable.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

SIZES = json.loads((Path(__file__).resolve().parent / "published_sizes.json").read_text())


@dataclass(frozen=True)
class Model:
    unet: dict
    channels: int  # that the denoiser takes
    text: int = 0  # tokens of the cross-attention; 0: there is none
    image: int = 0  # image tokens beside them
    normalised: bool = True  # tokens are read after norm1
    zero_half: bool = False  # the unconditional tokens are zeros


SD15, SDXL = SIZES["leffa/virtual_tryon"]["unet"], SIZES["leffa/pose_transfer"]["unet"]
MODELS = {
    "leffa": Model(SD15, 12),
    "leffa-pose": Model(SDXL, 12),
    "ootdiffusion": Model(SD15, 8, text=4, normalised=False),
    "idm-vton": Model(SDXL, 13, text=77, image=16, zero_half=True),
}


@dataclass(frozen=True)
class Formulation:
    name: str
    reference_queries: bool = False
    untrimmed: bool = False
    constants_each_step: bool = False
    zeros_written: bool = False
    look: bool = True  # the reference UNet runs within the step
    zero_kept: bool = False  # what the zero latent shows was read by an earlier run
    guided: bool = True


HERE = Formulation("as here")
PUBLISHED = Formulation("as published", True, True, True, True)
LEFFA = [
    PUBLISHED,
    replace(PUBLISHED, name="only: own queries", reference_queries=False),
    replace(PUBLISHED, name="only: trimmed reference UNet", untrimmed=False),
    replace(HERE, name="as here, the first garment"),
    replace(HERE, zero_kept=True),
    replace(HERE, name="as here, garment read ahead", look=False, constants_each_step=True),
    replace(HERE, name="as here, guidance 1", guided=False),
    replace(PUBLISHED, name="accelerated, as published", look=False),
    replace(HERE, name="accelerated, as here", look=False),
]
FORMULATIONS = {
    "leffa": LEFFA,
    "leffa-pose": LEFFA,
    "ootdiffusion": [  # looks at the garment once, before the first step
        replace(PUBLISHED, look=False),
        replace(PUBLISHED, name="only: own queries", reference_queries=False, look=False),
        replace(HERE, look=False),
        replace(HERE, name="as here, guidance 1", look=False, guided=False),
    ],
    "idm-vton": [
        PUBLISHED,
        replace(PUBLISHED, name="only: own queries", reference_queries=False),
        replace(PUBLISHED, name="own queries, zeros in closed form", reference_queries=False,
                zeros_written=False),
        replace(PUBLISHED, name="only: trimmed reference UNet", untrimmed=False),
        replace(PUBLISHED, name="only: constant text once", constants_each_step=False),
        HERE,
        replace(HERE, name="as here, garment read ahead", look=False),
        replace(HERE, name="as here, guidance 1", guided=False),
    ],
}  # fmt: skip


class WholeTokens:
    """Reference tokens for the published formulation, in place of their keys and values."""

    def __init__(self, tokens: dict[str, Tensor]) -> None:
        self.tokens = tokens

    def for_block(self, name: str) -> Tensor:
        return self.tokens[name]


def whole_sequence() -> object:
    """A self-attention processor in which every token asks, of which the own ones are kept."""
    from fitting_room.pipelines.diffusion.attention import SelfAttention

    class WholeSequence(SelfAttention):
        def __call__(self, attn: Any, hidden_states: Tensor, encoder_hidden_states: Any = None,
                     attention_mask: Any = None, reference: Any = None, context: Any = None,
                     ) -> Tensor:  # fmt: skip
            if reference is None:
                return super().__call__(attn, hidden_states)
            both = torch.cat([hidden_states, reference], dim=1)
            return super().__call__(attn, both)[:, : hidden_states.shape[1]]

    return WholeSequence()


class Bench:
    """A model's two UNets, and one step of a formulation on them."""

    def __init__(self, name: str, form: Formulation, width: int, height: int,
                 dtype: torch.dtype, device: str) -> None:  # fmt: skip
        from fitting_room.pipelines.diffusion import reference

        self.ref, self.model, self.form = reference, MODELS[name], form
        self._build(dtype, device)
        draw, model = torch.Generator().manual_seed(1), self.model

        def given(*shape: int) -> Tensor:
            if device == "meta":
                return torch.empty(shape, dtype=dtype, device=device)
            return torch.randn(shape, generator=draw).to(device, dtype)

        self.samples = 2 if form.guided else 1
        size = height // 8, width // 8
        self.seen = given(1, model.channels, *size).expand(self.samples, -1, -1, -1)
        self.garment = given(1, 4, *size)
        text = model.unet["cross_attention_dim"]
        self.text = given(self.samples, model.text, text)
        self.image = given(self.samples, model.image, text) if model.image else None
        self.timestep = torch.tensor(501, device=device)
        self.added = None
        if model.image:
            self.added = {"text_embeds": given(self.samples, 1280),
                          "time_ids": given(self.samples, 6)}  # fmt: skip
        # What is made once for a run lies outside the step.
        self.texts = None if form.constants_each_step else self._texts()
        self.garment_text = None if form.constants_each_step else self._garment_text()
        self.nothing = self._read(torch.zeros_like(self.garment)) if form.zero_kept else None
        self.tokens = None if form.look else self.look()
        again = form.look or form.reference_queries or form.constants_each_step
        # IDM-VTON's and plain Leffa's tokens read ahead are other ones at every step
        again = again or (name == "idm-vton")
        self.given = None if again else self._give(self.tokens)

    def _build(self, dtype: torch.dtype, device: str) -> None:
        from diffusers import UNet2DConditionModel

        config, ref = self.model.unet, self.ref
        plain = {k: v for k, v in config.items() if not k.startswith(("addition", "projection"))}
        own = config if self.model.image else plain
        with torch.device("meta"):
            self.denoiser = UNet2DConditionModel(**{**own, "in_channels": self.model.channels})
            self.reference = UNet2DConditionModel(**{**plain, "in_channels": 4})
            ref.equip(self.denoiser, image_prompt=bool(self.model.image))
            ref.equip(self.reference)
        for unet in () if self.model.text else (self.denoiser, self.reference):
            ref.drop_cross_attention(unet)
        if not self.form.untrimmed:
            ref.trim_reference(self.reference)
        elif self.model.zero_half:  # IDM-VTON's authors leave out the last up block themselves
            self.reference.up_blocks = self.reference.up_blocks[:-1]
            self.reference.conv_norm_out, self.reference.conv_out = None, nn.Identity()
        if self.form.reference_queries:
            for block in ref.transformer_blocks(self.denoiser).values():
                block.attn1.set_processor(whole_sequence())
        for unet in (self.denoiser, self.reference):
            fill(unet, dtype, device)

    def step(self) -> Tensor:
        reference = self.given or self._give(self.look() if self.form.look else self.tokens)
        return self.denoiser(
            self.seen, self.timestep, None, added_cond_kwargs=self.added,
            cross_attention_kwargs={
                "reference": reference, "context": self.texts or self._texts(),
            },
        ).sample  # fmt: skip

    def look(self) -> dict[str, Tensor]:
        """One pass of the reference UNet: over the garment and, where it is, a zero latent."""
        if self.nothing is not None:
            own = self._read(self.garment)
            return {name: torch.cat([self.nothing[name], each]) for name, each in own.items()}
        if self.form.guided and not self.model.zero_half:
            return self._read(torch.cat([torch.zeros_like(self.garment), self.garment]))
        return self._read(self.garment)

    def _read(self, latents: Tensor) -> dict[str, Tensor]:
        return self.ref.read_tokens(
            self.reference, latents, self.timestep, self.garment_text or self._garment_text(),
            normalised=self.model.normalised,
        )  # fmt: skip

    def _texts(self) -> object:
        if not self.model.text:
            return None
        return self.ref.project_context(self.denoiser, self.text, self.image)

    def _garment_text(self) -> object:
        if not self.model.text:
            return None
        rows = 1 if self.model.zero_half else self.samples
        return self.ref.project_context(self.reference, self.text[:rows])

    def _give(self, tokens: dict[str, Tensor]) -> object:
        zeros = self.model.zero_half and self.form.guided
        if zeros and (self.form.zeros_written or self.form.reference_queries):
            tokens = {n: torch.cat([torch.zeros_like(t), t]) for n, t in tokens.items()}
            zeros = False
        if not self.form.reference_queries:
            return self.ref.project_reference(
                self.denoiser, tokens, normalise=not self.model.normalised, zero_rows=int(zeros)
            )
        if not self.model.normalised:
            blocks = self.ref.transformer_blocks(self.denoiser)
            tokens = {name: blocks[name].norm1(each) for name, each in tokens.items()}
        return WholeTokens(tokens)


def fill(network: nn.Module, dtype: torch.dtype, device: str) -> None:
    """Random weights of the published sizes; on the meta device none."""
    nn.Module.to(network, dtype).requires_grad_(False).eval()
    if device == "meta":
        return
    network.to_empty(device=device)
    for name, parameter in network.named_parameters():
        # By name: a trimmed network must have the same numbers as a whole one.
        generator = torch.Generator(device).manual_seed(zlib.crc32(name.encode()))
        spread = 0.02 if parameter.ndim < 2 else parameter[0].numel() ** -0.5
        parameter.normal_(0, spread, generator=generator)
        if parameter.ndim == 1 and name.endswith("weight"):
            parameter.add_(1)
