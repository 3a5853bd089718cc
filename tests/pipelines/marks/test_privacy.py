"""Nothing about anybody reaches a saved file: EXIF, position, comments, keys in workflows."""

import json

import numpy as np
import pytest
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.images import read_picture
from fitting_room.pipelines.marks.inspection import inspect_picture
from fitting_room.pipelines.marks.provenance import save_picture
from fitting_room.pipelines.marks.redaction import REMOVED, places_of_secrets, without_secrets
from fitting_room.pipelines.marks.visible_label import VisibleLabel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

unhurried = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
FORMATS = ("png", "jpeg", "webp")


def noise(height=60, width=80, channels=3, dtype=np.uint8):
    random = np.random.default_rng(height * width + channels)
    return random.integers(0, np.iinfo(dtype).max + 1, (height, width, channels), dtype=dtype)


def photo_with_position(path):
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Pocketmaker", "Phone 9"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (48.0, 8.0, 14.5)
    gps = exif.get_ifd(0x8825)
    exif[0x8825] = gps
    exif[0x8769] = {0x9286: b"ASCII\x00\x00\x00home of Anna"}
    Image.fromarray(noise()).save(path, exif=exif, comment=b"taken by Anna")


@pytest.mark.parametrize("kind", FORMATS)
def test_nothing_of_the_customers_photo_file_comes_along(tmp_path, kind):
    photo = tmp_path / "photo.jpg"
    photo_with_position(photo)
    before = inspect_picture(photo)
    assert before["gps"]
    assert before["exif"]["model"] == "Phone 9"
    path = save_picture(
        tmp_path / "a", np.array(read_picture(photo)), format=kind, label=VisibleLabel("AI")
    )
    after = inspect_picture(path)
    assert not after["gps"]
    assert after["exif"] == {}
    for trace in (b"Anna", b"Phone 9", b"Pocketmaker", b"Exif\x00", b"EXIF", b"GPS"):
        assert trace not in path.read_bytes()


KEYS = {
    "openai": "sk-proj-abcdefghijklmnop1234567890",
    "hub": "hf_abcdefghijklmnopqrstuvwxyzABCDEF",
    "amazon": "AKIAABCDEFGHIJKLMNOP",
    "google": "AIzaSyA1234567890abcdefghijklmnopqrstuv",
    "web": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3.SflKxwRJSMeKKF2QT4",
    "fal": "0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f:0123456789abcdef0123456789abcdef",
    "random": "Zx81kQp0vRt7LmNw3BcYd6HsJ2fGa9Te5UiO4",
}


@pytest.mark.parametrize("kind", ("png", "webp"))
def test_no_key_in_a_workflow_reaches_the_file(tmp_path, kind):
    prompt = {
        str(number): {
            "class_type": "HostedTryOn",
            "inputs": {"text": f"use {key} please", "seed": number, "api_key": "hunter2-" + name},
        }
        for number, (name, key) in enumerate(KEYS.items())
    }
    graph = {"nodes": [{"id": 1, "widgets_values": [key, 25, True]} for key in KEYS.values()]}
    path = save_picture(
        tmp_path / "a", noise(), format=kind, workflow={"prompt": prompt, "workflow": graph}
    )
    data = path.read_bytes()
    for key in KEYS.values():
        assert key.encode() not in data
    assert b"hunter2" not in data
    found = inspect_picture(path)
    assert found["workflow"] == ["prompt", "workflow"]
    assert found["keys"] == []
    assert prompt["0"]["inputs"]["api_key"] == "hunter2-openai"  # the caller's own is untouched


def test_workflow_is_embedded_as_comfyui_reads_it_and_only_if_asked(tmp_path):
    prompt = {"3": {"class_type": "FittingRoomPreview", "inputs": {"seed": 5, "title": "été"}}}
    png = save_picture(tmp_path / "a.png", noise(), workflow={"prompt": prompt})
    assert json.loads(Image.open(png).text["prompt"]) == prompt
    webp = save_picture(
        tmp_path / "a.webp", noise(), workflow={"prompt": prompt, "workflow": {"nodes": []}}
    )
    exif = Image.open(webp).getexif()
    assert json.loads(exif[0x0110].removeprefix("prompt:")) == prompt
    assert exif[0x010F] == 'workflow:{"nodes": []}'
    assert inspect_picture(save_picture(tmp_path / "b.png", noise()))["workflow"] == []
    with pytest.raises(InputError, match="JPEG"):
        save_picture(tmp_path / "a.jpg", noise(), workflow={"prompt": prompt})


names = st.sampled_from(("seed", "api_key", "text", "password", "x"))
texts = st.text(max_size=12) | st.sampled_from(sorted(KEYS.values()))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


@unhurried
@given(json_values)
def test_redaction_leaves_no_key_and_the_structure(value):
    clean = without_secrets(value)
    written = json.dumps(clean)
    assert not any(key in written for key in KEYS.values())
    assert list(places_of_secrets(clean)) == []
    assert without_secrets(clean) == clean

    def shape(part):
        if isinstance(part, dict):
            return {name: shape(inner) for name, inner in part.items()}
        return [shape(inner) for inner in part] if isinstance(part, list) else type(part)

    assert shape(clean) == shape(value)


@pytest.mark.parametrize(
    "harmless",
    [
        {"max_tokens": 77, "key_points": ["4", 0], "tokenizer": "clip_l.safetensors"},
        {"ckpt_name": "juggernautXL_v9Rundiffusionphoto2_some_very_long_name.safetensors"},
        {"class_type": "FittingRoomSomeVeryLongNodeName2ForTesting64"},
        {"id": "b1f3c2a4-1111-4222-8333-abcdefabcdef"},
        {"text": "a photo of a person wearing a long-sleeved shirt with 12 buttons"},
        {"image": "https://example.org/pictures/shirt.png?size=large"},
    ],
)
def test_ordinary_workflow_values_stay(harmless):
    assert without_secrets(harmless) == harmless


def test_removed_text_is_marked_as_removed():
    assert without_secrets({"token": "x", "n": 1}) == {"token": REMOVED, "n": 1}
