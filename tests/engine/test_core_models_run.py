"""Workflows around ComfyUI's own models, run to their end in the real engine on random weights.

Which sizes the engine reads from a file and which it has in its code: core_weights.py. Those of
ALWAYS run always; `FITTING_ROOM_CORE` names others, which take minutes each, e.g.
FITTING_ROOM_CORE="lookbook edit_outfit". After `+tracks`, masks of ours stand where SAM 3.1 tracks.
How far each ran is told in `docs/core_models.md`.
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
from PIL import Image

ALWAYS = ("video_vace",)
NAMES = os.environ.get("FITTING_ROOM_CORE", " ".join(ALWAYS)).split()
TRACKS = "+tracks"
SCRIPT = Path(__file__).with_name("core_weights.py")
LONGEST = 3600
ALIGN = "FittingRoomAlignResult"
CUTOUT = "FittingRoomGarmentCutout"
PASTE = "FittingRoomPasteBack"
DRAWN_FIRST = ("design_to_try_on",)
SAVING = ("FittingRoomSavePicture", "FittingRoomSaveVideo")


@pytest.fixture(scope="module")
def core(engine_folder, tmp_path_factory):
    """An engine with random weights for every file that these workflows name, which signs what it
    saves."""
    base = tmp_path_factory.mktemp("core")
    graphs = [core_models.read(name.removesuffix(TRACKS)) for name in NAMES]
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


@pytest.mark.parametrize("name", NAMES)
def test_the_whole_workflow_runs(core, name):
    """Random weights draw neither a garment nor the person, so Garment Cut-out and Align Result
    refuse what they draw. With a photo in the garment's place, and Align Result bypassed, a
    workflow runs to the saved file."""
    core.post("/free", {"unload_models": True, "free_memory": True})
    frames = core_models.FRAMES.get(name, 1)
    graph = core_models.small(core_models.read(name.removesuffix(TRACKS)), frames)
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
