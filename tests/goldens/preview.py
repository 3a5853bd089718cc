"""The embedded preview on small pictures: its picture and its mask, as this package last made them.

No published program is behind these cases. They say when a change reaches the preview, and how it
looks is for a person to judge: `python scripts/record_preview.py` shows before and after.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .common import load_tensors


def run(case_dir: Path, case: dict) -> Iterator[tuple[str, Any]]:
    made = dressed(case_dir, case)
    yield "picture", made.picture
    yield "mask", (made.mask * 255).round().astype(np.uint8)


def dressed(case_dir: Path, case: dict) -> Any:
    """people/ and garments/ lie beside the cases; a drawn person's body is given with the photo,
    because nobody is found in a drawing."""
    from fitting_room.pipelines.garment.read import read_garment
    from fitting_room.pipelines.masking.body import Body, find_body, load_body_model
    from fitting_room.pipelines.preview.pipeline import PreviewPipeline

    settings = case["settings"]
    photo = picture(case_dir.parent / "people" / f"{settings['person']}.png")
    garment = picture(case_dir.parent / "garments" / f"{settings['garment']}.png")
    given = load_tensors(case_dir.parent / "people" / f"{settings['person']}.safetensors")
    if given:
        box = tuple(float(side) for side in given["box"])
        outline = picture(case_dir.parent / "people" / f"{settings['person']}.mask.png")
        body = Body(given["landmarks"], outline[..., 0].astype(np.float32) / 255, box, 1.0)
    else:
        body = find_body(load_body_model(), photo)
    read = read_garment(garment, settings["category"])
    return PreviewPipeline()(photo, body, read, lighting=settings["lighting"])


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as found:
        return np.array(found.convert("RGB"))
