"""The gateway's queue in the ledger's database: one row for each accepted prompt.

    queued ──> running ──> done | failed | cancelled
       ^          │
       └──────────┘        its engine ended; too often, and it counts as failed

Rows are not leased as the jobs of a batch are: one gateway at a time holds the queue (`lock.py`),
so that whatever it finds running when it starts belongs to nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, Float, Index, Integer, String, delete, func, select, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Mapped, mapped_column

from ..database import Base, Database, Moment, now

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
OPEN = (QUEUED, RUNNING)
ENDS = (DONE, FAILED, CANCELLED)


class Prompt(Base):
    """id: the prompt_id. number: ComfyUI's, lower goes first among one caller's. body: prompt,
    extra_data, partial_execution_targets as they came. secrets: keys of other services in
    extra_data, until the end. outputs: nodes that will run. inputs: the caller's files that it
    reads. model: what an engine has warm after it. engine: address of whoever works on it. entry:
    outputs, status and meta of the engine's history. summary: what the list of jobs tells."""

    __tablename__ = "prompts"
    __table_args__ = (
        Index("ix_prompts_next", "caller", "state", "number"),
        Index("ix_prompts_ended", "caller", "ended"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    caller: Mapped[str] = mapped_column(String(40))
    number: Mapped[float] = mapped_column(Float)
    state: Mapped[str] = mapped_column(String(16), index=True)
    client: Mapped[str] = mapped_column(String(200), default="")
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    secrets: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    outputs: Mapped[list[str]] = mapped_column(JSON, default=list)
    inputs: Mapped[list[str]] = mapped_column(JSON, default=list)
    model: Mapped[str] = mapped_column(String(64), default="")
    workflow: Mapped[str] = mapped_column(String(100), default="")
    engine: Mapped[str] = mapped_column(String(300), default="")
    tries: Mapped[int] = mapped_column(Integer, default=0)
    created: Mapped[datetime] = mapped_column(Moment)
    started: Mapped[datetime | None] = mapped_column(Moment)
    ended: Mapped[datetime | None] = mapped_column(Moment)
    duration: Mapped[float] = mapped_column(Float, default=0.0)
    entry: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    summary: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)

    @property
    def job(self) -> str:
        """Its folder among results: the id without dashes."""
        return self.id.replace("-", "")

    def row(self) -> list[Any]:
        """As ComfyUI's queue and history show it: number, id, graph, extra_data, outputs."""
        extra = {**self.body.get("extra_data", {}), "create_time": milliseconds(self.created)}
        if self.client:
            extra["client_id"] = self.client
        number = int(self.number) if self.number.is_integer() else self.number
        return [number, self.id, self.body["prompt"], extra, self.outputs]


@dataclass(frozen=True)
class JobList:
    """What a list of jobs is asked for. states: of ours. by_duration: sorted by it, else by the
    time of acceptance."""

    states: Sequence[str]
    workflow: str = ""
    by_duration: bool = False
    descending: bool = True
    limit: int | None = None
    offset: int = 0


@dataclass
class Open:
    """How many prompts a caller has in each open state."""

    queued: int = 0
    running: int = 0

    @property
    def all(self) -> int:
        return self.queued + self.running


@dataclass
class PromptQueue:
    """The queue. Every function is one transaction; `gateway.py` calls them in its own thread."""

    database: Database
    number: int = field(init=False)

    def __post_init__(self) -> None:
        with self.database.reading() as session:
            highest = session.scalar(select(func.max(func.abs(Prompt.number))))
        self.number = int(highest or 0) + 1

    def open_counts(self) -> dict[str, Open]:
        with self.database.reading() as session:
            rows = session.execute(
                select(Prompt.caller, Prompt.state, func.count())
                .where(Prompt.state.in_(OPEN))
                .group_by(Prompt.caller, Prompt.state)
            ).all()
        found: dict[str, Open] = {}
        for caller, state, count in rows:
            setattr(found.setdefault(caller, Open()), state, count)
        return found

    def add(self, prompt: Prompt) -> Prompt | None:
        """Queues it and gives None, or the other prompt that has its id already. Its own row, of a
        try whose answer was lost, is none other."""
        try:
            with self.database.writing() as session:
                session.add(prompt)
            return None
        except IntegrityError:
            known = self.get(prompt.id)
        if known is None:
            raise OperationalError("add", None, RuntimeError("a prompt came and went"))
        same = (known.caller, known.created) == (prompt.caller, prompt.created)
        return None if same else known

    def get(self, name: str, caller: str | None = None) -> Prompt | None:
        """None for an unknown one, and for somebody else's."""
        with self.database.reading() as session:
            found = session.get(Prompt, name)
        return found if found and caller in (None, found.caller) else None

    def begin(self, name: str, engine: str) -> Prompt | None:
        """A queued prompt, now the engine's; None where it was taken out meanwhile. Asked again,
        as the answer may have been lost, it gives the same."""
        with self.database.writing() as session:
            prompt = session.get(Prompt, name)
            if prompt is None or (prompt.state, prompt.engine) == (RUNNING, engine):
                return prompt
            if prompt.state != QUEUED:
                return None
            prompt.state, prompt.engine, prompt.started = RUNNING, engine, now()
            prompt.tries += 1
            return prompt

    def first(self, caller: str) -> tuple[str, str, str] | None:
        """(id, model, engine of the last try) of the caller's next prompt."""
        with self.database.reading() as session:
            found = session.execute(
                select(Prompt.id, Prompt.model, Prompt.engine)
                .where(Prompt.caller == caller, Prompt.state == QUEUED)
                .order_by(Prompt.number, Prompt.created)
                .limit(1)
            ).first()
        return (found[0], found[1], found[2]) if found else None

    def running(self) -> list[Prompt]:
        with self.database.reading() as session:
            return list(session.scalars(select(Prompt).where(Prompt.state == RUNNING)))

    def again(self, name: str, counted: bool = True) -> None:
        """Back into the queue. counted: an engine ended over it."""
        values: dict[str, Any] = {"state": QUEUED, "started": None}
        if not counted:
            values["tries"] = Prompt.tries - 1
        self._change(name, RUNNING, values)

    def end(
        self, name: str, state: str, entry: Mapping[str, Any], summary: Any, beside: Base | None
    ) -> bool:
        """Notes an end, and a row `beside` it; False where it was noted before."""
        start, stop = summary.get("execution_start_time"), summary.get("execution_end_time")
        values = {
            "state": state, "entry": dict(entry), "summary": summary, "ended": now(),
            "secrets": {}, "duration": float(stop - start) if start and stop else 0.0,
        }  # fmt: skip
        return self._change(name, RUNNING, values, beside)

    def _change(
        self, name: str, state: str, values: Mapping[str, Any], beside: Base | None = None
    ) -> bool:
        with self.database.writing() as session:
            moved = session.execute(
                update(Prompt).where(Prompt.id == name, Prompt.state == state).values(**values)
            )
            changed = bool(moved.rowcount)  # type: ignore[attr-defined]
            if changed and beside is not None:
                session.add(beside)
            return changed

    def drop(self, caller: str, states: Sequence[str], names: Sequence[str] | None) -> list[str]:
        """Removes prompts of a caller in these states, all or those named; which."""
        wanted = select(Prompt.id).where(Prompt.caller == caller, Prompt.state.in_(states))
        if names is not None:
            wanted = wanted.where(Prompt.id.in_(names))
        with self.database.writing() as session:
            found = list(session.scalars(wanted))
            for start in range(0, len(found), 500):
                session.execute(delete(Prompt).where(Prompt.id.in_(found[start : start + 500])))
        return found

    def queue(self, caller: str) -> tuple[list[Prompt], list[Prompt]]:
        """Running and queued ones of a caller."""
        with self.database.reading() as session:
            found = list(
                session.scalars(
                    select(Prompt)
                    .where(Prompt.caller == caller, Prompt.state.in_(OPEN))
                    .order_by(Prompt.number, Prompt.created)
                )
            )
        return (
            [each for each in found if each.state == RUNNING],
            [each for each in found if each.state == QUEUED],
        )

    def history(self, caller: str, most: int | None, offset: int) -> list[Prompt]:
        """Ended ones, the oldest first. offset below 0: the newest `most`."""
        mine = select(Prompt).where(Prompt.caller == caller, Prompt.state.in_(ENDS))
        with self.database.reading() as session:
            if most is not None and offset < 0:
                newest = mine.order_by(Prompt.ended.desc()).limit(max(0, most))
                return list(session.scalars(newest))[::-1]
            return list(
                session.scalars(
                    mine.order_by(Prompt.ended).offset(max(0, offset)).limit(most)
                )  # fmt: skip
            )

    def jobs(self, caller: str, wanted: JobList) -> tuple[list[Prompt], int]:
        """A page of the list of jobs, and how many there are."""
        mine = [Prompt.caller == caller, Prompt.state.in_(wanted.states)]
        if wanted.workflow:
            mine.append(Prompt.workflow == wanted.workflow)
        column = Prompt.duration if wanted.by_duration else Prompt.created
        order = column.desc() if wanted.descending else column.asc()
        with self.database.reading() as session:
            total = session.scalar(select(func.count()).select_from(Prompt).where(*mine)) or 0
            page = select(Prompt).where(*mine).order_by(order, Prompt.id).offset(wanted.offset)
            return list(session.scalars(page.limit(wanted.limit))), total

    def forget(self, hours: float) -> int:
        """Removes ended prompts of more than so many hours ago; how many."""
        with self.database.writing() as session:
            gone = session.execute(
                delete(Prompt).where(
                    Prompt.state.in_(ENDS), Prompt.ended < now() - timedelta(hours=hours)
                )
            )
            return gone.rowcount  # type: ignore[attr-defined]

    def wanted_inputs(self) -> set[tuple[str, str]]:
        """(caller, file) of everything that open prompts read."""
        with self.database.reading() as session:
            rows = session.execute(
                select(Prompt.caller, Prompt.inputs).where(Prompt.state.in_(OPEN))
            ).all()
        return {(caller, name) for caller, names in rows for name in names}


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
