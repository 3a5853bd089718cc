"""Addresses that an engine answers: what its nodes and models are, the page itself."""

from __future__ import annotations

import asyncio
import json
import mimetypes
from typing import Any

from aiohttp import ClientError, ClientTimeout, web
from yarl import URL

from .access import CALLER, error, no_engine
from .asked import GATEWAY
from .engines import EngineGone
from .graphs import with_own_files
from .routes_prompts import features

PASSED = {
    "", "embeddings", "models", "extensions", "view_metadata", "object_info", "i18n", "docs",
    "workflow_templates", "templates", "global_subgraphs", "node_replacements", "experiment",
    "assets", "scripts", "fonts", "cursor", "lib", "types",
}  # fmt: skip
"""First parts of addresses whose GET changes nothing and tells of no caller."""
OWN = {
    "internal",
    "manager",
    "customnode",
    "snapshot",
    "externalmodel",
    "v2",
    "userdata",
    "fitting_room",
}
"""First parts under which even a file name is not passed on."""
ASKED = (
    "Accept", "Accept-Language", "If-None-Match", "If-Modified-Since", "Range", "User-Agent",
)  # fmt: skip
ANSWERED = (
    "Content-Type", "Content-Length", "Content-Range", "Accept-Ranges", "Cache-Control", "ETag",
    "Last-Modified", "Expires", "Pragma", "Vary", "Content-Disposition", "X-Content-Type-Options",
    "Content-Security-Policy",
)  # fmt: skip


async def pass_on(request: web.Request) -> web.StreamResponse:
    """Asks an engine and hands its answer on; nothing of who asked goes with it."""
    gateway, path = request.app[GATEWAY], request.path
    if not _passes(path.removeprefix("/api") if path.startswith("/api/") else path):
        return error(404, "not_passed_on", f"The gateway does not pass on {path[:200]}.")
    link = gateway.fleet.first()
    if link is None:
        return no_engine()
    headers = {name: request.headers[name] for name in ASKED if name in request.headers}
    query = [(name, value) for name, value in request.query.items() if name != "key"]
    address = URL(link.address + request.rel_url.raw_path, encoded=True).with_query(query)
    try:
        async with gateway.session.get(
            address, headers={**headers, "Accept-Encoding": "identity"}, allow_redirects=False,
            timeout=ClientTimeout(total=None, sock_read=60),
        ) as answer:  # fmt: skip
            kept = {name: answer.headers[name] for name in ANSWERED if name in answer.headers}
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            async for part in answer.content.iter_chunked(1 << 16):
                await response.write(part)
            await response.write_eof()
            return response
    except (ClientError, asyncio.TimeoutError, OSError) as problem:
        raise EngineGone(f"{link.address}: {problem}") from problem


def _passes(path: str) -> bool:
    parts = path.strip("/").split("/")
    if ".." in parts:
        return False
    if parts[0] in PASSED:
        return True
    return "." in parts[-1] and parts[0] not in OWN


async def refused(request: web.Request) -> web.Response:
    return error(
        405, "not_passed_on",
        f"The gateway does not pass {request.method} {request.path[:200]} on: it would change one "
        "engine and not the others.",
    )  # fmt: skip


async def _ask(request: web.Request, path: str) -> Any:
    """An engine's JSON. Raises EngineGone."""
    link = request.app[GATEWAY].fleet.first()
    if link is None:
        raise EngineGone("No engine answers.")
    answer = await link.call("GET", path)
    if answer.status != 200:
        raise EngineGone(f"{link.address} answered {answer.status} to {path}")
    return answer.body


async def object_info(request: web.Request) -> web.Response:
    """With the caller's uploads among the choices."""
    gateway, caller = request.app[GATEWAY], request[CALLER].name
    node = request.match_info.get("node")
    found = await _ask(request, f"/object_info/{node}" if node else "/object_info")
    names = await asyncio.to_thread(gateway.files.listed, caller, "input")

    def listed(kind: str) -> list[str]:
        return [
            each for each in names if (mimetypes.guess_type(each)[0] or "").startswith(f"{kind}/")
        ]

    with_own_files(found, listed)
    text = await asyncio.to_thread(json.dumps, found)
    return web.Response(text=text, content_type="application/json")


async def system_stats(request: web.Request) -> web.Response:
    """The first engine's, with the devices of all."""
    found: dict[str, Any] = {}
    for link in request.app[GATEWAY].fleet.up():
        try:
            told = (await link.call("GET", "/system_stats")).body or {}
        except EngineGone:
            continue
        if found:
            found["devices"] += told.get("devices", [])
        else:
            found = told
    return web.json_response(found) if found else no_engine()


async def get_features(request: web.Request) -> web.Response:
    return web.json_response(features(request.app[GATEWAY]))


async def free(request: web.Request) -> web.Response:
    """Frees the memory of engines on which nobody else's prompt runs."""
    gateway = request.app[GATEWAY]
    try:
        body = await request.json()
    except ValueError:
        return error(400, "invalid_request", 'Send {"unload_models": true, "free_memory": true}.')
    runs = gateway.dispatcher.runs
    for link in gateway.fleet.up():
        run = runs.get(link.busy)
        if not link.busy or (run and run.prompt.caller == request[CALLER].name):
            await link.call("POST", "/free", json=body)
            link.model = ""
    return web.Response()


async def logs(request: web.Request) -> web.Response:
    """An engine's log tells of everybody's work."""
    return error(403, "not_passed_on", "The engines' logs are not shown through the gateway.")


async def no_assets(request: web.Request) -> web.Response:
    """As an engine without its list of assets answers."""
    told = {"code": "SERVICE_DISABLED", "message": "Assets are not listed by the gateway."}
    return web.json_response({"error": {**told, "details": {}}}, status=503)
