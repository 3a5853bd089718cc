"""FASHN VTON v1.5: a person in a garment, drawn in pixels by one transformer; no mask, no text.

Rectified flow from noise (time 0) to the picture (time 1), Euler steps, small ones first.
Published code: github.com/fashn-AI/fashn-vton-1.5 (Apache-2.0); the numbers below are its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...diffusion.guidance import guide
from ...diffusion.noise import Noise, SeededNoise, seeds_for
from ...diffusion.run import Pair, Place, Progress, Step, pair_rows, silent, stay
from ...errors import InputError
from .modulation import TIME_SCALE, Modulation
from .network import PICTURE, Rotation, Transformer, rotation

SHIFT = 1.5
"""How much denser the times lie near the noise; the authors' mu."""

NO_CATEGORY = 0


@dataclass(frozen=True)
class PersonEncoding:
    """pictures: (people, 4, height, width) float32 in -1..1: the photo, and the pose drawn."""

    pictures: Tensor

    def to(self, device: torch.device | str) -> PersonEncoding:
        return PersonEncoding(self.pictures.to(device))


@dataclass(frozen=True)
class GarmentEncoding:
    """pictures: (garments, 4, height, width) float32 in -1..1: the garment's photo, and the pose of
    who wears it (-1 everywhere for a flat-lay). categories: (garments,) int64, 1 upper, 2 lower,
    3 dress."""

    pictures: Tensor
    categories: Tensor

    def to(self, device: torch.device | str) -> GarmentEncoding:
        return GarmentEncoding(self.pictures.to(device), self.categories.to(device))


class FashnVtonPipeline:
    """Holds networks that it never moves; may be used for any number of runs, one at a time."""

    STAGES = {"modulate": ("modulation",), "denoise": ("transformer",)}
    """What `place` is called with, and the attributes whose networks that stage runs."""

    def __init__(
        self,
        modulation: Modulation,
        transformer: Transformer,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        place: Place = stay,
    ) -> None:
        """dtype: of what the networks are given and compute in. device: where the networks of a
        stage are once `place` was called for it."""
        self.modulation = modulation
        self.transformer = transformer
        self.dtype = dtype
        self.device = torch.device(device)
        self.place = place

    @torch.no_grad()
    def __call__(
        self,
        person: PersonEncoding,
        garment: GarmentEncoding,
        *,
        steps: int = 30,
        guidance: float = 1.5,
        skip_guidance: int = 1,
        published_times: bool = False,
        seed: int | Sequence[int] = 42,
        pairs: Sequence[Pair] | None = None,
        noise: Noise | None = None,
        progress: Progress = silent,
    ) -> Tensor:
        """Pictures of every pair, (pairs, 3, height, width) float32 in 0..1.

        guidance: 1 is none, and runs half the work. skip_guidance: how many of the last steps do
        without it, against colours that grow too strong. published_times: round the times to
        bfloat16 as the authors do on a card; near the end they then move in steps of 4 of 1000.
        seed: of the first picture, the next take seed + 1, …; or one for each. noise: instead of
        seeds, drawn once.
        """
        people, garments = pair_rows(pairs, len(person.pictures), len(garment.pictures))
        self._check(person.pictures, garment.pictures, steps)
        times = schedule(steps)
        categories = garment.categories.unique(sorted=True).tolist()
        self.place("modulate")
        about = self._modulations(times, [NO_CATEGORY, *categories], published_times)
        self.place("denoise")
        height, width = person.pictures.shape[-2:]
        by = self.rotation_of(height, width)
        noise = noise or SeededNoise(seeds_for(seed, len(people)))
        state = noise.draw((PICTURE, height, width)).to(self.device)
        looks = person.pictures.to(self.device, self.dtype)
        clothes = garment.pictures.to(self.device, self.dtype)
        nothing = torch.zeros_like(looks[:1])
        guided_steps = steps - skip_guidance if guidance != 1 else 0
        for index in range(steps):
            velocity = torch.empty_like(state)
            seen = state.to(self.dtype)
            # One picture at a time, with and without: a full card works no faster on more at once,
            # and the activations of one take half or less of the memory.
            for row, (who, what) in enumerate(zip(people, garments, strict=True)):
                noisy = seen[row : row + 1]
                told = about[int(garment.categories[what])].row(index)
                towards = self.transformer(
                    noisy, looks[who : who + 1], clothes[what : what + 1], told, by
                ).float()
                if index < guided_steps:
                    told = about[NO_CATEGORY].row(index)
                    away = self.transformer(noisy, nothing, nothing, told, by).float()
                    towards = guide(away, towards, guidance)
                velocity[row] = towards[0]
            clean = state + (1 - times[index]) * velocity
            state = state + (times[index + 1] - times[index]) * velocity
            progress(index + 1, steps, Step(state, velocity, clean, "rgb", state))
        return (state.clamp(-1, 1) + 1) / 2

    def _modulations(self, times: list[float], categories: list[int], rounded: bool) -> dict:
        """Modulations by category, one row a step."""
        scaled = scaled_times(times[:-1], rounded).to(self.device)
        return {
            category: self.modulation(scaled, torch.full_like(scaled, category, dtype=torch.int64))
            for category in categories
        }

    def rotation_of(self, height: int, width: int) -> Rotation:
        """The rotations of a picture's tokens, on the pipeline's device: one table for all rows."""
        sizes = self.transformer.sizes
        by = rotation(height // sizes.patch, width // sizes.patch, sizes.head_width)
        return Rotation(*(table.to(self.device) for table in by))

    def _check(self, people: Tensor, garments: Tensor, steps: int) -> None:
        patch = self.transformer.sizes.patch
        height, width = people.shape[-2:]
        if garments.shape[-2:] != people.shape[-2:] or height % patch or width % patch:
            raise InputError(
                f"Photo and garment must be of one size, its sides multiples of {patch} pixels; "
                f"{width}x{height} and {garments.shape[-1]}x{garments.shape[-2]} came."
            )
        if steps < 1:
            raise InputError(f"At least one step is needed; {steps} came.")


def schedule(steps: int) -> list[float]:
    """steps + 1 times from 0 (noise) to 1 (picture). Golden stages: schedule.*."""
    even = torch.linspace(1, 0, steps + 1)  # in float32, as the authors have it
    weight = math.exp(-SHIFT)
    return (weight / (weight + (1 / even - 1))).tolist()[::-1]


def scaled_times(times: Sequence[float], rounded: bool) -> Tensor:
    """Times as the time embedding takes them, (times,), 0 to 1000.

    rounded: to bfloat16 before and after, as the authors' run on a card has it: 424, 470, …, 868,
    1000. Golden stages: time_embedding.*.
    """
    return torch.tensor(times, dtype=torch.bfloat16 if rounded else torch.float32) * TIME_SCALE
