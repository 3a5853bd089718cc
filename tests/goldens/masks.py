"""The mask rules: every stage is a PNG named <options>.<category>.<width>x<height>[.<what>]."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .common import load_inputs, sample_every

CATEGORIES = {
    "upper_body": "upper", "lower_body": "lower", "dresses": "dress",
    "upper": "upper", "lower": "lower", "overall": "dress", "inner": "inner", "outer": "outer",
}  # fmt: skip


def run(case_dir: Path, case: dict) -> Iterator[tuple[str, Any]]:
    stages = {
        "ootdiffusion": _ootdiffusion,
        "leffa": _leffa,
        "catvton": _catvton,
        "ladi_dresscode": _ladi,
        "ladi_vitonhd": _ladi,
    }[case["variant"]]
    yield from stages(case, load_inputs(case_dir))


def _keypoints(case: dict):
    from fitting_room.pipelines.masking.keypoints import KeyPoints

    points = np.array(case["keypoints"], dtype=np.float64)
    present = (points > 0).any(axis=1, keepdims=True)
    return KeyPoints(np.hstack([points, present]), 384, 512)


def _size(name: str) -> tuple[int, int]:
    width, height = name.split("x")
    return int(width), int(height)


def _as_picture(mask: np.ndarray) -> np.ndarray:
    return (mask * 255).astype(np.uint8)


def _ootdiffusion(case: dict, inputs: dict) -> Iterator[tuple[str, Any]]:
    from fitting_room.pipelines.masking.rules import ootdiffusion

    for stage in case["stages"]:
        variant, category, size = stage.split(".")
        mask = ootdiffusion(
            inputs["parse_atr_neck"], _keypoints(case), CATEGORIES[category], variant, *_size(size)
        )
        yield stage, _as_picture(mask)


def _leffa(case: dict, inputs: dict) -> Iterator[tuple[str, Any]]:
    from fitting_room.pipelines.masking.rules import leffa_dc, leffa_hd

    keypoints = _keypoints(case)
    for stage in case["stages"]:
        rule, *variant, category, size = stage.split(".")
        category = CATEGORIES[category]
        if rule == "hd_rule":
            labels = inputs["parse_atr_neck"]
            mask = leffa_hd(labels, keypoints, category, variant[0], *_size(size))
        else:
            sized = {maps.shape[::-1]: maps for maps in inputs.values()}
            mask = leffa_dc(sized[_size(size)], keypoints, category)
        yield stage, _as_picture(mask)


def _catvton(case: dict, inputs: dict) -> Iterator[tuple[str, Any]]:
    from fitting_room.pipelines.masking.rules import catvton

    for stage in case["stages"]:
        part, size = stage.split(".")
        maps = [inputs[f"{name}_{size}"] for name in ("densepose_i", "schp_lip", "schp_atr")]
        yield stage, _as_picture(catvton(*maps, CATEGORIES[part]))


def _ladi(case: dict, inputs: dict) -> Iterator[tuple[str, Any]]:
    from fitting_room.pipelines.masking import rules

    dataset = case["variant"].removeprefix("ladi_")
    labels, keypoints = inputs["parse"], _keypoints(case)
    for stage in case["stages"]:
        category, size, what = stage.split(".")
        if dataset == "dresscode":
            result = rules.ladi_dresscode(labels, keypoints, CATEGORIES[category], *_size(size))
        else:
            result = rules.ladi_vitonhd(labels, keypoints, *_size(size))
        yield stage, _as_picture(result.mask) if what == "inpaint_mask" else result.kept_labels
    for stage in case.get("tensors", {}):
        what, size, reduction = stage.split(".")
        if what == "shape":
            value = rules.body_shape(labels, *_size(size))
        else:
            value = rules.ladi_pose_map(keypoints, dataset, *_size(size))
        if reduction == "sum":
            yield stage, value.sum(axis=(1, 2), dtype=np.float64)  # the order matters to a bit
        else:
            yield stage, sample_every(value, int(reduction.removeprefix("every")))
