"""A model of a hosted service as a backend: what it costs, and a request through its life."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ...pipelines.errors import InputError
from ...pipelines.fit import doubtful
from ..costs.prices import Price
from ..errors import Unavailable, Undecided
from ..hosted.keys import find_keys
from ..hosted.models import HostedModel
from ..hosted.owner import free, is_worked_on, mine
from ..hosted.pictures import encode, fit_to_photo, size_problems
from ..hosted.service import HostedJob, JobState, Order, Service
from ..ledger import Attempt, Ledger
from ..request import TryOnRequest, TryOnResult
from ..results import ResultStore
from . import Estimate, Progress, Stopped, never, silent

if TYPE_CHECKING:
    import numpy as np

    from ..hosted.course import Course

logger = logging.getLogger(__name__)

LIMIT_SECONDS = 300.0


@dataclass
class HostedBackend:
    """service, model: which. price: of the price book, None where it has none. allow_upload:
    whether photos may leave this machine. limit_seconds: for one picture. project: who asks, for
    the ledger. again: whether a request is sent once more whose earlier submission may be paid."""

    service: Service
    model: HostedModel
    ledger: Ledger
    store: ResultStore
    price: Price | None = None
    allow_upload: bool = False
    limit_seconds: float = LIMIT_SECONDS
    project: str = ""
    again: bool = False

    @property
    def name(self) -> str:
        return self.service.name

    def accepts(self, request: TryOnRequest) -> Sequence[str]:
        found = []
        if request.model not in ("", self.model.name):
            found.append(f"{request.model} was asked for, and this is {self.model.name}.")
        found += [*self.missing(), *self.model.problems(request)]
        found += size_problems("photo of the person", request.person, self.model.wanted)
        for garment in request.garments:
            found += size_problems("photo of the garment", garment, self.model.wanted)
        return found

    def missing(self) -> list[str]:
        """What is not set up: leave to upload, keys, an address."""
        found = []
        if not self.allow_upload:
            found.append(
                f"The photos would be sent to {self.service.title} ({self.service.terms}), and "
                "allow_upload is off: turn it on to let them leave this machine."
            )
        for check in (
            lambda: find_keys(self.service.keys, self.service.optional_keys),
            lambda: self.service.base,
        ):
            try:
                check()
            except InputError as error:
                found.append(str(error))
        return found

    def estimate(self, request: TryOnRequest) -> Estimate:
        """The price at worst, so that a budget holds."""
        cost = self._usual_price() if self.price is None else self.price.at_most
        return Estimate(
            self.model.seconds, cost, self.price.currency if self.price else "",
            shop=self.model.shop, uploads=True,
        )  # fmt: skip

    def fingerprint(self, request: TryOnRequest) -> str:
        """Of the request as this model would do it, whoever chose the model."""
        return self.model.own(request).fingerprint(self.model.remote)

    def run(
        self, request: TryOnRequest, progress: Progress = silent, cancelled: Stopped = never
    ) -> TryOnResult:
        """A kept result, an open job's, or a new job's. Raises a BackendError."""
        problems = self.accepts(request)
        if problems:
            raise Unavailable(" ".join(problems), backend=self.name)
        ignored, request = self.model.ignored(request), self.model.own(request)
        fingerprint = self.fingerprint(request)
        began = time.monotonic()
        while True:
            kept = self.store.get(fingerprint)
            if kept is not None:
                return kept
            attempt, fresh = self.ledger.claim(
                self.name, self.model.name, fingerprint, is_worked_on, again=self.again,
                project=self.project, price=self._usual_price(),
                currency=self.price.currency if self.price else "",
                resume={**self._plan(request), **mine()},
            )  # fmt: skip
            if attempt is not None:
                break
            progress("another run of the same request", 0.0)  # its result will be ours as well
            if cancelled() or time.monotonic() - began > self.limit_seconds:
                raise Undecided("Another run of the same request is not done.", backend=self.name)
            time.sleep(0.3)
        result = self._carry_out(attempt, fresh, request, progress, cancelled)
        return replace(result, warnings=(*result.warnings, *ignored))

    def _carry_out(
        self, attempt: Attempt, fresh: bool, request: TryOnRequest, progress: Progress,
        cancelled: Stopped,
    ) -> TryOnResult:  # fmt: skip
        from ..hosted.submit import look_for, send
        from ..hosted.watch import watch

        course = self._course(attempt, progress, cancelled)
        try:
            job = None
            if attempt.state == "open":
                job = _job_of(attempt)
            elif not fresh:
                job = look_for(course, "its submission was interrupted")
                if job is None:
                    course.note(state="new")
            warnings: tuple[str, ...] = ()
            course.resumed = job is not None
            if job is None:
                order, warnings = self._order(request, attempt.key, course)
                job = send(course, order)
            return watch(
                course, job,
                lambda seen, picture: self._keep(course, request, seen, picture, warnings),
            )  # fmt: skip
        finally:
            self._let_go(course)

    def resume(
        self, attempt: Attempt, progress: Progress = silent, cancelled: Stopped = never
    ) -> TryOnResult:
        """The picture of an earlier attempt, without its request. Raises a BackendError; InputError
        where only the request can finish it."""
        import numpy as np

        from ..hosted.submit import look_for
        from ..hosted.watch import watch

        told = attempt.resume
        if told.get("masked") or not told.get("size"):
            raise InputError(
                f"Attempt {attempt.id} can be finished only by the same request as before: run it "
                "again, nothing is sent or paid a second time."
            )
        width, height = told["size"]
        blank = np.zeros((height, width, 3), np.uint8)
        request = TryOnRequest(
            blank, (blank,), told["category"], self.model.name, seed=told["seed"]
        )
        course = self._course(attempt, progress, cancelled)
        course.resumed = True
        try:
            course.note(resume={**told, **mine()})
            job = _job_of(attempt)
            if attempt.state != "open":
                job = look_for(course, "its submission was interrupted")
            if job is None:
                course.fail(Unavailable(f"{self.service.title} never got this job."))
            return watch(
                course, job,
                lambda seen, picture: self._keep(course, request, seen, picture, ()),
            )  # fmt: skip
        finally:
            self._let_go(course)

    def _let_go(self, course: Course) -> None:
        """Whatever happened, this process no longer works on the attempt."""
        course.wire.close()
        kept = self.ledger.get(course.attempt.id)
        if kept is not None and "owner" in kept.resume:
            state = {"state": "failed"} if kept.state == "new" else {}
            self.ledger.note(kept, resume=free(kept.resume), **state)

    def _course(self, attempt: Attempt, progress: Progress, cancelled: Stopped) -> Course:
        from ..hosted.course import Course
        from ..hosted.wire import Limit, Wire

        keys = find_keys(self.service.keys, self.service.optional_keys)
        wire = Wire(keys, lambda: self.service.authorize(keys), cancelled)
        wire.limit = limit = Limit(self.limit_seconds)
        return Course(
            self.service, self.model, wire, self.ledger, attempt, limit, self.price, progress,
            cancelled,
        )  # fmt: skip

    def _order(
        self, request: TryOnRequest, key: str, course: Course
    ) -> tuple[Order, tuple[str, ...]]:
        try:
            category, doubts = self._category(request)
            pictures = [encode(each, self.model.wanted) for each in
                        (request.person, *request.garments)]  # fmt: skip
        except BaseException as error:
            course.never_sent(error)
        order = Order(self.model, request, category, pictures[0], tuple(pictures[1:]), key)
        return order, doubts

    def _category(self, request: TryOnRequest) -> tuple[str, tuple[str, ...]]:
        """What the garment is, where the service wants to be told and the user did not."""
        if request.category in self.model.categories:
            return request.category, ()
        if request.category != "auto":
            raise Unavailable(f"{self.model.name} does no {request.category} garments.")
        from ...pipelines.garment.read import read_garment

        try:
            return read_garment(request.garments[0], "auto", None).category, ()
        except InputError:
            return "upper", (
                "The garment was taken for one of the upper body, as its photo does not tell. Name "
                "the category if it is something else.",
            )

    def _keep(
        self, course: Course, request: TryOnRequest, seen: JobState, picture: np.ndarray,
        warnings: tuple[str, ...],
    ) -> TryOnResult:  # fmt: skip
        """Into the store, then into the ledger: a job is done when its result is stored."""
        fitted, doubts = fit_to_photo(picture, request.person, request.mask)
        attempt, charge = course.attempt, course.charge(seen)
        seconds = time.monotonic() - course.began
        cost = charge.get("charged", attempt.price)
        result = TryOnResult(
            picture=fitted, mask=request.mask, category=request.category, backend=self.name,
            model=self.model.name, seed=request.seed, seconds=seconds, cost=cost,
            currency=attempt.currency,
            warnings=warnings, remote_id=attempt.remote_id, fit=doubtful(doubts),
        )  # fmt: skip
        try:
            self.store.put(attempt.fingerprint, result)
        except OSError as error:  # it is paid: it goes to the user in any case
            said = f"The picture could not be kept for later: {error.strerror or error}."
            logger.warning("%s", said)
            result = replace(result, warnings=(*result.warnings, said))
        course.note(
            state="done", seconds=None if course.resumed else seconds, billed=True, error="",
            message="", resume=free(attempt.resume), **charge,
        )  # fmt: skip
        return result

    def _usual_price(self) -> Decimal | None:
        if not self.service.keys:
            return Decimal(0)  # a machine of one's own
        return self.price.a_picture if self.price else None

    @staticmethod
    def _plan(request: TryOnRequest) -> dict[str, Any]:
        """What is needed to finish the picture without the request, in another process."""
        height, width = request.person.shape[:2]
        return {"size": [width, height], "seed": request.seed, "category": request.category,
                "masked": request.mask is not None}  # fmt: skip


def _job_of(attempt: Attempt) -> HostedJob:
    links = attempt.resume.get("links")
    return HostedJob(attempt.remote_id, links if isinstance(links, dict) else {})
