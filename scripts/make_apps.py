"""Writes the apps and the blueprints from the workflows: one graph, three ways to use it.

    python scripts/make_apps.py           writes workflows/*.app.json and subgraphs/*.json
    python scripts/make_apps.py --check   exits 1 where one is missing or differs

An app is the workflow with ComfyUI's app mode on: chosen inputs, a Run button, the result. Its
labels stand in English and Chinese in `extra`; web/apps.js shows those of the page's language.
A blueprint is the workflow between its pictures and its results as one node for other graphs.
"""

from __future__ import annotations

import copy
import json
import shutil
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from subgraphs import NAMESPACE, SOURCES, Inner, slot  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS, BLUEPRINTS = ROOT / "workflows", ROOT / "subgraphs"


@dataclass(frozen=True)
class App:
    """inputs: (a node's title or type, its widget, English label, Chinese label) in order of use.
    outputs: titles or types of the nodes whose pictures are shown. blueprint: its name."""

    blueprint: str
    inputs: tuple[tuple[str, str, str, str], ...]
    outputs: tuple[str, ...]


PERSON = ("Person", "image", "Person", "人物")
GARMENT = ("Garment", "image", "Garment", "服装")
CATEGORY = ("FittingRoomGarmentCutout", "category", "Category", "类别")
WHO = ("FittingRoomBodyPose", "person", "Which person", "第几个人")
SEED = ("FittingRoomTryOn", "seed", "Seed", "种子")
COMPARED = "Before and after"

APPS = {
    "preview_try_on": App(
        "Try-On (Preview)", (PERSON, GARMENT, CATEGORY, WHO), ("SaveImage", COMPARED)
    ),
    "fashn_vton": App(
        "Try-On (FASHN VTON)",
        (
            PERSON,
            GARMENT,
            ("FittingRoomEncodeGarment", "category", "Category", "类别"),
            ("FittingRoomTryOn", "steps", "Steps", "步数"),
            ("FittingRoomTryOn", "samples", "Pictures", "张数"),
            SEED,
        ),
        ("FittingRoomSavePicture", COMPARED),
    ),
    "leffa": App(
        "Try-On (Leffa)",
        (PERSON, GARMENT, CATEGORY, WHO, SEED),
        ("FittingRoomSavePicture", COMPARED),
    ),
    "ootdiffusion": App(
        "Try-On (OOTDiffusion)",
        (PERSON, GARMENT, WHO, SEED),
        ("FittingRoomSavePicture", COMPARED),
    ),
    "idm_vton": App(
        "Try-On (IDM-VTON)",
        (
            PERSON,
            GARMENT,
            ("FittingRoomEncodeGarment", "description", "Describe the garment", "描述服装"),
            WHO,
            SEED,
        ),
        ("FittingRoomSavePicture", COMPARED),
    ),
    "many_garments_one_person": App(
        "Try-On (Many Garments)",
        (
            PERSON,
            ("Garment 1", "image", "Garment 1", "服装 1"),
            ("Garment 2", "image", "Garment 2", "服装 2"),
            WHO,
            SEED,
        ),
        ("FittingRoomSavePicture", COMPARED),
    ),
    "preview_then_finish": App(
        "Try-On (Preview, then Leffa)",
        (
            PERSON,
            GARMENT,
            CATEGORY,
            WHO,
            ("FittingRoomTryOn", "strength", "How much anew", "重绘强度"),
            SEED,
        ),
        ("FittingRoomSavePicture", "Preview", "Preview and finish"),
    ),
    "edit_klein_4b": App(
        "Try-On (FLUX.2 klein 4B)",
        (
            PERSON,
            GARMENT,
            CATEGORY,
            WHO,
            ("FittingRoomFrameForEditing", "description", "Describe the garment", "描述服装"),
            ("Seed", "noise_seed", "Seed", "种子"),
        ),
        ("FittingRoomSavePicture", COMPARED),
    ),
    "edit_qwen_2511_4steps": App(
        "Try-On (Qwen-Image-Edit 2511)",
        (
            PERSON,
            GARMENT,
            CATEGORY,
            WHO,
            ("FittingRoomFrameForEditing", "description", "Describe the garment", "描述服装"),
            ("KSampler", "seed", "Seed", "种子"),
        ),
        ("FittingRoomSavePicture", COMPARED),
    ),
    "routed_try_on": App(
        "Try-On (Routed)",
        (
            PERSON,
            GARMENT,
            CATEGORY,
            WHO,
            ("FittingRoomRoutedTryOn", "tier", "Quality", "质量"),
            ("FittingRoomRoutedTryOn", "use", "What for", "用途"),
            ("FittingRoomRoutedTryOn", "allow_upload", "Photos may be uploaded", "允许上传照片"),
            ("FittingRoomRoutedTryOn", "seed", "Seed", "种子"),
        ),
        ("FittingRoomSavePicture", "Preview", COMPARED),
    ),
    "design_to_try_on": App(
        "Try-On (Garment from Words)",
        (
            PERSON,
            ("The garment", "value", "Describe the garment", "描述服装"),
            CATEGORY,
            WHO,
            ("Draw", "seed", "Seed of the design", "设计的种子"),
        ),
        ("FittingRoomSavePicture", COMPARED, "Preview"),
    ),
    "check_a_folder": App(
        "Safety Check of a Folder",
        (
            ("FittingRoomPictureFolder", "folder", "Folder", "文件夹"),
            ("FittingRoomPictureFolder", "first", "Start at", "从第几张开始"),
            ("FittingRoomPictureFolder", "count", "How many", "检查几张"),
            ("FittingRoomSafetyFilter", "action", "Flagged pictures", "对被标记的图片"),
            ("FittingRoomSafetyFilter", "language", "Language of the report", "报告语言"),
        ),
        ("Pictures", "Report"),
    ),
}


