"""Memory is asked for at any moment, also while ComfyUI goes through its list of models."""

import time

import pytest
from fitting_room.services.engine import Engine, failure

UNHURRIED = """
import time
import comfy.model_management as management

look = management.LoadedModel.model_memory


def slow_look(loaded):
    time.sleep(1.5)
    return look(loaded)


management.LoadedModel.model_memory = slow_look
NODE_CLASS_MAPPINGS = {}
"""
"""A node that makes ComfyUI take its time with its list of models, as on a busy machine."""


@pytest.fixture(scope="module")
def unhurried(engine_folder, tmp_path_factory):
    """An engine that is not the others': it would end for them as well."""
    package = tmp_path_factory.mktemp("nodes") / "unhurried"
    package.mkdir()
    (package / "__init__.py").write_text(UNHURRIED)
    with Engine(engine_folder, tmp_path_factory.mktemp("unhurried"), more=(package,)) as running:
        yield running


def test_whoever_asks_for_memory_leaves_an_engine_that_works(unhurried, graph):
    preview = graph("preview_try_on")
    nodes = {key: preview[key] for key in ("1", "3", "4")}
    nodes["seen"] = {"class_type": "PreviewImage", "inputs": {"images": ["4", 1]}}
    for _ in range(6):
        assert failure(unhurried.run(nodes, seconds=120)) is None
        for _ in range(3):
            unhurried.post("/free", {"unload_models": True, "free_memory": True})
            time.sleep(0.4)
    assert failure(unhurried.run(nodes, seconds=120)) is None
