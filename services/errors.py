"""What may go wrong while a backend works. Each kind is a routing decision.

    BackendError
    ├── Refused          the request itself: tell the user, ask nobody else
    ├── Unavailable      this backend, now: try the next
    │   ├── Undecided    it may have been accepted and paid: nobody else is paid for it
    │   ├── RateLimited  too many requests: this one again after `retry_after`, or the next
    │   └── OutOfCredit  the account is empty: the next, until the user pays in
    └── Cancelled        somebody stopped it

An InputError of `pipelines.errors` is a refusal by a local model, and is treated as Refused.
"""

from __future__ import annotations


class BackendError(RuntimeError):
    """The message is shown to the user as it is.

    backend: who says so. remote_id: the job at the service, where one was made. billed: whether it
    may cost something all the same.
    """

    def __init__(
        self, message: str, *, backend: str = "", remote_id: str = "", billed: bool = False
    ) -> None:
        super().__init__(message)
        self.backend = backend
        self.remote_id = remote_id
        self.billed = billed


class Refused(BackendError):
    """The request cannot be done as it is, or its pictures were moderated: nobody else is asked."""


class Unavailable(BackendError):
    """Out of reach, failed or too slow: another backend may do it."""


class Undecided(Unavailable):
    """Whether the service accepted the job, or how it ends, is not known: its picture may still
    come. What costs nothing may do it instead; nobody else is paid until that is settled."""


class RateLimited(Unavailable):
    """Too many requests. retry_after: seconds, None where the service does not say."""

    def __init__(self, message: str, *, retry_after: float | None = None, **more: object) -> None:
        super().__init__(message, **more)  # type: ignore[arg-type]
        self.retry_after = retry_after


class OutOfCredit(Unavailable):
    """The account has no money left, or its monthly limit is reached."""


class Cancelled(BackendError):
    """Stopped by the user; `billed` tells whether it may cost something all the same."""
