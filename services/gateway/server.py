"""ComfyUI's addresses in front of the gateway, each with and without /api, and its life."""

from __future__ import annotations

import asyncio
import logging
import signal
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web

from ...pipelines.errors import InputError
from ..database import Database
from . import routes_files as pictures
from . import routes_jobs as jobs
from . import routes_passing as passing
from . import routes_prompts as prompts
from . import routes_user as user
from .access import CALLERS, authenticated, explained, is_loopback, login, same_origin
from .asked import GATEWAY
from .callers import Callers
from .files import Files
from .fleet import Addresses, Restart, not_ours
from .gateway import Gateway
from .hub import GatewaySettings
from .taking import post_prompt

logger = logging.getLogger(__name__)

ROUTES = (
    ("GET", "/prompt", prompts.get_prompt),
    ("POST", "/prompt", post_prompt),
    ("GET", "/queue", prompts.get_queue),
    ("POST", "/queue", prompts.post_queue),
    ("POST", "/interrupt", prompts.post_interrupt),
    ("GET", "/history", prompts.get_history),
    ("POST", "/history", prompts.post_history),
    ("GET", "/history/{id}", prompts.get_history_of),
    ("GET", "/jobs", jobs.get_jobs),
    ("POST", "/jobs/cancel", jobs.cancel_jobs),
    ("GET", "/jobs/{id}", jobs.get_job),
    ("POST", "/jobs/{id}/cancel", jobs.cancel_job),
    ("GET", "/ws", prompts.web_socket),
    ("POST", "/upload/image", pictures.upload_image),
    ("POST", "/upload/mask", pictures.upload_mask),
    ("GET", "/view", pictures.view),
    ("GET", "/users", user.users),
    ("GET", "/settings", user.get_settings),
    ("POST", "/settings", user.post_settings),
    ("GET", "/settings/{id}", user.get_setting),
    ("POST", "/settings/{id}", user.post_setting),
    ("GET", "/userdata", user.list_files),
    ("GET", "/v2/userdata", user.list_tree),
    ("GET", "/userdata/{file}", user.get_file),
    ("POST", "/userdata/{file}", user.post_file),
    ("DELETE", "/userdata/{file}", user.delete_file),
    ("POST", "/userdata/{file}/move/{dest}", user.move_file),
    ("GET", "/object_info", passing.object_info),
    ("GET", "/object_info/{node}", passing.object_info),
    ("GET", "/system_stats", passing.system_stats),
    ("GET", "/features", passing.get_features),
    ("POST", "/free", passing.free),
    ("GET", "/internal/files/{kind}", pictures.own_files),
    ("GET", "/internal/logs", passing.logs),
    ("GET", "/internal/logs/raw", passing.logs),
    ("PATCH", "/internal/logs/subscribe", passing.logs),
)
OWN_ROUTES = (
    ("GET", "/health", prompts.health),
    ("GET", "/ready", prompts.ready),
    ("GET", "/metrics", prompts.metrics),
    ("POST", "/fitting_room/login", login),
    ("GET", "/fitting_room/result/{id}", jobs.get_result),
    ("*", "/api/assets{rest:.*}", passing.no_assets),
    ("*", "/api/tags", passing.no_assets),
)
STOP_SECONDS = 10.0
SUPERSEDED = (
    "Another gateway took the queue over while its database was away. It has all prompts; this one "
    "stops."
)


@dataclass(frozen=True)
class Serving:
    """What `serve` is given. certificate, key_file: for HTTPS. restart: of our own engines."""

    host: str
    port: int
    settings: GatewaySettings
    callers: Callers
    database: Database
    files: Path
    addresses: Addresses
    certificate: Path | None = None
    key_file: Path | None = None
    restart: Restart = not_ours


def application(serving: Serving) -> web.Application:
    app = web.Application(
        middlewares=[explained, same_origin, authenticated],
        client_max_size=serving.settings.upload_bytes,
    )
    app[CALLERS] = serving.callers
    with_api = ((method, f"/api{path}", handler) for method, path, handler in ROUTES)
    for method, path, handler in (*ROUTES, *with_api, *OWN_ROUTES):
        if method == "GET":
            app.router.add_get(path, handler)  # and HEAD
        else:
            app.router.add_route(method, path, handler)
    app.router.add_get("/{path:.*}", passing.pass_on)
    app.router.add_route("*", "/{path:.*}", passing.refused)

    async def life(app: web.Application) -> AsyncIterator[None]:
        unlimited = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(
            connector=unlimited, cookie_jar=aiohttp.DummyCookieJar()
        ) as session:
            gateway = Gateway(
                serving.settings, serving.callers, serving.database, Files(serving.files),
                serving.addresses, serving.restart, session,
            )  # fmt: skip
            app[GATEWAY] = gateway
            await gateway.start()
            yield
            await gateway.end()

    app.cleanup_ctx.append(life)
    return app


def check_exposure(host: str, callers: Callers) -> None:
    """Raises InputError where a gateway without keys would be reached from other machines."""
    if not callers.keys_are_on and not is_loopback(host):
        raise InputError(
            f"Without keys the gateway listens on this machine only, and {host} was asked for. "
            "Name keys with --keys FILE or in FITTING_ROOM_KEYS, or listen on 127.0.0.1."
        )


def serve(serving: Serving, told: Callable[[str], None]) -> None:
    """Serves until SIGINT or SIGTERM; what runs then is taken up by the next gateway.

    told: gets the address once it is open. Raises InputError where it cannot be opened.
    """
    check_exposure(serving.host, serving.callers)
    asyncio.run(_serve(serving, told))


async def _serve(serving: Serving, told: Callable[[str], None]) -> None:
    app = application(serving)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_SECONDS)
    await runner.setup()
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(name, stopped.set)
    try:
        site = web.TCPSite(runner, serving.host, serving.port, ssl_context=_secured(serving))
        try:
            await site.start()
        except OSError as error:
            raise InputError(
                f"{serving.host}:{serving.port} cannot be opened: {error.strerror or error}."
            ) from error
        scheme = "https" if serving.certificate else "http"
        port = runner.addresses[0][1]
        host = f"[{serving.host}]" if ":" in serving.host else serving.host
        told(f"{scheme}://{host}:{port}")
        await _either(stopped, app[GATEWAY].superseded)
        await app[GATEWAY].sockets.close()
        if app[GATEWAY].superseded.is_set():
            raise InputError(SUPERSEDED)
    finally:
        await runner.cleanup()


async def _either(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(each.wait()) for each in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for each in waiting:
        each.cancel()


def _secured(serving: Serving) -> ssl.SSLContext | None:
    if serving.certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(serving.certificate, serving.key_file)
    except (OSError, ssl.SSLError) as error:
        raise InputError(
            f"The certificate {serving.certificate} cannot be used: {error}."
        ) from error
    return context
