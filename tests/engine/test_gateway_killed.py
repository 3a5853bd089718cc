"""What is accepted is done: engines and gateways that are killed with -9 in the middle."""

import os
import signal
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("prometheus_client")

from gateways import (
    STUCK_NODES,
    TEST_NODES,
    GatewayProcess,
    frames_of,
    no_op,
    pictures_of,
    slow,
    until,
)

SOON = """
from fitting_room.services.gateway import run
run.TAKEN_SECONDS = 4
"""


def view_of(gateway, entry):
    (shown,) = pictures_of(entry)
    return gateway.get(f"/view?{urlencode(shown)}", raw=True)


def test_an_engine_that_is_killed_gives_its_prompt_to_another(two_engines, engine_folder, tmp_path):
    """Both clients hear a whole run; the prompt that lost its engine runs on the other one."""
    from fitting_room.services.engine import Engine

    addresses = [two_engines[0].address]
    with (
        Engine(engine_folder, tmp_path / "engine", more=(TEST_NODES,)) as dying,
        GatewayProcess(tmp_path / "home", [dying.address, *addresses]) as gateway,
        ThreadPoolExecutor() as threads,
    ):
        until(lambda: gateway.get("/ready")[1]["engines"] == 2, 60)
        heard = [
            threads.submit(frames_of, gateway.address, slow(120, 0.05, uuid.uuid4().hex))
            for _ in range(2)
        ]
        (hit,) = until(lambda: dying.get("/queue")["queue_running"], 60)
        until(lambda: len(gateway.get("/queue")[1]["queue_running"]) == 2, 30)
        os.kill(dying._process.pid, signal.SIGKILL)
        for name, frames in (each.result(180) for each in heard):
            entry = gateway.ended(name)
            assert entry["status"]["status_str"] == "success"
            assert view_of(gateway, entry)[0] == 200
            kinds = [kind for kind, _ in frames if isinstance(kind, str)]
            assert kinds.count("execution_start") == (2 if name == hit[1] else 1)
            assert kinds[-3:] == ["execution_success", "status", "executing"]
        assert b"prompts_again_total 1.0" in gateway.get("/metrics", raw=True)[1]
        assert gateway.get("/ready")[1]["engines"] == 1


def test_an_engine_that_is_stuck_gives_its_prompt_to_another(two_engines, engine_folder, tmp_path):
    """It gets no more prompts until it works again."""
    from fitting_room.services.engine import Engine

    more = (TEST_NODES, STUCK_NODES)
    with (
        Engine(engine_folder, tmp_path / "engine", more=more) as stuck,
        GatewayProcess(
            tmp_path / "home", [stuck.address, two_engines[0].address], before=SOON
        ) as gateway,
    ):
        until(lambda: gateway.get("/ready")[1]["engines"] == 2, 60)
        assert stuck.post("/hold_the_worker", {})[0] == 200
        names = [gateway.send(slow(40, 0.05, uuid.uuid4().hex)) for _ in range(2)]
        until(lambda: len(gateway.get("/queue")[1]["queue_running"]) == 2, 30)
        for name in names:
            assert gateway.ended(name)["status"]["status_str"] == "success"
        assert b"prompts_again_total 1.0" in gateway.get("/metrics", raw=True)[1]
        assert "begins no workflow any more" in gateway.said()
        assert gateway.get("/ready")[1]["engines"] == 1
        for mark in range(3):
            assert gateway.ended(gateway.send(no_op(mark)))["status"]["status_str"] == "success"

        assert stuck.post("/let_the_worker_go", {})[0] == 200
        until(lambda: gateway.get("/ready")[1]["engines"] == 2, 60, gateway.said)
        assert not set(names) & set(stuck.get("/history"))
        for name in [gateway.send(slow(20, 0.05, uuid.uuid4().hex)) for _ in range(2)]:
            assert gateway.ended(name)["status"]["status_str"] == "success"
        assert b"prompts_again_total 1.0" in gateway.get("/metrics", raw=True)[1]


def test_a_prompt_that_ends_its_engines_is_told_as_failed(engine_folder, tmp_path):
    """It does not go through all engines; what waits behind it waits on, also in a new gateway."""
    from fitting_room.services.engine import Engine

    with (
        Engine(engine_folder, tmp_path / "engine", more=(TEST_NODES,)) as dying,
        GatewayProcess(tmp_path / "home", [dying.address], "--tries", "1") as gateway,
    ):
        name = gateway.send(slow(40, 0.05, "die"))
        waiting = gateway.send(no_op(2))
        entry = gateway.ended(name)
        assert entry["status"]["status_str"] == "error"
        ((kind, data),) = entry["status"]["messages"]
        assert kind == "execution_error" and data["exception_type"] == "EngineEnded"
        assert gateway.get(f"/api/jobs/{name}")[1]["status"] == "failed"
        assert not dying.alive
        status, told = gateway.post("/prompt", {"prompt": no_op()})
        assert status == 503 and "engine" in told["error"]["message"]
        gateway.kill()
        gateway.start(ready=False)
        until(lambda: gateway.get("/health")[0] == 200, 60)
        assert gateway.get("/ready")[0] == 503
        _, told = gateway.get("/queue")
        assert [each[1] for each in told["queue_pending"]] == [waiting]


def test_a_gateway_that_is_killed_goes_on(two_engines, tmp_path):
    """Running, queued and ended prompts are all there afterwards; what ran is followed, not run
    twice; what waited runs."""
    with GatewayProcess(tmp_path, [each.address for each in two_engines]) as gateway:
        until(lambda: gateway.get("/ready")[1]["engines"] == 2, 60)
        ended = gateway.send(no_op(1))
        before = gateway.ended(ended)
        running = [gateway.send(slow(150, 0.05, uuid.uuid4().hex)) for _ in range(2)]
        until(lambda: len(gateway.get("/queue")[1]["queue_running"]) == 2, 30)
        queued = [gateway.send(no_op(10 + each)) for each in range(4)]
        begun = {
            name: gateway.get(f"/api/jobs/{name}")[1]["create_time"] for name in running + queued
        }
        gateway.kill()
        gateway.start()
        assert gateway.get(f"/history/{ended}")[1][ended] == before
        for name in running + queued:
            entry = gateway.ended(name)
            assert entry["status"]["status_str"] == "success"
            assert view_of(gateway, entry)[0] == 200
            assert entry["prompt"][3]["create_time"] == begun[name]
        metrics = gateway.get("/metrics", raw=True)[1]
        assert b"prompts_again_total 0.0" in metrics  # their engines were asked, and had them
        _, listed = gateway.get("/api/jobs")
        assert listed["pagination"]["total"] == 7


def test_what_ended_while_no_gateway_ran_is_fetched(two_engines, tmp_path):
    with GatewayProcess(tmp_path, [two_engines[0].address]) as gateway:
        name = gateway.send(slow(20, 0.05, uuid.uuid4().hex))
        until(lambda: gateway.get("/queue")[1]["queue_running"], 30)
        gateway.kill()
        until(lambda: name in two_engines[0].get(f"/history/{name}"), 60)
        gateway.start()
        entry = gateway.ended(name)
        assert entry["status"]["status_str"] == "success" and view_of(gateway, entry)[0] == 200
        until(lambda: two_engines[0].get(f"/history/{name}") == {}, 20)
