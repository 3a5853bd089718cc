"""Every shipped workflow through the real engine's HTTP API, to real pictures."""

import io
import json
from pathlib import Path

import core_models
import numpy as np
import pytest
from fitting_room.services.engine import failure
from PIL import Image
from small_graphs import small

ROOT = Path(__file__).resolve().parents[2]
ALL = sorted(p.stem for p in (ROOT / "workflows").glob("*.json") if ".app." not in p.name)
NAMES = [name for name in ALL if name not in core_models.workflows()]  # see test_core_workflows


def saved(engine, graph, history):
    """The pictures that were saved, or shown where the workflow saves none."""
    kinds = {"SaveImage", "FittingRoomSavePicture"}
    if not kinds & {node["class_type"] for node in graph.values()}:
        kinds = {"PreviewImage"}
    found = []
    for node, shown in history["outputs"].items():
        if graph[node]["class_type"] in kinds:
            found += [Image.open(io.BytesIO(engine.picture(name))) for name in shown["images"]]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_workflow_makes_its_pictures(engine, graph, name):
    prompt = small(graph(name))
    history = engine.run(prompt)
    assert failure(history) is None, json.dumps(failure(history), indent=1)
    made = saved(engine, prompt, history)
    assert made, "the workflow saves or shows at least one picture"
    for picture in made:
        assert np.asarray(picture.convert("RGB")).std() > 10


def test_preview_changes_the_torso_and_nothing_else(engine, graph):
    prompt = graph("preview_try_on")
    history = engine.run(prompt)
    made = np.asarray(saved(engine, prompt, history)[0].convert("RGB")).astype(int)
    # As the engine reads it: its JPEG decoder is not Pillow's.
    person = {"1": prompt["1"], "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}}}
    person["2"]["inputs"]["filename_prefix"] = "as_read"
    before = np.asarray(saved(engine, person, engine.run(person))[0].convert("RGB")).astype(int)
    assert made.shape == before.shape
    changed = (made != before).any(-1)
    assert changed[330:, 100:400].mean() > 0.5, "the torso carries the garment"
    assert not changed[:140].any(), "face, hair and the background above come back as they were"


def test_new_person_does_not_cut_the_garment_again(engine, graph):
    from fitting_room.services.engine import cached_nodes

    prompt = graph("preview_try_on")
    kinds = {node["class_type"]: name for name, node in prompt.items()}
    engine.run(prompt)
    person = next(n for n, node in prompt.items() if node.get("_meta", {}).get("title") == "Person")
    prompt[person]["inputs"]["image"] = "fitting_room_person_mirrored.jpg"
    cached = cached_nodes(engine.run(prompt))
    assert kinds["FittingRoomGarmentCutout"] in cached
    assert kinds["FittingRoomBodyPose"] not in cached
    assert kinds["FittingRoomPreviewTryOn"] not in cached
