"""Takes a request to whoever should carry it out: plan, attempts, fallback, store, ledger."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..pipelines.errors import MissingFiles
from .backends import Backend, Estimate, Progress, Stopped, never, silent
from .backends.hosted import HostedBackend
from .breaker import LOOK_BACK, resting
from .costs.prices import PriceBook
from .database import now
from .errors import BackendError, Cancelled, Refused, Unavailable, Undecided
from .ledger import Ledger
from .own_machine import OwnMachine
from .request import TryOnRequest, TryOnResult
from .results import ResultStore
from .router import Candidate, Plan, Routes, Verdict, Wishes, plan

if TYPE_CHECKING:
    from .backends.placement import Host

logger = logging.getLogger(__name__)

HALF_BYTES = 2
"""Bytes of a parameter in half precision: a model's largest part must fit, the others wait."""


MEASURED_SECONDS = 5.0
"""For so long holds what the ledger told of how long things take."""

Tried = tuple[str, BackendError | MissingFiles]
"""A model's name and what happened."""


class NobodyCould(Unavailable):
    """No backend made the picture. plan: who was considered. tried: (model, what happened)."""

    def __init__(
        self, chosen: Plan, tried: Sequence[tuple[str, BackendError | MissingFiles]]
    ) -> None:
        lines = [f"{model}: {error}" for model, error in tried]
        lines += [f"{verdict.candidate.model}: {verdict.reason}" for verdict in chosen.left]
        super().__init__(
            "Nobody could make this picture.\n" + "\n".join(lines),
            billed=any(getattr(error, "billed", False) for _, error in tried),
        )
        self.plan = chosen
        self.tried = tuple(tried)


@dataclass(frozen=True)
class Local:
    """A backend of this machine with what the router wants to know of it. model: as in the routes.
    memory: bytes of a GPU, None for none."""

    backend: Backend
    model: str
    memory: int | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """attempts: how many backends were asked; 0 where the result was kept from before."""

    result: TryOnResult
    attempts: int
    plan: Plan


