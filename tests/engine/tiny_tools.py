"""Tiny parsing, pose and DensePose networks, put where downloads would be.

Those of the golden cases, and some of transformers that are made here. Their weights are random
(parsing, DensePose) or draw no person (pose): what they say of a photo means nothing, but every
step of the real ones runs.
"""

import shutil
from pathlib import Path

import pytest
from tiny_models import PLACES
from tiny_networks import save_segformer, save_vitpose

CASES = {
    "human_parsing/pth": (("schp/atr_tiny", "schp/lip_tiny"), "human_parsing"),
    "openpose/body": (("openpose/network_tiny",), "openpose"),
    "densepose/r50_fpn_s1x": (("densepose/r50_fpn_tiny",), "densepose"),
}
"""Variant -> its golden cases, and the folder below models/fitting_room."""


def checkpoints(variant: str) -> list[Path]:
    """The tiny files' folders of a variant, empty where one of its golden cases is not at hand."""
    found = [
        next((p / case / "checkpoint" for p in PLACES if (p / case / "checkpoint").is_dir()), None)
        for case in CASES[variant][0]
    ]
    return [folder for folder in found if folder] if all(found) else []


def install(base: Path) -> list[str]:
    """Copies them into `base`/models/fitting_room, sizes noted and licences agreed to.

    Returns the variants that are there then.
    """
    from fitting_room.pipelines.catalog.licences import accept_license
    from fitting_room.pipelines.files.locate import adopt

    models = base / "models" / "fitting_room"
    installed = [variant for variant in CASES if checkpoints(variant)]
    for variant in installed:
        folder = models / CASES[variant][1]
        for checkpoint in checkpoints(variant):
            shutil.copytree(checkpoint, folder, dirs_exist_ok=True)
        adopt(variant, folder)
        accept_license(variant, models)
    return installed


def install_segformer(base: Path) -> None:
    """A tiny random clothes parser, as human_parsing/segformer."""
    from fitting_room.pipelines.catalog.licences import accept_license
    from fitting_room.pipelines.files.locate import adopt

    models = base / "models" / "fitting_room"
    save_segformer(models / "human_parsing_segformer")
    adopt("human_parsing/segformer", models / "human_parsing_segformer")
    accept_license("human_parsing/segformer", models)


def install_onnx(base: Path) -> None:
    """The tiny parsing networks as ONNX; skips where their golden case is not at hand."""
    from fitting_room.pipelines.catalog.licences import accept_license
    from fitting_room.pipelines.files.locate import adopt

    case = Path("schp") / "onnx_tiny" / "checkpoint"
    found = next((place / case for place in PLACES if (place / case).is_dir()), None)
    if found is None:
        pytest.skip("no tiny ONNX network: set FITTING_ROOM_GOLDEN to all golden cases")
    models = base / "models" / "fitting_room"
    shutil.copytree(found, models / "human_parsing")
    adopt("human_parsing/onnx", models / "human_parsing")
    accept_license("human_parsing/onnx", models)


def install_vitpose(base: Path) -> None:
    """Tiny random networks that find people everywhere, as vitpose/base_simple."""
    from fitting_room.pipelines.files.locate import write_receipt

    models = base / "models" / "fitting_room" / "vitpose"
    joints, people = models / "vitpose-base-simple", models / "rtdetr_r50vd_coco_o365"
    save_vitpose(joints, people, sure=True)
    for folder in (joints, people):
        write_receipt(folder, folder.iterdir())


NEEDS = {
    "FittingRoomParsing": "human_parsing/pth",
    "FittingRoomOpenPose": "openpose/body",
    "FittingRoomDensePose": "densepose/r50_fpn_s1x",
}


def need(graph: dict) -> None:
    """Skips a test, saying why, where a network that the workflow runs has no tiny files."""
    wanted = {
        NEEDS[node["class_type"]]
        for node in graph.values()
        if node["class_type"] in NEEDS and "pose" not in node["inputs"]
    }
    missing = [variant for variant in sorted(wanted) if not checkpoints(variant)]
    if missing:
        pytest.skip(
            f"no tiny network of {', '.join(missing)}: set FITTING_ROOM_GOLDEN to the folder of "
            "all golden cases"
        )