def found(workflow: dict, name: str) -> dict:
    """The one node of a title or, where none has it, of a type. Raises ValueError."""
    for key in ("title", "type"):
        nodes = [node for node in workflow["nodes"] if node.get(key) == name]
        if len(nodes) == 1:
            return nodes[0]
    raise ValueError(f"{name!r} must name one node, by its title or its type")


def app(name: str, workflow: dict) -> dict:
    """The workflow as an app."""
    made, spec = copy.deepcopy(workflow), APPS[name]
    made["id"] = str(uuid.uuid5(NAMESPACE, f"app {name}"))
    labels: dict[str, dict[str, str]] = {"en": {}, "zh": {}}
    inputs = []
    for title, widget, english, chinese in spec.inputs:
        node = found(made, title)
        key = f"{node['id']}.{widget}"
        node["inputs"][slot(node, widget)]["label"] = english
        labels["en"][key], labels["zh"][key] = english, chinese
        inputs.append([str(node["id"]), widget])
    outputs = [str(found(made, title)["id"]) for title in spec.outputs]
    made["extra"] = made.get("extra", {}) | {
        "linearMode": True,
        "linearData": {"inputs": inputs, "outputs": outputs},
        "fittingRoomLabels": labels,
    }
    return made


def blueprint(name: str, workflow: dict) -> dict:
    """A workflow that holds one instance of the subgraph between pictures and results."""
    spec = APPS[name]
    inner = Inner(copy.deepcopy(workflow), str(uuid.uuid5(NAMESPACE, f"subgraph {name}")))
    for title, widget, english, _ in spec.inputs:
        node = found(workflow, title)
        if node["type"] not in SOURCES:
            inner.promote(node["id"], widget, english)
    return inner.as_workflow(spec.blueprint, str(uuid.uuid5(NAMESPACE, f"blueprint {name}")))


def written(check: bool) -> list[str]:
    """Writes all files that differ (with `check` none) and returns their names."""
    stale = []
    for name in APPS:
        workflow = json.loads((WORKFLOWS / f"{name}.json").read_text("utf-8"))
        pairs = {
            WORKFLOWS / f"{name}.app.json": app(name, workflow),
            BLUEPRINTS / f"{APPS[name].blueprint}.json": blueprint(name, workflow),
        }
        for path, made in pairs.items():
            text = json.dumps(made, ensure_ascii=False) + "\n"
            if path.is_file() and path.read_text("utf-8") == text:
                continue
            stale.append(path.relative_to(ROOT).as_posix())
            if not check:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, "utf-8")
        picture = WORKFLOWS / f"{name}.app.jpg"
        if not picture.is_file():
            stale.append(picture.relative_to(ROOT).as_posix())
            if not check:
                shutil.copy(WORKFLOWS / f"{name}.jpg", picture)
    return stale


if __name__ == "__main__":
    names = written("--check" in sys.argv[1:])
    print("\n".join(names) or "all up to date")
    sys.exit(bool(names) and "--check" in sys.argv[1:])
