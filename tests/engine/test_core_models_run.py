"""Workflows around ComfyUI's own models, run to their end in the real engine on random weights.

Which sizes the engine reads from a file and which it has in its code: core_weights.py. Those of
ALWAYS run always; `FITTING_ROOM_CORE` names others, which take minutes each, e.g.
FITTING_ROOM_CORE="lookbook edit_outfit". After `+tracks`, masks of ours stand where SAM 3.1 tracks.
After `app_`, the app of that name runs in the page. How far each ran is told in
`docs/core_models.md`.
"""

import io
import os
import shutil
import subprocess
from pathlib import Path

import av
import certificates
import core_models
import numpy as np
import pytest
from fitting_room.pipelines.marks.inspection import inspect_picture
from fitting_room.services.engine import Engine, engine_python, failure
from pages import BYPASS, MAKE_SMALL, shot
from PIL import Image
from test_apps import (
    PHONE,
    UPLOADS,
    forget,
    open_app,
    photos,
    press_run,
    shown,
    to_inputs,
    twin_of,
    upload,
)

ALWAYS = ("video_vace",)
NAMES = os.environ.get("FITTING_ROOM_CORE", " ".join(ALWAYS)).split()
TRACKS = "+tracks"
APP = "app_"
SEED = {"noise_seed": 7}
SCRIPT = Path(__file__).with_name("core_weights.py")
LONGEST = 3600
ALIGN = "FittingRoomAlignResult"
CUTOUT = "FittingRoomGarmentCutout"
PASTE = "FittingRoomPasteBack"
DRAWN_FIRST = ("design_to_try_on",)
SAVING = ("FittingRoomSavePicture", "FittingRoomSaveVideo")
SEEN = """names => [...document.querySelectorAll('img')].some(image => {
    const box = image.getBoundingClientRect()
    return image.src.includes('/view?') && names.some(name => image.src.includes(name))
        && box.width >= 300 && box.left >= 0 && box.right <= innerWidth && image.naturalWidth > 0
})"""


def workflow(name):
    """Of which workflow one of NAMES is a run."""
    return name.removesuffix(TRACKS).removeprefix(APP)


@pytest.fixture(scope="module")
def core(engine_folder, tmp_path_factory):
    """An engine with random weights for every file that these workflows name, which signs what it
    saves."""
    base = tmp_path_factory.mktemp("core")
    graphs = [core_models.read(workflow(name)) for name in NAMES]
    wanted = {file for graph in graphs for file in core_models.files(graph)}
    command = [engine_python(engine_folder), SCRIPT, engine_folder, base / "models", *wanted]
    made = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST)
    assert made.returncode == 0, made.stderr
    pytest.importorskip("c2pa")
    signer = certificates.signer(base)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FITTING_ROOM_C2PA_CERTIFICATE", str(signer.certificate))
        environment.setenv("FITTING_ROOM_C2PA_KEY", str(signer.key))
        with Engine(engine_folder, base, more=(SCRIPT.with_name("test_nodes"),)) as running:
            yield running
    shutil.rmtree(base / "models")  # gigabytes


@pytest.fixture
def engine(core):
    """Whose page is opened."""
    return core


def watched(graph):
    """With what goes into each Paste Back, what comes out, and what it took, shown."""
    made = dict(graph)
    for name in [key for key, node in graph.items() if node["class_type"] == PASTE]:
        made[f"{name}-mask"] = {"class_type": "MaskToImage", "inputs": {"mask": [name, 1]}}
        seen = {"photo": graph[name]["inputs"]["image"], "pasted": [name, 0],
                "taken": [f"{name}-mask", 0]}  # fmt: skip
        for part, source in seen.items():
            made[f"{name}-{part}"] = {"class_type": "PreviewImage", "inputs": {"images": source}}
    return made


def check_pasted(core, history, graph):
    """Nothing has changed outside of what was taken, and there something has."""
    for name in [key for key, node in graph.items() if node["class_type"] == PASTE]:
        photos, pasted, taken = (
            [np.asarray(Image.open(io.BytesIO(core.picture(found))).convert("RGB"))
             for found in history["outputs"][f"{name}-{part}"]["images"]]
            for part in ("photo", "pasted", "taken")
        )  # fmt: skip
        photos *= len(pasted) // len(photos)  # one for several garments
        assert len(photos) == len(pasted) == len(taken)
        for photo, new, mask in zip(photos, pasted, taken, strict=True):
            outside = mask[..., 0] == 0
            assert photo.shape == new.shape and 0.02 < (~outside).mean() < 0.9
            assert np.array_equal(photo[outside], new[outside])
            assert (photo[~outside] != new[~outside]).any(-1).mean() > 0.8


