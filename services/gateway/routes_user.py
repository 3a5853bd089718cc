"""Addresses about what the page keeps for its user, settings and workflows: each caller's own."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from ...pipelines.errors import InputError
from ...pipelines.writing import DiskFull, write_whole
from .access import CALLER, error
from .asked import GATEWAY, body_of
from .files import OutsideFolder
from .pictures import ACTIVE_TYPES, headers_of

USER = "user"
SETTINGS = "comfy.settings.json"
MOST_FILES = 5000
"""Of one caller."""


async def users(request: web.Request) -> web.Response:
    return web.json_response({"storage": "server", "migrated": True})


def _settings(request: web.Request) -> tuple[Path, dict[str, Any]]:
    path = request.app[GATEWAY].files.place(request[CALLER].name, USER, SETTINGS)
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        found = {}
    return path, found if isinstance(found, dict) else {}


async def get_settings(request: web.Request) -> web.Response:
    return web.json_response(_settings(request)[1])


async def get_setting(request: web.Request) -> web.Response:
    return web.json_response(_settings(request)[1].get(request.match_info["id"]))


async def post_settings(request: web.Request) -> web.Response:
    return _save(request, await body_of(request))


async def post_setting(request: web.Request) -> web.Response:
    return _save(request, {request.match_info["id"]: await body_of(request)})


def _save(request: web.Request, changed: Any) -> web.Response:
    if not isinstance(changed, dict):
        return error(400, "invalid_request", "Settings are an object with a value for each name.")
    path, found = _settings(request)
    write_whole(path, json.dumps({**found, **changed}, indent=1).encode())
    return web.Response()


def _place(request: web.Request, name: str) -> Path:
    return request.app[GATEWAY].files.place(request[CALLER].name, USER, unquote(name))


def _root(request: web.Request) -> Path:
    return request.app[GATEWAY].files.folder(request[CALLER].name, USER)


def _info(path: Path, root: Path) -> dict[str, Any]:
    found = path.stat()
    return {
        "path": path.relative_to(root).as_posix(), "size": found.st_size,
        "modified": int(found.st_mtime * 1000), "created": int(found.st_ctime * 1000),
    }  # fmt: skip


async def list_files(request: web.Request) -> web.Response:
    query = request.query
    if not query.get("dir"):
        return web.Response(status=400, text="Directory not provided")
    try:
        folder = _place(request, query["dir"]) if query["dir"] != "." else _root(request)
    except OutsideFolder:
        return web.Response(status=403, text="Invalid directory")
    if not folder.is_dir():
        return web.Response(status=404, text="Directory not found")
    pattern = "**/*" if query.get("recurse", "").lower() == "true" else "*"
    found = sorted(each for each in folder.glob(pattern) if each.is_file())
    if query.get("full_info", "").lower() == "true":
        return web.json_response([_info(each, folder) for each in found])
    names = [each.relative_to(folder).as_posix() for each in found]
    if query.get("split", "").lower() == "true":
        return web.json_response([[name, *name.split("/")] for name in names])
    return web.json_response(names)


async def list_tree(request: web.Request) -> web.Response:
    """Folders first, then files, with everything below."""
    root, wanted = _root(request), unquote(request.query.get("path", ""))
    try:
        folder = _place(request, wanted) if wanted else root
    except OutsideFolder:
        return web.Response(status=400, text="Invalid path requested")
    if not folder.is_dir():
        if folder == root:
            return web.json_response([])
        return web.Response(status=400 if folder.exists() else 404, text="No such folder")
    told = []
    for each in sorted(folder.rglob("*"), key=lambda each: (each.is_file(), each.name.lower())):
        shown = {"name": each.name, "path": each.relative_to(root).as_posix()}
        if each.is_file():
            found = each.stat()
            shown |= {"type": "file", "size": found.st_size, "modified": found.st_mtime}
        else:
            shown["type"] = "directory"
        told.append(shown)
    return web.json_response(told)


async def get_file(request: web.Request) -> web.StreamResponse:
    path = _place_or_none(request, "file")
    if path is None:
        return web.Response(status=403)
    if not path.is_file():
        return web.Response(status=404)
    headers = headers_of(path.name, "")
    if path == _root(request) / "user.css":
        headers["Content-Type"], headers["Content-Disposition"] = "text/css", "inline"
    elif headers["Content-Type"] not in ACTIVE_TYPES:
        name = headers["Content-Disposition"].removeprefix("attachment; ")
        headers["Content-Disposition"] = f"attachment; {name}"
    return web.FileResponse(path, headers=headers)


def _place_or_none(request: web.Request, part: str) -> Path | None:
    try:
        return _place(request, request.match_info[part])
    except OutsideFolder:
        return None


async def post_file(request: web.Request) -> web.Response:
    path = _place_or_none(request, "file")
    if path is None:
        return web.Response(status=403)
    if request.query.get("overwrite") == "false" and path.exists():
        return web.Response(status=409, text="File already exists")
    data, root = await request.read(), _root(request)
    if not path.exists() and sum(len(files) for _, _, files in os.walk(root)) >= MOST_FILES:
        return error(413, "too_many", f"At most {MOST_FILES} files are kept for you.")
    try:
        await asyncio.to_thread(write_whole, path, data)
    except DiskFull:
        raise
    except InputError as problem:
        return web.Response(status=400, text=str(problem))
    return _told(request, path)


async def delete_file(request: web.Request) -> web.Response:
    path = _place_or_none(request, "file")
    if path is None:
        return web.Response(status=403)
    if not path.is_file():
        return web.Response(status=404)
    path.unlink()
    return web.Response(status=204)


async def move_file(request: web.Request) -> web.Response:
    source, target = _place_or_none(request, "file"), _place_or_none(request, "dest")
    if source is None or target is None:
        return web.Response(status=403)
    if not source.is_file():
        return web.Response(status=404)
    if request.query.get("overwrite") == "false" and target.exists():
        return web.Response(status=409, text="File already exists")
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(source, target)
    return _told(request, target)


def _told(request: web.Request, path: Path) -> web.Response:
    root = _root(request)
    if request.query.get("full_info", "false").lower() == "true":
        return web.json_response(_info(path, root))
    return web.json_response(path.relative_to(root).as_posix())
