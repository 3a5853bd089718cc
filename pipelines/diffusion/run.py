"""What every diffusion pipeline is given by its caller, and what it gives back on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError
from .latents import preview

Pair = tuple[int, int]
"""Which person wears which garment, by their places in two batches."""


@dataclass(frozen=True)
class Step:
    """State of a run after one step, for a progress callback."""

    latents: Tensor  # (batch, 4, h, w) float32; of "rgb" (batch, 3, height, width)
    prediction: Tensor  # what the scheduler was given, (batch, 4, h, w) float32
    clean: Tensor  # the finished latents as far as they could be told, (batch, 4, h, w)
    kind: str  # the latent space, "sd15" or "sdxl"; "rgb" is no latent space but colours in -1..1
    stepped: Tensor  # as the scheduler gave the latents, before a photo was blended in

    def preview(self) -> Tensor:
        """Rough pictures, (batch, 3, h, w) float32 in 0..1."""
        if self.kind == "rgb":
            return ((self.clean.float() + 1) / 2).clamp(0, 1)
        return preview(self.clean, self.kind)


Place = Callable[[str], None]
"""Called with a stage's name before its networks run; may move them, may raise to stop."""

Progress = Callable[[int, int, Step], None]
"""Called after each step with (steps done, steps in all, state); may raise to stop."""


def stay(stage: str) -> None:
    """Place for networks that are where they should be."""


def silent(done: int, total: int, step: Step) -> None:
    """Progress that nobody watches."""


def pair_up(people: int, garments: int) -> list[Pair]:
    """The i-th person with the i-th garment; one of either goes with all of the other.

    Raises InputError for unequal numbers above one: use `every_pair`, or give pairs.
    """
    if people != garments and 1 not in (people, garments):
        raise InputError(
            f"{people} people and {garments} garments cannot be paired one to one. Give one "
            "person, one garment, as many of both, or ask for every combination."
        )
    count = max(people, garments)
    return [(min(index, people - 1), min(index, garments - 1)) for index in range(count)]


def every_pair(people: int, garments: int) -> list[Pair]:
    """Every person in every garment, person by person."""
    return [(person, garment) for person in range(people) for garment in range(garments)]


def pair_rows(pairs: Sequence[Pair] | None, people: int, garments: int) -> tuple[Tensor, Tensor]:
    """(rows of the people, rows of the garments), int64, one of each for every picture to make."""
    pairs = pair_up(people, garments) if pairs is None else pairs
    if not pairs or any(not (0 <= p < people and 0 <= g < garments) for p, g in pairs):
        raise InputError(f"Pairs of {people} people and {garments} garments were wanted; {pairs}.")
    rows = torch.tensor(pairs, dtype=torch.int64)
    return rows[:, 0], rows[:, 1]


def check_guidance(scale: float) -> None:
    """For what a user sets; raises InputError below 1, where guidance has no meaning."""
    if not scale >= 1:
        raise InputError(f"The guidance must be 1 (none) or more; {scale} came.")


def check_category(category: str, categories: Sequence[str], model: str) -> None:
    """Raises InputError for a garment that a variant was not trained for."""
    if category not in categories:
        raise InputError(
            f"{model} was trained for {' and '.join(categories)} garments; this is {category!r}. "
            "Choose a variant for it, or set the garment's category if it was read wrongly."
        )
