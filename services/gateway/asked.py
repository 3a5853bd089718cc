"""What the addresses about prompts share."""

from __future__ import annotations

import json
import uuid
from typing import Any

from aiohttp import web

from .access import CALLER
from .gateway import Gateway
from .prompts import Prompt

GATEWAY: web.AppKey[Gateway] = web.AppKey("gateway", Gateway)
MOST_PROMPT_BYTES = 16_000_000


async def body_of(request: web.Request) -> Any:
    """The JSON of a request of a bounded size; None where it is none."""
    if (request.content_length or 0) > MOST_PROMPT_BYTES:
        raise web.HTTPRequestEntityTooLarge(MOST_PROMPT_BYTES, request.content_length or 0)
    try:
        return json.loads(await request.text(), parse_constant=_no_number)
    except ValueError:
        return None


def _no_number(name: str) -> None:
    """NaN and Infinity are no JSON, and PostgreSQL keeps none."""
    raise ValueError(name)


def is_uuid(name: Any) -> bool:
    try:
        return isinstance(name, str) and str(uuid.UUID(name)) == name
    except ValueError:
        return False


async def own_prompt(request: web.Request) -> Prompt | None:
    """The prompt that the address names, None for an unknown one and for somebody else's."""
    gateway = request.app[GATEWAY]
    return await gateway.db(
        gateway.prompts.get, request.match_info["id"], request[CALLER].name
    )  # fmt: skip
