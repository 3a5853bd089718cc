"""Jobs of a batch in the ledger's database: one row for each wanted picture.

    queued ──> leased ──> done | failed | refused
       ^          │
       └──────────┴─────> lost        whose workers died under it too often

A lease has an owner and a deadline; one that ran out may be taken by anybody. A job is done when
its result is stored; what comes late is taken all the same, and never replaces a result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    Float,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    func,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from ..database import Base, Database, Moment, now, patient

QUEUED, LEASED, DONE, FAILED, REFUSED, LOST = (
    "queued", "leased", "done", "failed", "refused", "lost",
)  # fmt: skip
STATES = (QUEUED, LEASED, DONE, FAILED, REFUSED, LOST)
ENDS = (DONE, FAILED, REFUSED, LOST)

MOST_LEASES = 5
"""Of one job, before it counts as lost: it ends whoever works on it."""

MOST_MESSAGE = 2000
CACHE_HITS = "engine_cache_hits"
"""Key in `Job.told`: how many nodes of an engine were taken from its cache."""


class Job(Base):
    """batch: where its results go. name: of its result, without ending, once in a batch. key:
    `fingerprint()` of its request; what was already made under a key is not made again. place: in
    the list. settings: of the request, JSON. leases: how often somebody began it. result: where the
    picture lies, relative to the batch. told: `TryOnResult.facts()`."""

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("batch", "name", name="uq_jobs_name"),
        Index("ix_jobs_next", "batch", "state", "model", "garment", "place"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    batch: Mapped[str] = mapped_column(String(400))
    name: Mapped[str] = mapped_column(String(300))
    key: Mapped[str] = mapped_column(String(64), index=True)
    place: Mapped[int] = mapped_column(Integer)
    model: Mapped[str] = mapped_column(String(200))
    garment: Mapped[str] = mapped_column(Text)
    person: Mapped[str] = mapped_column(Text)
    settings: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    state: Mapped[str] = mapped_column(String(16), default=QUEUED)
    owner: Mapped[str] = mapped_column(String(100), default="")
    deadline: Mapped[datetime | None] = mapped_column(Moment)
    leases: Mapped[int] = mapped_column(Integer, default=0)
    result: Mapped[str] = mapped_column(Text, default="")
    told: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    message: Mapped[str] = mapped_column(Text, default="")
    seconds: Mapped[float | None] = mapped_column(Float)
    changed: Mapped[datetime] = mapped_column(Moment)


@dataclass(frozen=True)
class WantedPicture:
    """A picture that somebody wants. person, garment: paths as they were given. settings: of the
    request. problem: why it cannot even be begun, "" where it can."""

    name: str
    key: str
    model: str
    person: str
    garment: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class Made:
    """pictures: how many. cache_hits: nodes that engines took from their caches for them."""

    pictures: int
    cache_hits: int


class Jobs:
    """The jobs of one batch."""

    def __init__(self, database: Database, batch: str) -> None:
        self.database = database
        self.batch = batch

    def add(self, wanted: Iterable[WantedPicture]) -> int:
        """Queues what is not there yet; how many that were. The same list again adds nothing; a
        job whose pictures or settings were changed since is wanted anew, a failed file too."""
        return self._add(list(wanted))  # read before anybody is kept waiting

    @patient
    def _add(self, wanted: Sequence[WantedPicture]) -> int:
        added = 0
        with self.database.writing() as session:
            self.database.lock(session, f"jobs {self.batch}")
            known = {job.name: job for job in session.scalars(self._mine())}
            for place, each in enumerate(wanted):
                job = known.get(each.name)
                if job is not None and job.key == each.key and not each.problem:
                    if job.state == FAILED and not job.leases:  # a file that can be read now
                        job.state, job.message, job.changed = QUEUED, "", now()
                        added += 1
                    if job.state == QUEUED:  # the folder may have been moved
                        job.person, job.garment = each.person, each.garment
                    continue
                if job is None:
                    job = Job(batch=self.batch, name=each.name)
                    session.add(job)
                job.key, job.place, job.model = each.key, place, each.model
                job.person, job.garment = each.person, each.garment
                job.settings, job.leases, job.owner = dict(each.settings), 0, ""
                job.state = FAILED if each.problem else QUEUED
                job.message, job.result, job.told = each.problem[:MOST_MESSAGE], "", {}
                job.changed = now()
                added += 1
        return added

    @patient
    def lease(self, owner: str, seconds: float) -> Job | None:
        """The next job for `owner`, in the order of model, garment and place; None where none is
        left. One whose lease ran out comes first, until it counts as lost."""
        moment = now()
        order = (Job.model, Job.garment, Job.place)
        # Two questions, because one with "or" would sort all that is queued for every job.
        overdue = self._mine().where(Job.state == LEASED, Job.deadline < moment)
        queued = self._mine().where(Job.state == QUEUED)
        with self.database.writing() as session:
            while True:
                job = None
                for wanted in (overdue, queued):
                    free = wanted.order_by(*order).limit(1).with_for_update(skip_locked=True)
                    job = job or session.scalars(free).first()
                if job is None:
                    return None
                if job.leases >= MOST_LEASES:
                    job.state, job.changed = LOST, moment
                    told = f"{job.leases} workers ended while they worked on it. {job.message}"
                    job.message = told.strip()[:MOST_MESSAGE]
                    session.flush()
                    continue
                job.state, job.owner, job.leases = LEASED, owner, job.leases + 1
                job.deadline, job.changed = moment + timedelta(seconds=seconds), moment
                return job

    @patient
    def renew(self, job: Job, seconds: float) -> bool:
        """Whether the job is still its owner's; then its deadline moves."""
        deadline = now() + timedelta(seconds=seconds)
        with self.database.writing() as session:
            moved = session.execute(
                update(Job)
                .where(Job.id == job.id, Job.state == LEASED, Job.owner == job.owner)
                .values(deadline=deadline)
            )
            return bool(moved.rowcount)  # type: ignore[attr-defined]

    def done(self, job: Job, result: str, told: Mapping[str, Any], seconds: float) -> bool:
        """Takes a stored result, also a late one; False where there was one already."""
        return self._end(job, DONE, result=result, told=dict(told), seconds=seconds, message="")

    def failed(self, job: Job, message: str, refused: bool = False) -> bool:
        return self._end(job, REFUSED if refused else FAILED, message=message[:MOST_MESSAGE])

    @patient
    def give_back(self, job: Job, ended: str = "") -> None:
        """A job that was begun and not ended. ended: how what it was given to ended over it, in
        words, so that this lease counts; "" for a worker that stops in order."""
        with self.database.writing() as session:
            session.execute(
                update(Job)
                .where(Job.id == job.id, Job.state == LEASED, Job.owner == job.owner)
                .values(
                    state=QUEUED,
                    owner="",
                    deadline=None,
                    leases=Job.leases if ended else Job.leases - 1,
                    message=ended[:MOST_MESSAGE],
                )
            )

    @patient
    def release(self, owner: str) -> int:
        """Gives back what an owner had in hand that is known to have ended; how many jobs."""
        with self.database.writing() as session:
            freed = session.execute(
                update(Job)
                .where(Job.batch == self.batch, Job.state == LEASED, Job.owner == owner)
                .values(state=QUEUED, owner="", deadline=None)
            )
            return freed.rowcount  # type: ignore[attr-defined]

    @patient
    def retry(self, *states: str) -> int:
        """Queues jobs that ended in these states once more; how many."""
        with self.database.writing() as session:
            again = session.execute(
                update(Job)
                .where(Job.batch == self.batch, Job.state.in_(states))
                .values(state=QUEUED, message="", leases=0, owner="", changed=now())
            )
            return again.rowcount  # type: ignore[attr-defined]

    @patient
    def made(self, key: str) -> Job | None:
        """A job of this batch under the same key that is done."""
        with self.database.reading() as session:
            return session.scalars(
                self._mine().where(Job.key == key, Job.state == DONE).limit(1)
            ).first()

    @patient
    def counts(self) -> dict[str, int]:
        """How many jobs are in each state, every state named."""
        with self.database.reading() as session:
            rows = session.execute(
                select(Job.state, func.count()).where(Job.batch == self.batch).group_by(Job.state)
            )
            return {**dict.fromkeys(STATES, 0), **{state: count for state, count in rows}}

    @patient
    def made_by(self) -> dict[str, Made]:
        """By whom the pictures that are done were made."""
        model, hits = Job.told["model"].as_string(), Job.told[CACHE_HITS].as_integer()
        with self.database.reading() as session:
            rows = session.execute(
                select(model, func.count(), func.coalesce(func.sum(hits), 0))
                .where(Job.batch == self.batch, Job.state == DONE)
                .group_by(model)
            )
            return {name or "": Made(count, int(found)) for name, count, found in rows}

    @patient
    def mean_seconds(self) -> dict[str, float]:
        """What a picture took by the model it was wanted from, in all batches of this ledger."""
        with self.database.reading() as session:
            wanted = select(Job.model, func.avg(Job.seconds)).where(Job.state == DONE)
            return {
                name: seconds
                for name, seconds in session.execute(wanted.group_by(Job.model))
                if seconds is not None
            }

    @patient
    def begun_again(self) -> int:
        """How many pictures were begun more than once, as whoever began them ended."""
        with self.database.reading() as session:
            wanted = select(func.count()).where(Job.batch == self.batch, Job.leases > 1)
            return session.execute(wanted).scalar_one()

    @patient
    def all(self, *states: str) -> list[Job]:
        """In the list's order; of these states, or of all."""
        with self.database.reading() as session:
            wanted = self._mine().order_by(Job.place, Job.name)
            return list(session.scalars(wanted.where(Job.state.in_(states)) if states else wanted))

    def _mine(self) -> Any:
        return select(Job).where(Job.batch == self.batch)

    @patient
    def _end(self, job: Job, state: str, **values: Any) -> bool:
        with self.database.writing() as session:
            kept = self._locked(session, job.id)
            if kept is None or kept.state == DONE:
                return False
            kept.state, kept.owner, kept.deadline, kept.changed = state, "", None, now()
            for name, value in values.items():
                setattr(kept, name, value)
            return True

    @staticmethod
    def _locked(session: Session, number: int) -> Job | None:
        return session.scalars(select(Job).where(Job.id == number).with_for_update()).first()
