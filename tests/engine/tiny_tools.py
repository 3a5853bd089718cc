"""Tiny parsing, pose and DensePose networks of the golden cases, put where downloads would be.

Their weights are random (parsing, DensePose) or draw no person (pose): what they say of a photo
means nothing, but every step of the real ones runs.
"""

import shutil
from pathlib import Path

import pytest
from tiny_models import PLACES

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
    from fitting_room.pipelines.licences import accept_license
    from fitting_room.pipelines.locate import adopt

    models = base / "models" / "fitting_room"
    installed = [variant for variant in CASES if checkpoints(variant)]
    for variant in installed:
        folder = models / CASES[variant][1]
        for checkpoint in checkpoints(variant):
            shutil.copytree(checkpoint, folder, dirs_exist_ok=True)
        adopt(variant, folder)
        accept_license(variant, models)
    return installed


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
