"""DensePose's R-CNN, which sees a person (or, if told so, nobody) wherever it looks."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import torch

from .weights import narrower, published_shapes, random_state

FILE = "model_final_162be9.pkl"
PEOPLE, NOBODY = (3.0, -3.0), (-9.0, 9.0)
"""Scores of a person and of background."""

LARGE = 15.0
"""Boxes grow by e to a fifth of this."""

BODY = 5.0
"""What speaks for a body part, against background, everywhere in a box."""

CALM = (
    "roi_heads.box_predictor.cls_score",
    "roi_heads.box_predictor.bbox_pred",
    "proposal_generator.rpn_head.anchor_deltas",
)
"""What decides scores and boxes hardly depends on the photo."""


def write(variant, roots: tuple[Path, ...]) -> None:
    (root,) = roots
    root.mkdir(parents=True, exist_ok=True)
    write_pickle(root / FILE, random_densepose())


def random_densepose(file: str = FILE, verdict: tuple[float, float] = PEOPLE) -> dict:
    state = random_state(narrower(published_shapes("densepose", file), 16))
    state["roi_heads.box_predictor.cls_score.bias"] = torch.tensor(verdict)
    state["backbone.bottom_up.stem.conv1.weight"] /= 100  # pixels are up to 150
    for name in CALM:
        state[f"{name}.weight"] *= 0.01
    # One person about as large as the photo, so that whoever is masked is seen.
    boxes = state["roi_heads.box_predictor.bbox_pred.bias"]
    boxes.zero_()
    boxes[2::4] = boxes[3::4] = LARGE
    state["roi_heads.densepose_predictor.ann_index_lowres.bias"][1:] += BODY
    state["roi_heads.densepose_predictor.index_uv_lowres.bias"][1:] += BODY
    return state


def write_pickle(path: Path, state: dict, protocol: int = 4) -> Path:
    """As the model zoo of detectron2 writes it."""
    arrays = {name: tensor.numpy() for name, tensor in state.items()}
    arrays["pixel_mean"] = np.zeros((3, 1, 1), dtype=np.float32)
    content = {"model": arrays, "__author__": "Detectron2 Model Zoo"}
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path
