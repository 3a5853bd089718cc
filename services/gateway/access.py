"""Who is let in: keys, the page's cookie, signed links; and what a browser may be made to send."""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Awaitable, Callable
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from ...pipelines.errors import InputError
from ...pipelines.writing import FULL, DiskFull
from ..database import AWAY
from .callers import COOKIE, Caller, Callers
from .engines import EngineGone

logger = logging.getLogger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

CALLERS: web.AppKey[Callers] = web.AppKey("callers", Callers)
CALLER = "caller"
"""Under which a request carries whose it is."""
OPEN_PATHS = ("/health", "/ready", "/fitting_room/login")
COOKIE_SECONDS = 30 * 24 * 3600
WRONG_KEY = "<p>This key is not known. 密钥不正确。</p>"


def error(status: int, kind: str, message: str, **headers: str) -> web.Response:
    """A refusal in ComfyUI's form, so that its page shows the sentence."""
    told = {"type": kind, "message": message, "details": "", "extra_info": {}}
    return web.json_response({"error": told, "node_errors": {}}, status=status, headers=headers)


@web.middleware
async def explained(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every refusal as one sentence."""
    try:
        return await handler(request)
    except web.HTTPRequestEntityTooLarge as problem:
        return error(413, "too_large", f"{problem.text} Make it smaller.")
    except DiskFull as problem:
        logger.error("%s", problem)
        return disk_full()
    except InputError as problem:
        return error(400, "invalid_request", str(problem))
    except OSError as problem:
        if problem.errno not in FULL:
            raise
        logger.error("An upload could not be taken in: %s", problem)
        return disk_full()
    except EngineGone as problem:
        logger.warning("%s", problem)
        return no_engine()
    except AWAY:
        logger.exception("The queue's database does not answer")
        return no_queue()


def no_queue() -> web.Response:
    return error(
        503, "no_queue", "The queue does not answer just now. Nothing was taken; try again.",
        **{"Retry-After": "10"},
    )  # fmt: skip


def disk_full() -> web.Response:
    return error(
        503, "disk_full", "The gateway's disk is full. Nothing was kept; try again later.",
        **{"Retry-After": "60"},
    )  # fmt: skip


def no_engine() -> web.Response:
    return error(
        503, "no_engine", "No engine answers just now. Try again in a few seconds.",
        **{"Retry-After": "5"},
    )  # fmt: skip


@web.middleware
async def same_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """No other web site makes a browser send anything here. A request of a loopback host or with
    the page's cookie comes from the gateway's own page."""
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        return web.Response(status=403)
    origin, host = request.headers.get("Origin"), request.headers.get("Host", "")
    if origin and host:
        guarded = COOKIE in request.cookies or is_loopback(urlsplit(f"//{host}").hostname)
        if guarded and not _same(origin, host):
            logger.warning("A request of %s for %s was refused", origin[:100], host[:100])
            return web.Response(status=403)
    return await handler(request)


def _same(origin: str, host: str) -> bool:
    try:
        theirs, ours = urlsplit(origin.lower()), urlsplit(f"//{host.lower()}")
        if theirs.port is None or ours.port is None:
            return theirs.hostname == ours.hostname
        return (theirs.hostname, theirs.port) == (ours.hostname, ours.port)
    except ValueError:
        return False


@lru_cache(maxsize=256)
def is_loopback(host: str | None) -> bool:
    """Whether every address of a host is this machine's own."""
    if not host:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        pass
    try:
        found = {each[4][0] for each in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(each).is_loopback for each in found)


@web.middleware
async def authenticated(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Finds whose request it is: key in the header, cookie of the page, ?key=, or a signed link."""
    callers = request.app[CALLERS]
    path = request.path.removeprefix("/api")
    if request.path in OPEN_PATHS:
        return await handler(request)
    if not callers.keys_are_on:
        request[CALLER] = callers.named("local")
        return await handler(request)
    caller = _caller(request, callers)
    if caller is None and path == "/view" and "signature" in request.query:
        caller = callers.with_link(request.query)
    if caller is None:
        return _unknown(request)
    request[CALLER] = caller
    if "key" in request.query and request.method == "GET" and path in ("", "/"):
        return _to_page(request, callers, caller)
    response = await handler(request)
    if not response.prepared:  # one caller's answers lie in no cache for all
        response.headers.setdefault("Cache-Control", "private")
    return response


def _caller(request: web.Request, callers: Callers) -> Caller | None:
    kind, _, key = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer" and key:
        return callers.with_key(key.strip())
    if key := request.query.get("key", ""):
        return callers.with_key(key)
    return callers.with_cookie(request.cookies.get(COOKIE, ""))


def _unknown(request: web.Request) -> web.Response:
    if request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
        return web.Response(status=401, text=_login_page(), content_type="text/html")
    return error(
        401, "unauthorized",
        "A key of this gateway is wanted: send it as the header Authorization: Bearer KEY.",
        **{"WWW-Authenticate": "Bearer"},
    )  # fmt: skip


def _to_page(request: web.Request, callers: Callers, caller: Caller) -> web.Response:
    """The page itself, with a cookie, so that the key stands in no address any more."""
    rest = urlencode([(name, each) for name, each in request.query.items() if name != "key"])
    response = web.Response(status=303, headers={"Location": f"/?{rest}" if rest else "/"})
    _set_cookie(request, response, callers, caller)
    return response


def _set_cookie(
    request: web.Request, response: web.Response, callers: Callers, caller: Caller
) -> None:
    secure = request.secure or request.headers.get("X-Forwarded-Proto") == "https"
    response.set_cookie(
        COOKIE, callers.cookie_of(caller), max_age=COOKIE_SECONDS, httponly=True, secure=secure,
        samesite="Strict",
    )  # fmt: skip


async def login(request: web.Request) -> web.Response:
    """The form of the page that asks for a key."""
    callers = request.app[CALLERS]
    form = await request.post()
    caller = callers.with_key(str(form.get("key", "")).strip())
    if caller is None:
        return web.Response(status=401, text=_login_page(wrong=True), content_type="text/html")
    response = web.Response(status=303, headers={"Location": "/"})
    _set_cookie(request, response, callers, caller)
    return response


def _login_page(wrong: bool = False) -> str:
    page = Path(__file__).with_name("login.html").read_text("utf-8")
    return page.replace("<!-- wrong -->", WRONG_KEY if wrong else "")
