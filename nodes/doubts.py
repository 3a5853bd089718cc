"""Why a result is doubtful, told beside it: web/apps.js shows it, and a run's history keeps it."""

from __future__ import annotations

from collections.abc import Sequence

from ..pipelines.fit import FitReport


def told(fits: Sequence[FitReport], *more: str) -> dict[str, Sequence[str]] | None:
    """`ui` of a node's output: the pictures that are not ok, numbered from 0 where there are
    several, and what else there is to say. None for nothing."""
    numbers = [f"{index}: " if len(fits) > 1 else "" for index in range(len(fits))]
    doubts = [f"{number}{fit}" for number, fit in zip(numbers, fits, strict=True) if fit.reasons]
    doubts += more
    return beside(doubts=doubts) if doubts else None


def beside(doubts: Sequence[str] = (), text: Sequence[str] = ()) -> dict[str, Sequence[str]]:
    """Always both: the engine joins what a node tells of the items of a list by the keys of the
    first. text: what was left out."""
    return {"doubts": doubts, "text": text}
