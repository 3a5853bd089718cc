"""One denoising step of the models with a single UNet at published size: CatVTON and LaDI-VTON.

CatVTON's authors skip the cross-attention themselves, so that nothing of a step is left out here
that they compute; only its weights are not loaded. LaDI-VTON's compute keys and values of the text
at every step, here they are made once a run. Needs `fitting_room` to be importable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from formulations import SIZES, fill
from torch import Tensor


@dataclass(frozen=True)
class Formulation:
    name: str
    constants_each_step: bool = False
    guided: bool = True


PUBLISHED = Formulation("as published", constants_each_step=True)
HERE = Formulation("as here")
FORMULATIONS = dict.fromkeys(
    ("catvton", "catvton-maskfree", "ladi-vton"),
    [PUBLISHED, HERE, Formulation("as here, guidance 1", guided=False)],
)
CHANNELS = {"catvton": 9, "catvton-maskfree": 8, "ladi-vton": 31}
BESIDE = {"catvton": 2, "catvton-maskfree": 3}
"""Axis along which the garment stands beside the person."""

WORDS = 77


class Bench:
    """A model's UNet, and one step of a formulation on it."""

    def __init__(self, name: str, form: Formulation, width: int, height: int,
                 dtype: torch.dtype, device: str) -> None:  # fmt: skip
        from diffusers import UNet2DConditionModel
        from fitting_room.pipelines.diffusion import reference

        self.ref, self.form, self.text = reference, form, None
        sizes = "ladi_vton" if name == "ladi-vton" else "leffa/virtual_tryon"
        config = SIZES[sizes]["unet"]
        with torch.device("meta"):
            self.denoiser = UNet2DConditionModel(**{**config, "in_channels": CHANNELS[name]})
        if name in BESIDE:
            reference.drop_cross_attention(self.denoiser)
        else:
            reference.equip(self.denoiser)
        fill(self.denoiser, dtype, device)
        draw, rows = torch.Generator().manual_seed(1), 2 if form.guided else 1

        def given(*shape: int) -> Tensor:
            if device == "meta":
                return torch.empty(shape, dtype=dtype, device=device)
            return torch.randn(shape, generator=draw).to(device, dtype)

        shape = [1, CHANNELS[name], height // 8, width // 8]
        if name in BESIDE:
            shape[BESIDE[name]] *= 2
        self.seen = given(*shape).expand(rows, -1, -1, -1)
        self.timestep = torch.tensor(501, device=device)
        if name not in BESIDE:
            self.text = given(1, WORDS, config["cross_attention_dim"]).expand(rows, -1, -1)
        self.context = None if form.constants_each_step else self._context()

    def _context(self) -> Any:
        return None if self.text is None else self.ref.project_context(self.denoiser, self.text)

    def step(self) -> Tensor:
        context = self.context or self._context()
        given = {} if context is None else {"context": context}
        return self.denoiser(
            self.seen, self.timestep, None, cross_attention_kwargs=given or None
        ).sample
