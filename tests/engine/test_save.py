"""Save Picture in the engine: marks read back, nothing of the customer's file, keys removed."""

import io
import json
import time
import urllib.request

import numpy as np
import pytest
from fitting_room.pipelines.marks.inspection import inspect_picture
from fitting_room.services.engine import Engine, EngineError, failure
from PIL import Image

AI_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/composite"
SECRET = "sk-proj-abcdefghijklmnop1234567890"


@pytest.fixture(scope="module")
def photo(engine):
    """The name of an uploaded JPEG that says where, when and with what it was taken."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Pocketmaker", "Phone 9"
    exif[0x8825] = {1: "N", 2: (48.0, 8.0, 14.5), 3: "E", 4: (11.0, 34.0, 31.0)}
    picture = Image.open(engine.base / "input" / "fitting_room_person.jpg")
    file = io.BytesIO()
    picture.save(file, "JPEG", exif=exif, comment=b"taken by Anna")
    (engine.base / "sent.jpg").write_bytes(file.getvalue())
    assert inspect_picture(engine.base / "sent.jpg")["gps"]
    boundary = "safety"
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="upload.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    ).encode() + file.getvalue()
    request = urllib.request.Request(
        engine.address + "/upload/image",
        body + f"\r\n--{boundary}--\r\n".encode(),
        {"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["name"]


def graph(photo, **changes):
    inputs = {
        "image": ["load", 0], "filename_prefix": "marked/shop", "format": "png", "quality": 92,
        "source": "generated", "embed_workflow": False,
    }  # fmt: skip
    return {
        "load": {"class_type": "LoadImage", "inputs": {"image": photo}},
        "save": {"class_type": "FittingRoomSavePicture", "inputs": inputs | changes},
    }


def saved(engine, prompt):
    """Paths of what a run saved, from what its history shows."""
    history = engine.run(prompt)
    assert failure(history) is None, failure(history)["exception_message"]
    shown = history["outputs"]["save"]["images"]
    assert all(engine.picture(name) for name in shown), "the page can show it"
    return [engine.base / "output" / name["subfolder"] / name["filename"] for name in shown]


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "png 16 bit"])
def test_marks_are_there_and_the_customers_file_is_not(engine, photo, kind):
    (path,) = saved(
        engine,
        graph(photo, format=kind, ai_system="Leffa", producer="Shop", picture_number="77"),
    )
    found = inspect_picture(path)
    assert found["digital_source_type"] == AI_TYPE
    assert found["ai_made"] is True
    assert found["system"] == "Leffa"
    assert found["aigc"]["ContentProducer"] == "Shop"
    assert found["aigc"]["ProduceID"] == "77"
    assert found["bits"] == (16 if kind == "png 16 bit" else 8)
    assert not found["gps"]
    assert (found["exif"], found["workflow"], found["texts"]) == ({}, [], [])
    for trace in (b"Anna", b"Phone 9", b"Pocketmaker", b"upload.jpg"):
        assert trace not in path.read_bytes()


def test_pixels_come_out_as_they_went_in(engine):
    (path,) = saved(engine, graph("fitting_room_stripes.png", source="none"))
    before = Image.open(engine.base / "input" / "fitting_room_stripes.png").convert("RGB")
    assert np.array_equal(np.asarray(Image.open(path)), np.asarray(before))
    assert inspect_picture(path)["ai_made"] is None


def test_preview_claims_nothing_generated(engine, photo):
    (path,) = saved(engine, graph(photo, source="preview"))
    found = inspect_picture(path)
    assert (found["digital_source_type"], found["aigc"]) == (COMPOSITE, None)
    (path,) = saved(engine, graph(photo, source="preview", aigc_field="on"))
    assert inspect_picture(path)["aigc"]["ContentProducer"] == "FittingRoom"
    (path,) = saved(engine, graph(photo, aigc_field="off"))
    assert inspect_picture(path)["aigc"] is None


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_workflow_only_if_asked_and_without_keys(engine, photo, kind):
    prompt = graph(photo, format=kind, embed_workflow=True, label_text=SECRET)
    (path,) = saved(engine, prompt)
    found = inspect_picture(path)
    assert found["workflow"] == ["prompt"]
    assert found["keys"] == []
    assert SECRET.encode() not in path.read_bytes()
    assert b"FittingRoomSavePicture" in path.read_bytes()


def test_workflow_in_a_jpeg_is_refused_at_the_door(engine, photo):
    with pytest.raises(EngineError, match="reads no workflow from a JPEG"):
        engine.run(graph(photo, format="jpeg", embed_workflow=True))
    with pytest.raises(EngineError, match="is none of png, jpeg, webp"):
        engine.run(graph(photo, format="gif"))


def test_visible_label_changes_its_corner_only(engine, photo):
    (plain,) = saved(engine, graph(photo))
    (path,) = saved(
        engine, graph(photo, visible_label=True, label_language="zh", label_corner="top left")
    )
    before, after = (np.asarray(Image.open(each)).astype(int) for each in (plain, path))
    changed = np.argwhere(np.abs(after - before).max(axis=-1))
    height, width = before.shape[:2]
    assert len(changed) > 100
    assert changed[:, 0].max() < height / 4 and changed[:, 1].max() < width / 2


def test_batch_is_saved_one_by_one_with_numbers_of_its_own(engine, photo):
    prompt = graph(photo, picture_number="order-5")
    prompt["twice"] = {"class_type": "RepeatImageBatch", "inputs": {
        "image": ["load", 0], "amount": 3}}  # fmt: skip
    prompt["save"]["inputs"]["image"] = ["twice", 0]
    paths = saved(engine, prompt)
    assert len(set(paths)) == 3
    numbers = [inspect_picture(path)["aigc"]["ProduceID"] for path in paths]
    assert numbers == ["order-5-1", "order-5-2", "order-5-3"]


@pytest.mark.parametrize(
    "prefix", ["kept/x_%batch_num%", "kept/y/", "kept/z/./", "kept//w", "", ".", "kept/v"]
)
def test_no_picture_is_written_over_another(engine, prefix):
    """The engine's own count does not know such prefixes: each run began at 1 again."""
    first = saved(engine, graph("fitting_room_person.jpg", filename_prefix=prefix))
    before = {path: path.read_bytes() for path in first}
    later = saved(engine, graph("fitting_room_stripes.png", filename_prefix=prefix))
    assert not set(first) & set(later)
    assert all(path.read_bytes() == data for path, data in before.items())


