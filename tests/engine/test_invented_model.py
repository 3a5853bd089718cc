"""A stranger's model under ComfyUI's memory management, through the nodes and the HTTP API."""

import urllib.request

import numpy as np
import pytest
from fixtures import invented_model
from test_models import graph_of, shown


@pytest.fixture(scope="module")
def dyer(engine):
    invented_model.write(engine.base / "models" / "fitting_room")
    assert engine.post("/fitting_room_test/invented_model", {}) == (200, {})
    return engine


def test_it_can_be_chosen_and_dresses_a_person(dyer):
    told = dyer.get("/object_info/FittingRoomLoadModel")["FittingRoomLoadModel"]
    kind, options = told["input"]["required"]["variant"]
    assert invented_model.NAME in (options["options"] if kind == "COMBO" else kind)
    chosen = {"load": {"variant": invented_model.NAME}, "encode": {"width": 96, "height": 128}}
    graphs = graph_of(**chosen), graph_of(**chosen, **{"try": {"seed": 7}})
    (first,), (second,) = (shown(dyer, dyer.run(graph)) for graph in graphs)
    assert first.shape == second.shape and not np.array_equal(first, second)


def test_free_lets_it_go(dyer):
    request = urllib.request.Request(
        f"{dyer.address}/free", b'{"unload_models": true, "free_memory": true}',
        {"Content-Type": "application/json"},
    )  # fmt: skip
    assert urllib.request.urlopen(request, timeout=30).status == 200
    assert "memory leak" not in dyer.log.read_text("utf-8", errors="replace")
