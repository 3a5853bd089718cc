"""Human parsing: one SCHP network, the published ONNX pair, or the steps around given scores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .common import load_inputs, random_draws, sample_every, stats

FEATURES = ("layer1", "layer2", "layer3", "layer4", "context_encoding")


def run(case_dir: Path, case: dict) -> Iterator[tuple[str, Any]]:
    inputs = load_inputs(case_dir)
    if case["variant"] in ("atr", "lip"):
        yield from _network(case_dir, case, inputs)
    elif case["variant"] == "onnx_tiny":
        yield from _onnx(case_dir, case, inputs)
    elif case["variant"] == "onnx_pipeline":
        yield from _pipeline(case, inputs)
    else:
        raise LookupError(f"no such variant of schp: {case['variant']}")


def _network(case_dir: Path, case: dict, inputs: dict) -> Iterator[tuple[str, Any]]:
    from fitting_room.pipelines.masking.parsing import label_scores, load_schp
    from fitting_room.pipelines.masking.schp.warp import network_input, picture_labels

    settings = case["settings"]
    size = settings["input_size"][0]
    pictures = random_draws(inputs, "image")
    network = load_schp(case_dir / settings["checkpoint"])
    features: dict[str, torch.Tensor] = {}
    for name in FEATURES:
        network.get_submodule(name).register_forward_hook(
            lambda module, given, result, name=name: features.update({name: result})
        )
    # The recorded program feeds RGB, although the constants are those of BGR.
    scores = label_scores(network, pictures, order="rgb", size=size)
    for index, picture in enumerate(pictures):
        yield f"preprocessed.{index}.every4", sample_every(network_input(picture, size), 4)
        yield f"logits.{index}", scores[index]
        for name in ("layer1", "layer4", "context_encoding"):
            yield f"{name}.{index}.channel0", features[name][index, 0]
        yield f"feature_mean_std.{index}", stats(features[name][index] for name in FEATURES)
        yield f"parse.{index}", picture_labels(scores[index], *picture.shape[:2], size)


def _onnx(case_dir: Path, case: dict, inputs: dict) -> Iterator[tuple[str, Any]]:
    from fitting_room.pipelines.masking.parsing import atr_with_neck, label_scores, load_schp
    from fitting_room.pipelines.masking.schp.warp import picture_labels

    picture, maps = inputs["image"], {}
    for kind in ("atr", "lip"):
        size = case["settings"][f"{kind}_input"][0]
        network = load_schp(case_dir / "checkpoint" / f"parsing_{kind}.onnx")
        (scores,) = label_scores(network, [picture], order="bgr", size=size)
        yield f"logits_{kind}_every2", sample_every(scores, 2)
        maps[kind] = picture_labels(scores, *picture.shape[:2], size)
    yield "parse", atr_with_neck(maps["atr"], maps["lip"])


def _pipeline(case: dict, inputs: dict) -> Iterator[tuple[str, Any]]:
    from fitting_room.pipelines.masking.parsing import atr_with_neck
    from fitting_room.pipelines.masking.rules_common import ATR
    from fitting_room.pipelines.masking.schp.warp import network_input, picture_labels

    picture, maps = inputs["image"], {}
    for kind in ("atr", "lip"):
        size = case["settings"][f"{kind}_input"][0]
        yield f"net_input_{kind}_every4", sample_every(network_input(picture[:, :, ::-1], size), 4)
        scores = torch.from_numpy(inputs[f"logits_{kind}"].astype(np.float32))
        maps[kind] = picture_labels(scores, *picture.shape[:2], size)
    labels = atr_with_neck(maps["atr"], maps["lip"])
    yield "parse", labels
    yield "face_mask", (labels == ATR["face"]).astype(np.float32)
