"""Calls to a service, as httpx makes them, with every limit in one place.

A call ends in an `Answer`, or in one of three: `NotSent` (nothing reached the service), `Lost`
(it may have, and no whole answer came back), `Stopped` (the user did not want to wait for it).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin

from .. import backends
from .addresses import ForbiddenAddress, place_to_ask
from .keys import Keys

if TYPE_CHECKING:
    import ssl

    import httpx

Result = TypeVar("Result")

CONNECT_SECONDS = 10.0
SILENT_SECONDS = 30.0
"""How long a service may say nothing in the middle of a call."""
ASK_SECONDS, CALL_SECONDS = 20.0, 60.0
"""For a question, which is asked again, and for a call that carries pictures."""
LEAST_SECONDS = 3.0
"""For a call at the end of a job's time, such as the one that stops it."""
DOWNLOAD_SECONDS = 120.0
MOST_ANSWER_BYTES = 48 * 2**20
MOST_PICTURE_BYTES = 64 * 2**20
MOST_REDIRECTS = 3


class NotSent(Exception):
    """No connection was made: the service has not seen this call."""


class Lost(Exception):
    """The service may have seen this call, and its answer did not arrive whole."""


class Stopped(Exception):
    """The user stopped while this call was waited for."""


@dataclass(frozen=True)
class Answer:
    """status: HTTP. headers: names in lower case. body: whole, below the limit."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300

    def told(self) -> dict[str, Any]:
        """The body as a JSON object; {} where it is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait before the next call, as the header or the body says."""
        given = self.headers.get("retry-after") or self.told().get("retry_after")
        return _seconds(given)


@dataclass
class Limit:
    """A time limit for a whole job. seconds: from now on."""

    seconds: float
    began: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        return self.began + self.seconds - time.monotonic()


class Wire:
    """Calls in the name of one service. keys: taken out of every error's words. authorize: the
    headers that carry the key, made anew for each call. stopped: asked while an answer is awaited.
    limit: of the whole job, which no call outlasts by much."""

    def __init__(
        self, keys: Keys, authorize: Callable[[], dict[str, str]],
        stopped: backends.Stopped = backends.never,
    ) -> None:  # fmt: skip
        import httpx

        self.keys = keys
        self.authorize = authorize
        self.stopped = stopped
        self.limit: Limit | None = None
        self._client = httpx.Client(
            verify=certificates(),
            follow_redirects=False,
            timeout=httpx.Timeout(SILENT_SECONDS, connect=CONNECT_SECONDS),
            headers={"User-Agent": "fitting-room", "Accept-Encoding": "gzip, deflate"},
        )

    def close(self) -> None:
        self._client.close()

    def ask(
        self, method: str, address: str, *, with_key: bool = True, certain: bool = False,
        seconds: float = 0, headers: Mapping[str, str] | None = None, **content: Any,
    ) -> Answer:  # fmt: skip
        """One call to the service itself. content: json, data, files or content of httpx.

        with_key: whether the key goes along. certain: its end matters: it may be silent for all of
        its time, and a stop does not end it here. seconds: for all of it; 0 for what is
        usual.

        Raises NotSent, Lost, or Stopped.
        """
        import httpx

        sent = {**(self.authorize() if with_key else {}), **(headers or {})}

        def call() -> Answer:
            try:
                request = self._client.build_request(method, address, headers=sent, **content)
            except (httpx.InvalidURL, ValueError, TypeError) as error:
                raise NotSent(self._words(error)) from None
            return self._receive(request, seconds, MOST_ANSWER_BYTES, patient=certain)

        seconds = seconds or (ASK_SECONDS if method == "GET" else CALL_SECONDS)
        if not certain and self.limit is not None:
            seconds = min(seconds, max(self.limit.left, LEAST_SECONDS))
        return call() if certain else beside(call, self.stopped)

    def download(self, address: str, seconds: float = DOWNLOAD_SECONDS) -> Answer:
        """What a stranger's link brings, asked without any key.

        Raises ForbiddenAddress for a link, or a redirect, that is not followed.
        """

        def follow() -> Answer:
            limit, place = Limit(seconds), address
            for _ in range(MOST_REDIRECTS + 1):
                asked, headers, extensions = place_to_ask(place)
                request = self._client.build_request(  # of an address that was checked
                    "GET", asked, extensions=extensions,
                    headers={"Accept-Encoding": "identity", **headers},
                )  # fmt: skip
                answer = self._receive(request, limit.left, MOST_PICTURE_BYTES)
                if answer.status not in (301, 302, 303, 307, 308):
                    return answer
                place = urljoin(place, answer.headers.get("location", ""))
            raise ForbiddenAddress("it is redirected again and again")

        return beside(follow, self.stopped)

    def _receive(
        self, request: httpx.Request, seconds: float, most: int, patient: bool = False
    ) -> Answer:
        """The whole answer, its time and size watched at every piece."""
        import httpx

        limit = Limit(max(seconds, 0.1))
        silent = limit.seconds if patient else min(SILENT_SECONDS, limit.seconds)
        request.extensions["timeout"] = httpx.Timeout(
            silent, connect=min(CONNECT_SECONDS, silent)
        ).as_dict()
        try:
            response = self._client.send(request, stream=True)
            try:
                body = _pieces(response, limit, most)
            finally:
                response.close()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError,
                httpx.UnsupportedProtocol) as error:  # fmt: skip
            raise NotSent(self._words(error)) from None
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            raise Lost(self._words(error)) from None
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, headers, body)

    def _words(self, error: Exception) -> str:
        """What went wrong, without keys and without addresses, which may be signed."""
        import httpx

        if isinstance(error, httpx.TimeoutException):
            return "no answer in time"
        told = self.keys.hide(str(error)).strip() or type(error).__name__
        return "the connection broke" if "://" in told else told[:200]


def beside(work: Callable[[], Result], stopped: backends.Stopped, grace: float = 0) -> Result:
    """Carries out `work` in a thread, so that a stop need not wait for the network.

    grace: seconds that the work has left when the user stops, or when this thread is interrupted.
    Raises Stopped where it was not done by then; its thread ends by its own limits.
    """
    done, kept = threading.Event(), []

    def carry_out() -> None:
        try:
            kept.append((work(), None))
        except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
            kept.append((None, error))
        finally:
            done.set()

    threading.Thread(target=carry_out, daemon=True).start()
    try:
        while not done.wait(0.05):
            if stopped():
                break
    except BaseException:
        done.wait(grace)
        raise
    if not done.wait(grace):
        raise Stopped
    result, error = kept[0]
    if error is not None:
        raise error
    return result


def pause(seconds: float, stopped: backends.Stopped) -> None:
    """Waits; raises Stopped as soon as the user stops."""
    until = time.monotonic() + seconds
    while True:
        if stopped():
            raise Stopped
        left = until - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(left, 0.1))


@cache
def certificates() -> ssl.SSLContext:
    """Whom to trust; read once, as it takes longer than a call."""
    import httpx

    return httpx.create_ssl_context()


def _pieces(response: httpx.Response, limit: Limit, most: int) -> bytes:
    import httpx

    claimed = _seconds(response.headers.get("content-length")) or 0
    if claimed > most:
        raise httpx.StreamError(f"it claims {claimed / 2**20:.0f} MB, and {most >> 20} are allowed")
    found = bytearray()
    for piece in response.iter_bytes():
        found += piece
        if len(found) > most:
            raise httpx.StreamError(f"it is larger than {most >> 20} MB")
        if limit.left < 0:
            raise httpx.ReadTimeout("")
    return bytes(found)


def _seconds(given: Any) -> float | None:
    """A number of seconds, or an HTTP date; None for anything else."""
    from email.utils import parsedate_to_datetime

    if given is None or isinstance(given, bool):
        return None
    try:
        found = float(given)
    except (TypeError, ValueError):
        try:
            found = parsedate_to_datetime(str(given)).timestamp() - time.time()
        except (TypeError, ValueError):
            return None
    return max(found, 0.0) if found < 1e12 else None
