"""The nodes and the local backend, which the command line uses, draw the same bytes on a CPU."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from fitting_room.pipelines.catalog.models import VARIANTS, variants_of
from fitting_room.services.backends.local import LocalBackend
from fitting_room.services.engine import failure
from fitting_room.services.request import PREVIEW, TryOnRequest
from PIL import Image
from test_models import graph_of, picture

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
TRY_ON = [variant.name for variant in variants_of("try_on")]


def size_of(name):
    """A small one that the model can work at: its own, where it was made for a small one."""
    variant = VARIANTS[name]
    if variant.width <= 192:
        return {"width": variant.width, "height": variant.height}
    step = variant.size_step
    return {"width": 96 // step * step, "height": 128 // step * step}


@pytest.fixture(scope="module")
def pictures(engine):
    """As PNG, which everybody decodes alike, in the engine's input folder."""
    person = Image.open(SAMPLES / "person.jpg").convert("RGB")
    garment = Image.open(SAMPLES / "tshirt.png").convert("RGB")
    mask = Image.new("RGB", person.size)
    mask.paste("white", (150, 260, 380, 500))
    for name, each in (("person", person), ("garment", garment), ("mask", mask)):
        each.save(engine.base / "input" / f"same_{name}.png")
    return [np.asarray(each) for each in (person, garment, mask.convert("L"))]


@pytest.fixture(scope="module")
def local(engine):
    return LocalBackend("cpu", folders=[engine.base / "models" / "fitting_room"])


def drawn(engine, graph):
    history = engine.run(graph)
    assert failure(history) is None, failure(history)["exception_message"]
    (found,) = history["outputs"]["save"]["images"]
    return np.asarray(Image.open(io.BytesIO(engine.picture(found))).convert("RGB"))


def saving(images):
    inputs = {
        "image": images, "filename_prefix": "same", "format": "png", "quality": 92,
        "source": "generated", "embed_workflow": False, "visible_label": False,
        "label_language": "en", "label_text": "", "label_corner": "bottom right",
        "ai_system": "", "aigc_field": "off", "producer": "", "picture_number": "",
    }  # fmt: skip
    return {"class_type": "FittingRoomSavePicture", "inputs": inputs}


@pytest.mark.parametrize("name", TRY_ON)
def test_a_model(engine, local, pictures, name):
    person, garment, mask = pictures
    category = VARIANTS[name].categories[0]
    steps = {"steps": 2, "guidance": 2.0, "seed": 5}
    masked = "mask" in VARIANTS[name].inputs
    result = local.run(
        TryOnRequest(
            person, (garment,), category, name, mask=np.float32(mask) / 255 if masked else None,
            **size_of(name), **steps,
        )
    )  # fmt: skip
    graph = graph_of(
        name,
        person=picture("same_person.png"),
        garment=picture("same_garment.png"),
        encode={**size_of(name), "category": category},
        drawn={
            "class_type": "LoadImageMask",
            "inputs": {"image": "same_mask.png", "channel": "red"},
        },
        save=saving(["try", 0]),
    )
    graph["try"]["inputs"].update(steps)
    if masked:
        graph["try"]["inputs"]["mask"] = ["drawn", 0]
    else:
        del graph["try"]["inputs"]["mask"]
    for unused in ("masks", "seen", "before", "mask", "body"):
        del graph[unused]
    assert np.array_equal(drawn(engine, graph), result.picture)
    assert not np.array_equal(result.picture, person)


def test_the_preview(engine, local, pictures):
    person, garment, _ = pictures
    result = local.run(TryOnRequest(person, (garment,), "upper", PREVIEW))
    graph = {
        "person": picture("same_person.png"),
        "garment": picture("same_garment.png"),
        "body": {
            "class_type": "FittingRoomBodyPose",
            "inputs": {"image": ["person", 0], "person": 0},
        },
        "cut": {
            "class_type": "FittingRoomGarmentCutout",
            "inputs": {"image": ["garment", 0], "category": "upper"},
        },
        "try": {
            "class_type": "FittingRoomPreviewTryOn",
            "inputs": {
                "image": ["person", 0], "body": ["body", 0], "garment": ["cut", 0], "lighting": 1.0,
            },
        },
        "save": saving(["try", 0]),
    }  # fmt: skip
    assert np.array_equal(drawn(engine, graph), result.picture)


def test_the_command_line_is_the_local_backend(pictures, engine, local, tmp_path, monkeypatch):
    from fitting_room.commands.main import main
    from fitting_room.commands.pictures import DOUBTFUL

    monkeypatch.setenv("FITTING_ROOM_MODELS", os.fspath(engine.base / "models" / "fitting_room"))
    files = [os.fspath(engine.base / "input" / f"same_{name}.png") for name in
             ("person", "garment", "mask")]  # fmt: skip
    made = tmp_path / "made.png"
    size = size_of(TRY_ON[0])
    arguments = ["--model", TRY_ON[0], "--steps", "2", "--guidance", "2", "--seed", "5", "--width",
                 str(size["width"]), "--height", str(size["height"]), "--category",
                 VARIANTS[TRY_ON[0]].categories[0], "--device", "cpu"]  # fmt: skip
    masked = "mask" in VARIANTS[TRY_ON[0]].inputs
    arguments += ["--mask", files[2]] if masked else []
    assert main(["tryon", *files[:2], "-o", str(made), *arguments]) in (0, DOUBTFUL)
    person, garment, mask = pictures
    request = TryOnRequest(
        person, (garment,), VARIANTS[TRY_ON[0]].categories[0], TRY_ON[0],
        mask=np.float32(mask) / 255 if masked else None, seed=5, steps=2, guidance=2.0, **size,
    )  # fmt: skip
    assert np.array_equal(np.asarray(Image.open(made)), local.run(request).picture)
