"""Hosted Try-On, Routed Try-On and Cost Report in the real engine, against a stand-in service."""

import json
import time

import pytest
from fitting_room.services.engine import failure

LOADED = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "fitting_room_person.jpg"}},
    "2": {"class_type": "LoadImage", "inputs": {"image": "fitting_room_tshirt.png"}},
}


def hosted(seed, **more):
    inputs = {"image": ["1", 0], "garment": ["2", 0], "model": "fashn/tryon-v1.6",
              "category": "upper", "allow_upload": True, "seed": seed, **more}  # fmt: skip
    return _shown({"3": {"class_type": "FittingRoomHostedTryOn", "inputs": inputs}})


def routed(seed, **more):
    inputs = {"image": ["1", 0], "garment": ["2", 0], "tier": "standard", "use": "shop",
              "category": "upper", "allow_upload": True, "seed": seed, **more}  # fmt: skip
    return _shown({"3": {"class_type": "FittingRoomRoutedTryOn", "inputs": inputs}})


def _shown(node):
    graph = {**LOADED, **node}
    for place, name in ((1, "4"), (3, "5")):
        if place == 1 or node["3"]["class_type"] == "FittingRoomRoutedTryOn":
            graph[name] = {"class_type": "PreviewAny", "inputs": {"source": ["3", place]}}
    graph["6"] = {"class_type": "PreviewImage", "inputs": {"images": ["3", 0]}}
    return graph


def said(history, node):
    return history["outputs"][node]["text"][0]


def test_the_report_tells_who_made_it_and_what_it_cost(engine, service):
    paid = len(service.billed)
    history = engine.run(hosted(101))
    assert failure(history) is None
    told = json.loads(said(history, "4"))
    assert (told["backend"], told["cost"], told["state"]) == ("fashn", "0.075", "done")
    assert told["remote_id"] in service.jobs
    again = json.loads(said(engine.run(hosted(101, limit_seconds=299)), "4"))
    assert (again["state"], again["cost"]) == ("kept", "0")
    assert len(service.billed) == paid + 1


def test_without_leave_nothing_is_sent(engine, service):
    seen = len(service.seen)
    told = failure(engine.run(hosted(102, allow_upload=False)))
    assert "allow_upload" in told["exception_message"]
    assert len(service.seen) == seen


def test_an_option_and_a_nonsense_one(engine):
    assert failure(engine.run(hosted(103, options="mode=quality"))) is None
    told = failure(engine.run(hosted(104, options="mode=best")))
    assert "performance" in told["exception_message"]
    told = failure(engine.run(hosted(105, options="nonsense")))
    assert "NAME=VALUE" in told["exception_message"]


def test_the_router_explains_itself_and_falls_back_to_the_preview(engine, service):
    history = engine.run(routed(106, budget=0.001))
    assert failure(history) is None
    told = json.loads(said(history, "4"))
    assert told["backend"] == "preview"
    assert "nobody of the tier could" in " ".join(told["warnings"])
    assert "over the budget" in said(history, "5")
    told = failure(engine.run(routed(107, budget=0.001, fall_back_to_preview=False)))
    assert "over the budget" in told["exception_message"]


def test_the_router_takes_the_service(engine):
    told = json.loads(said(engine.run(routed(108)), "4"))
    assert told["model"] == "fashn/tryon-v1.6"


def test_an_interrupt_ends_the_wait_and_the_job_is_taken_up_again(engine, service):
    paid, service.seconds = len(service.billed), 8
    try:
        status, answer = engine.post("/prompt", {"prompt": hosted(109)})
        assert status == 200
        for _ in range(200):
            if len(service.billed) > paid:
                break
            time.sleep(0.1)
        began = time.monotonic()
        engine.post("/interrupt", {})
        entry = {}
        while answer["prompt_id"] not in entry and time.monotonic() - began < 60:
            entry = engine.get(f"/history/{answer['prompt_id']}")
            time.sleep(0.2)
        kinds = [name for name, _ in entry[answer["prompt_id"]]["status"]["messages"]]
        assert "execution_interrupted" in kinds
    finally:
        service.seconds = 0.2
    told = json.loads(said(engine.run(hosted(109)), "4"))
    assert told["remote_id"] in service.jobs
    assert len(service.billed) == paid + 1


def test_the_month_as_a_picture(engine):
    pytest.importorskip("matplotlib")
    graph = {
        "1": {"class_type": "FittingRoomCostReport", "inputs": {"month": ""}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
        "3": {"class_type": "PreviewAny", "inputs": {"source": ["1", 2]}},
    }
    history = engine.run(graph)
    assert failure(history) is None
    assert "lines" in json.loads(said(history, "3"))
    graph["1"]["inputs"]["month"] = "soon"
    assert "2026-11 was wanted" in failure(engine.run(graph))["exception_message"]