@dataclass
class Desk:
    """local, hosted: who may be asked. keep_local: whether results of this machine are kept too.
    project: who asks, for the ledger. order: names of models or of their services, first to last,
    where there is no tier."""

    ledger: Ledger
    store: ResultStore
    book: PriceBook
    routes: Routes
    hosted: Sequence[HostedBackend] = ()
    local: Sequence[Local] = ()
    keep_local: bool = False
    project: str = ""
    order: tuple[str, ...] = ()
    _measurements: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)
    _measured_at: float = field(default=float("-inf"), init=False, repr=False)

    @cached_property
    def _backends(self) -> dict[str, Backend]:
        found: dict[str, Backend] = {each.model: each.backend for each in self.local}
        found.update({each.model.name: each for each in self.hosted})
        return found

    def plan(self, request: TryOnRequest, wishes: Wishes) -> Plan:
        """What would be done, without doing it. wishes.spent is filled in from the ledger."""
        if wishes.month_budget is not None:
            today = now().date()
            wishes = replace(
                wishes, spent=self.ledger.spent(date(today.year, today.month, 1), today)
            )
        return plan(self.candidates(request), wishes, self.routes, self.book)

    def candidates(self, request: TryOnRequest) -> list[Candidate]:
        measured = self._measured()
        found = [self._local(each, request, measured) for each in self.local]
        recent = self.ledger.recent(now() - LOOK_BACK) if self.hosted else {}
        closed = {name: resting(rows, now()) for name, rows in recent.items()}
        for each in self.hosted:
            estimate = each.estimate(request)
            known = measured.get((each.name, each.model.name))
            if known is not None:
                by_the_second = each.price is not None and each.price.per == "second"
                if known[1] is not None and (estimate.cost is None or by_the_second):
                    estimate = replace(estimate, cost=known[1], currency=known[2])
                estimate = replace(estimate, seconds=known[0])
            found.append(Candidate(
                each.model.name, each.name, estimate, tuple(each.accepts(request)),
                closed=closed.get(each.name, ""),
            ))  # fmt: skip
        return sorted(found, key=self._place)

    def _measured(self) -> dict[Any, Any]:
        """What the ledger tells of the newest pictures: medians, which a few seconds do not change,
        and which every picture of a batch asks for."""
        if time.monotonic() - self._measured_at > MEASURED_SECONDS:
            self._measurements = self.ledger.measured()
            self._measured_at = time.monotonic()
        return self._measurements

    def _place(self, candidate: Candidate) -> int:
        names = (candidate.model, candidate.model.split("/")[0])
        places = [place for place, name in enumerate(self.order) if name in names]
        return places[0] if places else len(self.order)

    def carry_out(
        self, request: TryOnRequest, wishes: Wishes, progress: Progress = silent,
        cancelled: Stopped = never,
    ) -> Outcome:  # fmt: skip
        """The first of the plan that can. Raises Refused or an InputError as soon as somebody
        refuses the request itself, Cancelled, or NobodyCould."""
        chosen = self.plan(request, wishes)
        tried: list[Tried] = []
        undecided: Undecided | None = None
        for step in [*self._open(request, chosen), *chosen.taken]:
            name, estimate = step.candidate.model, step.candidate.estimate
            if any(name == other for other, _ in tried):
                continue
            if undecided is not None and estimate.cost != 0:
                tried.append((name, Unavailable(
                    f"not asked, as {undecided.backend} may already have been paid for it"
                )))  # fmt: skip
                continue
            if cancelled():
                raise Cancelled("Stopped.")
            try:
                result, fresh = self._run(step, request, progress, cancelled)
            except (Refused, Cancelled):
                raise
            except Undecided as error:
                undecided = error
                tried.append((name, error))
            except (Unavailable, MissingFiles) as error:
                tried.append((name, error))
            else:
                asked = sum(1 for _, error in tried if not _not_asked(error))
                return Outcome(_told(result, tried), asked + fresh, chosen)
            logger.info("%s: %s", name, tried[-1][1])
        raise NobodyCould(chosen, tried)

    def _open(self, request: TryOnRequest, chosen: Plan) -> list[Verdict]:
        """Those that have this very request in hand from an earlier run: they come first, whatever
        the plan says, as they are paid already."""
        prints = {each.fingerprint(request): each for each in self.hosted if not each.missing()}
        if not prints:
            return []
        verdicts = {each.candidate.model: each for each in (*chosen.taken, *chosen.left)}
        return [
            replace(
                verdicts[prints[attempt.fingerprint].model.name], reason="it has the job already"
            )
            for attempt in self.ledger.unfinished(list(prints))
            if not (attempt.state == "lost" and prints[attempt.fingerprint].again)
        ]

    def _run(
        self, step: Verdict, request: TryOnRequest, progress: Progress, cancelled: Stopped
    ) -> tuple[TryOnResult, int]:
        """The result, and 1 where it was made now."""
        name = step.candidate.model
        backend = self._backends[name]
        own = request.for_model(name)
        if isinstance(backend, HostedBackend):
            kept = self.store.get(backend.fingerprint(own))
            return (kept, 0) if kept else (backend.run(own, progress, cancelled), 1)
        here = OwnMachine(self.ledger, self.store, self.book, self.keep_local, self.project)
        return here.run(backend, own, progress, cancelled)

    def _local(
        self, local: Local, request: TryOnRequest, measured: dict[Any, Any]
    ) -> Candidate:  # fmt: skip
        own = request.for_model(local.model)
        reasons = _shortly(local.model, local.backend.accepts(own))
        estimate = local.backend.estimate(own) if not reasons else Estimate(None, Decimal(0))
        known = measured.get((local.backend.name, local.model))
        if known is not None:
            estimate = replace(estimate, seconds=known[0])
        return Candidate(local.model, local.backend.name, estimate, reasons, local.memory)


def local_backends(
    device: str = "auto", precision: str = "auto", chosen: bool = False,
    folders: Sequence[Path] = (), host: Host | None = None,
) -> list[Local]:  # fmt: skip
    """The embedded preview and the catalogue's models of this machine, also those that are not
    installed. chosen: the user names one, and it runs whatever the memory. folders: where models
    lie besides the usual places. host: who manages the card's memory, where somebody does."""
    from ..pipelines.catalog.models import variants_of
    from .backends.local import LocalBackend
    from .backends.preview import PreviewBackend
    from .request import PREVIEW

    local = LocalBackend(device, precision, folders, host)
    found = [Local(PreviewBackend(), PREVIEW)]
    for variant in variants_of("try_on"):
        largest = max((part.parameters for part in variant.parts), default=0) * HALF_BYTES
        memory = None if chosen else largest
        found.append(Local(local, variant.name, memory))
    return found


def _shortly(model: str, reasons: Sequence[str]) -> tuple[str, ...]:
    """Many missing files in one sentence."""
    missing = [reason for reason in reasons if reason.startswith("missing")]
    if not missing:
        return tuple(reasons)
    said = f"It is not installed ({len(missing)} files): `fitting-room download {model}` gets it."
    return (said, *(reason for reason in reasons if reason not in missing))


def _told(result: TryOnResult, tried: Iterable[Tried]) -> TryOnResult:
    """The result with a word about those that failed before."""
    more = tuple(f"{name} did not: {error}" for name, error in tried)
    return replace(result, warnings=(*result.warnings, *more)) if more else result


def _not_asked(error: BackendError | MissingFiles) -> bool:
    return str(error).startswith("not asked, ")
