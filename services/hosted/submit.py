"""Sends a job once. A submission is repeated only where it surely was not accepted."""

from __future__ import annotations

from .. import backends
from ..errors import BackendError, Cancelled, RateLimited, Refused, Unavailable
from .course import LONGEST_RATE_WAIT, PASSING, TRIES, Course
from .service import HostedJob, Order, Parcel
from .wire import Answer, Lost, NotSent, Stopped, beside, pause

SUBMIT_SECONDS = 120.0
"""A slow answer is waited for: it names the job, and without it the job may be lost."""
GRACE_SECONDS = 15.0
"""How long a submission may still take when the user stops, as its answer names the job."""
RATE_TRIES = 6
FIND_LOOKS = 3
AMBIGUOUS = (408, 409, 425)
"""Statuses below 500 that do not say whether the job was taken."""


def send(course: Course, order: Order) -> HostedJob:
    """Uploads and submits; the job is in the ledger. Raises a BackendError, with the ledger saying
    the same; Undecided where the job may have been accepted."""
    try:
        course.progress("upload", 0.02)
        parcel = course.repeat(lambda: course.service.pack(course.wire, order), "upload")
        course.progress("submit", 0.08)
    except BaseException as error:
        course.never_sent(error)
    resume = {**course.attempt.resume, "traces": dict(parcel.traces)}
    why = "no try succeeded"
    for number in range(RATE_TRIES):
        course.note(state="sending", resume=resume)
        try:
            answer, job = beside(lambda: _post(course, parcel), course.stopped, GRACE_SECONDS)
        except NotSent as error:
            why = f"it is out of reach ({error})"
            if number + 1 >= TRIES or not course.wait(1.5**number, error):
                break
            continue
        except BackendError as error:  # a good status, and a body that says no
            course.fail(error)
        except (Lost, Stopped) as error:
            why = str(error) or "the wait for its answer was ended"
            job = look_for(course, why)
        else:
            why = f"it answered {answer.status} and named no job"
            job = job or _judge(course, answer, number)
        if job is not None:
            return job
        if number + 1 >= TRIES and why.startswith("it answered 5"):
            break
    course.fail(Unavailable(f"{course.service.title} did not take the job: {why}."))


def look_for(course: Course, why: str) -> HostedJob | None:
    """The job of a submission whose answer is missing; None where it surely is not there.

    Raises Undecided where nobody can tell.
    """
    if not course.service.finds:
        course.lost(why)
    course.wire.stopped = backends.never
    try:
        job = _find(course)
    except (*PASSING, BackendError) as error:
        course.lost(f"{why}; and it could not be looked for ({error})")
    finally:
        course.wire.stopped = course.stopped
    if job is None and course.stopped():
        course.fail(Cancelled("Stopped before the service took it."))
    return job


def _post(course: Course, parcel: Parcel) -> tuple[Answer, HostedJob | None]:
    """One submission; its job is in the ledger as soon as its answer is here."""
    answer = course.wire.ask(
        "POST", parcel.address, json=dict(parcel.body), headers=parcel.headers, certain=True,
        seconds=min(SUBMIT_SECONDS, max(course.limit.left, 10.0)),
    )  # fmt: skip
    job = course.service.accepted(answer, parcel) if answer.good else None
    if job is not None:
        course.opened(job)
    return answer, job


def _judge(course: Course, answer: Answer, number: int) -> HostedJob | None:
    """What an answer without a job means: None to send again, or the job after all.

    What a service says of the request (4xx) it says before it takes it. Any other answer without a
    job may have come after that, whoever gives it: from 500 on something broke, and the page of a
    gateway that says when to come again may stand in front of a service that has the job.
    """
    if not 400 <= answer.status < 500 or answer.status in AMBIGUOUS:
        job = look_for(course, f"it answered {answer.status} and named no job")
        if job is None and answer.retry_after:
            _hold_back(course, course.service.refusal(answer), answer.retry_after, number)
        return job
    error = course.service.refusal(answer)
    if number and course.service.finds and isinstance(error, Refused):
        # a second submission under one name is refused: then the first one is there
        job = look_for(course, str(error))
        if job is not None:
            return job
    if isinstance(error, RateLimited):
        wait = answer.retry_after
        _hold_back(course, error, 1.5 * 1.6**number if wait is None else wait, number)
        return None
    course.fail(error)


def _hold_back(course: Course, error: BackendError, wait: float, number: int) -> None:
    """Waits until the job may be sent again; fails with `error` where that is too long."""
    if wait > LONGEST_RATE_WAIT or number + 1 >= RATE_TRIES:
        course.fail(error)
    course.note(state="new")
    if not course.wait(wait, error):
        course.fail(error)


def _find(course: Course) -> HostedJob | None:
    """Looks several times, as a list may lag behind."""
    traces = course.attempt.resume.get("traces") or {}
    began = course.attempt.started.timestamp()
    for number in range(FIND_LOOKS):
        if number:
            pause(1.0, backends.never)
        job = course.repeat(
            lambda: course.service.find(course.wire, course.attempt.key, traces, began), "find"
        )
        if job is not None:
            course.opened(job)
            return job
    return None
