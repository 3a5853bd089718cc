"""The ledger: one row for each attempt at a picture, whoever made it, with its time and money.

States of an attempt:

    new ──> sending ──> open ──> done | failed | refused | cancelled
                 └────────────────────> lost

new: noted, nothing sent. sending: its submission may have reached the service. open: the service
gave it an id, so that it can be asked for, also after a crash. lost: it may have been accepted and
paid, and nobody can tell: it is not sent again until the user says so. A local run goes from new to
its end. A key never stands in the ledger.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Float,
    Index,
    Integer,
    String,
    Text,
    bindparam,
    func,
    select,
)  # fmt: skip
from sqlalchemy.orm import Mapped, mapped_column

from .database import Base, Database, Moment, Money, now, open_database, patient
from .places import ledger_url

UNFINISHED = ("sending", "open")
ENDS = ("done", "failed", "refused", "cancelled", "lost")
STATES = ("new", *UNFINISHED, *ENDS)
MOST_MESSAGE = 2000
MEASURED = 500
"""How many of the newest attempts tell how long things take, and who fails: a long ledger is not
read from its beginning for every picture."""


class Attempt(Base):
    """key: ours, unique, told to services that take one. day: of `started` in UTC, as 2026-11-29.
    model: the backend's. fingerprint: of the request. project: who asked. resume: what the backend
    needs to find the job again, JSON. price: of the price book; charged: what the service said.
    billed: whether it was, or may have been, paid. error: the kind of `services.errors`, "" where
    all went well. safety: what a filter or the service's moderation found; "" where none looked."""

    __tablename__ = "attempts"
    __table_args__ = (Index("ix_attempts_fingerprint", "fingerprint", "backend"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True, index=True)
    started: Mapped[datetime] = mapped_column(Moment)
    changed: Mapped[datetime] = mapped_column(Moment)
    day: Mapped[str] = mapped_column(String(10), index=True)
    backend: Mapped[str] = mapped_column(String(64))
    model: Mapped[str] = mapped_column(String(200))
    fingerprint: Mapped[str] = mapped_column(String(64))
    project: Mapped[str] = mapped_column(String(200), default="")
    state: Mapped[str] = mapped_column(String(16), index=True, default="new")
    remote_id: Mapped[str] = mapped_column(String(200), default="")
    resume: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    seconds: Mapped[float | None] = mapped_column(Float)
    price: Mapped[Decimal | None] = mapped_column(Money)
    charged: Mapped[Decimal | None] = mapped_column(Money)
    currency: Mapped[str] = mapped_column(String(32), default="")
    billed: Mapped[bool] = mapped_column(Boolean, default=False)
    error: Mapped[str] = mapped_column(String(32), default="")
    safety: Mapped[str] = mapped_column(String(200), default="")
    message: Mapped[str] = mapped_column(Text, default="")

    @property
    def cost(self) -> Decimal | None:
        """What the service charged, else the price book's price."""
        return self.charged if self.charged is not None else self.price

    def facts(self) -> dict[str, Any]:
        """For people and programs, as JSON values; money is text."""
        return {
            "id": self.id,
            "started": self.started.isoformat(timespec="seconds"),
            "backend": self.backend,
            "model": self.model,
            "state": self.state,
            "remote_id": self.remote_id,
            "seconds": self.seconds,
            "cost": None if self.cost is None else str(self.cost),
            "currency": self.currency,
            "billed": self.billed,
            "project": self.project,
            "fingerprint": self.fingerprint,
            "safety": self.safety,
            "message": self.message,
        }


class Ledger:
    """Rows in and out. Every change is on disk before the method returns."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @patient
    def begin(
        self, backend: str, model: str, fingerprint: str, *, project: str = "",
        price: Decimal | None = None, currency: str = "", resume: dict[str, Any] | None = None,
    ) -> Attempt:  # fmt: skip
        """A new attempt, before anything is sent or computed."""
        attempt = _new(backend, model, fingerprint, project=project, price=price,
                       currency=currency, resume=resume)  # fmt: skip
        with self.database.writing() as session:
            session.add(attempt)
        return attempt

    @patient
    def claim(
        self, backend: str, model: str, fingerprint: str, worked_on: Callable[[Attempt], bool], *,
        resume: dict[str, Any], again: bool = False, **more: Any,
    ) -> tuple[Attempt | None, bool]:  # fmt: skip
        """The one attempt of this request at this backend that is to be worked on, and whether it
        is a new one; (None, False) while somebody else works on it. Of two that claim at once, one
        gets it.

        worked_on: whether its owner still lives. resume: of whoever claims, with its owner. again:
        a lost attempt counts as over, as the user wants to send it once more. more: of `begin`.
        """
        wanted = select(Attempt).where(
            Attempt.fingerprint == fingerprint, Attempt.backend == backend,
            Attempt.state.in_(("new", *UNFINISHED, "lost")),
        ).order_by(Attempt.id)  # fmt: skip
        with self.database.writing() as session:
            self.database.lock(session, fingerprint)
            for earlier in session.scalars(wanted):
                if worked_on(earlier):
                    return None, False
                if earlier.state == "new" or (again and earlier.state == "lost"):
                    earlier.state, earlier.changed = "failed", now()
                    earlier.message = earlier.message or "it was interrupted before it was sent"
                    continue
                earlier.resume = {**resume, **earlier.resume, "owner": resume.get("owner")}
                earlier.changed = now()
                return earlier, False
            attempt = _new(backend, model, fingerprint, resume=resume, **more)
            session.add(attempt)
        return attempt, True

    @patient
    def note(self, attempt: Attempt, **changes: Any) -> Attempt:
        """Writes these columns of an attempt; returns it as it now stands."""
        if changes.get("state", "new") not in STATES:
            raise ValueError(f"{changes['state']} is none of {', '.join(STATES)}")
        if "message" in changes:
            changes["message"] = str(changes["message"])[:MOST_MESSAGE]
        with self.database.writing() as session:
            kept = session.get_one(Attempt, attempt.id)
            for name, value in changes.items():
                setattr(kept, name, value)
            kept.changed = now()
        return kept

    @patient
    def get(self, number: int) -> Attempt | None:
        with self.database.reading() as session:
            return session.get(Attempt, number)

    @patient
    def unfinished(self, fingerprints: Collection[str] = ()) -> list[Attempt]:
        """Attempts that may still bring a picture or may have been paid for nothing: sending, open
        and lost, oldest first. fingerprints: only of these, where there are any."""
        wanted = select(Attempt).where(Attempt.state.in_((*UNFINISHED, "lost")))
        if fingerprints:
            wanted = wanted.where(Attempt.fingerprint.in_(fingerprints))
        with self.database.reading() as session:
            return list(session.scalars(wanted.order_by(Attempt.id)))

    @patient
    def recent(self, since: datetime) -> dict[str, list[Any]]:
        """backend -> its 20 newest attempts at most since a moment, newest first, among the
        MEASURED newest of all: rows (backend, state, error, changed)."""
        found: dict[str, list[Any]] = {}
        with self.database.reading() as session:
            for row in session.execute(_newest_ends(), {"since": since, "last": 20}):
                found.setdefault(row.backend, []).append(row)
        return found

    @patient
    def attempts(self, first: date, last: date, project: str = "") -> list[Attempt]:
        """All that began on these days (UTC, both included), oldest first."""
        wanted = select(Attempt).where(*_days(first, last, project)).order_by(Attempt.id)
        with self.database.reading() as session:
            return list(session.scalars(wanted))

    @patient
    def sums(self, first: date, last: date, project: str = "") -> Sequence[Any]:
        """Attempts added up: rows (day, backend, model, state, billed, project, currency, count,
        seconds, cost, unpriced). cost: Decimal. unpriced: those whose cost nobody knows."""
        cost = func.coalesce(Attempt.charged, Attempt.price)
        groups = (Attempt.day, Attempt.backend, Attempt.model, Attempt.state, Attempt.billed,
                  Attempt.project, Attempt.currency)  # fmt: skip
        wanted = (
            select(
                *groups,
                func.count().label("count"),
                func.sum(Attempt.seconds).label("seconds"),
                func.sum(cost, type_=Money()).label("cost"),
                (func.count() - func.count(cost)).label("unpriced"),
            )
            .where(*_days(first, last, project))
            .group_by(*groups)
            .order_by(*groups)
        )
        with self.database.reading() as session:
            return session.execute(wanted).all()

    def spent(self, first: date, last: date, project: str = "") -> dict[str, Decimal]:
        """Money by currency, of attempts that were or may have been paid."""
        found: dict[str, Decimal] = {}
        for row in self.sums(first, last, project):
            if row.cost and row.billed:
                found[row.currency] = found.get(row.currency, Decimal(0)) + row.cost
        return found

    @patient
    def measured(self, last: int = 50) -> dict[tuple[str, str], tuple[float, Decimal | None, str]]:
        """(backend, model) -> median seconds, mean cost and its currency of the newest `last` timed
        pictures each among the newest MEASURED attempts, where there are any."""
        with self.database.reading() as session:
            return _medians(session.execute(_newest_done(), {"last": last}).all())


def open_ledger(url: str = "") -> Ledger:
    """The ledger of a SQLAlchemy URL; without one, the user's own (`places.ledger_url`)."""
    return Ledger(open_database(url or ledger_url()))


def _new(
    backend: str, model: str, fingerprint: str, *, project: str = "", price: Decimal | None = None,
    currency: str = "", resume: dict[str, Any] | None = None,
) -> Attempt:  # fmt: skip
    moment = now()
    return Attempt(
        key=uuid.uuid4().hex, started=moment, changed=moment, day=moment.date().isoformat(),
        backend=backend, model=model, fingerprint=fingerprint, project=project[:200], price=price,
        currency=currency, resume=resume or {}, state="new", remote_id="", billed=False, error="",
        safety="", message="",
    )  # fmt: skip


# These two are asked before every picture, so they are put together once.


@cache
def _newest_ends() -> Any:
    newest = (
        select(
            Attempt.id, Attempt.backend, Attempt.state, Attempt.error, Attempt.changed,
            _number_among(Attempt.backend),
        )
        .where(Attempt.id > _oldest(), Attempt.changed >= bindparam("since"))
        .subquery()
    )  # fmt: skip
    columns = (newest.c.backend, newest.c.state, newest.c.error, newest.c.changed)
    few = newest.c.number <= bindparam("last")
    return select(*columns).where(few).order_by(newest.c.id.desc())


@cache
def _newest_done() -> Any:
    cost = func.coalesce(Attempt.charged, Attempt.price, type_=Money())
    newest = (
        select(
            Attempt.id, Attempt.backend, Attempt.model, Attempt.seconds, Attempt.currency,
            cost.label("cost"), _number_among(Attempt.backend, Attempt.model),
        )
        .where(Attempt.state == "done", Attempt.seconds.isnot(None), Attempt.id > _oldest())
        .subquery()
    )  # fmt: skip
    return select(newest).where(newest.c.number <= bindparam("last")).order_by(newest.c.id)


def _number_among(*columns: Any) -> Any:
    """1 for the newest attempt of these, 2 for the one before it, …"""
    ordered = func.row_number().over(partition_by=columns, order_by=Attempt.id.desc())
    return ordered.label("number")


def _oldest() -> Any:
    return select(func.max(Attempt.id) - MEASURED).scalar_subquery()


def _days(first: date, last: date, project: str) -> list[Any]:
    conditions = [Attempt.day >= first.isoformat(), Attempt.day <= last.isoformat()]
    return [*conditions, Attempt.project == project] if project else conditions


def _medians(
    attempts: Sequence[Any],
) -> dict[tuple[str, str], tuple[float, Decimal | None, str]]:
    from statistics import median

    groups: dict[tuple[str, str], list[Any]] = {}
    for attempt in attempts:
        groups.setdefault((attempt.backend, attempt.model), []).append(attempt)
    found = {}
    for name, group in groups.items():
        currency = group[-1].currency
        costs = [a.cost for a in group if a.cost is not None and a.currency == currency]
        mean = sum(costs, Decimal(0)) / len(costs) if costs else None
        seconds = median(a.seconds for a in group)
        found[name] = (seconds, mean, currency)
    return found
