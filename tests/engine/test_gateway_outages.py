"""The queue's database is away, the disk is full: what was accepted is done, once; who asks is told
in words; afterwards everything goes on."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("prometheus_client")

from disks import fill
from gateways import GatewayProcess, load, no_op, pictures_of, slow, until
from postgres import Postgres


@pytest.fixture(scope="module")
def server():
    with Postgres() as running:
        yield running


def begun(engines):
    """How many prompts the engines have taken in so far."""
    return sum(each.log.read_text("utf-8", "replace").count("got prompt") for each in engines)


def done(gateway, names):
    """All are done, their pictures are there, and none was given to an engine a second time."""
    for name in names:
        entry = gateway.ended(name)
        assert entry["status"]["status_str"] == "success"
        (shown,) = pictures_of(entry)
        assert gateway.get(f"/view?{urlencode(shown)}", raw=True)[0] == 200
    assert b"prompts_again_total 0.0" in gateway.get("/metrics", raw=True)[1]
    assert gateway.get("/prompt")[1]["exec_info"]["queue_remaining"] == 0


def test_a_database_that_is_away_loses_nothing(two_engines, server, tmp_path):
    """Longer than a request waits; two prompts end meanwhile, one comes and is taken when the
    database is back."""
    ledger = ["--ledger", server.database("away")]
    before = begun(two_engines)
    with GatewayProcess(tmp_path, [each.address for each in two_engines], *ledger) as gateway:
        until(lambda: gateway.get("/ready")[1]["engines"] == 2, 60)
        running = [gateway.send(slow(30, 0.1, uuid.uuid4().hex)) for _ in range(2)]
        until(lambda: len(gateway.get("/queue")[1]["queue_running"]) == 2, 30)
        queued = [gateway.send(no_op(10 + each)) for each in range(4)]
        server.stop()
        with ThreadPoolExecutor() as threads:
            refused = threads.submit(gateway.post, "/prompt", {"prompt": no_op(1)})
            asked = threads.submit(gateway.get, f"/history/{running[0]}")
            status, told = refused.result(60)
            assert status == 503 and "Nothing was taken" in told["error"]["message"]
            assert asked.result(60)[0] == 503
            late = threads.submit(gateway.send, no_op(2))
            time.sleep(1)
            assert gateway.get("/health")[0] == 200
            server.start()
            queued.append(late.result(60))
        done(gateway, running + queued)
        listed = gateway.get("/api/jobs")[1]["jobs"]
        assert {each["id"] for each in listed} == {*running, *queued}
        assert begun(two_engines) - before == len(listed)
        done(gateway, [gateway.send(no_op(3))])
    assert gateway.process.returncode == 0


def test_a_gateway_whose_queue_another_took_over_stops(two_engines, server, tmp_path):
    import psycopg
    from fitting_room.services.gateway.lock import LOCK

    url = server.database("taken")
    ledger = ["--ledger", url]
    with (
        GatewayProcess(tmp_path, [two_engines[0].address], *ledger) as gateway,
        psycopg.connect(url, autocommit=True) as standby,
    ):
        ends = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid != pg_backend_pid()"
        )

        def taken():
            standby.execute(ends)
            return standby.execute(f"SELECT pg_try_advisory_lock({LOCK})").fetchone()[0]

        until(taken, 30)
        assert gateway.process.wait(60) == 1
        assert "took the queue over" in gateway.log.read_text("utf-8")


def test_a_full_disk_loses_nothing(two_engines, disk, tmp_path):
    """Queue, uploads and results lie on it. What has run is kept until there is room."""
    folder, small = disk
    if not small:
        pytest.skip("a full disk needs the right to mount one")
    gateway = GatewayProcess(folder / "home", [each.address for each in two_engines])
    gateway.log = tmp_path / "gateway.log"
    with gateway:
        until(lambda: gateway.get("/ready")[1]["engines"] == 2, 60)
        before = begun(two_engines)
        names = [gateway.send(slow(20, 0.1, uuid.uuid4().hex)) for _ in range(2)]
        names += [gateway.send(no_op(20 + each)) for each in range(4)]
        until(lambda: len(gateway.get("/queue")[1]["queue_running"]) == 2, 30)
        filler = folder / "filler"
        with filler.open("wb", buffering=0) as file:
            fill(file)
            waits = "waits for its disk"
            until(lambda: waits in gateway.log.read_text("utf-8", "replace"), 60)
            status, told = gateway.upload("late.bin", bytes(500_000))
            assert (status, told["error"]["type"]) == (503, "disk_full")
            fill(file)
            status, told = gateway.post("/prompt", {"prompt": no_op(30)})
            assert status in (200, 503), told
            if status == 200:
                names.append(told["prompt_id"])
            else:
                assert "Nothing was taken" in told["error"]["message"]
            time.sleep(3)
            assert gateway.get(f"/history/{names[0]}") == (200, {})
        filler.unlink()
        done(gateway, names)
        assert begun(two_engines) - before == len(names)
        listed = gateway.get("/api/jobs")[1]["jobs"]
        assert {each["id"] for each in listed} == set(names)
        assert gateway.post("/prompt", {"prompt": load("late.bin")})[0] == 400
