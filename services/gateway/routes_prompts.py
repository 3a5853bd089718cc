"""Addresses about the queue and the history, stopping, the web socket, and how the gateway is."""

from __future__ import annotations

import time
import uuid
from typing import Any

from aiohttp import web

from .access import CALLER, error
from .asked import GATEWAY, body_of, own_prompt
from .gateway import Gateway
from .prompts import ENDS, QUEUED
from .shapes import history_entry


async def get_prompt(request: web.Request) -> web.Response:
    return web.json_response(request.app[GATEWAY].status(request[CALLER].name))


async def get_queue(request: web.Request) -> web.Response:
    gateway = request.app[GATEWAY]
    running, queued = await gateway.db(gateway.prompts.queue, request[CALLER].name)
    return web.json_response(
        {
            "queue_running": [each.row() for each in running],
            "queue_pending": [each.row() for each in queued],
        }
    )


async def post_queue(request: web.Request) -> web.Response:
    gateway, caller = request.app[GATEWAY], request[CALLER].name
    return await _dropped(request, gateway, caller, (QUEUED,))


async def post_history(request: web.Request) -> web.Response:
    gateway, caller = request.app[GATEWAY], request[CALLER].name
    return await _dropped(request, gateway, caller, ENDS)


async def _dropped(
    request: web.Request, gateway: Gateway, caller: str, states: tuple[str, ...]
) -> web.Response:
    """{"clear": true} or {"delete": [ids]} among the caller's prompts in these states."""
    body = await body_of(request)
    if not isinstance(body, dict):
        return error(400, "invalid_request", 'Send {"clear": true} or {"delete": [ids]}.')
    names: Any = [str(each) for each in body.get("delete") or ()]
    if body.get("clear"):
        names = None
    gone = await gateway.db(gateway.prompts.drop, caller, states, names)
    if QUEUED in states:
        gateway.dropped(caller, len(gone))
    return web.Response()


async def post_interrupt(request: web.Request) -> web.Response:
    gateway = request.app[GATEWAY]
    body = await body_of(request)
    name = body.get("prompt_id") if isinstance(body, dict) else None
    await gateway.dispatcher.interrupt(request[CALLER], str(name) if name else None)
    return web.Response()


async def get_history(request: web.Request) -> web.Response:
    gateway = request.app[GATEWAY]
    try:
        most = int(request.query["max_items"]) if "max_items" in request.query else None
        offset = int(request.query.get("offset", -1))
    except ValueError:
        return error(400, "invalid_request", "max_items and offset are whole numbers")
    found = await gateway.db(gateway.prompts.history, request[CALLER].name, most, offset)
    return web.json_response({each.id: history_entry(each) for each in found})


async def get_history_of(request: web.Request) -> web.Response:
    """{} for one that has not ended and for one that nobody knows, as an engine answers."""
    found = await own_prompt(request)
    ended = found is not None and found.state in ENDS
    return web.json_response({found.id: history_entry(found)} if found and ended else {})


async def web_socket(request: web.Request) -> web.StreamResponse:
    """As an engine's: who connects under a name gets what the prompts of that name tell."""
    gateway, caller = request.app[GATEWAY], request[CALLER].name
    client = request.query.get("clientId", "")[:200] or uuid.uuid4().hex

    def greeting() -> list[tuple[str, Any]]:
        told = [("status", {"status": gateway.status(caller), "sid": client})]
        for run in gateway.dispatcher.runs.values():
            mine = (run.prompt.caller, run.prompt.client) == (caller, client)
            if mine and run.node is not None:
                told.append(("executing", {"node": run.node}))
        return told

    return await gateway.sockets.serve(
        request, caller, client, greeting, lambda: features(gateway)
    )  # fmt: skip


def features(gateway: Gateway) -> dict[str, Any]:
    """An engine's, with the gateway's own limits."""
    link = gateway.fleet.first()
    found = dict(link.features) if link else {}
    return {**found, "max_upload_size": gateway.settings.upload_bytes, "assets": False}


async def health(request: web.Request) -> web.Response:
    """This process answers."""
    return web.json_response({"status": "ok", "time": int(time.time())})


async def ready(request: web.Request) -> web.Response:
    """Whether prompts can be taken: the queue answers and so does an engine."""
    gateway = request.app[GATEWAY]
    await gateway.db(gateway.prompts.get, "")
    if gateway.fleet.up():
        return web.json_response({"status": "ready", "engines": len(gateway.fleet.up())})
    problems = sorted({each.problem for each in gateway.fleet.links.values()})
    shown = problems if not gateway.callers.keys_are_on else []
    return web.json_response(
        {"status": "no engine answers", "engines": 0, "problems": shown}, status=503
    )


async def metrics(request: web.Request) -> web.Response:
    gateway = request.app[GATEWAY]
    text = gateway.metrics.text(
        gateway.counts.values(), gateway.fleet.links.values(), gateway.sockets.count()
    )
    return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4"})
