"""Loading the nodes costs the engine nothing heavy: no library is imported before a node runs.

How long it takes: benchmarks/engine_import.py.
"""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOAD = """
import asyncio, importlib.util, json, sys
root, engine = sys.argv[1:3]
sys.argv = ["main.py", "--cpu"]
sys.path.insert(0, engine)
import comfy.options; comfy.options.enable_args_parsing()
import nodes, comfy.model_patcher, comfy_api.latest, numpy
before = set(sys.modules)
spec = importlib.util.spec_from_file_location(
    "some_x_path", root + "/__init__.py", submodule_search_locations=[root]
)
module = importlib.util.module_from_spec(spec)
sys.modules["some_x_path"] = module
spec.loader.exec_module(module)
extension = asyncio.run(module.comfy_entrypoint())
classes = asyncio.run(extension.get_node_list())
ids = [cls.GET_SCHEMA().node_id for cls in classes]
new = sorted({name.split(".")[0] for name in set(sys.modules) - before})
print(json.dumps({"ids": ids, "new": new}))
"""


def test_nodes_load_without_heavy_libraries(engine_folder):
    from fitting_room.services.engine import engine_python

    command = [engine_python(engine_folder), "-c", LOAD, str(ROOT), str(engine_folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=engine_folder, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    heavy = {"diffusers", "transformers", "cv2", "scipy", "torchvision", "onnxruntime", "skimage",
             "huggingface_hub", "PIL", "accelerate"}  # fmt: skip
    assert not heavy & set(found["new"]), f"imported at start: {heavy & set(found['new'])}"
    assert len(set(found["ids"])) == len(found["ids"]) > 0
