"""Waits for a job that the service has accepted, and fetches its picture."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from .. import backends
from ..errors import BackendError, Cancelled, Unavailable, Undecided
from .addresses import ForbiddenAddress
from .course import PASSING, Course, retry_after
from .pictures import NoPicture, decode, from_uri
from .service import Forgotten, HostedJob, JobState, Trouble
from .wire import Limit, Stopped, pause

if TYPE_CHECKING:
    import numpy as np

logger = logging.getLogger(__name__)

Kept = TypeVar("Kept")

CANCEL_SECONDS = 5.0
LAST_FETCH_SECONDS = 60.0
FORGOTTEN_LOOKS = 4
REFUSED_LOOKS = 3
FETCHES = 4
FIRST_POLL, SLOWEST_POLL, POLL_GROWTH = 0.4, 5.0, 1.3


class OutOfTime(Exception):
    """The limit of the whole job has passed."""


def watch(course: Course, job: HostedJob, keep: Callable[[JobState, np.ndarray], Kept]) -> Kept:
    """What `keep` makes of the finished job and its picture.

    When the user stops, or the time is over, the job is stopped where the service can do that; one
    that finishes all the same is kept, as it is paid. Raises a BackendError; what a progress raises
    is raised again.
    """
    try:
        seen = _until_over(course, job)
        return keep(seen, _fetched(course, job, seen))
    except Stopped:
        _stop(course, job, Cancelled("Stopped."), keep)
        raise Cancelled(
            "Stopped, but the service had finished: it is billed, its picture is kept, and the "
            "same request gives it.", backend=course.service.name, billed=True,
            remote_id=course.attempt.remote_id,
        ) from None  # fmt: skip
    except OutOfTime as error:
        return _stop(course, job, Unavailable(str(error)), keep)
    except BackendError:
        raise
    except BaseException as error:
        # somebody's progress says stop, in whatever words: the job must not run on unseen
        try:
            _stop(course, job, Cancelled(f"Stopped by {type(error).__name__}."), keep)
        except BackendError as told:
            logger.info("%s", told)
        raise


def _until_over(course: Course, job: HostedJob) -> JobState:
    wait, troubles, unknown, refusals = FIRST_POLL, 0, 0, 0
    while True:
        try:
            seen = course.service.look(course.wire, job, course.model)
            troubles = unknown = refusals = 0
        except PASSING as error:
            troubles += 1
            _rest(course, max(retry_after(error), min(0.3 * 2**troubles, 15.0)), error)
            continue
        except Forgotten:
            unknown += 1
            if unknown >= FORGOTTEN_LOOKS:
                course.lost("it does not know the job any more")
            _rest(course, unknown * 0.7)
            continue
        except BackendError as error:
            refusals += 1
            if refusals >= REFUSED_LOOKS:
                course.let_go(Undecided(f"{error} {course.resumable()}"))
            _rest(course, refusals * 0.7, error)
            continue
        if seen.over:
            return seen
        course.progress(seen.note or seen.phase, 0.1 + 0.8 * seen.share)
        _rest(course, wait)
        wait = min(wait * POLL_GROWTH, SLOWEST_POLL)


def _rest(course: Course, seconds: float, error: Exception | None = None) -> None:
    if course.limit.left <= 0:
        last = f" Its last answer: {error}." if error else ""
        raise OutOfTime(
            f"{course.service.title} was not done within {course.limit.seconds:g} s.{last}"
        )
    pause(min(seconds, course.limit.left), course.stopped)


def _fetched(course: Course, job: HostedJob, seen: JobState) -> np.ndarray:
    """The picture of a job that is over. Raises what its end means where there is none."""
    if seen.phase != "done":
        course.ended_badly(seen)
    course.progress("download", 0.92)
    problem, final = "", False
    for number in range(FETCHES):
        if number:
            _rest(course, 0.3 * 2**number)
            seen = _seen_again(course, job, seen)
        try:
            return _picture(course, seen.pictures[0] if seen.pictures else None)
        except NoPicture as error:
            problem, final = f"it gave {error}", True
        except ForbiddenAddress as error:
            problem, final = f"its link is not followed: {error}", True
        except PASSING as error:
            problem, final = f"the download failed: {error}", False
    if final:
        course.lost(f"its picture cannot be used: {problem}")
    said = f"{course.service.title} is done, but its picture did not arrive: {problem}."
    course.let_go(Undecided(f"{said} {course.resumable()}"))


def _seen_again(course: Course, job: HostedJob, seen: JobState) -> JobState:
    """With a fresh link, where the service gives one."""
    try:
        again = course.service.look(course.wire, job, course.model)
    except (*PASSING, Forgotten, BackendError) as error:
        logger.info("%s gave no new link: %s", course.service.title, error)
        return seen
    return again if again.phase == "done" else seen


def _picture(course: Course, link: Any) -> np.ndarray:
    if not isinstance(link, str) or not link:
        raise NoPicture("an answer without a picture")
    data = from_uri(link)
    if data is not None:
        return decode(data)
    if course.service.own_results:
        answer = course.wire.ask("GET", f"{course.service.base}{link}")
    else:
        answer = course.wire.download(link, max(min(course.limit.left, 120.0), 5.0))
    if not answer.good:
        raise Trouble(f"its link answers {answer.status}")
    return decode(answer.body)


def _stop(
    course: Course,
    job: HostedJob,
    error: BackendError,
    keep: Callable[[JobState, np.ndarray], Kept],
) -> Kept:
    """Ends a job that is not wanted any longer, and sees how it ends: finished all the same, it is
    kept; still running, it is left in the ledger to be resumed. Raises `error` but for the first.
    """
    seen = _cancelled(course, job)
    if seen is not None and seen.phase == "done":
        course.limit = course.wire.limit = Limit(LAST_FETCH_SECONDS)
        course.wire.stopped = course.stopped = backends.never
        course.progress = backends.silent
        try:
            return keep(seen, _fetched(course, job, seen))
        except OutOfTime as late:
            course.let_go(Undecided(f"{late} {course.resumable()}"))
    if seen is not None and seen.phase == "cancelled":
        course.stopped_at(seen, error)
    if seen is not None:
        course.ended_badly(seen)
    kind = Cancelled if isinstance(error, Cancelled) else Undecided
    course.let_go(kind(f"{error} {course.resumable()}"))


def _cancelled(course: Course, job: HostedJob) -> JobState | None:
    """The end of the job, where there is one within a few seconds; None where it runs on."""
    course.wire.stopped = backends.never
    until = Limit(CANCEL_SECONDS)
    try:
        asked = course.service.cancels and course.service.cancel(course.wire, job)
        while until.left > 0:
            seen = course.service.look(course.wire, job, course.model)
            if seen.over or not asked:
                return seen if seen.over else None
            time.sleep(0.4)
    except (*PASSING, Forgotten, BackendError) as error:
        logger.info("%s could not be asked to stop: %s", course.service.title, error)
    finally:
        course.wire.stopped = course.stopped
    return None
