"""`serve --workers`: Ray starts the engines, and starts what ended again."""

import os
import signal
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("prometheus_client")
pytest.importorskip("ray")

from gateways import STUCK_NODES, GatewayProcess, no_op, pictures_of, until

BEFORE = f"""
from pathlib import Path
from fitting_room.services.fleet import workers
from fitting_room.services.gateway import run
run.TAKEN_SECONDS = 4
workers.EngineSettings.__init__.__defaults__ = (None, (), (Path({str(STUCK_NODES)!r}),))
"""


def process_of(port):
    """The engine that listens there."""
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = each.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"main.py" in words and str(port).encode() in words:
            return int(each.parent.name)
    return None


@contextmanager
def started(gateway):
    """Once more where Ray itself gave up: it waits 30 s for its own processes, which a busy machine
    may exceed, and has no setting for it."""
    for attempt in range(4):
        try:
            gateway.__enter__()
            break
        except AssertionError:
            if attempt == 3 or "timed out during startup" not in gateway.log.read_text("utf-8"):
                raise
    try:
        yield gateway
    finally:
        gateway.__exit__()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the engine's process in /proc")
def test_workers_are_started_and_started_again(engine_folder, tmp_path):
    """Those that were killed, and those that answer but work no more."""
    with started(GatewayProcess(tmp_path, [], "--workers", "1", "--cpu", before=BEFORE)) as gateway:

        def port():
            words = gateway.get("/system_stats")[1]["system"]["argv"]
            return words[words.index("--port") + 1]

        first = gateway.ended(gateway.send(no_op(1)))
        assert pictures_of(first)
        os.kill(process_of(port()), signal.SIGKILL)
        until(lambda: gateway.get("/ready")[0] == 503, 60)
        until(lambda: gateway.get("/ready")[0] == 200, 180, gateway.said)
        assert gateway.ended(gateway.send(no_op(2)))["status"]["status_str"] == "success"

        stuck = port()
        told = urllib.request.Request(f"http://127.0.0.1:{stuck}/end_the_worker", b"")
        assert urllib.request.urlopen(told, timeout=60).status == 200
        assert gateway.ended(gateway.send(no_op(3)), seconds=300)["status"]["completed"]
        again = port()
        assert again != stuck and process_of(stuck) is None
    until(lambda: process_of(again) is None, 60)  # nothing is left behind
