"""Who can carry out a try-on request, behind one interface."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from ..request import TryOnRequest, TryOnResult

Progress = Callable[[str, float], None]
"""Told what is being done, and which share of all is done, 0..1; may raise to stop."""

Stopped = Callable[[], bool]
"""Whether somebody wants the run to stop; asked often."""


def silent(stage: str, share: float) -> None:
    """Progress that nobody watches."""


def never() -> bool:
    """A run that nobody stops."""
    return False


@dataclass(frozen=True)
class Estimate:
    """What a request would take. seconds and cost: None where nobody knows. cost is Decimal in
    `currency` (ISO 4217). shop: "yes", "no" or "ask a lawyer". uploads: whether photos leave this
    machine."""

    seconds: float | None
    cost: Decimal | None
    currency: str = ""
    shop: str = "ask a lawyer"
    uploads: bool = False


class Backend(Protocol):
    """One way to carry out requests. name: as the command line and the ledger call it."""

    @property
    def name(self) -> str: ...

    def accepts(self, request: TryOnRequest) -> Sequence[str]:
        """Why it cannot do this, a sentence each; empty where it can."""
        ...

    def estimate(self, request: TryOnRequest) -> Estimate: ...

    def run(
        self, request: TryOnRequest, progress: Progress = silent, cancelled: Stopped = never
    ) -> TryOnResult:
        """Raises InputError, MissingFiles or a BackendError (`services.errors`)."""
        ...
