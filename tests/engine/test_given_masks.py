"""LoadImage's MASK and drawn ones: a wish or none, never a photo that silently stays as it was."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from fitting_room.services.engine import failure
from PIL import Image
from small_graphs import preview_of, small

WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"
SAVE = {"class_type": "SaveImage", "inputs": {"filename_prefix": "given"}}


def preview(person: str, mask: list | None = None) -> dict:
    return {
        "person": {"class_type": "LoadImage", "inputs": {"image": person}},
        **preview_of(["person", 0], mask=mask or ["person", 1]),
        "text": {"class_type": "PreviewAny", "inputs": {"source": ["try", 2]}},
        "mask": {
            "class_type": "FittingRoomGarmentMask",
            "inputs": {
                "image": ["person", 0], "category": "upper", "sleeves": "auto", "grow": 0.0,
                "feather": 0.0, "body": ["body", 0], "mask": mask or ["person", 1],
                "rule": "embedded",
            },
        },
        "told": {"class_type": "PreviewAny", "inputs": {"source": ["mask", 2]}},
        "save": {**SAVE, "inputs": {"filename_prefix": "given", "images": ["try", 0]}},
    }  # fmt: skip


@pytest.fixture(scope="module")
def files(engine):
    """The sample person as a CMYK JPEG, and cut out of its background."""
    from fitting_room.pipelines.masking.body import find_body, load_body_model

    folder = engine.base / "input"
    person = Image.open(folder / "fitting_room_person.jpg").convert("RGB")
    person.convert("CMYK").save(folder / "given_cmyk.jpg")
    alpha = find_body(load_body_model(), np.asarray(person)).mask
    cut_out = person.convert("RGBA")
    cut_out.putalpha(Image.fromarray((alpha * 255).round().astype(np.uint8)))
    cut_out.save(folder / "given_cut_out.png")
    cut_out.save(folder / "given_cut_out.webp", lossless=True)
    small = Image.new("RGBA", (180, 160), (0, 0, 0, 255))
    small.putalpha(Image.fromarray(np.pad(np.zeros((80, 100), np.uint8), 40, constant_values=255)))
    small.save(folder / "given_other_size.png")
    far = np.full((person.height, person.width), 255, np.uint8)
    far[:40, :40] = 0
    elsewhere = person.convert("RGBA")
    elsewhere.putalpha(Image.fromarray(far))
    elsewhere.save(folder / "given_corner.png")
    face = np.full((person.height, person.width), 255, np.uint8)
    face[70:180, 165:290] = 0
    elsewhere.putalpha(Image.fromarray(face))
    elsewhere.save(folder / "given_face.png")
    return folder


def shown(history: dict, node: str) -> str:
    return history["outputs"][node]["text"][0]


def saved(engine, history: dict) -> np.ndarray:
    content = engine.picture(history["outputs"]["save"]["images"][0])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


@pytest.mark.parametrize("name", ["given_cmyk.jpg", "given_cut_out.png", "given_cut_out.webp"])
def test_what_a_file_format_puts_into_the_mask_is_no_wish(engine, files, name):
    history = engine.run(preview(name))
    assert failure(history) is None, failure(history)["exception_message"]
    before = np.asarray(Image.open(files / "fitting_room_person.jpg").convert("RGB")).astype(int)
    chest = (slice(300, 450), slice(150, 350))
    assert np.abs(saved(engine, history)[chest] - before[chest]).mean() > 20
    assert "your own mask" not in shown(history, "told")
    cut_out = "cut_out" in name
    assert ("counts as none" in shown(history, "told")) == cut_out
    assert ("counts as none" in shown(history, "text")) == cut_out


def test_a_drawn_mask_of_another_size_is_refused_with_both_sizes(engine, files):
    graph = preview("fitting_room_person.jpg", ["other", 1])
    graph["other"] = {"class_type": "LoadImage", "inputs": {"image": "given_other_size.png"}}
    problem = failure(engine.run(graph))
    assert problem is not None and "180x160" in problem["exception_message"]
    assert "512x512" in problem["exception_message"]


def test_where_nothing_would_be_repainted_there_is_no_success(engine, files):
    graph = preview("given_corner.png")
    del graph["mask"], graph["told"]
    problem = failure(engine.run(graph))
    assert problem is not None
    assert "Nothing of the photo would change" in problem["exception_message"]


def test_a_mask_where_nobody_wears_the_garment_is_refused(engine, files):
    graph = preview("given_face.png")
    del graph["mask"], graph["told"]
    problem = failure(engine.run(graph))
    assert problem is not None and "on the head" in problem["exception_message"]
    for name, words in (("given_face.png", "on the head"), ("given_corner.png", "around the")):
        problem = failure(engine.run(model_graph(name)))
        assert problem is not None and words in problem["exception_message"]
        assert problem["node_type"] == "FittingRoomTryOn"


def of_the_model(engine, person: str) -> np.ndarray:
    """What the workflow of a model saves for a photo, on tiny weights."""
    graph = model_graph(person)
    history = engine.run(graph)
    assert failure(history) is None, failure(history)["exception_message"]
    (save,) = (key for key, node in graph.items() if node["class_type"] == "FittingRoomSavePicture")
    content = engine.picture(history["outputs"][save]["images"][0])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def model_graph(person: str) -> dict:
    """The workflow of a model with this photo."""
    text = (WORKFLOWS / "api" / "leffa.json").read_text(encoding="utf-8")
    graph = small(json.loads(text))
    (load,) = (
        node
        for node in graph.values()
        if node["inputs"].get("image") == "fitting_room_person.jpg"
    )  # fmt: skip
    load["inputs"]["image"] = person
    return graph


@pytest.mark.parametrize("name", ["given_cmyk.jpg", "given_cut_out.png", "given_cut_out.webp"])
def test_a_model_dresses_such_photos_as_it_does_plain_ones(engine, files, name):
    before = np.asarray(Image.open(files / "fitting_room_person.jpg").convert("RGB")).astype(int)
    plain, made = (of_the_model(engine, file) for file in ("fitting_room_person.jpg", name))
    dressed, wanted = (np.abs(each - before).max(-1) > 40 for each in (made, plain))
    person = np.asarray(Image.open(files / "given_cut_out.png"))[..., 3] > 250
    assert wanted[person].mean() > 0.1
    assert dressed[person].mean() > 0.5 * wanted[person].mean()
