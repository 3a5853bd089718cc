"""A real engine that ends in the middle of a run, and `fitting-room demo` through a real engine."""

import json
import os
import signal
import threading

import pytest
from fitting_room.services.engine import Engine, EngineError


def test_an_engine_that_is_killed_in_the_middle_of_a_run(engine_folder, tmp_path, graph):
    with Engine(engine_folder, tmp_path) as engine:
        process = engine._process
        killer = threading.Timer(1.0, lambda: os.kill(process.pid, signal.SIGKILL))
        killer.start()
        with pytest.raises(EngineError, match="(has stopped|ComfyUI stopped)(.|\n)*last words"):
            while True:  # whichever call the end falls into
                engine.run(graph("preview_try_on"))
        assert not engine.alive
        with pytest.raises(EngineError, match="has stopped"):
            engine.get("/system_stats")


def test_demo_goes_through_the_engine(engine_folder, tmp_path, capsys, monkeypatch):
    from fitting_room.commands.main import main

    monkeypatch.setenv("COMFYUI_PATH", str(engine_folder))
    assert main(["demo", "-o", str(tmp_path / "demo.png"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["backend"] == f"ComfyUI at {engine_folder}"
    assert (tmp_path / "demo.png").stat().st_size > 10_000
