"""Workflows around ComfyUI's own models: the engine accepts each whole, and our nodes run in it.

The engine checks node names, sockets, limits and choices when a workflow is posted; empty files
stand for the models, so the run itself ends at the first loader.
"""

import io
import json
import uuid

import core_models
import numpy as np
import pytest
from fitting_room.services.engine import failure
from PIL import Image

NAMES = core_models.workflows()
EXPECTED = {
    "design_to_try_on", "edit_klein_4b", "edit_outfit", "edit_qwen_2509", "edit_qwen_2509_4steps",
    "edit_qwen_2511", "edit_qwen_2511_4steps", "kids_print_to_try_on", "lookbook", "video_scail2",
    "video_vace", "views_angles",
}  # fmt: skip
OURS_BEFORE_THE_MODEL = {
    "edit": "FittingRoomFrameForEditing",
    "video_vace": "FittingRoomVideoMasks",
    "video_scail2": "FittingRoomReframe",
    "views_angles": "FittingRoomViews",
    "lookbook": "FittingRoomFrameForEditing",
}


def test_all_of_them_are_here():
    assert set(NAMES) == EXPECTED


@pytest.mark.parametrize("name", NAMES)
def test_the_engine_accepts_it_and_stops_at_the_first_empty_file(engine, graph, name):
    status, answer = engine.post("/prompt", {"prompt": graph(name), "prompt_id": str(uuid.uuid4())})
    assert (status, answer.get("node_errors")) == (200, {}), json.dumps(answer, indent=1)
    engine.post("/interrupt", {"prompt_id": answer["prompt_id"]})
    engine.post("/queue", {"delete": [answer["prompt_id"]]})


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_choice_would_not_be_accepted(engine, graph, name):
    """That a graph is accepted says something: with one file renamed it is not."""
    prompt = graph(name)
    loader = next(node for node in prompt.values() if node["class_type"] == "UNETLoader")
    loader["inputs"]["unet_name"] = "no_such_file.safetensors"
    status, answer = engine.post("/prompt", {"prompt": prompt, "prompt_id": str(uuid.uuid4())})
    assert status == 400 or answer["node_errors"]
    assert "value_not_in_list" in json.dumps(answer)
    if status == 200:
        engine.post("/interrupt", {"prompt_id": answer["prompt_id"]})


@pytest.mark.parametrize("name", NAMES)
def test_what_stands_before_the_models_runs(engine, graph, name):
    info = engine.get("/object_info")
    part = core_models.without_models(graph(name))
    wanted = next((v for k, v in OURS_BEFORE_THE_MODEL.items() if name.startswith(k)), None)
    kinds = [node["class_type"] for node in part.values()]
    assert sum(kind.startswith("FittingRoom") for kind in kinds) >= 2
    assert wanted is None or wanted in kinds
    history = engine.run(core_models.shown(part, info))
    assert failure(history) is None, json.dumps(failure(history), indent=1)[:3000]
    pictures = [
        np.asarray(Image.open(io.BytesIO(engine.picture(made))).convert("RGB"))
        for node, shown in history["outputs"].items() if node.startswith("show-")
        for made in shown.get("images", [])[:3]
    ]  # fmt: skip
    assert pictures and sum(picture.std() > 10 for picture in pictures) >= 2
