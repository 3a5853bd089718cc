"""Works through the jobs of a batch, one after the other: each picture is stored before the next
begins, whatever ends the process is taken up again by the same command."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from ...pipelines.errors import InputError, MissingFiles
from ..backends import Stopped, never
from ..errors import BackendError, Cancelled, Refused
from ..request import TryOnRequest, TryOnResult
from .jobs import DONE, FAILED, LOST, REFUSED, Job, Jobs
from .listing import request_of
from .makers import EngineDied
from .store import Store

LEASE_SECONDS = 900.0
RENEW_AFTER = LEASE_SECONDS / 3


class Make(Protocol):
    """Makes the picture of one request. cache_hits: nodes that an engine took from its cache."""

    cache_hits: int

    def __call__(
        self, request: TryOnRequest, progress: Callable[[str, float], None], stopped: Stopped
    ) -> TryOnResult: ...


@dataclass
class Report:
    """What a run did; `skipped` was there before."""

    done: int = 0
    skipped: int = 0
    failed: int = 0
    refused: int = 0
    lost: int = 0
    seconds: float = 0.0
    by_model: dict[str, int] = field(default_factory=dict)
    engine_cache_hits: int = 0
    stopped: bool = False

    def facts(self) -> dict[str, Any]:
        return {
            "done": self.done, "skipped": self.skipped, "failed": self.failed,
            "refused": self.refused, "lost": self.lost, "seconds": round(self.seconds, 3),
            "by_model": self.by_model, "engine_cache_hits": self.engine_cache_hits,
        }  # fmt: skip


def run(
    jobs: Jobs,
    store: Store,
    make: Make,
    progress: Callable[[Job, Report, str, float], None] = lambda *_: None,
    stopped: Stopped = never,
) -> Report:
    """Until no job is left, or somebody stops it. Failed items are named and the others go on.

    Raises MissingFiles where the model itself is not installed, and InputError where a result
    cannot be stored, such as on a full disk: no other job could do better, and none is lost.
    """
    owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    began, report = time.monotonic(), Report()
    report.skipped = jobs.counts()[DONE]
    while not stopped():
        job = jobs.lease(owner, LEASE_SECONDS)
        if job is None:
            break
        try:
            _work(job, jobs, store, make, report, progress, stopped)
        except (KeyboardInterrupt, Cancelled):
            jobs.give_back(job)
            report.stopped = True
            break
        except BaseException:
            jobs.give_back(job)
            raise
    report.stopped = report.stopped or stopped()
    counts = jobs.counts()
    report.failed, report.refused, report.lost = (counts[s] for s in (FAILED, REFUSED, LOST))
    report.seconds = time.monotonic() - began
    report.engine_cache_hits = make.cache_hits
    return report


def _work(
    job: Job, jobs: Jobs, store: Store, make: Make, report: Report,
    progress: Callable[[Job, Report, str, float], None], stopped: Stopped,
) -> None:  # fmt: skip
    start = renewed = time.monotonic()
    same = jobs.made(job.key)
    if same is not None and store.has(same.result):  # the same pictures under another name
        name = f"{job.name}.png"
        store.put(name, store.get(same.result))
        jobs.done(job, name, same.told, time.monotonic() - start)
        report.done += 1
        return

    def tell(stage: str, share: float = 0.0) -> None:
        nonlocal renewed
        if time.monotonic() - renewed > RENEW_AFTER:
            jobs.renew(job, LEASE_SECONDS)
            renewed = time.monotonic()
        progress(job, report, stage, share)

    tell("reading", 0.0)
    try:
        request = request_of(job.person, job.garment, job.settings)
        if request.fingerprint() != job.key:
            raise InputError(
                "A picture was changed while the batch ran. Run the same command again: it is "
                "then wanted as it is now."
            )
        result = make(request, tell, stopped)
        data = marked(result)
    except (Cancelled, MissingFiles):
        raise
    except EngineDied:
        jobs.give_back(job, counted=True)
        progress(job, report, "the engine ended; again later", 0.0)
    except Refused as error:
        jobs.failed(job, str(error), refused=True)
        progress(job, report, f"refused: {error}", 1.0)
    except (InputError, BackendError) as error:
        jobs.failed(job, str(error))
        progress(job, report, f"failed: {error}", 1.0)
    else:
        name = f"{job.name}.png"
        store.put(name, data)  # where that fails, no other job could do better: it is raised
        if jobs.done(job, name, result.facts(), time.monotonic() - start):
            report.done += 1
            report.by_model[result.model] = report.by_model.get(result.model, 0) + 1
        progress(job, report, "done", 1.0)


def marked(result: TryOnResult) -> bytes:
    """A PNG with the marks that a picture made by AI carries."""
    from ...pipelines.marks.provenance import PREVIEW, Marks, marked_picture
    from ..request import PREVIEW as PREVIEW_MODEL

    marks = PREVIEW if result.model == PREVIEW_MODEL else Marks(system=result.model)
    return marked_picture(result.picture, "PNG", marks=marks)
