"""Everything random in a run, from one seed: the same on every device and in every batch.

Each sample of a batch has its own generator on the CPU, so sample i with seed s + i draws what a
single run with seed s + i draws.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from ..errors import InputError


class Noise(Protocol):
    """Standard normal numbers, drawn in the order in which a pipeline asks."""

    def draw(self, shape: Sequence[int]) -> Tensor:
        """(batch, *shape) float32 on the CPU; `shape` is that of one sample."""
        ...


class SeededNoise:
    """One generator per sample."""

    def __init__(self, seeds: Iterable[int]) -> None:
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def draw(self, shape: Sequence[int]) -> Tensor:
        return torch.stack([torch.randn(*shape, generator=each) for each in self.generators])


class RecordedNoise:
    """Draws that were recorded elsewhere, (batch, …) each, in their order."""

    def __init__(self, draws: Iterable[Tensor]) -> None:
        self._draws = iter(draws)

    def draw(self, shape: Sequence[int]) -> Tensor:
        recorded = next(self._draws, None)
        if recorded is None or tuple(recorded.shape[1:]) != tuple(shape):
            found = "there is none left" if recorded is None else f"it is {list(recorded.shape)}"
            raise InputError(f"A recorded draw of (batch, {list(shape)}) was wanted; {found}.")
        return recorded.float()


def seeds_for(seed: int | Sequence[int], count: int) -> list[int]:
    """Seeds of `count` samples: seed, seed + 1, … or the given ones.

    Raises InputError where another number of seeds is given, or one below 0.
    """
    seeds = [seed + index for index in range(count)] if isinstance(seed, int) else list(seed)
    if len(seeds) != count or min(seeds) < 0:
        raise InputError(
            f"One seed from 0 up, or {count} of them (one a picture) were wanted; {seed} came."
        )
    return seeds
