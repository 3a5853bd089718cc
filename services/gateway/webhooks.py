"""Tells a caller's own server of every end, signed, again and again until it answers.

POST <webhook>
X-Fitting-Room-Signature: t=<seconds since 1970>,v1=<HMAC-SHA256 of "<t>.<body>" in hexadecimal>
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import aiohttp
from sqlalchemy import Integer, String, Text, delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from ..database import Base, Moment, now
from .callers import Caller
from .hub import Hub
from .prompts import Prompt
from .shapes import STATUS

logger = logging.getLogger(__name__)

LONGEST_SECONDS, GIVE_UP_HOURS = 3600.0, 72.0
CALL_SECONDS = 15
AT_ONCE = 8
WAITING, ANSWERED, GIVEN_UP = "waiting", "answered", "given_up"


class Delivery(Base):
    """A message to a caller's server. due: when it is sent next. message: why it was not taken."""

    __tablename__ = "deliveries"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    caller: Mapped[str] = mapped_column(String(40))
    prompt: Mapped[str] = mapped_column(String(36))
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16), default=WAITING, index=True)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    due: Mapped[datetime] = mapped_column(Moment)
    created: Mapped[datetime] = mapped_column(Moment)
    message: Mapped[str] = mapped_column(Text, default="")


def signature(secret: str, moment: int, body: str) -> str:
    """The header's value."""
    signed = hmac.new(secret.encode(), f"{moment}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={moment},v1={signed}"


class Webhooks:
    def __init__(self, gateway: Hub) -> None:
        self.gateway, self.database = gateway, gateway.database
        self._wake = asyncio.Event()

    def wake(self) -> None:
        self._wake.set()

    def delivery(
        self, caller: Caller, prompt: Prompt, state: str, entry: Mapping[str, Any]
    ) -> Delivery | None:
        """The row that tells of an end, for whoever wants to be told."""
        if not caller.webhook:
            return None
        told = {"prompt_id": prompt.id, "status": STATUS[state],
                **self.gateway.results.told(caller, entry)}  # fmt: skip
        moment = now()
        return Delivery(
            caller=caller.name, prompt=prompt.id, body=json.dumps(told), due=moment, created=moment
        )

    async def work(self) -> None:
        while True:
            try:
                for each in await self.gateway.db(self._due):
                    await asyncio.gather(*(self._deliver(one) for one in each))
            except Exception:  # the queue may be away; the deliveries stay in it
                logger.exception("Webhooks could not be called")
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), 1.0)
            except asyncio.TimeoutError:
                continue

    def _due(self) -> list[list[Delivery]]:
        """What is to be sent now, in groups that are sent at once."""
        with self.database.reading() as session:
            found = list(
                session.scalars(
                    select(Delivery)
                    .where(Delivery.state == WAITING, Delivery.due <= now())
                    .order_by(Delivery.due)
                    .limit(AT_ONCE * 8)
                )
            )
        return [found[start : start + AT_ONCE] for start in range(0, len(found), AT_ONCE)]

    async def _deliver(self, delivery: Delivery) -> None:
        caller = self.gateway.caller(delivery.caller)
        if not caller.webhook:
            await self._note(delivery, GIVEN_UP, "The caller has no webhook any more.")
            return
        moment = int(time.time())
        secret = caller.webhook_secret.reveal()
        headers = {
            "Content-Type": "application/json",
            "X-Fitting-Room-Signature": signature(secret, moment, delivery.body),
            "X-Fitting-Room-Delivery": str(delivery.id),
        }
        timeout = aiohttp.ClientTimeout(total=CALL_SECONDS)
        try:
            async with self.gateway.session.post(
                caller.webhook, data=delivery.body.encode(), headers=headers, timeout=timeout,
                allow_redirects=False,
            ) as answer:  # fmt: skip
                problem = "" if answer.status < 300 else f"HTTP {answer.status}"
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError, ValueError) as error:
            problem = str(error) or type(error).__name__
        old = (now() - delivery.created).total_seconds() > GIVE_UP_HOURS * 3600
        state = ANSWERED if not problem else GIVEN_UP if old else WAITING
        await self._note(delivery, state, problem)

    async def _note(self, delivery: Delivery, state: str, problem: str) -> None:
        if problem:
            logger.warning("Webhook of %s for %s: %s", delivery.caller, delivery.prompt, problem)
        self.gateway.metrics.webhook("retried" if state == WAITING else state)
        await self.gateway.db(self._noted, delivery.id, state, problem)

    def _noted(self, number: int, state: str, problem: str) -> None:
        with self.database.writing() as session:
            kept = session.get(Delivery, number)
            if kept is None:
                return
            wait = min(
                LONGEST_SECONDS, self.gateway.settings.webhook_seconds * 2.0 ** min(kept.tries, 20)
            )
            kept.state, kept.tries, kept.message = state, kept.tries + 1, problem[:2000]
            kept.due = now() + timedelta(seconds=wait)

    def forget(self, hours: float) -> None:
        """Removes what ended long ago."""
        with self.database.writing() as session:
            session.execute(
                delete(Delivery).where(
                    Delivery.state != WAITING, Delivery.created < now() - timedelta(hours=hours)
                )
            )

    def waiting(self) -> int:
        with self.database.reading() as session:
            return session.scalar(
                select(func.count()).select_from(Delivery).where(Delivery.state == WAITING)
            ) or 0  # fmt: skip
