"""One engine as the gateway sees it: its address, whether it answers, what it is doing."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from .files import StoredInput
from .graphs import ROOM, Kinds, kinds_of

logger = logging.getLogger(__name__)

CALL_SECONDS = 60
RECONNECT_SECONDS = 0.5
REFRESH_SECONDS = 10.0
"""Between two looks at an engine's nodes for one that it may have got since."""
STUCK = "it begins no workflow any more and wants a restart"
PROBE = {"1": {"class_type": "PreviewAny", "inputs": {"source": "does it work again?"}}}
PACKAGE_MISSING = (
    "This ComfyUI has no Fitting Room in its custom_nodes (or an older one), so that no workflow "
    "can be checked on it: install the package there and restart it."
)


class EngineGone(Exception):
    """The engine does not answer."""


@dataclass
class Answered:
    """An engine's answer to a call. body: JSON, None where it is none."""

    status: int
    body: Any
    raw: bytes = field(repr=False)


@dataclass
class EngineLink:
    """up: its web socket is open, it has this package and is not known to be stuck. gone: it left
    the fleet. busy: the prompt that it works on. probe: of a stuck one, the prompt whose end will
    say that it works again.
    model: what it has warm. known: keys of uploads that lie on it. frames: of the run that is
    followed; None says that the web socket broke."""

    address: str
    queue_name: str
    session: aiohttp.ClientSession
    up: bool = False
    gone: bool = False
    problem: str = "not reached yet"
    busy: str = ""
    probe: str = ""
    model: str = ""
    known: set[str] = field(default_factory=set)
    kinds: Kinds = field(default_factory=dict)
    features: dict[str, Any] = field(default_factory=dict)
    frames: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _kinds_asked: float = -math.inf

    @property
    def client(self) -> str:
        """Its web socket's name, the same after a restart of the gateway, so that an engine that
        was working goes on telling."""
        return uuid.uuid5(uuid.NAMESPACE_URL, f"{self.queue_name} {self.address}").hex

    async def keep(self) -> None:
        """Holds the connection until it is cancelled."""
        while True:
            try:
                await self._connected()
                problem = "its web socket was closed"
            except (EngineGone, aiohttp.ClientError, OSError, asyncio.TimeoutError) as error:
                problem = str(error) or type(error).__name__
            if self.up:
                logger.warning("The engine %s is gone: %s", self.address, problem)
            self.up, self.problem, self.probe = False, problem, ""
            self.frames.put_nowait(None)
            self.changed.set()
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _connected(self) -> None:
        await self._greet()
        socket = f"{self.address}/ws?clientId={self.client}"
        async with self.session.ws_connect(socket, max_msg_size=0, heartbeat=20) as messages:
            await messages.send_json(
                {"type": "feature_flags", "data": {"supports_preview_metadata": True}}
            )
            self.up, self.problem, self.probe = True, "", ""
            self.changed.set()
            logger.info("The engine %s is there", self.address)
            async for message in messages:
                if self.busy:
                    self.frames.put_nowait(message)

    async def _greet(self) -> None:
        """Whether it can be used, and what its nodes are. Its files may be another's by now."""
        answer = await self.call("POST", "/fitting_room/engine/check", json={})
        if answer.status != 400:
            raise EngineGone(PACKAGE_MISSING)
        self.known.clear()
        self.model = ""
        await self.refresh_kinds()
        self.features = (await self.call("GET", "/features")).body or {}

    async def refresh_kinds(self) -> None:
        self._kinds_asked = time.monotonic()
        self.kinds = kinds_of((await self.call("GET", "/object_info")).body or {})

    async def kinds_for(self, graph: Any) -> Kinds:
        """The types of inputs; asked for anew where a node of the graph is not among them."""
        classes = {
            node.get("class_type") for node in graph.values() if isinstance(node, dict)
        } if isinstance(graph, dict) else set()  # fmt: skip
        old = time.monotonic() - self._kinds_asked > REFRESH_SECONDS
        if classes - set(self.kinds) - {None} and old:
            await self.refresh_kinds()
        return self.kinds

    async def call(self, method: str, path: str, **arguments: Any) -> Answered:
        """Raises EngineGone where no answer comes."""
        timeout = aiohttp.ClientTimeout(total=CALL_SECONDS)
        try:
            async with self.session.request(
                method, self.address + path, timeout=timeout, **arguments
            ) as answer:
                raw = await answer.read()
                return Answered(answer.status, _json(raw), raw)
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError) as error:
            raise EngineGone(f"{self.address}: {error or type(error).__name__}") from error

    async def bring(self, inputs: Iterable[StoredInput]) -> None:
        """Uploads what is not there yet. Raises EngineGone."""
        for each in inputs:
            if each.key in self.known:
                continue
            form = aiohttp.FormData()
            form.add_field("image", await asyncio.to_thread(each.path.read_bytes),
                           filename=each.path.name)  # fmt: skip
            form.add_field("subfolder", f"{ROOM}/in_{each.key}")
            form.add_field("type", "input")
            form.add_field("overwrite", "true")
            answer = await self.call("POST", "/upload/image", data=form)
            if answer.status != 200:
                raise EngineGone(f"{self.address} took no upload (HTTP {answer.status})")
            self.known.add(each.key)

    async def history(self, name: str) -> dict[str, Any] | None:
        """The entry of a prompt that ended there."""
        answer = await self.call("GET", f"/history/{name}")
        return answer.body.get(name) if isinstance(answer.body, dict) else None

    async def queue(self) -> tuple[set[str], set[str]]:
        """The prompts that run there, and those that wait."""
        found = (await self.call("GET", "/queue")).body or {}
        running, waiting = (
            {item[1] for item in found.get(state, ())}
            for state in ("queue_running", "queue_pending")
        )
        return running, waiting

    async def stuck(self, name: str) -> None:
        """Takes back a prompt that it does not begin, and gets no other until a small one has
        ended there. Raises EngineGone."""
        logger.warning("The engine %s is left out: %s", self.address, STUCK)
        self.up, self.problem, self.probe = False, STUCK, str(uuid.uuid4())
        self.changed.set()
        await self.call("POST", "/queue", json={"delete": [name]})
        await self.call("POST", "/interrupt", json={"prompt_id": name})  # it may just have begun
        await self.call("POST", "/prompt", json={"prompt": PROBE, "prompt_id": self.probe})

    async def look_again(self) -> None:
        """Whether a stuck one works again. Raises EngineGone."""
        if self.probe and await self.history(self.probe) is not None:
            logger.info("The engine %s works again", self.address)
            self.up, self.problem, self.probe = True, "", ""
            self.changed.set()

    async def sweep(self, hours: float) -> None:
        """Removes what lies there since so long; only where nothing runs."""
        if self.up and not self.busy:
            await self.call("POST", "/fitting_room/engine/forget", json={"hours": hours})
            self.known.clear()


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None
