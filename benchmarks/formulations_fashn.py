"""FASHN VTON at published size, and one denoising step of it in several formulations.

"As published" runs both halves of guidance as one batch, computes every modulation and the table of
rotations within the step, and gives the garment's tokens a whole last block whose result is thrown
away. The others switch single savings on. Needs `fitting_room` to be importable.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from formulations import fill
from torch import Tensor

NAME = "fashn-vton"
SIZES = {"width": 1280, "heads": 10, "hidden": 5120, "patch": 12, "mixer_blocks": 4,
         "double_blocks": 8, "single_blocks": 16, "categories": 3}  # fmt: skip
PICTURES = ("288x432", "576x864")


@dataclass(frozen=True)
class Formulation:
    name: str
    together: bool = False
    whole_last_block: bool = False
    modulation_each_step: bool = False
    rotation_each_step: bool = False
    guided: bool = True


HERE = Formulation("as here")
PUBLISHED = Formulation("as published", True, True, True, True)
FORMULATIONS = [
    PUBLISHED,
    replace(PUBLISHED, name="only: guidance in two passes", together=False),
    replace(PUBLISHED, name="only: last block for the person", whole_last_block=False),
    replace(PUBLISHED, name="only: modulation ahead", modulation_each_step=False),
    replace(PUBLISHED, name="only: rotations once", rotation_each_step=False),
    HERE,
    replace(HERE, name="as here, last step or guidance 1", guided=False),
]


class Bench:
    """The published networks, and one step of a formulation on them."""

    def __init__(self, name: str, form: Formulation, width: int, height: int,
                 dtype: torch.dtype, device: str) -> None:  # fmt: skip
        from fitting_room.pipelines.models.fashn_vton.modulation import Modulation
        from fitting_room.pipelines.models.fashn_vton.network import Sizes, Transformer

        self.form, self.size, self.device = form, (width, height), device
        sizes = Sizes(**SIZES)
        with torch.device("meta"):
            self.modulation, self.transformer = Modulation(sizes), Transformer(sizes)
        if form.whole_last_block:
            self.transformer.single_blocks[-1] = whole_last_block(sizes)
        for network in (self.modulation, self.transformer):
            fill(network, dtype, device)
        if not form.whole_last_block:
            self.transformer.split_last()
        draw = torch.Generator().manual_seed(1)

        def given(channels: int) -> Tensor:
            shape = (1, channels, height, width)
            if device == "meta":
                return torch.empty(shape, dtype=dtype, device=device)
            return torch.randn(shape, generator=draw).to(device, dtype)

        self.noisy, self.person, self.garment = given(3), given(4), given(4)
        self.about = None if form.modulation_each_step else self._modulations()
        self.by = None if form.rotation_each_step else self._rotation()
        if self.about is not None:
            del self.modulation  # what is known of all steps needs it no more

    @property
    def blocks(self) -> list[torch.nn.Module]:
        """What is compiled."""
        network = self.transformer
        return [*network.x_patch_mixer, *network.double_blocks, *network.single_blocks]

    def step(self) -> Tensor:
        about = self.about or self._modulations()
        by = self.by or self._rotation()
        nothing = torch.zeros_like(self.person)
        if not self.form.guided:
            return self.transformer(self.noisy, self.person, self.garment, about.row(0), by)
        if self.form.together:
            pairs = ((self.noisy, self.noisy), (self.person, nothing), (self.garment, nothing))
            both = self.transformer(*map(torch.cat, pairs), about, by)
            towards, away = both.chunk(2)
        else:
            towards = self.transformer(self.noisy, self.person, self.garment, about.row(0), by)
            away = self.transformer(self.noisy, nothing, nothing, about.row(1), by)
        return away + 1.5 * (towards - away)

    def _modulations(self) -> Any:
        times = torch.full((2,), 500.0, device=self.device)
        return self.modulation(times, torch.tensor([1, 0], device=self.device))

    def _rotation(self) -> Any:
        from fitting_room.pipelines.models.fashn_vton.network import Rotation, rotation

        width, height = self.size
        sizes = self.transformer.sizes
        tables = rotation(height // sizes.patch, width // sizes.patch, sizes.head_width)
        return Rotation(*(table.to(self.device) for table in tables))


def whole_last_block(sizes: Any) -> torch.nn.Module:
    from fitting_room.pipelines.models.fashn_vton.network import SingleBlock

    class WholeLastBlock(SingleBlock):
        """Computes the garment's tokens as well, and drops them."""

        def forward(self, tokens: Tensor, modulation: Tensor, by: Any, dropped: int) -> Tensor:
            return super().forward(tokens, modulation, by)[:, dropped:]

    with torch.device("meta"):
        return WholeLastBlock(sizes)
