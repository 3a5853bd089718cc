"""A model that the router runs inside ComfyUI lies under ComfyUI's memory management, and makes the
same picture as outside of it. In a process of its own, beside the engine's modules."""

import json
import os
import subprocess
from pathlib import Path

import tiny

ROOT = Path(__file__).resolve().parents[2]
NAME = "leffa/virtual_tryon"
RUN = """
import sys, json, gc, weakref
root, engine, models, name = sys.argv[1:5]
sys.argv = ["main.py", "--cpu"]
sys.path[:0] = [engine, root + "/tests"]
import comfy.options; comfy.options.enable_args_parsing()
import numpy as np, torch
import comfy.model_management as management
from PIL import Image
from conftest import import_checkout
import_checkout()
from pathlib import Path
from fitting_room.nodes.model import EngineHost, RoutedPlacement
from fitting_room.services.backends.local import LocalBackend
from fitting_room.services.errors import Cancelled
from fitting_room.services.request import TryOnRequest

photos = [np.asarray(Image.open(f"{root}/samples/{each}").convert("RGB"))
          for each in ("person.jpg", "tshirt.png")]
request = TryOnRequest(photos[0], (photos[1],), "upper", name, seed=1, steps=2, guidance=2.0,
                       width=96, height=128)
outside = LocalBackend("cpu", "fp32", [Path(models)]).run(request)
backend = LocalBackend("cpu", "fp32", [Path(models)], host=EngineHost())
inside = backend.run(request)
placed = backend._model.pipeline.place
managed = [each.model for each in management.current_loaded_models]
loaded = [n for n, each in placed.patchers.items() if any(m is each for m in managed)]
calls = []
def stop():
    calls.append(1)
    return len(calls) > 3
try:
    backend.run(request, cancelled=stop)
    stopped = False
except Cancelled:
    stopped = True
parts = [weakref.ref(each.model) for each in placed.patchers.values()]
ours = isinstance(placed, RoutedPlacement)
del backend, placed, managed
management.unload_all_models(); gc.collect()
print(json.dumps({"ours": ours, "loaded": loaded, "stopped": stopped,
                  "same": bool(np.array_equal(outside.picture, inside.picture)),
                  "left": sum(part() is not None for part in parts)}))
"""


def test_a_routed_model_shares_the_card_as_comfyui_wants(engine_folder, tmp_path):
    from fitting_room.services.engine import engine_python

    models = tiny.install(tmp_path, [NAME, "densepose/r50_fpn_s1x"])
    command = [engine_python(engine_folder), "-c", RUN, str(ROOT), str(engine_folder),
               str(models), NAME]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=engine_folder, check=False,
        env={**os.environ, "FITTING_ROOM_MODELS": str(models)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["ours"] and found["same"] and found["stopped"], found
    assert "denoiser" in found["loaded"], found
    assert found["left"] == 0, found