def test_a_batch_of_one_prefix_each_goes_on_where_it_was(engine):
    prompt = graph("fitting_room_person.jpg", filename_prefix="kept/b_%batch_num%")
    prompt["twice"] = {"class_type": "RepeatImageBatch", "inputs": {
        "image": ["load", 0], "amount": 2}}  # fmt: skip
    prompt["save"]["inputs"]["image"] = ["twice", 0]
    prompt["save"]["inputs"]["source"] = "preview"
    first = [path.name for path in saved(engine, prompt)]
    prompt["save"]["inputs"]["source"] = "none"
    later = [path.name for path in saved(engine, prompt)]
    assert first == ["b_0_00001_.png", "b_1_00001_.png"]
    assert later == ["b_0_00002_.png", "b_1_00002_.png"]


def test_names_of_other_packages_lose_no_picture(engine):
    """Whatever a client sends beside the workflow, the picture is saved."""
    extra = {"工作流": {"a": 1}, "": 1, "n" * 300: 2, "line\nbreak": 3, "half \ud800": "\ud800"}
    extra |= {f"entry {number}": number for number in range(400)}
    for kind in ("png", "webp"):
        body = {
            "prompt": graph("fitting_room_person.jpg", format=kind, embed_workflow=True),
            "extra_data": {"extra_pnginfo": {"workflow": {"nodes": []}, **extra}},
        }
        status, answer = engine.post("/prompt", body)
        assert status == 200
        while not (history := engine.get(f"/history/{answer['prompt_id']}")):
            pass
        (found,) = history[answer["prompt_id"]]["outputs"]["save"]["images"]
        path = engine.base / "output" / found["subfolder"] / found["filename"]
        assert inspect_picture(path)["workflow"] == ["prompt", "workflow"]


@pytest.mark.parametrize(
    ("prefix", "told"),
    [
        ("../../outside", "outside the output folder"),
        ("/etc/x", "outside the output folder"),
        ("n" * 250, "too long a name"),
        ("nul\0", "no file name has"),
        ("half \ud800", "no file name has"),
    ],
)
def test_a_prefix_that_cannot_be_used_is_refused_before_anything_runs(engine, prefix, told):
    with pytest.raises(EngineError, match=told):
        engine.run(graph("fitting_room_person.jpg", filename_prefix=prefix))


def test_two_engines_on_one_output_folder_keep_every_picture(engine, engine_folder, tmp_path):
    """Each names its own pictures in its history, and all of them are there."""
    arguments = ("--cpu", "--output-directory", str(engine.base / "output"))
    runs = 25
    with Engine(engine_folder, tmp_path, arguments) as other:
        pictures = {engine: "fitting_room_person.jpg", other: "fitting_room_stripes.png"}
        asked = [
            (each, each.post("/prompt", {"prompt": graph(
                name, filename_prefix="both/x", picture_number=f"{number}")})[1]["prompt_id"])
            for number in range(runs) for each, name in pictures.items()
        ]  # fmt: skip
        names = {each: [] for each in pictures}
        for each, number in asked:
            while not (history := each.get(f"/history/{number}")):
                time.sleep(0.05)
            (found,) = history[number]["outputs"]["save"]["images"]
            names[each].append(found["filename"])
    assert len(set(names[engine] + names[other])) == 2 * runs
    for each, name in pictures.items():
        with Image.open(engine.base / "input" / name) as source:
            wanted = source.size
        for found in names[each]:
            with Image.open(engine.base / "output" / "both" / found) as picture:
                assert picture.size == wanted
