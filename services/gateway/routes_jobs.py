"""The list of jobs, as ComfyUI's page reads it, and one result in one answer."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aiohttp import web

from .access import CALLER
from .asked import GATEWAY, body_of, is_uuid, own_prompt
from .prompts import ENDS, JobList
from .shapes import STATES, STATUS, job


async def get_jobs(request: web.Request) -> web.Response:
    gateway, query = request.app[GATEWAY], request.query
    try:
        wanted = _job_list(query)
    except ValueError as problem:
        return web.json_response({"error": str(problem)}, status=400)
    found, total = await gateway.db(gateway.prompts.jobs, request[CALLER].name, wanted)
    page = {
        "offset": wanted.offset, "limit": wanted.limit, "total": total,
        "has_more": wanted.offset + len(found) < total,
    }  # fmt: skip
    return web.json_response({"jobs": [job(each) for each in found], "pagination": page})


def _job_list(query: Mapping[str, str]) -> JobList:
    """Raises ValueError, in the engine's words."""
    names = [each.strip().lower() for each in query.get("status", "").split(",") if each.strip()]
    known = list(STATUS.values())
    if wrong := [each for each in names if each not in known]:
        raise ValueError(
            f"Invalid status value(s): {', '.join(wrong)}. Valid values: {', '.join(known)}"
        )
    by, order = query.get("sort_by", "created_at").lower(), query.get("sort_order", "desc").lower()
    if by not in ("created_at", "execution_duration"):
        raise ValueError("sort_by must be 'created_at' or 'execution_duration'")
    if order not in ("asc", "desc"):
        raise ValueError("sort_order must be 'asc' or 'desc'")
    limit = _whole(query, "limit")
    if limit is not None and limit <= 0:
        raise ValueError("limit must be a positive integer")
    return JobList(
        [STATES[each] for each in names or known], query.get("workflow_id", ""),
        by == "execution_duration", order == "desc", limit, max(0, _whole(query, "offset") or 0),
    )  # fmt: skip


def _whole(query: Mapping[str, str], name: str) -> int | None:
    if name not in query:
        return None
    try:
        return int(query[name])
    except ValueError:
        raise ValueError(f"{name} must be an integer") from None


async def get_job(request: web.Request) -> web.Response:
    """Also of one that waits or runs; 404 for one that is unknown."""
    found = await own_prompt(request)
    if found is None:
        return web.json_response({"error": "Job not found"}, status=404)
    return web.json_response(job(found, whole=True))


async def cancel_job(request: web.Request) -> web.Response:
    gateway = request.app[GATEWAY]
    done = await gateway.dispatcher.cancel(request[CALLER], request.match_info["id"])
    return web.json_response({"cancelled": done})


async def cancel_jobs(request: web.Request) -> web.Response:
    gateway, body = request.app[GATEWAY], await body_of(request)
    if body is None:
        return web.json_response({"error": "Request body must be valid JSON"}, status=400)
    names = body.get("job_ids") if isinstance(body, dict) else None
    if not isinstance(names, list):
        return web.json_response({"error": "job_ids must be a list"}, status=400)
    if wrong := [each for each in names if not is_uuid(each)]:
        told = [each if isinstance(each, str) else json.dumps(each) for each in wrong]
        return web.json_response(
            {"error": "job_ids contains invalid id(s)", "invalid_ids": told}, status=400
        )
    done = [await gateway.dispatcher.cancel(request[CALLER], each) for each in names]
    return web.json_response({"cancelled": any(done)})


async def get_result(request: web.Request) -> web.Response:
    """What a webhook tells, for whoever asks: {prompt_id, status, outputs, files}; `unknown` is
    404."""
    gateway, found = request.app[GATEWAY], await own_prompt(request)
    if found is None:
        name = request.match_info["id"]
        return web.json_response({"prompt_id": name, "status": "unknown"}, status=404)
    told = gateway.results.told(request[CALLER], found.entry) if found.state in ENDS else {}
    return web.json_response({"prompt_id": found.id, "status": STATUS[found.state], **told})
