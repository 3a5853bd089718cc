"""How far a result can be trusted: ok, doubtful or refused, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

LEVELS = ("ok", "doubtful", "refused")  # from the best to the worst


@dataclass(frozen=True)
class FitReport:
    """level: one of LEVELS. reasons: sentences for the user, none exactly when the level is ok.

    Raises ValueError for another level, a level below ok without a reason, or ok with one.
    """

    level: str = "ok"
    reasons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ValueError(f"A fit is {', '.join(LEVELS)}, not {self.level!r}.")
        if (self.level == "ok") == bool(self.reasons):
            raise ValueError(f"A fit that is {self.level} came with {len(self.reasons)} reasons.")

    def __str__(self) -> str:
        """One line: the level and every reason."""
        return ": ".join([self.level, *([" ".join(self.reasons)] if self.reasons else [])])

    def facts(self) -> dict[str, object]:
        """As JSON values."""
        return {"level": self.level, "reasons": list(self.reasons)}

    def and_then(self, other: FitReport) -> FitReport:
        """Both together: the worse level, the reasons of both, each once."""
        level = max(self.level, other.level, key=LEVELS.index)
        return FitReport(level, tuple(dict.fromkeys(self.reasons + other.reasons)))


def doubtful(reasons: Iterable[str]) -> FitReport:
    """Ok if there are no reasons for doubt."""
    reasons = tuple(dict.fromkeys(reasons))
    return FitReport("doubtful", reasons) if reasons else FitReport()