def check_video(file, frames, sound):
    with av.open(str(file)) as opened:
        shown = [frame.to_ndarray(format="rgb24") for frame in opened.decode(video=0)]
        assert len(shown) == frames and len(opened.streams.audio) == sound
    for frame in shown:
        assert frame.std() > 10


def refused(core, graph):
    """The kind of the node that refuses what a model has drawn."""
    told = failure(core.run(graph, LONGEST))
    assert told, "refused by nobody"
    drawn = {key for key, node in graph.items() if node["class_type"] == "VAEDecode"}
    assert drawn & set(told["executed"])
    return told["node_type"]


def check(core, graph, frames):
    """The graph runs to its saved files, marked and signed."""
    history = core.run(watched(graph), LONGEST)
    assert failure(history) is None, failure(history)
    check_pasted(core, history, graph)
    saved = [
        made for node, shown in history["outputs"].items() for made in shown.get("images", [])
        if node in graph and graph[node]["class_type"] in SAVING
    ]  # fmt: skip
    assert saved
    for made in saved:
        file = core.base / "output" / made["subfolder"] / made["filename"]
        found = inspect_picture(file)
        assert found["ai_made"] is True and found["width"] >= 96
        assert found["credentials"]["valid"] and found["credentials"]["issuer"] == "Shop Test"
        if found["format"] == "MP4":
            check_video(file, frames, sound=1)
        else:
            assert np.asarray(Image.open(file).convert("RGB")).std() > 10
    assert "lora key not loaded" not in core.log.read_text("utf-8", "replace")


def fill_in(page, name):
    """Opens an app on a phone, uploads its pictures, sets a seed and small sizes. Returns its API
    twin, set alike."""
    twin = core_models.small(twin_of(core_models.read, name))
    for node in twin.values():
        node["inputs"].update({key: v for key, v in SEED.items() if key in node["inputs"]})
    page.set_viewport_size(PHONE)
    open_app(page, name)
    to_inputs(page)
    for place in range(len(photos(name))):
        upload(page, place, UPLOADS[place])
    kinds = sorted({node["class_type"] for node in twin.values()})
    page.evaluate(MAKE_SMALL, [kinds, core_models.SMALL | SEED])
    return twin


def check_app(page, core, name):
    """What Align Result refuses is told in the page. With that node bypassed there, the result is
    shown, and is the twin's."""
    twin = core_models.bypassed(fill_in(page, name), ALIGN, "result")
    told = failure(press_run(page, core, LONGEST))
    assert told and told["node_type"] == ALIGN, told
    page.get_by_text("use the model's picture as it is").wait_for(timeout=10000)
    shot(page, f"core-{name}-refused")
    page.locator(".p-toast-close-button").first.click()
    page.evaluate(BYPASS, ALIGN)
    to_inputs(page)
    history = press_run(page, core, LONGEST)
    assert failure(history) is None, failure(history)
    page.get_by_text("Outputs", exact=True).click()
    made, files = shown(core, history), []
    for found in history["outputs"].values():
        files += [picture["filename"] for picture in found.get("images", [])]
    page.wait_for_function(SEEN, arg=files, timeout=20000)
    page.wait_for_timeout(1000)
    shot(page, f"core-{name}-result")
    forget(core)
    again = core.run(twin, LONGEST)
    assert failure(again) is None, failure(again)
    wanted = shown(core, again)
    assert made.keys() == wanted.keys() and made
    for node, pictures in wanted.items():
        for one, other in zip(made[node], pictures, strict=True):
            assert one.std() > 10 and np.array_equal(one, other)
    assert page.complaints == []


@pytest.mark.parametrize("name", NAMES)
def test_the_whole_workflow_runs(request, core, name):
    """Random weights draw neither a garment nor the person, so Garment Cut-out and Align Result
    refuse what they draw. With a photo in the garment's place, and Align Result bypassed, a
    workflow runs to the saved file."""
    core.post("/free", {"unload_models": True, "free_memory": True})
    if name.startswith(APP):
        check_app(request.getfixturevalue("page"), core, workflow(name))
        return
    frames = core_models.FRAMES.get(name, 1)
    graph = core_models.small(core_models.read(workflow(name)), frames)
    if name.endswith(TRACKS):
        graph = core_models.given_tracks(graph)
    kinds = {node["class_type"] for node in graph.values()}
    if name in DRAWN_FIRST:
        assert refused(core, graph) == CUTOUT
        graph = core_models.with_a_photo(graph, "fitting_room_tshirt.png")
    if ALIGN in kinds:
        assert refused(core, graph) == ALIGN
        graph = core_models.bypassed(graph, ALIGN, "result")
    check(core, graph, frames)
