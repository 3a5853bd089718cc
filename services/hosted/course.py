"""The course of one hosted job, and the ways in which it ends; each is in the ledger before it is
told. `submit.py` sends it, `watch.py` waits for it and fetches its picture.

    pack ──> submit ──> watch ──> fetch
                │          └── stopped or out of time: cancel, or leave it to be resumed
                └── its answer was lost: find it; where nobody can, it is not sent again
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from .. import backends
from ..costs.prices import Price
from ..errors import BackendError, Cancelled, Refused, Unavailable, Undecided
from ..ledger import Attempt, Ledger
from .models import HostedModel
from .owner import free, mine
from .service import Forgotten, HostedJob, JobState, Service, Trouble
from .wire import Limit, Lost, NotSent, Stopped, Wire, pause

logger = logging.getLogger(__name__)

PASSING = (NotSent, Lost, Trouble)
TRIES = 3
"""Submissions of one job, where each is known not to have been accepted."""
LONGEST_RATE_WAIT = 30.0


@dataclass
class Course:
    """limit: for all of it. price: of the price book, None where it has none. resumed: whether the
    job was sent by an earlier run, so that its time tells nothing."""

    service: Service
    model: HostedModel
    wire: Wire
    ledger: Ledger
    attempt: Attempt
    limit: Limit
    price: Price | None
    progress: backends.Progress
    stopped: backends.Stopped
    resumed: bool = False
    began: float = field(default_factory=time.monotonic)

    def note(self, **changes: Any) -> None:
        self.attempt = self.ledger.note(self.attempt, **changes)

    def opened(self, job: HostedJob) -> None:
        """The service has accepted it: from here on it can be resumed."""
        resume = {**self.attempt.resume, "links": dict(job.links), **mine()}
        self.note(state="open", remote_id=job.remote_id, resume=resume, billed=True)

    def charge(self, seen: JobState) -> dict[str, Any]:
        """What the service's own count of units costs, for the ledger."""
        if seen.units is None or self.price is None:
            return {}
        return {"charged": self.price.amount * seen.units, "currency": self.price.currency}

    # ------------------------------------------------------------------ ends

    def fail(self, error: BackendError) -> NoReturn:
        """The service did not take the job: nothing is to be paid."""
        state = {Refused: "refused", Cancelled: "cancelled"}.get(type(error), "failed")
        self._end(state, error, billed=False)

    def ended_badly(self, seen: JobState) -> NoReturn:
        """The job is over without a picture, and the service has said why."""
        said = f"{self.service.title}: {seen.reason or seen.phase}"
        state = {"refused": "refused", "cancelled": "cancelled"}.get(seen.phase, "failed")
        kind = Refused if seen.phase == "refused" else Unavailable
        safety = "moderated by the service" if _moderated(seen) else ""
        self._end(state, kind(said), billed=seen.billed, safety=safety, **self.charge(seen))

    def stopped_at(self, seen: JobState, error: BackendError) -> NoReturn:
        """The job was stopped at our wish."""
        self._end("cancelled", error, billed=seen.billed, **self.charge(seen))

    def let_go(self, error: BackendError) -> NoReturn:
        """Leaves an accepted job as it is, to be resumed by whoever asks for it."""
        self._end("open", error, billed=True)

    def lost(self, why: str) -> NoReturn:
        """Accepted or not, paid or not: nobody can tell, so it is not sent again."""
        said = (
            f"{self.service.title}: {why.rstrip('.')}. It may be billed, so it was not sent again. "
            "Look at the account; `--again` sends it once more."
        )
        self._end("lost", Undecided(said), billed=True)

    def never_sent(self, error: BaseException) -> NoReturn:
        """Something went wrong before the submission."""
        if isinstance(error, Stopped):
            error = Cancelled("Stopped before it was sent.")
        elif isinstance(error, (*PASSING, Forgotten)):
            words = str(error) or "it has no such place for pictures"
            error = Unavailable(f"{self.service.title} could not be reached: {words}.")
        if isinstance(error, BackendError):
            self.fail(error)
        self.note(
            state="failed", error=type(error).__name__[:32],
            message=self.wire.keys.hide(str(error)), resume=free(self.attempt.resume),
        )  # fmt: skip
        raise error

    def _end(self, state: str, error: BackendError, *, billed: bool, **more: Any) -> NoReturn:
        error.backend, error.remote_id = self.service.name, self.attempt.remote_id
        error.billed = billed
        error.args = (self.wire.keys.hide(str(error)),)
        self.note(
            state=state, error=type(error).__name__, message=str(error), billed=billed,
            resume=free(self.attempt.resume), **more,
        )  # fmt: skip
        raise error

    def resumable(self) -> str:
        return (
            f"It may be billed. Its job {self.attempt.remote_id} is in the ledger: "
            "`fitting-room jobs` fetches it, and so does the same request."
        )

    # ------------------------------------------------------------------ waiting

    def wait(self, seconds: float, error: Exception) -> bool:
        """Waits before another submission; False where the time does not suffice."""
        if seconds >= self.limit.left:
            return False
        logger.info("%s: %s; again in %.1f s", self.service.title, error, seconds)
        try:
            pause(seconds, self.stopped)
        except Stopped:
            self.fail(Cancelled("Stopped before it was sent."))
        return True

    def repeat(self, call: Callable[[], Any], what: str) -> Any:
        """For calls that may be made again: uploads, lists. Raises the last one's trouble."""
        for number in range(TRIES + 1):
            try:
                return call()
            except PASSING as error:
                wait = max(retry_after(error), 0.4 * 2**number * random.uniform(0.8, 1.2))
                if number == TRIES or wait > min(self.limit.left, LONGEST_RATE_WAIT):
                    raise
                logger.info("%s, %s: %s; again", self.service.title, what, error)
                pause(wait, self.wire.stopped)
        raise AssertionError("the last try either returns or raises")


def retry_after(error: Exception) -> float:
    """Seconds that the service asked for, as far as they are bearable."""
    return min(getattr(error, "retry_after", None) or 0.0, LONGEST_RATE_WAIT)


def _moderated(seen: JobState) -> bool:
    words = seen.reason.lower()
    return any(word in words for word in ("moderat", "nsfw", "policy", "inspection", "risk"))
