"""SieveNet: runs the pipeline on a case's checkpoint and reads the stages off its networks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .common import load_expected, load_inputs, sample_every


def run(case_dir: Path, case: dict) -> Iterator[tuple[str, Any]]:
    with torch.no_grad():
        found = _found(case_dir, load_inputs(case_dir))
        for name in case["stages"]:
            yield name, found.get(name)


def _found(case_dir: Path, inputs: dict) -> dict[str, Any]:
    from fitting_room.pipelines.models.sievenet import pictures
    from fitting_room.pipelines.models.sievenet.load import load
    from fitting_room.pipelines.models.sievenet.networks import grid

    pipeline = load(case_dir / "checkpoint")
    labels = pictures.stretch_labels(inputs["parse_labels_uint8"])
    points = inputs["keypoints"]
    seen: dict[str, list] = {}
    networks = {
        "theta": pipeline.warping.regression_zero,
        "delta_theta": pipeline.warping.regression_one,
        "cloth_warp": pipeline.warping, "seg": pipeline.labelling,
    }  # fmt: skip
    with ExitStack() as stack:
        for name, network in networks.items():
            keep = network.register_forward_hook(
                lambda _, args, made, name=name: seen.setdefault(name, []).append(made)
            )
            stack.callback(keep.remove)
        photo = pictures.unit(pictures.stretch(inputs["person_uint8"]))
        person = pipeline.encode_person(photo, [labels], [points])
        cloth = pictures.unit(pictures.stretch(inputs["cloth_uint8"]))
        garment = pipeline.encode_garment(cloth)
        pipeline(person, garment)
    made = {name: torch.cat(each) for name, each in seen.items()}
    theta, more, logits = made["theta"], made["delta_theta"], made["seg"]
    agnostic = person.agnostic
    return {
        "agnostic_shape": agnostic[:, :1],
        "agnostic_head": agnostic[:, 1:4],
        "agnostic_mean_std": _mean_std(agnostic),
        "pose_map_uint8": pictures.pose_squares(points)[None],
        "texture_prior": person.texture,
        "cloth": garment.pictures,
        "theta": theta,
        "delta_theta": more,
        "grid_coarse_stride4": sample_every(grid(theta), 4, axes=(1, 2)),
        "grid_fine_stride4": sample_every(grid(theta + more), 4, axes=(1, 2)),
        "cloth_warp": made["cloth_warp"],
        "seg_logits_mean_std": _mean_std(logits),
        "seg_logits_stride4": sample_every(logits, 4),
        "seg_argmax": logits.argmax(dim=1, keepdim=True).to(torch.uint8),
    } | _textured(pipeline, person, load_expected(case_dir))


def _textured(pipeline, person, expected: dict) -> dict[str, Any]:
    """The last network's stages, from the recorded labels and warped garment as the case says: the
    labels are a choice between nearly equal numbers."""
    drawn = []
    hook = pipeline.texturing.register_forward_hook(lambda _, args, made: drawn.append(made))
    labels = torch.from_numpy(expected["seg_argmax"]).long()[:, 0]
    tryon = pipeline.textured(labels, torch.from_numpy(expected["cloth_warp"]), person.texture)
    hook.remove()
    tryon = (tryon + 1) / 2
    return {
        "tom_output": drawn[0],
        "rendered_person": (torch.tanh(drawn[0][:, :3]) + 1) / 2,
        "composition_mask": (torch.sigmoid(drawn[0][:, 3:]) >= 0.5).float(),
        "tryon": tryon,
        "tryon_uint8": (tryon[0] * 255).to(torch.uint8).permute(1, 2, 0),
    }


def _mean_std(values: torch.Tensor) -> np.ndarray:
    """(2, channels) over everything else."""
    channels = values.double().transpose(0, 1).flatten(1)
    return torch.stack([channels.mean(dim=1), channels.std(dim=1)]).numpy()
