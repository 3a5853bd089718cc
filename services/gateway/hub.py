"""What the gateway's parts share: settings, callers, queue, files, engines, clients, counts."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import aiohttp

from ..database import AWAY, Database
from .callers import Caller, Callers
from .files import Files, StoredInput
from .fleet import Addresses, Fleet, Restart
from .lock import QueueTaken
from .metrics import Metrics
from .prompts import Open, PromptQueue
from .results import Results
from .sockets import Sockets

logger = logging.getLogger(__name__)
DATABASE_SECONDS = 15.0
"""How long a request waits for a database that was restarted."""
FOR_EVER = math.inf
READS_FOLDERS = frozenset(
    {
        "FittingRoomPictureFolder", "LoadImageDataSetFromFolder", "LoadImageTextDataSetFromFolder",
        "LoadVideoDataSetFromFolder", "LoadVideoTextDataSetFromFolder",
    }
)  # fmt: skip
"""Nodes that read whole folders of an engine, in which other callers' pictures may lie."""


@dataclass(frozen=True)
class GatewaySettings:
    """keep_hours: how long uploads and results are kept after their last use. upload_bytes,
    upload_pixels: the largest upload. inline_bytes: the largest result inside a message.
    public_url: the gateway's address for others. webhook_seconds: until the first repetition.
    tries: of a prompt whose engines end over it, before it counts as failed."""

    keep_hours: float = 24.0
    upload_bytes: int = 50_000_000
    upload_pixels: int = 50_000_000
    inline_bytes: int = 1_000_000
    public_url: str = ""
    webhook_seconds: float = 5.0
    refused_nodes: frozenset[str] = frozenset()
    tries: int = 3


class Hub:
    """Made inside a running loop. counts: open prompts by caller. taking: those that are being
    checked. work_waits: set when there may be a prompt for an idle engine. doubtful: ids of prompts
    that were not taken, of which the queue may have a row. superseded: another gateway has taken
    the queue over."""

    def __init__(
        self, settings: GatewaySettings, callers: Callers, database: Database, files: Files,
        addresses: Addresses, restart: Restart, session: aiohttp.ClientSession,
    ) -> None:  # fmt: skip
        self.settings, self.callers, self.files, self.session = settings, callers, files, session
        self.database = database
        self._thread = ThreadPoolExecutor(1, "gateway-database")
        self.metrics = Metrics()
        self.prompts = PromptQueue(database)
        self.counts: dict[str, Open] = defaultdict(Open, self.prompts.open_counts())
        self.taking: Counter[str] = Counter()
        self.results = Results(
            files, callers, settings.public_url, settings.inline_bytes, settings.keep_hours
        )
        self.sockets = Sockets()
        self.work_waits = asyncio.Event()
        self.superseded = asyncio.Event()
        self.doubtful: set[str] = set()
        self.fleet = Fleet(addresses, restart, database.url, session, self.work_waits.set)
        self._accepted: dict[str, deque[float]] = defaultdict(deque)

    async def db(
        self, function: Callable[..., Any], *arguments: Any, seconds: float = DATABASE_SECONDS
    ) -> Any:
        """One transaction, in the thread that all of them share, in order; tried again for so many
        seconds where the database does not answer."""
        loop = asyncio.get_running_loop()
        limit = time.monotonic() + seconds
        while True:
            try:
                return await loop.run_in_executor(self._thread, function, *arguments)
            except AWAY as error:
                if isinstance(error, QueueTaken):
                    self.superseded.set()
                if time.monotonic() > limit:
                    raise
                logger.warning("The queue's database does not answer: %s", error.orig)
                await asyncio.sleep(1.0)

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
        if len(recent) + self.taking[caller.name] < caller.per_minute:
            return 0.0
        return 60 - (moment - recent[0]) if recent else 1.0

    def note_accepted(self, caller: Caller) -> None:
        self._accepted[caller.name].append(time.monotonic())
        self.metrics.accepted()

    def close(self) -> None:
        self._thread.shutdown()
