"""Two addresses that a gateway in front of several engines asks: may this graph run, and forget it.

ComfyUI has no way to check a graph without running it, nor to remove a picture.
"""

from __future__ import annotations

import logging
import re
import shutil
import time
from pathlib import Path

import execution
import folder_paths
from aiohttp import web
from server import PromptServer

from ..services.gateway.graphs import ROOM

logger = logging.getLogger(__name__)
JOB = re.compile(r"[0-9a-f]{32}")


def add_engine_routes() -> None:
    """Before ComfyUI collects the addresses of all packages."""
    server = getattr(PromptServer, "instance", None)
    if server is None:  # nodes used without a server
        return
    server.routes.post("/fitting_room/engine/check")(check)
    server.routes.post("/fitting_room/engine/forget")(forget)


async def check(request: web.Request) -> web.Response:
    """What POST /prompt says of the same body, without running it; 200 adds the outputs that would
    run."""
    server = PromptServer.instance
    body = server.trigger_on_prompt(await request.json())
    if not isinstance(body, dict) or "prompt" not in body:
        return _invalid("no_prompt", "No prompt provided", {})
    graph = body["prompt"]
    if not isinstance(graph, dict):
        return _invalid("invalid_prompt", "The prompt is no object with a node for each id", {})
    server.node_replace_manager.apply_replacements(graph)
    good, error, outputs, node_errors = await execution.validate_prompt(
        str(body.get("prompt_id")), graph, body.get("partial_execution_targets")
    )
    if not good:
        return web.json_response({"error": error, "node_errors": node_errors}, status=400)
    return web.json_response({"outputs": outputs, "node_errors": node_errors})


def _invalid(kind: str, message: str, node_errors: dict) -> web.Response:
    error = {"type": kind, "message": message, "details": message, "extra_info": {}}
    return web.json_response({"error": error, "node_errors": node_errors}, status=400)


async def forget(request: web.Request) -> web.Response:
    """{"prompt_id", "job"}: out of the history, and its folder of results removed. {"hours"}:
    what a gateway brought or left here and nobody used for so long is removed."""
    body = await request.json()
    if "prompt_id" in body:
        PromptServer.instance.prompt_queue.delete_history_item(str(body["prompt_id"]))
    job = body.get("job")
    if isinstance(job, str) and JOB.fullmatch(job):
        for folder in (folder_paths.get_output_directory(), folder_paths.get_temp_directory()):
            shutil.rmtree(Path(folder, ROOM, job), ignore_errors=True)
    hours = body.get("hours")
    gone = _sweep(float(hours)) if isinstance(hours, int | float) else 0
    return web.json_response({"removed": gone})


def _sweep(hours: float) -> int:
    """Folders of uploads and results in which nothing changed for so long; how many."""
    oldest, gone = time.time() - hours * 3600, 0
    for kind in ("input", "output", "temp"):
        room = Path(folder_paths.get_directory_by_type(kind) or "", ROOM)
        for folder in room.iterdir() if room.is_dir() else ():
            newest = max((each.stat().st_mtime for each in folder.rglob("*")), default=0)
            if folder.is_dir() and max(newest, folder.stat().st_mtime) < oldest:
                shutil.rmtree(folder, ignore_errors=True)
                gone += 1
    return gone
