"""Gives queued prompts to idle engines, and settles what becomes of them."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any

from .callers import Caller
from .engines import EngineGone, EngineLink
from .fleet import choose
from .hub import FOR_EVER, Hub
from .prompts import QUEUED, Prompt
from .run import Again, RefusedByEngine, Run
from .shapes import failed_entry, state_of, summary
from .webhooks import Webhooks

logger = logging.getLogger(__name__)
AGAIN_SECONDS = 1.0
"""Before a prompt that an engine could not end is given to one again."""


class Dispatcher:
    """runs: by prompt_id, of those that an engine works on."""

    def __init__(self, gateway: Hub, webhooks: Webhooks) -> None:
        self.gateway, self.webhooks = gateway, webhooks
        self.runs: dict[str, Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._served: dict[str, float] = {}

    async def recover(self) -> None:
        """What ran when the last gateway ended: followed where its engine still has it."""
        for prompt in await self.gateway.db(self.gateway.prompts.running):
            link = self.gateway.fleet.links.get(prompt.engine)
            if link is None or link.busy:
                await self._again(prompt, "its engine left while no gateway ran")
            else:
                link.busy = prompt.id
                self._begin(link, prompt, resumed=True)

    async def work(self) -> None:
        while True:
            await self.gateway.work_waits.wait()
            self.gateway.work_waits.clear()
            try:
                while found := await self._next(self.gateway.fleet.idle()):
                    self._begin(*found)
            except Exception:  # the queue may be away for a while; what it holds is not lost
                logger.exception("No prompt could be taken from the queue")
                await asyncio.sleep(AGAIN_SECONDS)
                self.gateway.work_waits.set()

    async def _next(self, idle: list[EngineLink]) -> tuple[EngineLink, Prompt] | None:
        """The next prompt and its engine: by the caller's priority, then by who has least running
        and waited longest."""
        gateway = self.gateway
        if not idle:
            return None
        waiting = [name for name, count in gateway.counts.items() if count.queued > 0]
        waiting.sort(
            key=lambda name: (
                -gateway.caller(name).priority,
                gateway.counts[name].running,
                self._served.get(name, 0.0),
            )
        )
        for name in waiting:
            first = await gateway.db(gateway.prompts.first, name)
            if first is None:
                continue
            waits, model, last = first
            link = choose(idle, model, last)
            link.busy = "chosen"
            try:
                begin = gateway.prompts.begin
                prompt = await gateway.db(begin, waits, link.address, seconds=FOR_EVER)
            finally:
                link.busy = ""
            if prompt is None:
                continue
            link.busy = prompt.id
            self._served[name] = time.monotonic()
            gateway.counts[name].queued -= 1
            gateway.counts[name].running += 1
            gateway.tell_status(name)
            return link, prompt
        return None

    def _begin(self, link: EngineLink, prompt: Prompt, resumed: bool = False) -> None:
        self.runs[prompt.id] = Run(self.gateway, link, prompt)
        task = asyncio.create_task(self._work(link, prompt, resumed))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, link: EngineLink, prompt: Prompt, resumed: bool) -> None:
        run = self.runs[prompt.id]
        try:
            entry = await run.to_end(resumed)
            await self._settle(run, entry)
            link.model = prompt.model or link.model
            await self._forget(link, prompt)
        except RefusedByEngine as error:
            await self._settle(run, self._entry(prompt, "RefusedByEngine", str(error)))
        except (Again, EngineGone) as error:
            await self._not_ended(run, str(error))
        except Exception as error:
            logger.exception("The prompt %s could not be followed", prompt.id)
            await self._not_ended(run, f"{type(error).__name__}: {error}")
        finally:
            self.runs.pop(prompt.id, None)
            link.busy = ""
            self.gateway.work_waits.set()

    async def _not_ended(self, run: Run, reason: str) -> None:
        prompt = run.prompt
        if not run.cancelled:
            await asyncio.sleep(AGAIN_SECONDS)
        if run.cancelled:
            await self._settle(run, self._entry(prompt, "Interrupted", "It was interrupted."))
        elif prompt.tries >= self.gateway.settings.tries:
            words = f"It was tried {prompt.tries} times and did not end; the last time: {reason}."
            await self._settle(run, self._entry(prompt, "EngineEnded", words))
        else:
            await self._again(prompt, reason)

    async def _again(self, prompt: Prompt, reason: str) -> None:
        logger.warning("The prompt %s is queued again: %s", prompt.id, reason)
        gateway = self.gateway
        await gateway.db(gateway.prompts.again, prompt.id, seconds=FOR_EVER)
        gateway.metrics.again()
        gateway.counts[prompt.caller].running -= 1
        gateway.counts[prompt.caller].queued += 1
        gateway.tell_status(prompt.caller)
        self.gateway.work_waits.set()

    def take_back(self, prompt: Prompt) -> None:
        """Sees to it that a prompt whose acceptance failed is not in the queue all the same: its
        caller was told that nothing was taken."""
        gateway = self.gateway

        async def gone() -> None:
            drop = gateway.prompts.drop
            try:
                await gateway.db(drop, prompt.caller, [QUEUED], [prompt.id], seconds=FOR_EVER)
            finally:
                gateway.doubtful.discard(prompt.id)

        gateway.doubtful.add(prompt.id)
        task = asyncio.create_task(gone())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    def _entry(prompt: Prompt, kind: str, words: str) -> dict[str, Any]:
        return failed_entry(prompt.id, kind, words, int(time.time() * 1000))

    async def _settle(self, run: Run, entry: dict[str, Any]) -> None:
        """Notes the end, then tells it: whoever hears of it finds it in the history."""
        gateway, prompt = self.gateway, run.prompt
        state = state_of(entry)
        told = summary(entry)
        delivery = self.webhooks.delivery(gateway.caller(prompt.caller), prompt, state, entry)
        await gateway.db(
            gateway.prompts.end, prompt.id, state, entry, told, delivery, seconds=FOR_EVER
        )
        gateway.counts[prompt.caller].running -= 1
        gateway.metrics.ended(prompt, state, told)
        self.webhooks.wake()
        client = gateway.sockets.of(prompt.caller, prompt.client)
        closing = run.closing
        if client and not closing:
            name, data = entry["status"]["messages"][-1]
            client.tell(name, data)
        gateway.tell_status(prompt.caller)
        if client:
            data = {"node": None, "prompt_id": prompt.id}
            client.send(closing or json.dumps({"type": "executing", "data": data}))

    @staticmethod
    async def _forget(link: EngineLink, prompt: Prompt) -> None:
        """Leaves nothing of it on the engine."""
        try:
            await link.call(
                "POST", "/fitting_room/engine/forget",
                json={"prompt_id": prompt.id, "job": prompt.job},
            )  # fmt: skip
        except EngineGone as error:
            logger.debug("Nothing could be removed from the engine: %s", error)

    async def cancel(self, caller: Caller, name: str) -> bool:
        """Interrupts a running prompt of the caller, or takes a queued one out; whether there was
        one."""
        gateway = self.gateway
        run = self.runs.get(name)
        if run is not None:
            return await self.interrupt(caller, name)
        gone = await gateway.db(gateway.prompts.drop, caller.name, [QUEUED], [name])
        gateway.dropped(caller.name, len(gone))
        return bool(gone)

    async def interrupt(self, caller: Caller, name: str | None) -> bool:
        """Interrupts the caller's running prompts, or the one named."""
        mine = [
            run for each, run in self.runs.items()
            if run.prompt.caller == caller.name and name in (None, each)
        ]  # fmt: skip
        for run in mine:
            try:
                await run.interrupt()
            except EngineGone as error:
                logger.info("The engine of an interrupted prompt is gone: %s", error)
        return bool(mine)

    async def close(self) -> None:
        """Lets go of what runs; the next gateway takes it up."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
