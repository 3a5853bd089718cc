"""ComfyUI's memory management under the pipelines: castable layers, networks partly on the card.

Runs in a process of its own, beside the engine's modules.
"""

import json
import subprocess
from pathlib import Path

import pytest
import tiny

ROOT = Path(__file__).resolve().parents[2]
RUN = """
import sys, json
root, engine, models, variant = sys.argv[1:5]
sys.argv = ["main.py", "--cpu"]
sys.path[:0] = [engine, root + "/tests"]
import comfy.options; comfy.options.enable_args_parsing()
import torch
from conftest import import_checkout
import_checkout()
from fitting_room.pipelines.diffusion.run import stay
from fitting_room.pipelines.files.locate import find
from fitting_room.pipelines.models import door
from fitting_room.pipelines.models.common import GarmentView, Person, Settings
from fitting_room.nodes.model import TryOnModel

located = find(variant, folders=[models])
known = located.variant
pipeline = door.load_pipeline(located, torch.float32)
torch.manual_seed(0)
garment, photo, body = torch.rand(3, 1, 3, 144, 96)
mask = torch.zeros(1, 1, 144, 96)
pose = torch.zeros(144, 96, dtype=torch.uint8).numpy()
mask[..., 40:100, 20:80] = 1

def draw():
    encoding = door.encode_garment(pipeline, known, GarmentView(garment, "upper"), None)
    person = door.encode_person(pipeline, known, Person(photo, mask, "upper", body, pose))
    settings = Settings(steps=2, guidance=2.0)
    return next(door.dress(pipeline, known, [person], [encoding], [(0, 0)], settings))

with torch.inference_mode():
    plain = draw()
    model = TryOnModel(known, pipeline)
    managed = draw()
    pipeline.place = stay
    left_out = {}
    for name in model.placement.partly:
        patcher = model.placement.patchers[name]
        patcher.detach()
        patcher.load(torch.device("cpu"), lowvram_model_memory=patcher.model_size() // 2)
        modules = patcher.model.modules()
        left_out[name] = sum(hasattr(m, "prev_comfy_cast_weights") for m in modules)
    partly = draw()

import gc, weakref
import comfy.model_management
parts = {name: weakref.ref(patcher.model) for name, patcher in model.placement.patchers.items()}
del model, pipeline, patcher, modules
comfy.model_management.unload_all_models()
gc.collect()
print(json.dumps({
    "still_there": [name for name, part in parts.items() if part() is not None],
    "managed": torch.equal(plain, managed), "partly": torch.equal(plain, partly),
    "left_out": left_out,
}))
"""


UNETS = {"denoiser", "reference", "vae"}


@pytest.mark.parametrize(
    ("variant", "castable"),
    [("ootdiffusion/hd", UNETS), ("leffa/virtual_tryon", UNETS), ("idm_vton/vitonhd", UNETS),
     ("fashn_vton/v1_5", {"transformer"})],
)  # fmt: skip
def test_managed_networks_draw_the_same_bit_for_bit(engine_folder, variant, castable, tmp_path):
    from fitting_room.services.engine import engine_python

    tiny.write(variant, tmp_path)
    command = [engine_python(engine_folder), "-c", RUN, str(ROOT), str(engine_folder),
               str(tmp_path), variant]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, cwd=engine_folder, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["managed"] and found["partly"] and not found["still_there"], found
    assert found["left_out"].keys() >= castable
    assert all(count > 5 for count in found["left_out"].values()), found
