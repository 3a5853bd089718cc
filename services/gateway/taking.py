"""Takes a prompt: what is refused before any engine is asked, an engine's judgement, the queue."""

from __future__ import annotations

import logging
import math
import uuid
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from ..database import now
from .access import CALLER, error, no_engine, no_queue
from .asked import GATEWAY, body_of, is_uuid
from .callers import Caller
from .engines import EngineGone, EngineLink
from .gateway import Gateway
from .graphs import RefusedGraph, hidden_value, model_key, refused_nodes, translated
from .hub import READS_FOLDERS
from .prompts import QUEUED, Prompt

logger = logging.getLogger(__name__)
SECRET = ("auth_token_comfy_org", "api_key_comfy_org")
"""Keys in extra_data that ComfyUI shows nowhere."""


async def post_prompt(request: web.Request) -> web.Response:
    """Takes a prompt once an engine has found it good and the queue has it."""
    gateway, caller = request.app[GATEWAY], request[CALLER]
    body = await body_of(request)
    if not isinstance(body, dict) or "prompt" not in body:
        return error(400, "no_prompt", "No prompt provided")
    refusal = _refused(gateway, caller, body)
    if refusal is not None:
        return refusal
    gateway.taking[caller.name] += 1
    try:
        return await _taken(request, gateway, caller, body)
    finally:
        gateway.taking[caller.name] -= 1


async def _taken(
    request: web.Request, gateway: Gateway, caller: Caller, body: dict[str, Any]
) -> web.Response:
    name = body.get("prompt_id") or str(uuid.uuid4())
    if name in gateway.doubtful:
        return no_queue()
    known = await gateway.db(gateway.prompts.get, name)
    if known is not None:
        return _repeated(caller, known, body)
    try:
        checked = await _checked(gateway, caller, name, body)
    except RefusedGraph as problem:
        gateway.metrics.refused("graph")
        return error(400, "invalid_prompt", str(problem))
    if isinstance(checked, web.Response):
        gateway.metrics.refused("validation")
        return checked
    prompt = _row(request, gateway, caller, name, body, checked)
    gateway.counts[caller.name].queued += 1  # before it can be taken up
    try:
        known = await gateway.db(gateway.prompts.add, prompt)
    except BaseException:
        gateway.counts[caller.name].queued -= 1
        gateway.dispatcher.take_back(prompt)
        raise
    if known is not None:  # sent twice at the same moment
        gateway.counts[caller.name].queued -= 1
        return _repeated(caller, known, body)
    gateway.note_accepted(caller)
    gateway.tell_status(caller.name)
    gateway.work_waits.set()
    number = prompt.row()[0]
    return web.json_response(
        {"prompt_id": name, "number": number, "node_errors": checked["node_errors"]}
    )


def _refused(gateway: Gateway, caller: Caller, body: Mapping[str, Any]) -> web.Response | None:
    """What is wrong before any engine is asked."""
    name = body.get("prompt_id")
    if name is not None and not is_uuid(name):
        return error(
            400, "invalid_prompt_id",
            "prompt_id must be a UUID in small letters with hyphens; omit it to get one",
        )  # fmt: skip
    number = body.get("number")
    if number is not None and not (
        isinstance(number, int | float) and math.isfinite(number) and abs(number) < 1e12
    ):
        return error(400, "invalid_number", "number must be a number below 1e12")
    if not isinstance(body.get("extra_data", {}), dict):
        return error(400, "invalid_extra_data", "extra_data must be an object")
    if len(str(body.get("client_id", ""))) > 200:
        return error(400, "invalid_client_id", "client_id has at most 200 characters")
    kept_out = gateway.settings.refused_nodes
    if gateway.callers.keys_are_on:
        kept_out = kept_out | READS_FOLDERS
    if found := refused_nodes(body["prompt"], kept_out):
        gateway.metrics.refused("node")
        return error(400, "refused_node", f"{', '.join(found)} may not run on this gateway.")
    if gateway.counts[caller.name].all + gateway.taking[caller.name] >= caller.open_jobs:
        gateway.metrics.refused("open_jobs")
        return error(
            429, "too_many_jobs",
            f"{caller.open_jobs} prompts of yours are open, and no more may be. Wait for one to "
            "end.", **{"Retry-After": "5"},
        )  # fmt: skip
    wait = gateway.seconds_until_allowed(caller)
    if wait > 0:
        gateway.metrics.refused("rate")
        return error(
            429, "too_fast", f"At most {caller.per_minute} prompts a minute are taken from you.",
            **{"Retry-After": str(math.ceil(wait))},
        )  # fmt: skip
    return None


