"""The gateway's parts and what they share; `server.py` puts ComfyUI's addresses in front of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import aiohttp

from ..database import Database
from .callers import Caller, Callers
from .dispatcher import Dispatcher
from .files import Files, StoredInput
from .fleet import Addresses, Fleet
from .metrics import Metrics
from .prompts import Open, Prompts
from .results import Results
from .sockets import Sockets
from .webhooks import Webhooks

logger = logging.getLogger(__name__)
SWEEP_SECONDS = 600.0
READS_FOLDERS = frozenset(
    {
        "FittingRoomPictureFolder", "LoadImageDataSetFromFolder", "LoadImageTextDataSetFromFolder",
        "LoadVideoDataSetFromFolder", "LoadVideoTextDataSetFromFolder",
    }
)  # fmt: skip
"""Nodes that read whole folders of an engine, in which other callers' pictures may lie."""


@dataclass(frozen=True)
class Settings:
    """keep_hours: how long uploads and results are kept after their last use. upload_bytes,
    upload_pixels: the largest upload. inline_bytes: the largest result inside a message.
    public_url: the gateway's address for others. webhook_seconds: until the first repetition."""

    keep_hours: float = 24.0
    upload_bytes: int = 50_000_000
    upload_pixels: int = 50_000_000
    inline_bytes: int = 1_000_000
    public_url: str = ""
    webhook_seconds: float = 5.0
    refused_nodes: frozenset[str] = frozenset()


class Gateway:
    """Made inside a running loop by `server.py`. counts: open prompts by caller. taking: those
    that are being checked."""

    def __init__(
        self, settings: Settings, callers: Callers, database: Database, files: Files,
        addresses: Addresses, session: aiohttp.ClientSession,
    ) -> None:  # fmt: skip
        self.settings, self.callers, self.files, self.session = settings, callers, files, session
        self.database = database
        self._thread = ThreadPoolExecutor(1, "gateway-database")
        self.metrics = Metrics()
        self.prompts = Prompts(database)
        self.counts: dict[str, Open] = defaultdict(Open, self.prompts.open_counts())
        self.taking: Counter[str] = Counter()
        self.results = Results(
            files, callers, settings.public_url, settings.inline_bytes, settings.keep_hours
        )
        self.webhooks = Webhooks(self, database, settings.webhook_seconds)
        self.sockets = Sockets()
        self.dispatcher = Dispatcher(self)
        self.fleet = Fleet(addresses, database.url, session, self.dispatcher.wake)
        self._accepted: dict[str, deque[float]] = defaultdict(deque)
        self._tasks: list[asyncio.Task[None]] = []

    async def db(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """One transaction, in the thread that all of them share, in order."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, function, *arguments)

    def caller(self, name: str) -> Caller:
        """Also one whose key was taken away: what it was promised is still done."""
        return self.callers.named(name) or Caller(name, "")

    def finder(self, caller: str) -> Callable[[str, str], StoredInput | None]:
        secret = self.caller(caller).digest
        return lambda kind, name: self.files.stored_input(caller, secret, kind, name)

    def status(self, caller: str) -> dict[str, Any]:
        """As ComfyUI tells how many prompts are open; the caller's own."""
        return {"exec_info": {"queue_remaining": self.counts[caller].all}}

    def tell_status(self, caller: str) -> None:
        for client in self.sockets.all_of(caller):
            client.tell("status", {"status": self.status(caller)})

    def dropped(self, caller: str, count: int) -> None:
        """So many queued prompts were taken out."""
        if count:
            self.counts[caller].queued -= count
            self.tell_status(caller)

    def seconds_until_allowed(self, caller: Caller) -> float:
        """0 where the caller may send another prompt now."""
        recent, moment = self._accepted[caller.name], time.monotonic()
        while recent and recent[0] < moment - 60:
            recent.popleft()
        return 60 - (moment - recent[0]) if len(recent) >= caller.per_minute else 0.0

    def note_accepted(self, caller: Caller) -> None:
        self._accepted[caller.name].append(time.monotonic())
        self.metrics.accepted()

    async def start(self) -> None:
        await self.fleet.look()
        await self.dispatcher.recover()
        for work in (self.fleet.watch, self.dispatcher.work, self.webhooks.work, self._sweep):
            self._tasks.append(asyncio.create_task(work()))
        self.dispatcher.wake()

    async def _sweep(self) -> None:
        """Removes what is older than promised, here and on the engines."""
        while True:
            hours = self.settings.keep_hours
            wanted = await self.db(self.prompts.wanted_inputs)
            try:
                gone = await asyncio.to_thread(self.files.sweep, hours, wanted)
                if gone:
                    logger.info("%d files of more than %g hours ago were removed", gone, hours)
                await self.db(self.prompts.forget, hours)
                await self.db(self.webhooks.forget, hours)
                for link in self.fleet.up():
                    await link.sweep(hours)
            except Exception as error:  # tried again; an engine or a disk may be away for a while
                logger.warning("Old files could not all be removed: %s", error)
            await asyncio.sleep(min(SWEEP_SECONDS, hours * 3600 / 4))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.dispatcher.close()
        await self.sockets.close()
        await self.fleet.close()
        self._thread.shutdown()
