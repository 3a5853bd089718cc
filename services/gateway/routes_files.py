"""Addresses about pictures: uploads and views, each in the caller's own folders."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from .access import CALLER, error
from .asked import GATEWAY
from .engines import EngineGone
from .files import KINDS, OutsideFolder
from .gateway import Gateway
from .graphs import ANNOTATED, ROOM
from .pictures import TooLarge, check_size, headers_of, one_channel, preview, with_mask


async def upload_image(request: web.Request) -> web.Response:
    return await _uploaded(request, masked=False)


async def upload_mask(request: web.Request) -> web.Response:
    return await _uploaded(request, masked=True)


async def _uploaded(request: web.Request, masked: bool) -> web.Response:
    gateway, caller = request.app[GATEWAY], request[CALLER].name
    post = await request.post()
    sent = post.get("image")
    if not isinstance(sent, web.FileField) or not sent.filename:
        return web.Response(status=400)
    kind, subfolder = str(post.get("type") or "input"), str(post.get("subfolder") or "")
    if kind not in KINDS:
        return error(400, "invalid_request", f"type is one of {', '.join(KINDS)}")
    data = await asyncio.to_thread(sent.file.read)
    try:
        await asyncio.to_thread(check_size, data, sent.filename, gateway.settings.upload_pixels)
        if masked:
            found = await _original(gateway, caller, str(post.get("original_ref") or ""))
            if found is None:
                return error(400, "invalid_request", "original_ref names no picture of yours")
            data = await asyncio.to_thread(with_mask, found, data, sent.filename)
        overwrite = post.get("overwrite") in ("true", "1")
        name = await asyncio.to_thread(
            gateway.files.upload, caller, kind, subfolder, sent.filename, data, overwrite
        )
    except TooLarge as problem:
        return error(413, "too_large", str(problem))
    return web.json_response({"name": name, "subfolder": subfolder, "type": kind})


async def _original(gateway: Gateway, caller: str, reference: str) -> bytes | None:
    """The picture over which a mask was drawn."""
    try:
        told: Any = json.loads(reference)
        name, kind = str(told["filename"]), str(told.get("type") or "output")
        subfolder = str(told.get("subfolder") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    fits = ANNOTATED.fullmatch(name)
    name, kind = (fits["name"], fits["kind"]) if fits else (name, kind)
    path = gateway.files.find(caller, kind, subfolder, name)
    if path is not None:
        return await asyncio.to_thread(path.read_bytes)
    return await _of_engine(gateway, name, kind, subfolder)


async def _of_engine(gateway: Gateway, name: str, kind: str, subfolder: str) -> bytes | None:
    """A picture in the engines' own input folder, such as a sample: it is there for everybody."""
    if kind != "input" or ROOM in f"{subfolder}/{name}" or not (link := gateway.fleet.first()):
        return None
    query = {"filename": name, "type": kind, "subfolder": subfolder}
    answer = await link.call("GET", "/view", params=query)
    return answer.raw if answer.status == 200 else None


async def view(request: web.Request) -> web.StreamResponse:
    """A file of the caller's; else a sample that lies on the engines."""
    gateway, caller, query = request.app[GATEWAY], request[CALLER].name, request.query
    name = query.get("filename", "")
    fits = ANNOTATED.fullmatch(name)
    name, kind = (fits["name"], fits["kind"]) if fits else (name, query.get("type", "output"))
    subfolder = query.get("subfolder", "")
    if not name:
        return web.Response(status=404 if "filename" not in query else 400)
    if kind not in KINDS or name.startswith("/") or ".." in name:
        return web.Response(status=400)
    try:
        gateway.files.place(caller, kind, subfolder, name)
    except OutsideFolder:
        return web.Response(status=403)
    path = gateway.files.find(caller, kind, subfolder, name)
    if path is None:
        return await _sample(request, gateway, name, kind, subfolder)
    channel = query.get("channel", "rgba")
    shown = {"Content-Disposition": f'filename="{path.name}"'}
    if "preview" in query:
        data, content = await asyncio.to_thread(preview, path, query["preview"], channel)
        return web.Response(body=data, content_type=content, headers=shown)
    if channel in ("rgb", "a"):
        data = await asyncio.to_thread(one_channel, path, channel)
        return web.Response(body=data, content_type="image/png", headers=shown)
    destination = request.headers.get("Sec-Fetch-Dest", "")
    return web.FileResponse(path, headers=headers_of(path.name, destination))


async def _sample(
    request: web.Request, gateway: Gateway, name: str, kind: str, subfolder: str
) -> web.StreamResponse:
    if kind != "input" or ROOM in f"{subfolder}/{name}" or not (link := gateway.fleet.first()):
        return web.Response(status=404)
    query = {**request.query, "filename": name, "type": kind}
    for own in ("key", "signature", "caller", "expires"):
        query.pop(own, None)
    try:
        answer = await link.call("GET", "/view", params=query)
    except EngineGone:
        return web.Response(status=404)
    if answer.status != 200:
        return web.Response(status=404)
    if "preview" in query or "channel" in query:
        return web.Response(body=answer.raw, content_type="image/png" if "channel" in query
                            and "preview" not in query else "image/webp")  # fmt: skip
    return web.Response(
        body=answer.raw, headers=headers_of(name, request.headers.get("Sec-Fetch-Dest", ""))
    )


async def own_files(request: web.Request) -> web.Response:
    """What the page offers of a folder: the caller's own."""
    gateway, kind = request.app[GATEWAY], request.match_info["kind"]
    if kind not in KINDS:
        return web.json_response({"error": "Invalid directory type"}, status=400)
    names = await asyncio.to_thread(gateway.files.listed, request[CALLER].name, kind)
    return web.json_response([f"{name} [{kind}]" for name in names])
