"""Workers on Ray with real engines: started, killed, restarted, and nothing of them left behind."""

import os
import signal
import sys
import time

import pytest
from fitting_room.pipelines.errors import InputError, MissingFiles
from fitting_room.services.fleet.workers import EngineSettings, Workers

LIMIT = 240


def lives(process):
    """Whether there is a process of this number, and no corpse."""
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(true, what):
    limit = time.monotonic() + LIMIT
    while not true():
        assert time.monotonic() < limit, f"not in {LIMIT} s: {what}"
        time.sleep(0.2)


def test_killed_engines_and_actors_come_again(engine_folder, tmp_path):
    pytest.importorskip("ray")
    (tmp_path / "models").mkdir()
    settings = EngineSettings(tmp_path / "models", ("--cpu",))
    with Workers(2, engine=settings, gpus=0, start_seconds=LIMIT) as workers:
        first, second = workers.facts()
        assert len(set(workers.addresses())) == 2 and all(map(lives, processes(first, second)))
        os.kill(first["engine"], signal.SIGKILL)
        os.kill(second["process"], signal.SIGKILL)
        until(lambda: not lives(second["engine"]), "an engine ends with its actor")
        told = []

        def again():
            told.extend(workers.watch())
            return len(workers.addresses()) == 2 and len(told) >= 4

        until(again, "both come again")
        assert "the engine of worker 0 ended; it is started again" in told
        assert "worker 1 ended; it is started again" in told
        one, two = workers.facts()
        assert (one["process"], one["starts"]) == (first["process"], 2)
        assert two["process"] != second["process"] and all(map(lives, processes(one, two)))
    until(lambda: not any(map(lives, processes(one, two))), "all end with the fleet")


def processes(*facts):
    return [each[name] for each in facts for name in ("engine", "process")]


def test_too_many_cards_are_refused(monkeypatch):
    pytest.importorskip("ray")
    with pytest.raises(InputError, match="3000 workers want 3000 GPUs"):
        Workers(3000, engine=None).start()
    with pytest.raises(InputError, match="at least one worker"):
        Workers(0, engine=None)


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingFiles, match=r"comfyui-fitting-room\[fleet\]"):
        Workers(1, engine=None)


@pytest.mark.parametrize(
    "address, words",
    [("127.0.0.1:1", "No Ray cluster answers at 127.0.0.1:1"), ("here", "HOST:PORT or auto")],
)
def test_a_cluster_that_is_not_there_is_told_at_once(address, words):
    pytest.importorskip("ray")
    with pytest.raises(InputError, match=words):
        Workers(1, engine=None, ray_address=address).start()
