"""A required suite cannot be skipped, and says what it lacked."""

import os
import subprocess
import sys

import pytest
from required import required

ENGINE_TEST = "tests/engine/test_import.py"


def run_engine_suite(**variables):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("COMFYUI", "FITTING"))}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", ENGINE_TEST]
    return subprocess.run(
        command, env=environment | variables, capture_output=True, text=True, check=False
    )


@pytest.fixture
def no_engine(tmp_path):
    """The variables of someone whose home holds no ComfyUI."""
    return {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}


def test_without_an_engine_its_suite_skips(no_engine):
    done = run_engine_suite(**no_engine)
    assert done.returncode == 0 and "no ComfyUI found" in done.stdout, done.stdout


def test_without_an_engine_that_is_required_it_fails(no_engine):
    done = run_engine_suite(FITTING_ROOM_REQUIRE="browser, engine", **no_engine)
    assert done.returncode == 1, done.stdout
    assert "FITTING_ROOM_REQUIRE names engine" in done.stdout and "COMFYUI_PATH" in done.stdout
    assert " skipped" not in done.stdout.splitlines()[-1]


def test_other_words_are_refused(monkeypatch):
    monkeypatch.setenv("FITTING_ROOM_REQUIRE", "engine,browsers")
    with pytest.raises(pytest.UsageError, match="browsers"):
        required()
