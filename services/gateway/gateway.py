"""The gateway's life: its parts are started, old files removed; `server.py` stands in front."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from .dispatcher import Dispatcher
from .hub import Hub
from .webhooks import Webhooks

logger = logging.getLogger(__name__)
SWEEP_SECONDS = 600.0


class Gateway(Hub):
    """With what gives prompts to engines and what tells callers' servers."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.webhooks = Webhooks(self)
        self.dispatcher = Dispatcher(self, self.webhooks)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await self.fleet.look()
        await self.dispatcher.recover()
        for work in (self.fleet.watch, self.dispatcher.work, self.webhooks.work, self._sweep):
            self._tasks.append(asyncio.create_task(work()))
        self.work_waits.set()

    async def _sweep(self) -> None:
        """Removes what is older than promised, here and on the engines."""
        while True:
            hours = self.settings.keep_hours
            try:
                wanted = await self.db(self.prompts.wanted_inputs)
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

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.dispatcher.close()
        await self.sockets.close()
        await self.fleet.close()
        super().close()
