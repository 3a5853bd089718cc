"""What a backend knows of its service: how to call it, and what its answers mean.

A service's file in `services/backends` fills in `Service`; `life.py` leads the job through it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol
from urllib.parse import quote

from ..errors import BackendError, OutOfCredit, RateLimited, Refused, Unavailable
from ..request import TryOnRequest
from .keys import Keys
from .models import HostedModel
from .pictures import Encoded
from .wire import Answer, Wire

PASSING = (408, 409, 425, 429)
"""Statuses that another try may clear, beside those from 500 on."""


class Trouble(Exception):
    """This call failed and the next may not. retry_after: seconds, where the service says."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Forgotten(Exception):
    """The service does not know a job of this id."""


@dataclass(frozen=True)
class Order:
    """A request made ready to be sent. category: never auto, unless the model takes that."""

    model: HostedModel
    request: TryOnRequest
    category: str
    person: Encoded
    garments: tuple[Encoded, ...]
    key: str

    def fields(self) -> dict[str, Any]:
        return self.model.fields(self.request, self.category)


@dataclass(frozen=True)
class Parcel:
    """What is posted. traces: by which the job can be found later; kept in the ledger, so without
    pictures and keys."""

    address: str
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    traces: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class HostedJob:
    """A job that the service has accepted. links: what is needed to ask for it again."""

    remote_id: str
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class JobState:
    """How a job stands.

    phase: waiting, running, done, refused, failed, cancelled. share: done of all, 0..1. note: for
    the user. pictures: links to the results, or whatever stood in their place. reason: why it
    failed. units: what it is billed by (pictures, credits, seconds). billed: whether it is paid.
    """

    phase: str
    share: float = 0.0
    note: str = ""
    pictures: tuple[Any, ...] = ()
    reason: str = ""
    units: Decimal | None = None
    billed: bool = False

    @property
    def over(self) -> bool:
        return self.phase not in ("waiting", "running")


class Service(Protocol):
    """finds: whether a submission whose answer was lost can be looked for. cancels: whether a job
    can be stopped. keys, optional_keys: names of variables. terms: where the user reads what
    happens to photos. base: its address; raises InputError where it cannot be used. own_results:
    whether results lie at that address, and are fetched there, or at links that it gives."""

    name: str
    title: str
    keys: tuple[str, ...]
    optional_keys: tuple[str, ...]
    terms: str
    finds: bool
    cancels: bool
    own_results: bool

    @property
    def base(self) -> str: ...

    def authorize(self, keys: Keys) -> dict[str, str]: ...

    def pack(self, wire: Wire, order: Order) -> Parcel:
        """Uploads the pictures where the service has a place for them. May be repeated."""
        ...

    def accepted(self, answer: Answer, parcel: Parcel) -> HostedJob | None:
        """The job of a good answer to a submission; None where the answer does not say. Raises the
        service's refusal where the body tells one."""
        ...

    def refusal(self, answer: Answer) -> BackendError:
        """What an answer of 4xx or 5xx means."""
        ...

    def find(
        self, wire: Wire, key: str, traces: Mapping[str, Any], began: float
    ) -> HostedJob | None:
        """A job that was accepted without our knowing. began: seconds since 1970."""
        ...

    def look(self, wire: Wire, job: HostedJob, model: HostedModel) -> JobState: ...

    def cancel(self, wire: Wire, job: HostedJob) -> bool:
        """Whether the service took the wish; how the job ends, only `look` tells."""
        ...

    def credits(self, wire: Wire) -> str:
        """What the account says of itself, in words; raises where the key is not taken."""
        ...


def told(service: Service, answer: Answer) -> dict[str, Any]:
    """The JSON object of a good answer. Raises Trouble for what may pass, Forgotten for 404, and
    the service's own refusal otherwise."""
    if answer.good:
        if found := answer.told():
            return found
        raise Trouble(f"{service.title} answered without JSON")
    if answer.status in PASSING or answer.status >= 500:
        raise Trouble(f"{service.title} answered {answer.status}", answer.retry_after)
    if answer.status == 404:
        raise Forgotten
    raise service.refusal(answer)


def refusal_of(
    title: str, answer: Answer, words: str, *, key_names: tuple[str, ...] = ()
) -> BackendError:
    """What a status means where a service says nothing more particular.

    words: the service's own, for the user.
    """
    told_so = f": {words[:500].rstrip('.')}" if words else ""
    said = f"{title} says {answer.status}{told_so}."
    if answer.status in (401, 403):
        keys = " and ".join(key_names)
        return Unavailable(f"{said} The key is not accepted: look at {keys}.")
    if answer.status == 402:
        return OutOfCredit(f"{said} Pay into the account.")
    if answer.status == 429:
        return RateLimited(f"{said} Too many requests: wait.", retry_after=answer.retry_after)
    if answer.status in (400, 413, 415, 422):
        return Refused(f"{said} Change the request.")
    if answer.status >= 500:
        return Unavailable(f"{said} Its trouble is its own: try again later.")
    return Unavailable(said)


def text(value: Any) -> str:
    """A word of a stranger's answer: one line, of a bearable length; "" for anything else."""
    if not isinstance(value, str):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in value).split())[:500]


def identity(value: Any) -> str:
    """A job's name as a service gives it; "" for what cannot be one."""
    found = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(found, str) or not 0 < len(found) <= 200 or not found.isprintable():
        return ""
    return found


def part(name: str) -> str:
    """A stranger's name as one part of an address."""
    return quote(name, safe="")


def inner(value: Any, *names: str) -> Any:
    """What stands at this path of a stranger's answer; None where the path breaks off."""
    for name in names:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value
