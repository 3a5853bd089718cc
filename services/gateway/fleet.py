"""Which engines there are, and which of the idle ones gets the next prompt."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress

import aiohttp

from .engines import EngineGone, EngineLink

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
PROBE_SECONDS = 5.0
"""Between two looks at a stuck engine."""
Addresses = Callable[[], Sequence[str]]
"""Addresses of the engines that live now, such as http://127.0.0.1:8188; may block."""
Restart = Callable[[str], None]
"""Begins the restart of the engine with an address, where it is one of ours. May block."""


def not_ours(_: str) -> None:
    """For engines that somebody else started."""


class Fleet:
    """A link to each engine of a changing list."""

    def __init__(
        self, addresses: Addresses, restart: Restart, queue_name: str,
        session: aiohttp.ClientSession, changed: Callable[[], None],
    ) -> None:  # fmt: skip
        self._addresses, self._queue_name, self._session = addresses, queue_name, session
        self._restart, self._changed = restart, changed
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.links: dict[str, EngineLink] = {}

    async def look(self) -> None:
        """Takes up new engines, lets go of those that are no longer in the list."""
        found = {each.rstrip("/") for each in await asyncio.to_thread(self._addresses)}
        for address in found - set(self.links):
            link = EngineLink(address, self._queue_name, self._session)
            self.links[address] = link
            self._tasks[address] = asyncio.create_task(self._keep(link))
        for address in set(self.links) - found:
            link = self.links.pop(address)
            self._tasks.pop(address).cancel()
            link.up, link.gone, link.problem = False, True, "it left the fleet"
            link.frames.put_nowait(None)
            link.changed.set()

    async def watch(self) -> None:
        told = ""
        while True:
            try:
                await self.look()
                told = ""
            except Exception as error:  # whatever Ray or a worker raises; the engines stay as known
                if str(error) != told:
                    logger.error("The list of engines cannot be had: %s", error)
                told = str(error)
            await asyncio.sleep(LOOK_SECONDS)

    async def _keep(self, link: EngineLink) -> None:
        keeping = asyncio.create_task(link.keep())
        try:
            while True:
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(link.changed.wait(), PROBE_SECONDS)
                if link.probe:
                    with suppress(EngineGone):
                        await link.look_again()
                if link.changed.is_set():
                    link.changed.clear()
                    self._changed()
        finally:
            keeping.cancel()

    async def stuck(self, link: EngineLink, name: str) -> None:
        """An engine that does not begin its prompt is left out, and restarted where it is ours."""
        with suppress(EngineGone):
            await link.stuck(name)
        await asyncio.to_thread(self._restart, link.address)

    def up(self) -> list[EngineLink]:
        """Engines that answer, the idle ones first."""
        return sorted((each for each in self.links.values() if each.up), key=lambda each: each.busy)

    def first(self) -> EngineLink | None:
        """The engine that answers for all, the same as long as it lives: names of its own, such as
        those of blueprints, hold from one request to the next."""
        return min(
            (each for each in self.links.values() if each.up),
            key=lambda each: each.address,
            default=None,
        )

    def idle(self) -> list[EngineLink]:
        return [each for each in self.links.values() if each.up and not each.busy]

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


def choose(idle: Sequence[EngineLink], model: str, last: str = "") -> EngineLink:
    """The idle engine that has the model warm, else one that has none, else any; the engine that
    ended over this prompt's last try comes after all others."""
    return min(
        idle,
        key=lambda each: (
            each.address == last,
            not (model and each.model == model),
            bool(each.model),
            each.address,
        ),
    )
