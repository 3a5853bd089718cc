"""Tiny checkpoints of the golden cases, put into an engine as if they had been downloaded.

They have the published layout and names and random weights: what they draw is no garment. The
folder is $FITTING_ROOM_GOLDEN, or `shared/golden` beside the checkout, or the part in tests/golden.
"""

import os
import shutil
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
PLACES = (
    *([Path(os.environ["FITTING_ROOM_GOLDEN"])] if "FITTING_ROOM_GOLDEN" in os.environ else []),
    TESTS.parent.parent / "shared" / "golden",
    TESTS / "golden",
)
CASES = {
    "leffa/virtual_tryon": ("leffa/virtual_tryon", "leffa"),
    "leffa/virtual_tryon_dc": ("leffa/virtual_tryon_dc", "leffa"),
    "leffa/pose_transfer": ("leffa/pose_transfer", "leffa"),
    "ootdiffusion/hd": ("ootdiffusion/hd", "ootdiffusion"),
    "ootdiffusion/dc": ("ootdiffusion/dc", "ootdiffusion"),
    "idm_vton/vitonhd": ("idm_vton/demo_crop", "idm_vton"),
    "idm_vton/dresscode": ("idm_vton/demo_crop", "idm_vton"),
    "densepose/r50_fpn_s1x": ("densepose/r50_fpn_tiny", "densepose"),
}
"""Variant -> its golden case, and the folder below models/fitting_room."""


def checkpoint(variant: str) -> Path | None:
    """The tiny checkpoint of a variant, None where its golden case is not at hand."""
    case = CASES[variant][0]
    return next(
        (p / case / "checkpoint" for p in PLACES if (p / case / "checkpoint").is_dir()), None
    )


def install(base: Path) -> list[str]:
    """Copies all tiny checkpoints into `base`/models/fitting_room, sizes noted and licences agreed
    to. Returns the variants that are there then."""
    from fitting_room.pipelines.catalog.licences import accept_license
    from fitting_room.pipelines.files.locate import adopt, write_receipt

    models = base / "models" / "fitting_room"
    found = [variant for variant in CASES if checkpoint(variant)]
    for variant in found:
        shutil.copytree(checkpoint(variant), models / CASES[variant][1], dirs_exist_ok=True)
    for variant in found:
        folder = models / CASES[variant][1]
        if variant == "idm_vton/dresscode":  # its own UNet, the rest is shared
            unet = shutil.copytree(folder / "unet", models / "idm_vton_dc" / "unet")
            write_receipt(unet.parent, unet.iterdir())
        else:
            adopt(variant, folder / "checkpoints" if (folder / "checkpoints").is_dir() else folder)
        accept_license(variant, models)
    return found


SMALL = {"width": 96, "height": 128, "steps": 2}
"""What a run on random weights is done with: whatever the size, it draws no garment."""


def small(graph: dict) -> dict:
    """A copy of a workflow in API format whose models work at a small size, in few steps."""
    return {
        name: node | {"inputs": node["inputs"] | _smaller(node)} for name, node in graph.items()
    }


def _smaller(node: dict) -> dict:
    drawing = node["class_type"] in DRAWING
    return {name: value for name, value in SMALL.items() if drawing and name in node["inputs"]}


DRAWING = ("FittingRoomEncodeGarment", "FittingRoomTryOn", "FittingRoomPoseTransfer")


def need(graph: dict) -> None:
    """Skips a test, saying why, where a model that the workflow loads has no tiny checkpoint."""
    wanted = {node["inputs"].get("variant") for node in graph.values()} - {None}
    missing = [variant for variant in sorted(wanted) if not checkpoint(variant)]
    if missing:
        pytest.skip(
            f"no tiny checkpoint of {', '.join(missing)}: set FITTING_ROOM_GOLDEN to the folder of "
            "all golden cases"
        )
