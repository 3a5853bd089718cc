"""One prompt on one engine, from its inputs to its stored results."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Sequence
from typing import Any

from aiohttp import WSMessage, WSMsgType

from ...pipelines.errors import InputError
from ...pipelines.writing import DiskFull
from ..engine import TAKEN_SECONDS
from .engines import EngineGone, EngineLink
from .graphs import Produced, adopted, hidden, hidden_value, translated
from .hub import Hub
from .prompts import Prompt

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""Without a frame for so long, the engine is asked how the prompt is."""
LOST_SECONDS = 10.0
"""How long an engine whose web socket broke may take to come back."""
ROOM_SECONDS = 2.0
"""Between attempts to store a result on a full disk."""


class Again(Exception):
    """This engine cannot end the prompt; another may."""


class RefusedByEngine(Exception):
    """The engine does not take the prompt, in its own words."""


class Run:
    """cancelled: somebody wants it stopped. node: that runs now."""

    def __init__(self, gateway: Hub, link: EngineLink, prompt: Prompt) -> None:
        self.gateway, self.link, self.prompt = gateway, link, prompt
        self.cancelled = False
        self.node: str | None = None
        self.closing = ""
        self._names: dict[str, str] = {}
        self._stored: set[tuple[str, str]] = set()
        self._worked = 0.0  # when it was last seen that the engine works

    async def to_end(self, resumed: bool = False) -> dict[str, Any]:
        """The history entry as the caller sees it; every file in it is stored.

        resumed: the engine may have the prompt already. Raises Again, EngineGone, RefusedByEngine.
        """
        await self._prepare(send=not resumed)
        entry = await self._follow(resumed)
        outputs, files = adopted(entry.get("outputs") or {}, self.prompt.job, self._names)
        await self.collect(files)
        return {
            "outputs": hidden_value(outputs), "status": hidden_value(entry.get("status")),
            "meta": entry.get("meta") or {},
        }  # fmt: skip

    async def _prepare(self, send: bool) -> None:
        prompt, link = self.prompt, self.link
        graph = prompt.body["prompt"]
        kinds = await link.kinds_for(graph) if send else link.kinds
        passed = translated(graph, kinds, prompt.job, self.gateway.finder(prompt.caller))
        self._names = {each.key: each.name for each in passed.inputs}
        if not send:
            return
        await link.bring(passed.inputs)
        while not link.frames.empty():
            link.frames.get_nowait()
        extra = {**prompt.body.get("extra_data", {}), **prompt.secrets}
        body = {
            **prompt.body, "prompt": passed.graph, "prompt_id": prompt.id,
            "client_id": link.client, "extra_data": extra,
        }  # fmt: skip
        answer = await link.call("POST", "/prompt", json=body)
        if answer.status == 400 and isinstance(answer.body, dict):
            error = answer.body.get("error") or {}
            raise RefusedByEngine(
                hidden(f"{error.get('message')} {error.get('details') or ''}".strip())
            )
        if answer.status != 200:
            raise Again(f"{link.address} answered {answer.status} to the prompt")
        if self.cancelled:
            await self.interrupt()

    async def interrupt(self) -> None:
        """Stops it where it runs; one that only waits there is stopped when it starts."""
        self.cancelled = True
        await self.link.call("POST", "/interrupt", json={"prompt_id": self.prompt.id})

    async def _follow(self, resumed: bool) -> dict[str, Any]:
        """Passes frames on until the end; the engine's history entry."""
        look, self._worked = resumed, time.monotonic()
        while True:
            if look and (entry := await self._look()) is not None:
                return entry
            look = False
            try:
                frame = await asyncio.wait_for(self.link.frames.get(), LOOK_SECONDS)
            except asyncio.TimeoutError:
                look = True
                continue
            if frame is None:
                look = True
            elif await self._passed_on(frame):
                entry = await self._look()
                if entry is not None:
                    return entry

    async def _look(self) -> dict[str, Any] | None:
        """The entry of an ended prompt, None for one that is still there.

        Raises Again where the engine does not know it, does not come back, or begins nothing.
        """
        deadline = time.monotonic() + LOST_SECONDS
        while True:
            try:
                entry = await self.link.history(self.prompt.id)
                if entry is None and not await self._known():
                    entry = await self.link.history(self.prompt.id)  # it ended between the two
                    if entry is None:
                        raise Again(f"{self.link.address} has forgotten it")
                return entry
            except EngineGone as error:
                if self.link.gone or time.monotonic() > deadline:
                    raise Again(f"{self.link.address} does not answer any more") from error
                await asyncio.sleep(0.5)

    async def _known(self) -> bool:
        """Whether it runs or waits there. Raises Again where nothing runs for too long."""
        running, waiting = await self.link.queue()
        if running or self.prompt.id not in waiting:
            self._worked = time.monotonic()
        elif time.monotonic() > self._worked + TAKEN_SECONDS:
            await self.gateway.fleet.stuck(self.link, self.prompt.id)
            raise Again(f"{self.link.address} begins no workflow any more")
        return self.prompt.id in running | waiting

    async def _passed_on(self, frame: WSMessage) -> bool:
        """Passes a frame on to the caller's client; whether it is the last, which is kept back."""
        client = self.gateway.sockets.of(self.prompt.caller, self.prompt.client)
        if frame.type == WSMsgType.BINARY:
            if client:
                client.preview(frame.data)
            return False
        if frame.type != WSMsgType.TEXT:
            return False
        told = json.loads(frame.data)
        kind, data = told.get("type"), told.get("data")
        if kind in ("status", "feature_flags"):
            return False  # the engine's queue is nobody's business; ours is told by us
        if isinstance(data, dict) and data.get("prompt_id", self.prompt.id) != self.prompt.id:
            return False
        text = frame.data
        if kind == "executing":
            self.node = data.get("node")
            if self.node is None:
                self.closing = text
                return True
        elif kind == "execution_start" and self.cancelled:
            await self.interrupt()
        elif kind == "executed":
            data["output"], files = adopted(data.get("output"), self.prompt.job, self._names)
            await self.collect(files)
            text = json.dumps(told)
        if client:
            client.send(hidden(text))
            if kind == "progress":
                client.progressed()
        return False

    async def collect(self, files: Sequence[Produced]) -> None:
        """Fetches files that are not here yet and stores them."""
        for each in files:
            if (each.kind, each.name) in self._stored:
                continue
            query = {
                "filename": each.filename, "subfolder": each.subfolder, "type": each.kind,
            }  # fmt: skip
            answer = await self.link.call("GET", "/view", params=query)
            if answer.status != 200:
                raise Again(f"{self.link.address} does not have {each.filename} any more")
            await self._keep(each, answer.raw)
            self._stored.add((each.kind, each.name))

    async def _keep(self, file: Produced, data: bytes) -> None:
        """Stores a file; while the disk is full it waits, as it is made and need not be again."""
        told = False
        while True:
            try:
                await asyncio.to_thread(
                    self.gateway.files.keep, self.prompt.caller, file.kind, file.name, data
                )
                return
            except InputError as error:
                if not isinstance(error, DiskFull) or self.cancelled:
                    raise Again(f"{file.filename} could not be stored: {error}") from error
                if not told:
                    logger.error("The prompt %s waits for its disk: %s", self.prompt.id, error)
                told = True
                await asyncio.sleep(ROOM_SECONDS)
