"""Weights replaced on disk are noticed, and networks go when the user asks for their memory."""

import json
import os
import shutil
import time
from pathlib import Path

from fitting_room.services.engine import cached_nodes, failure
from test_models import graph_of
from test_parsing_nodes import MASK, PARSING, graph, keep

WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"


def run(engine, nodes):
    history = engine.run(nodes)
    assert failure(history) is None, failure(history)["exception_message"]
    return cached_nodes(history)


def files_of(engine, *names):
    home = engine.base / "models" / "fitting_room"
    found = [path for name in names for path in sorted((home / name).rglob("*")) if path.is_file()]
    assert found, names
    return found


def replace(path):
    """The same bytes in a new file, as after copying another version over it."""
    beside = path.with_name("beside")
    shutil.copyfile(path, beside)
    os.replace(beside, path)


def test_a_replaced_network_runs_again(engine):
    nodes = keep(graph(node=PARSING), show=["node", 1])
    run(engine, nodes)
    assert "node" in run(engine, nodes)
    replace(files_of(engine, "human_parsing")[0])
    assert "node" not in run(engine, nodes)
    assert "node" in run(engine, nodes)


def test_a_mask_is_made_anew_when_a_parser_comes_or_goes(engine):
    mask = {**MASK, "inputs": {**MASK["inputs"], "model": "leffa/virtual_tryon"}}
    nodes = keep(graph(mask=mask), text=["mask", 2])
    run(engine, nodes)
    assert "mask" in run(engine, nodes)
    home = engine.base / "models" / "fitting_room" / "human_parsing"
    home.rename(home.with_name("away"))
    try:
        without = engine.run(nodes)
        assert "mask" not in cached_nodes(without)
    finally:
        home.with_name("away").rename(home)
    again = engine.run(nodes)
    assert "mask" not in cached_nodes(again)
    assert again["outputs"]["text"] != without["outputs"].get("text")


def test_a_replaced_checkpoint_is_loaded_again(engine):
    nodes = {
        "model": {
            "class_type": "FittingRoomLoadModel",
            "inputs": {"variant": "leffa/virtual_tryon", "precision": "auto", "compile": False},
        },
        "text": {"class_type": "PreviewAny", "inputs": {"source": ["model", 1]}},
    }
    run(engine, nodes)
    assert "model" in run(engine, nodes)
    path = next(f for f in files_of(engine, "leffa") if f.name.startswith("virtual_tryon"))
    replace(path)
    assert "model" not in run(engine, nodes)


def living(engine, *kinds):
    """How many objects of these classes live in the engine."""
    prompt = {
        "count": {
            "class_type": "FittingRoomTestLiving",
            "inputs": {"kinds": ",".join(kinds), "time": time.time()},
        },
        "text": {"class_type": "PreviewAny", "inputs": {"source": ["count", 0]}},
    }
    history = engine.run(prompt)
    assert failure(history) is None, failure(history)
    return int(history["outputs"]["text"]["text"][0])


def free(engine):
    """As ComfyUI's button asks for the memory."""
    status, _ = engine.post("/free", {"unload_models": True, "free_memory": True})
    assert status == 200


def none_left(engine, kinds, seconds=60):
    deadline = time.monotonic() + seconds
    while (count := living(engine, *kinds)) and time.monotonic() < deadline:
        time.sleep(0.5)
    return count == 0


def test_networks_go_when_the_memory_is_asked_for(engine):
    kinds = ("Schp", "BodyModel")
    nodes = keep(graph(parsing=PARSING), one=["parsing", 1], two=["body", 1])
    nodes["parsing"] = {**PARSING, "inputs": {**PARSING["inputs"], "labels": "upper"}}
    run(engine, nodes)
    assert living(engine, *kinds) >= 2
    free(engine)
    assert none_left(engine, kinds)
    run(engine, nodes)
    assert "leak" not in engine.log.read_text("utf-8", errors="replace").lower()


def test_networks_of_a_routed_run_go_too(engine):
    """Whoever runs outside ComfyUI's management makes it unload its models in mid-workflow."""
    kinds = ("Schp", "BodyModel")
    nodes = keep(graph(parsing=PARSING), one=["parsing", 1], two=["body", 1])
    nodes["parsing"] = {**PARSING, "inputs": {**PARSING["inputs"], "labels": "upper"}}
    run(engine, nodes)
    routed = json.loads((WORKFLOWS / "api" / "routed_try_on.json").read_text("utf-8"))
    history = engine.run(routed)
    assert failure(history) is None, failure(history)["exception_message"]
    free(engine)
    assert none_left(engine, kinds)


def test_a_try_on_is_made_anew_when_its_densepose_is_replaced(engine):
    """The mask is another node's and knows of no network here."""
    whole = {"class_type": "SolidMask", "inputs": {"value": 1.0, "width": 512, "height": 512}}
    nodes = graph_of("leffa/virtual_tryon", mask=whole, **{"try": {"steps": 1}})
    run(engine, nodes)
    assert "try" in run(engine, nodes)
    replace(files_of(engine, "densepose")[0])
    assert "try" not in run(engine, nodes)
