"""Every bad input through the API: it works, or it says what was wanted, what came, what to do.

The engine stays up after each of them.
"""

import io
import json

import numpy as np
import pytest
from fitting_room.services.engine import EngineError, failure
from PIL import Image
from small_graphs import preview_of

GRAPH = {
    "person": {"class_type": "LoadImage", "inputs": {"image": "fitting_room_person.jpg"}},
    **preview_of(["person", 0]),
    "save": {"class_type": "SaveImage", "inputs": {"images": ["try", 0], "filename_prefix": "x"}},
}


def changed(node, **inputs):
    graph = json.loads(json.dumps(GRAPH))
    graph[node]["inputs"].update(inputs)
    return graph


def odd(kind, source):
    """GRAPH with a test node between a source and its consumers."""
    graph = json.loads(json.dumps(GRAPH))
    for node in graph.values():
        for name, value in node["inputs"].items():
            if value == [source, 0]:
                node["inputs"][name] = ["odd", 0]
    graph["odd"] = {
        "class_type": "FittingRoomTestOddImage",
        "inputs": {"image": [source, 0], "kind": kind},
    }
    return graph


@pytest.fixture(scope="module")
def files(engine):
    """Odd files in the engine's input folder."""
    folder = engine.base / "input"
    person = Image.open(folder / "fitting_room_person.jpg")
    garment = Image.open(folder / "fitting_room_tshirt.png").convert("RGB")
    noise = np.random.default_rng(0).integers(0, 255, (480, 360, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "noise.png")
    Image.new("RGB", (400, 500), (230, 230, 230)).save(folder / "blank.png")
    person.resize((24, 24)).save(folder / "tiny.png")
    Image.new("RGB", (8000, 7000), "white").save(folder / "huge.png")
    person.convert("CMYK").save(folder / "cmyk.jpg")
    grey = np.asarray(person.convert("L")).astype(np.uint16) * 257
    Image.fromarray(grey).save(folder / "grey16.png")
    rgba = garment.convert("RGBA")
    flat = (np.asarray(garment) == np.asarray(garment)[0, 0]).all(-1)
    rgba.putalpha(Image.fromarray(np.where(flat, 0, 255).astype(np.uint8)))
    rgba.save(folder / "rgba.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    person.rotate(90, expand=True).save(folder / "turned.jpg", exif=exif)
    frames = [person, person.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    frames[0].save(folder / "moving.webp", save_all=True, append_images=frames[1:], lossless=True)
    (folder / "text.png").write_text("this is no picture")
    buffer = io.BytesIO()
    person.save(buffer, "PNG")
    (folder / "cut.png").write_bytes(buffer.getvalue()[:20000])
    return folder


WORKS = {
    "CMYK person": ("person", {"image": "cmyk.jpg"}),
    "16-bit grey person": ("person", {"image": "grey16.png"}),
    "RGBA garment": ("garment", {"image": "rgba.png"}),
    "EXIF-turned person": ("person", {"image": "turned.jpg"}),
    "animated person": ("person", {"image": "moving.webp"}),
    "LoadImage's 64x64 mask": ("try", {"mask": ["person", 1]}),
    "mask of another size": ("try", {"mask": ["garment", 1]}),
    "empty garment mask": ("cut", {"mask": ["garment", 1]}),
}

FAILS = {
    "nobody in the photo": ("person", {"image": "noise.png"}, "FittingRoomBodyPose", "person"),
    "blank person photo": ("person", {"image": "blank.png"}, "FittingRoomBodyPose", "person"),
    "tiny person photo": ("person", {"image": "tiny.png"}, "FittingRoomBodyPose", "24x24"),
    "huge person photo": ("person", {"image": "huge.png"}, "FittingRoomBodyPose", "8000x7000"),
    "no garment": ("garment", {"image": "blank.png"}, "FittingRoomGarmentCutout", "garment"),
    "noise for a garment": (
        "garment",
        {"image": "noise.png"},
        "FittingRoomGarmentCutout",
        "background",
    ),
    "the second of one person": ("body", {"person": 1}, "FittingRoomBodyPose", "1"),
    "text file": ("person", {"image": "text.png"}, "LoadImage", "text.png"),
}

REFUSED = {
    "missing file": ("person", {"image": "nowhere.png"}, "Invalid image file"),
    "category not in the list": ("cut", {"category": "hat"}, "value_not_in_list"),
    "lighting above its range": ("try", {"lighting": 7}, "value_bigger_than_max"),
    "person index below 0": ("body", {"person": -1}, "value_smaller_than_min"),
    "person index no number": ("body", {"person": "first"}, "invalid_input_type"),
    "image where a body goes": ("try", {"body": ["person", 0]}, "return_type_mismatch"),
    "body where a garment goes": ("try", {"garment": ["body", 0]}, "return_type_mismatch"),
    "mask where an image goes": ("body", {"image": ["person", 1]}, "return_type_mismatch"),
}


@pytest.mark.parametrize("name", WORKS)
def test_works(engine, files, name):
    node, inputs = WORKS[name]
    history = engine.run(changed(node, **inputs))
    assert failure(history) is None, failure(history)["exception_message"]
    count = 2 if name == "animated person" else 1
    assert len(history["outputs"]["save"]["images"]) == count


@pytest.mark.parametrize("name", FAILS)
def test_fails_with_words(engine, files, name):
    node, inputs, where, word = FAILS[name]
    problem = failure(engine.run(changed(node, **inputs)))
    assert problem is not None
    assert problem["node_type"] == where, problem["exception_message"]
    assert word in problem["exception_message"]
    if where != "LoadImage":
        assert problem["exception_type"].split(".")[-1] in (
            "InputError", "NobodyFound", "NoGarmentFound",
        ), problem  # fmt: skip
    assert failure(engine.run(GRAPH)) is None, "the engine goes on"


@pytest.mark.parametrize("name", REFUSED)
def test_refused_at_the_door(engine, files, name):
    node, inputs, word = REFUSED[name]
    with pytest.raises(EngineError, match=word):
        engine.run(changed(node, **inputs))
    assert engine.alive


@pytest.mark.parametrize("kind, word", [("nan", "NaN"), ("two channels", "2 channels"),
                                        ("empty", "no image")])  # fmt: skip
@pytest.mark.parametrize("source, where", [("person", "FittingRoomBodyPose"),
                                           ("garment", "FittingRoomGarmentCutout")])  # fmt: skip
def test_odd_tensors_fail_with_words(engine, files, kind, word, source, where):
    problem = failure(engine.run(odd(kind, source)))
    assert problem and problem["node_type"] == where
    assert word in problem["exception_message"]


@pytest.mark.parametrize("kind", ["half", "grey"])
@pytest.mark.parametrize("source", ["person", "garment"])
def test_odd_tensors_work(engine, files, kind, source):
    history = engine.run(odd(kind, source))
    assert failure(history) is None, failure(history)["exception_message"]


def test_bad_picture_in_a_batch_names_its_index(engine, files):
    graph = changed("body", image=["batch", 0])
    graph["try"]["inputs"]["image"] = ["batch", 0]
    graph["second"] = {"class_type": "LoadImage", "inputs": {"image": "blank.png"}}
    graph["batch"] = {
        "class_type": "BatchImagesNode",
        "inputs": {"images.image0": ["person", 0], "images.image1": ["second", 0]},
    }
    problem = failure(engine.run(graph))
    assert problem and "Image 1 of the batch" in problem["exception_message"]


def test_batch_equals_single_runs(engine, files):
    graph = changed("body", image=["batch", 0])
    graph["try"]["inputs"]["image"] = ["batch", 0]
    names = ("fitting_room_person.jpg", "fitting_room_person_mirrored.jpg")
    for index, name in enumerate(names):
        graph[f"p{index}"] = {"class_type": "LoadImage", "inputs": {"image": name}}
    graph["batch"] = {
        "class_type": "BatchImagesNode",
        "inputs": {"images.image0": ["p0", 0], "images.image1": ["p1", 0]},
    }
    together = engine.run(graph)["outputs"]["save"]["images"]
    for name, found in zip(names, together, strict=True):
        alone = engine.run(changed("person", image=name))["outputs"]["save"]["images"][0]
        one, other = (Image.open(io.BytesIO(engine.picture(at))) for at in (found, alone))
        assert np.array_equal(np.asarray(one), np.asarray(other))
