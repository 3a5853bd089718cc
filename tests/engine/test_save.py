"""Save Picture in the engine: marks read back, nothing of the customer's file, keys removed."""

import io
import json
import urllib.request

import numpy as np
import pytest
from fitting_room.pipelines.marks.inspection import inspect_picture
from fitting_room.services.engine import EngineError, failure
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


def test_nothing_is_saved_outside_the_output_folder(engine, photo):
    problem = failure(engine.run(graph(photo, filename_prefix="../../outside")))
    assert "outside the output folder" in problem["exception_message"]