def _repeated(caller: Caller, known: Prompt, body: Mapping[str, Any]) -> web.Response:
    """The same prompt sent again, whose answer was lost, has its answer; it runs once."""
    if known.caller == caller.name and known.body["prompt"] == body["prompt"]:
        number = known.row()[0]
        return web.json_response({"prompt_id": known.id, "number": number, "node_errors": {}})
    return error(400, "invalid_prompt_id", "This prompt_id is another prompt's; send another.")


async def _checked(
    gateway: Gateway, caller: Caller, name: str, body: dict[str, Any]
) -> dict[str, Any] | web.Response:
    """{outputs, node_errors, inputs} by an engine's own judgement, or its refusal."""
    for link in gateway.fleet.up():
        try:
            return await _checked_by(link, gateway, caller, name, body)
        except EngineGone as problem:
            logger.warning("A prompt was to be checked, and %s", problem)
    return no_engine()


async def _checked_by(
    link: EngineLink, gateway: Gateway, caller: Caller, name: str, body: dict[str, Any]
) -> dict[str, Any] | web.Response:
    kinds = await link.kinds_for(body["prompt"])
    passed = translated(
        body["prompt"], kinds, name.replace("-", ""), gateway.finder(caller.name)
    )  # fmt: skip
    await link.bring(passed.inputs)
    asked = {
        "prompt": passed.graph, "prompt_id": name,
        "partial_execution_targets": body.get("partial_execution_targets"),
    }  # fmt: skip
    answer = await link.call("POST", "/fitting_room/engine/check", json=asked)
    if answer.status == 200:
        return {**hidden_value(answer.body), "inputs": [each.name for each in passed.inputs]}
    if answer.status == 400 and isinstance(answer.body, dict):
        return web.json_response(hidden_value(answer.body), status=400)
    text = f"The engine answered {answer.status} to this prompt; it is no valid workflow."
    return error(400, "invalid_prompt", text)


def _row(
    request: web.Request, gateway: Gateway, caller: Caller, name: str, body: dict[str, Any],
    checked: Mapping[str, Any],
) -> Prompt:  # fmt: skip
    number = body.get("number")
    if number is None:
        number = -gateway.prompts.number if body.get("front") else gateway.prompts.number
        gateway.prompts.number += 1
    extra = dict(body.get("extra_data", {}))
    secrets = {each: extra.pop(each) for each in SECRET if each in extra}
    if source := request.headers.get("Comfy-Usage-Source"):
        extra.setdefault("comfy_usage_source", source)
    kept: dict[str, Any] = {"prompt": body["prompt"], "extra_data": extra}
    if body.get("partial_execution_targets") is not None:
        kept["partial_execution_targets"] = body["partial_execution_targets"]
    shown = extra.get("extra_pnginfo")
    workflow = shown.get("workflow") if isinstance(shown, dict) else None
    workflow_id = workflow.get("id") if isinstance(workflow, dict) else None
    return Prompt(
        id=name, caller=caller.name, number=float(number), state=QUEUED,
        client=str(body.get("client_id") or ""), body=kept, secrets=secrets,
        outputs=checked["outputs"], inputs=checked["inputs"], model=model_key(body["prompt"]),
        workflow=str(workflow_id or "")[:100], created=now(),
    )  # fmt: skip
