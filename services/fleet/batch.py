"""A batch on workers: each works on the jobs of the ledger, the driver watches and counts them."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ...pipelines.errors import InputError, MissingFiles
from ..backends import Stopped, never
from ..batch.jobs import ENDS, LEASED, QUEUED, Jobs
from ..batch.runner import Report, Tally
from ..database import LedgerAway
from .workers import Workers

LOOK_SECONDS = 1.0
HALT_SECONDS = 60.0
"""How long workers that are to stop may take to give their jobs back."""


@dataclass(frozen=True)
class Task:
    """What every worker calls: function(station, payload, owner) of a module of this package, by
    its name below the package. It gives {"error": "", "missing": False} when no job is left."""

    module: str
    function: str
    payload: dict[str, Any]


@dataclass
class _Work:
    """One worker at work. owner: of its jobs in the ledger."""

    answer: Any
    owner: str
    actor: Any


class Drive:
    """Carries a task to the end on workers that are started. tell: told what happened, a sentence
    at a time. counted: told how many jobs have ended. Both often."""

    def __init__(
        self, workers: Workers, jobs: Jobs, task: Task, tell: Callable[[str], None],
        counted: Callable[[int], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self.workers, self.jobs, self.task = workers, jobs, task
        self.ray = workers.ray
        self.counted, self._tell = counted, tell
        self.events: list[str] = []
        self._working: dict[int, _Work] = {}
        self._run = f"{socket.gethostname()}:{uuid.uuid4().hex[:8]}"
        self._began = 0

    def run(self, stopped: Stopped = never) -> Report:
        """Until every job has ended, or somebody stops it. Raises InputError, when all workers have
        stopped, where a result cannot be stored, the ledger stays away, or no worker is left."""
        tally, report = Tally(self.jobs), Report()
        try:
            while not stopped():
                self._happened(*self.workers.watch())
                for number, actor in self.workers.actors().items():
                    if number not in self._working:
                        self._begin(number, actor)
                self._look()
                counts = self.jobs.counts()
                self.counted(sum(counts[state] for state in ENDS))
                if not counts[QUEUED] + counts[LEASED]:
                    break
        finally:
            self._halt()
        report.stopped, report.events = stopped(), self.events
        return tally.fill(report)

    def _happened(self, *events: str) -> None:
        self.events += events
        for event in events:
            self._tell(event)

    def _begin(self, number: int, actor: Any) -> None:
        self._began += 1
        owner = f"{self._run}:worker {number}:{self._began}"[:100]
        answer = actor.call.remote(self.task.module, self.task.function, self.task.payload, owner)
        self._working[number] = _Work(answer, owner, actor)

    def _look(self) -> None:
        """Waits a moment for workers whose call has ended."""
        refs = [work.answer for work in self._working.values()]
        if not refs:
            time.sleep(LOOK_SECONDS)
            return
        self.ray.wait(refs, timeout=LOOK_SECONDS)
        for number, work in list(self._working.items()):
            if self.ray.wait([work.answer], timeout=0)[0]:
                del self._working[number]
                self._ended(number, work)

    def _ended(self, number: int, work: _Work) -> None:
        try:
            answer = self.ray.get(work.answer)
        except self.ray.exceptions.RayTaskError as error:
            raise InputError(f"Worker {number} failed: {error}") from error
        except self.ray.exceptions.RayError:  # its process ended; watch() starts another
            freed = self.jobs.release(work.owner)
            self._happened(f"worker {number} ended over its work; {freed} jobs given back")
            return
        if answer["missing"]:
            self._happened(f"worker {number} is left out: {answer['error']}")
            self.workers.leave_out(number, answer["error"])
        elif answer["error"]:
            raise InputError(answer["error"])

    def _halt(self) -> None:
        """Lets every worker give back its job; those that do not answer lose it all the same."""
        for work in self._working.values():
            work.actor.halt.remote()
        refs = [work.answer for work in self._working.values()]
        if refs:
            self.ray.wait(refs, num_returns=len(refs), timeout=HALT_SECONDS)
        for work in self._working.values():
            with suppress(LedgerAway):
                self.jobs.release(work.owner)
        self._working.clear()


def told(work: Callable[[], object]) -> dict[str, Any]:
    """What a task gives, in plain values, whatever its work raised that is to be told."""
    try:
        work()
    except MissingFiles as error:
        return {"error": str(error), "missing": True}
    except InputError as error:
        return {"error": str(error), "missing": False}
    return {"error": "", "missing": False}
