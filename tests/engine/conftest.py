"""A real ComfyUI for the tests in this folder; they skip, and say so, where there is none."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def engine_folder():
    from fitting_room.services.engine import find_engine

    folder = find_engine()
    if folder is None:
        pytest.skip("no ComfyUI found: set COMFYUI_PATH to its folder to run the engine tests")
    return folder


@pytest.fixture(scope="session")
def engine(engine_folder, tmp_path_factory):
    from fitting_room.services.engine import Engine

    base = tmp_path_factory.mktemp("engine")
    extra = Path(__file__).parent / "test_nodes"
    with Engine(engine_folder, base, more=(extra,)) as running:
        yield running


@pytest.fixture
def graph():
    """Reads workflows/api/<name>.json."""

    def read(name: str) -> dict:
        return json.loads((ROOT / "workflows" / "api" / f"{name}.json").read_text("utf-8"))

    return read
