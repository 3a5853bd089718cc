"""Works through the jobs of a batch, one after the other: each picture is stored before the next
begins, whatever ends the process is taken up again by the same command."""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from ...pipelines.errors import InputError, MissingFiles
from ..backends import Stopped, never
from ..database import LedgerAway
from ..errors import BackendError, Cancelled, Refused
from ..request import TryOnRequest, TryOnResult
from .jobs import CACHE_HITS, FAILED, LEASED, LOST, QUEUED, REFUSED, Job, Jobs, Made
from .listing import request_of
from .makers import EngineDied
from .store import Store

LEASE_SECONDS = 90.0
"""How long a job stays with an owner that gives no sign of life; one that lives renews it."""
WAIT_SECONDS = 1.0
"""Between looks at the jobs that others have in hand, when no other is left."""


class Make(Protocol):
    """Makes the picture of one request. cache_hits: nodes that an engine took from its cache."""

    cache_hits: int

    def __call__(
        self, request: TryOnRequest, progress: Callable[[str, float], None], stopped: Stopped
    ) -> TryOnResult: ...


@dataclass
class Report:
    """What a run did; `skipped` was there before. events: what happened to workers and ledger."""

    done: int = 0
    skipped: int = 0
    failed: int = 0
    refused: int = 0
    lost: int = 0
    seconds: float = 0.0
    by_model: dict[str, int] = field(default_factory=dict)
    engine_cache_hits: int = 0
    begun_again: int = 0
    events: list[str] = field(default_factory=list)
    stopped: bool = False

    def facts(self) -> dict[str, Any]:
        return {
            "done": self.done, "skipped": self.skipped, "failed": self.failed,
            "refused": self.refused, "lost": self.lost, "seconds": round(self.seconds, 3),
            "by_model": self.by_model, "engine_cache_hits": self.engine_cache_hits,
            "begun_again": self.begun_again, "events": self.events,
        }  # fmt: skip


class Tally:
    """Counts from the ledger what is made from now on, by whomever."""

    def __init__(self, jobs: Jobs) -> None:
        self.jobs, self.began = jobs, time.monotonic()
        self.before = jobs.made_by()
        self.skipped = sum(made.pictures for made in self.before.values())

    def fill(self, report: Report) -> Report:
        nothing = Made(0, 0)
        made = self.jobs.made_by()
        more = {name: each.pictures - self.before.get(name, nothing).pictures
                for name, each in made.items()}  # fmt: skip
        report.by_model = {name: count for name, count in more.items() if count > 0}
        report.done, report.skipped = sum(report.by_model.values()), self.skipped
        counts = self.jobs.counts()
        report.failed, report.refused, report.lost = (counts[s] for s in (FAILED, REFUSED, LOST))
        report.engine_cache_hits = sum(each.cache_hits for each in made.values()) - sum(
            each.cache_hits for each in self.before.values()
        )
        report.begun_again = self.jobs.begun_again()
        report.seconds = time.monotonic() - self.began
        return report


Tell = Callable[["Job | None", str, float], None]
"""Told of a job, None for none, what is being done, and which share of it is done."""


def run(
    jobs: Jobs,
    store: Store,
    make: Make,
    progress: Tell = lambda *_: None,
    stopped: Stopped = never,
    owner: str = "",
    lease_seconds: float = LEASE_SECONDS,
) -> Report:
    """Until every job has ended, also those that others have in hand, or somebody stops it. Failed
    items are named and the others go on.

    owner: who it is in the ledger, as one of a fleet; "" makes a name. Raises MissingFiles where
    the model itself is not installed, and InputError where a result cannot be stored, such as on a
    full disk, or LedgerAway: no other job could do better, and none is lost.
    """
    owner = owner or f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    report, tally = Report(), Tally(jobs)
    while not stopped():
        job = jobs.lease(owner, lease_seconds)
        if job is None:
            counts = jobs.counts()
            if not counts[LEASED] + counts[QUEUED]:
                break
            progress(None, f"waiting for {counts[LEASED]} that others have in hand", 0.0)
            time.sleep(WAIT_SECONDS)
            continue
        try:
            with _renewed(jobs, job, lease_seconds):
                _work(job, jobs, store, make, progress, stopped)
        except (KeyboardInterrupt, Cancelled):
            jobs.give_back(job)
            report.stopped = True
            break
        except BaseException:
            with suppress(LedgerAway):  # then its lease runs out
                jobs.give_back(job)
            raise
    report.stopped = report.stopped or stopped()
    return tally.fill(report)


@contextmanager
def _renewed(jobs: Jobs, job: Job, seconds: float) -> Iterator[None]:
    """The lease is renewed as long as this goes on, however long the picture takes."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(seconds / 3):
            with suppress(LedgerAway):  # whoever works on it will notice
                jobs.renew(job, seconds)

    thread = threading.Thread(target=renew, name=f"lease of {job.name}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()


def _work(
    job: Job, jobs: Jobs, store: Store, make: Make, progress: Tell, stopped: Stopped
) -> None:  # fmt: skip
    start = time.monotonic()
    name = f"{job.name}.png"
    same = jobs.made(job.key)
    if same is not None and store.has(same.result):  # the same pictures under another name
        store.put(name, store.get(same.result))
        jobs.done(job, name, {**same.told, CACHE_HITS: 0}, time.monotonic() - start)
        progress(job, "done", 1.0)
        return

    def tell(stage: str, share: float = 0.0) -> None:
        progress(job, stage, share)

    tell("reading")
    hits = make.cache_hits
    try:
        request = request_of(job.person, job.garment, job.settings)
        if request.fingerprint() != job.key:
            raise InputError(
                "A picture was changed while the batch ran. Run the same command again: it is "
                "then wanted as it is now."
            )
        result = make(request, tell, stopped)
        data = marked(result)
    except (Cancelled, MissingFiles, LedgerAway):
        raise
    except EngineDied as error:
        jobs.give_back(job, str(error))
        tell("the engine ended; again later")
    except Refused as error:
        jobs.failed(job, str(error), refused=True)
        tell(f"refused: {error}", 1.0)
    except (InputError, BackendError) as error:
        jobs.failed(job, str(error))
        tell(f"failed: {error}", 1.0)
    else:
        store.put(name, data)  # where that fails, no other job could do better: it is raised
        told = {**result.facts(), CACHE_HITS: make.cache_hits - hits}
        jobs.done(job, name, told, time.monotonic() - start)
        tell("done", 1.0)


def marked(result: TryOnResult) -> bytes:
    """A PNG with the marks that a picture made by AI carries."""
    from ...pipelines.marks.provenance import PREVIEW, Marks, marked_picture
    from ..request import PREVIEW as PREVIEW_MODEL

    marks = PREVIEW if result.model == PREVIEW_MODEL else Marks(system=result.model)
    return marked_picture(result.picture, "PNG", marks=marks)
