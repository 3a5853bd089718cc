"""A real ComfyUI for the tests in this folder; they skip, and say so, where there is none."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for the modules that several tests here share

import tiny_models  # noqa: E402
import tiny_tools  # noqa: E402
from pages import browser, page  # noqa: E402, F401 - fixtures

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
    """With the tiny models that are at hand installed as if they had been downloaded."""
    from fitting_room.services.engine import Engine

    base = tmp_path_factory.mktemp("engine")
    tiny_models.install(base)
    tiny_tools.install(base)
    extra = Path(__file__).parent / "test_nodes"
    with Engine(engine_folder, base, more=(extra,)) as running:
        yield running


@pytest.fixture
def graph():
    """Reads workflows/api/<name>.json; skips where a model that it loads is not at hand."""

    def read(name: str) -> dict:
        found = json.loads((ROOT / "workflows" / "api" / f"{name}.json").read_text("utf-8"))
        tiny_models.need(found)
        tiny_tools.need(found)
        return found

    return read
