"""Tells what is installed, what is missing, and which command gets it."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import sys
from concurrent.futures import ThreadPoolExecutor

PACKAGES = {
    "torch": "everything",
    "numpy": "everything",
    "pillow": "everything",
    "safetensors": "everything",
    "scipy": "the garment cut-out and the preview",
    "opencv-python-headless": "the published mask rules",
    "diffusers": "the published try-on models",
    "transformers": "the published try-on models",
    "huggingface_hub": "downloads",
    "torchvision": "DensePose (comes with ComfyUI)",
}
OPENCV_NAMES = (
    "opencv-python-headless",
    "opencv-python",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--verify", action="store_true", help="compare the models' files with their known sha256"
    )


def run(options: argparse.Namespace) -> int:
    found = check(options.verify)
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        for line in lines(found):
            print(line)
    return 0 if found["ready"] else 3


def check(verify: bool = False) -> dict:
    """What is there, as plain data. ready: the preview try-on can run."""
    from ..pipelines.files.inventory import inventory
    from ..services.engine import EngineError, engine_python, find_engine
    from .download import default_folder
    from .pictures import tell

    packages = {name: _version(name) for name in PACKAGES}
    try:
        engine = find_engine()
        problem = None
    except EngineError as error:
        engine, problem = None, str(error)
    needed = ("torch", "numpy", "pillow", "safetensors", "scipy")
    return {
        "python": platform.python_version(),
        "packages": packages,
        "gpu": _gpu() if packages["torch"] else None,
        "engine": str(engine) if engine else None,
        "engine_problem": problem,
        "engine_python": engine_python(engine) if engine else None,
        "models": [item.as_dict() for item in inventory([default_folder()], verify, tell)],
        "services": services(),
        "ready": all(packages[name] for name in needed),
    }


def services() -> list[dict]:
    """Hosted services: which keys are set, and what those that have theirs say of the account."""
    try:
        from ..services.hosted.registry import SERVICES, standing
    except ImportError as error:
        return [{"name": "hosted services", "ready": False, "says": f"{error.name} is missing"}]
    with ThreadPoolExecutor(len(SERVICES)) as side_by_side:
        return list(side_by_side.map(standing, SERVICES.values()))


def lines(found: dict) -> list[str]:
    rows = [f"Python {found['python']} at {sys.executable}"]
    for name, version in found["packages"].items():
        state = version or f"MISSING, needed for {PACKAGES[name]}: pip install {name}"
        rows.append(f"  {name:24} {state}")
    rows.append(f"GPU: {found['gpu'] or 'none that torch can use; the preview needs none'}")
    rows.append(f"ComfyUI: {found['engine'] or found['engine_problem'] or 'none found'}")
    if not found["engine"] and not found["engine_problem"]:
        rows.append("  set COMFYUI_PATH to its folder if it is somewhere else")
    rows.append("Models:")
    for model in found["models"]:
        accepted = (
            "" if model["accepted"] or model["state"] == "absent" else ", licence not accepted"
        )
        command = f"  ({model['command']})" if model["command"] else ""
        rows.append(f"  {model['name']:28} {model['state']}{accepted}{command}")
        rows += [f"    {line}" for line in model["lines"]]
    rows.append("Hosted services (they see your photos only with --allow-upload):")
    for service in found["services"]:
        rows.append(
            f"  {service['name']:28} {'ready' if service['ready'] else 'no'}, {service['says']}"
        )
    rows.append("The preview try-on can run." if found["ready"] else "The preview cannot run yet.")
    return rows


def _version(name: str) -> str | None:
    names = OPENCV_NAMES if name.startswith("opencv") else (name,)
    for candidate in names:
        try:
            return importlib.metadata.version(candidate)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def _gpu() -> str | None:
    import torch

    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        return f"{properties.name}, {properties.total_memory / 2**30:.0f} GB"
    if torch.backends.mps.is_available():
        return "Apple GPU (mps)"
    return None
