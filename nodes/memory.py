"""Networks that are kept between runs go when the user asks ComfyUI for the memory (/free).

ComfyUI then moves what it manages off the card, but whoever keeps a module keeps its main memory.
A callback of its patcher would not do: one that was evicted in mid-workflow is not told again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web
from server import PromptServer

BEFORE = 1.0
"""Seconds for ComfyUI to go through its list of models first, which this would shorten."""

_keepers: list[Callable[[], None]] = []


def goes_when_asked(forget: Callable[[], None]) -> None:
    """Registers what lets go of kept networks; it is called while no workflow runs."""
    _keepers.append(forget)


def watch_requests() -> None:
    """Lets this package see requests for memory. To be called once, before the server starts."""
    PromptServer.instance.app.middlewares.append(_seen)


@web.middleware
async def _seen(request: web.Request, handler: Any) -> web.StreamResponse:
    answer = await handler(request)
    asked = request.method == "POST" and request.path in ("/free", "/api/free")
    if asked and answer.status == 200:
        threading.Thread(target=_let_go, name="fitting-room-free", daemon=True).start()
    return answer


def _let_go() -> None:
    time.sleep(BEFORE)
    while PromptServer.instance.prompt_queue.currently_running:
        time.sleep(BEFORE)
    for forget in _keepers:
        forget()
