"""How long ComfyUI waits for this package at its start: seconds to load it and build its schemas.

    python benchmarks/engine_import.py [ENGINE_FOLDER]

Each run is a process of its own, in the engine's Python, after the engine's own modules were
imported; what is printed are the runs and their median. Time of the processor is hardly changed by
other work on the machine, time that passes is.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

RUNS = 5
LOAD = """
import asyncio, importlib.util, sys, time
root, engine = sys.argv[1:3]
sys.argv = ["main.py", "--cpu"]
sys.path.insert(0, engine)
import comfy.options; comfy.options.enable_args_parsing()
import nodes, server, comfy.model_patcher, comfy_api.latest, numpy  # as main.py does
start = time.process_time(), time.perf_counter()
spec = importlib.util.spec_from_file_location(
    "some_x_path", root + "/__init__.py", submodule_search_locations=[root]
)
module = importlib.util.module_from_spec(spec)
sys.modules["some_x_path"] = module
spec.loader.exec_module(module)
extension = asyncio.run(module.comfy_entrypoint())
for each in asyncio.run(extension.get_node_list()):
    each.GET_SCHEMA()
print(time.process_time() - start[0], time.perf_counter() - start[1])
"""


def main() -> int:
    from conftest import import_checkout

    import_checkout()
    from fitting_room.services.engine import engine_python, find_engine

    engine = Path(sys.argv[1]) if len(sys.argv) > 1 else find_engine()
    if engine is None:
        print("No ComfyUI found: name its folder or set COMFYUI_PATH.")
        return 3
    command = [engine_python(engine), "-c", LOAD, str(ROOT), str(engine)]
    seconds = []
    for _ in range(RUNS):
        done = subprocess.run(command, capture_output=True, text=True, cwd=engine, check=True)
        seconds.append([float(part) for part in done.stdout.splitlines()[-1].split()])
        print("{:.3f} s of the processor, {:.3f} s passed".format(*seconds[-1]), flush=True)
    worked, passed = (statistics.median(each) for each in zip(*seconds, strict=True))
    print(f"median {worked:.3f} s of the processor, {passed:.3f} s passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
