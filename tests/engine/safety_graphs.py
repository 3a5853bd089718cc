"""Graphs with the safety nodes, for the engine tests, and what a client reads after running them.

Skin-coloured shapes with nothing to see in them stand for what must be flagged.
"""

import importlib.util
import io
import json
from pathlib import Path

import numpy as np
from fitting_room.services.engine import failure
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
PERSON, MIRRORED = "fitting_room_person.jpg", "fitting_room_person_mirrored.jpg"
GARMENT, OTHER = "fitting_room_tshirt.png", "fitting_room_stripes.png"
RISKY = "risky.png"


def put_risky(engine):
    """input/risky.png: the synthetic picture that the original network is surest about."""
    path = ROOT / "scripts" / "record_opennsfw.py"
    spec = importlib.util.spec_from_file_location("record_opennsfw", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    recorded = json.loads((ROOT / "tests/pipelines/safety/open_nsfw_scores.json").read_text())
    surest = int(np.argmax(recorded["skin_shapes"]))
    Image.fromarray(script.skin_shapes(surest)).save(engine.base / "input" / RISKY)


def load(*names):
    """Nodes "0", "1", … that load pictures, and "batch" of all of them."""
    nodes = {
        str(place): {"class_type": "LoadImage", "inputs": {"image": name}}
        for place, name in enumerate(names)
    }
    links = {f"images.image{place}": [str(place), 0] for place in range(len(names))}
    return nodes | {"batch": {"class_type": "BatchImagesNode", "inputs": links}}


def settings(**changes):
    inputs = {"model": "open_nsfw", "level": "standard", "action": "error"} | changes
    return {"class_type": "FittingRoomSafetyFilter", "inputs": inputs}


def check(source, kind="person"):
    inputs = {"image": [source, 0], "filter": ["filter", 0], "kind": kind}
    return {"class_type": "FittingRoomSafetyCheck", "inputs": inputs}


def shown(source, slot):
    return {"class_type": "PreviewAny", "inputs": {"source": [source, slot]}}


def checked(*names, **changes):
    return load(*names) | {
        "filter": settings(**changes),
        "check": check("batch"),
        "show": {"class_type": "PreviewImage", "inputs": {"images": ["check", 0]}},
        "flags": shown("check", 3),
        "scores": shown("check", 4),
        "flagged": shown("check", 5),
        "json": shown("check", 7),
    }


def run(engine, graph):
    history = engine.run(graph)
    assert failure(history) is None, failure(history)["exception_message"]
    return history["outputs"]


def images(engine, outputs, node):
    return [
        np.asarray(Image.open(io.BytesIO(engine.picture(name))).convert("RGB"))
        for name in outputs[node]["images"]
    ]


def blocked(engine, graph):
    """The error that a client reads in /history after the run was blocked."""
    history = engine.run(graph)
    assert history["status"]["status_str"] == "error"
    assert history["status"]["completed"] is False
    problem = failure(history)
    assert problem["exception_type"].endswith(".PictureBlocked"), problem
    return problem
