"""Workflows around ComfyUI's own models, run to their end in the real engine on random weights.

Which sizes the engine reads from a file and which it has in its code: core_weights.py. The text
encoders are of their full size, so each run takes minutes; `FITTING_ROOM_CORE` names others than
those of FAMILIES, e.g. FITTING_ROOM_CORE="lookbook edit_outfit". How far each ran
is told in `docs/core_models.md`.
"""

import io
import os
import shutil
import subprocess
from pathlib import Path

import core_models
import numpy as np
import pytest
from fitting_room.pipelines.marks.inspection import inspect_picture
from fitting_room.services.engine import Engine, engine_python, failure
from PIL import Image

FAMILIES = ("edit_klein_4b",)
NAMES = os.environ.get("FITTING_ROOM_CORE", " ".join(FAMILIES)).split()
SCRIPT = Path(__file__).with_name("core_weights.py")
LONGEST = 3600
ALIGN = "FittingRoomAlignResult"


@pytest.fixture(scope="module")
def core(engine_folder, tmp_path_factory):
    """An engine with random weights for every file that these workflows name."""
    base = tmp_path_factory.mktemp("core")
    wanted = {file for name in NAMES for file in core_models.files(core_models.read(name))}
    command = [engine_python(engine_folder), SCRIPT, engine_folder, base / "models", *wanted]
    subprocess.run(command, check=True, capture_output=True, timeout=LONGEST)
    with pytest.MonkeyPatch.context() as environment:
        # What a file leaves out is then zeros: see core_weights.py.
        environment.setenv("MALLOC_MMAP_THRESHOLD_", "1000000")
        with Engine(engine_folder, base) as running:
            yield running
    shutil.rmtree(base / "models")  # gigabytes


@pytest.mark.parametrize("name", NAMES)
def test_the_whole_workflow_runs(core, name):
    """As it is, it ends at Align Result where it has one: what random weights draw is no photo of
    the person, and is refused. With that node bypassed, it runs to the saved file."""
    core.post("/free", {"unload_models": True, "free_memory": True})
    graph = core_models.small(core_models.read(name))
    if any(node["class_type"] == ALIGN for node in graph.values()):
        told = failure(core.run(graph, LONGEST))
        assert told and told["node_type"] == ALIGN, told
        decoded = {key for key, node in graph.items() if node["class_type"] == "VAEDecode"}
        assert decoded & set(told["executed"])
        graph = core_models.bypassed(graph, ALIGN, "result")
    history = core.run(graph, LONGEST)
    assert failure(history) is None, failure(history)
    saved = [
        made for node, shown in history["outputs"].items() for made in shown.get("images", [])
        if graph[node]["class_type"] in ("FittingRoomSavePicture", "FittingRoomSaveVideo")
    ]  # fmt: skip
    assert saved
    for made in saved:
        found = inspect_picture(core.base / "output" / made["subfolder"] / made["filename"])
        assert found["ai_made"] is True and found["width"] >= 96
        if found["format"] != "MP4":
            picture = Image.open(io.BytesIO(core.picture(made))).convert("RGB")
            assert np.asarray(picture).std() > 10
    assert "lora key not loaded" not in core.log.read_text("utf-8", "replace")
