"""Ends are told until they are answered, by the next gateway too; on SQLite and PostgreSQL."""

import asyncio
import json
import time
import uuid

import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("alembic")
pytest.importorskip("prometheus_client")
pytest.importorskip("aiohttp")

import aiohttp
from fitting_room.services.database import now, open_database
from fitting_room.services.gateway.callers import Caller, Callers
from fitting_room.services.gateway.engines import EngineLink
from fitting_room.services.gateway.files import Files
from fitting_room.services.gateway.fleet import not_ours
from fitting_room.services.gateway.gateway import Gateway
from fitting_room.services.gateway.hub import GatewaySettings
from fitting_room.services.gateway.prompts import RUNNING, Prompt
from fitting_room.services.gateway.run import Run
from fitting_room.services.gateway.shapes import failed_entry
from fitting_room.services.hosted.keys import Secret
from listener import Listener


async def gateway_of(database, folder, caller, session):
    settings = GatewaySettings(webhook_seconds=0.1, public_url="http://gateway")
    found = Gateway(
        settings, Callers([caller]), database, Files(folder), lambda: [], not_ours, session
    )
    await found.start()
    return found


async def until(found, seconds=20):
    limit = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < limit
        await asyncio.sleep(0.02)


def test_the_next_gateway_goes_on_telling(ledger_address, tmp_path):
    database = open_database(ledger_address)

    async def scenario(listener):
        caller = Caller(
            "shop", "d" * 64, webhook=listener.address, webhook_secret=Secret("s" * 20)
        )  # fmt: skip
        async with aiohttp.ClientSession() as session:
            first = await gateway_of(database, tmp_path, caller, session)
            mine = Prompt(
                id=str(uuid.uuid4()), caller="shop", number=1.0, state=RUNNING, created=now(),
                body={"prompt": {}}, started=now(),
            )  # fmt: skip
            first.prompts.add(mine)
            listener.refusals = 1_000
            entry = failed_entry(mine.id, "EngineEnded", "It did not end.", 7)
            link = EngineLink("http://127.0.0.1:1", "", session)
            await first.dispatcher._settle(Run(first, link, mine), entry)
            await until(lambda: len(listener.came) >= 2)
            await first.end()
            assert first.prompts.get(mine.id).state == "failed"
            listener.refusals, before = 0, len(listener.came)
            second = await gateway_of(database, tmp_path, caller, session)
            await until(lambda: len(listener.came) > before)
            await until(lambda: second.webhooks.waiting() == 0)
            told = json.loads(listener.came[-1][2])
            assert (told["prompt_id"], told["status"]) == (mine.id, "failed")
            assert told["error"] == "It did not end." and told["files"] == []
            count = len(listener.came)
            await asyncio.sleep(1.5)
            assert len(listener.came) == count
            await second.end()

    with Listener() as listener:
        asyncio.run(scenario(listener))
    database.close()
