"""OpenPose's body network, and people from given fields and heat maps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .common import load_inputs, sample_every

# Golden name -> the convolution whose output it is.
LAYERS = {
    "model1_1": "conv5_5_CPM_L1",
    "model1_2": "conv5_5_CPM_L2",
    "model3_1": "Mconv7_stage3_L1",
}


def run(case_dir: Path, case: dict) -> Iterator[tuple[str, Any]]:
    inputs = load_inputs(case_dir)
    if case["variant"] == "network":
        yield from _network(case_dir, case, inputs["image"])
    elif case["variant"] == "postprocessing":
        yield from _people(case, inputs)
    else:
        raise LookupError(f"no such variant of openpose_body: {case['variant']}")


def _network(case_dir: Path, case: dict, picture: np.ndarray) -> Iterator[tuple[str, Any]]:
    from fitting_room.pipelines.masking.openpose.maps import enlarger, frame_of, network_input
    from fitting_room.pipelines.masking.openpose.people import find_people
    from fitting_room.pipelines.masking.pose import load_openpose, network_maps

    network = load_openpose(case_dir / case["settings"]["checkpoint"])
    outputs: dict[str, torch.Tensor] = {}
    for name in ("conv4_4_CPM", *LAYERS.values()):
        network.get_submodule(name).register_forward_hook(
            lambda module, given, result, name=name: outputs.update({name: result.clone()})
        )
    frame = frame_of(picture)
    fields, heat = network_maps(network, frame)
    yield "net_input", network_input(frame)
    yield "paf", fields[None]
    yield "heatmap", heat[None]
    yield "model0_channel0", torch.relu(outputs["conv4_4_CPM"])[0, 0]
    for stage, name in LAYERS.items():
        yield stage, outputs[name]
    whole = enlarger(*frame.shape[:2], *heat.shape[-2:]).whole(heat[:18].astype(np.float64))
    yield "heatmap_full_size_every4", sample_every(whole, 4)
    peaks, people = find_people(fields, heat, *frame.shape[:2])
    yield "candidate", peaks
    yield "subset", people


def _people(case: dict, inputs: dict) -> Iterator[tuple[str, Any]]:
    from fitting_room.pipelines.masking.openpose.people import find_people
    from fitting_room.pipelines.masking.pose import keypoints_of

    height, width = case["settings"]["image_size"]
    peaks, people = find_people(inputs["paf"][0], inputs["heatmap"][0], height, width)
    yield "candidate", peaks
    yield "subset", people
    if case["settings"]["people"] == 1:
        yield "keypoints", keypoints_of(peaks, people[0], width, height).points[:, :2]
    elif case["settings"]["people"] > 1:
        yield "keypoints", _shuffled(peaks, people[0])


def _shuffled(peaks: np.ndarray, person: np.ndarray) -> np.ndarray:
    """What the recorded wrapper hands out where there are several people, (18, 2).

    It moves entries of the list of everyone's peaks until entry i should be joint i of the first
    person, which can leave a joint of somebody else. The package takes the person's own joints;
    this is here to check that peaks and people lead to the recorded numbers.
    """
    entries = [tuple(peak[:2]) for peak in peaks]
    numbers = person[:18].astype(int).tolist()
    for joint in range(18):
        if numbers[joint] == -1:
            entries.insert(joint, (0.0, 0.0))
            shift = 1
        elif numbers[joint] != joint:
            entries.pop(joint)
            shift = -1
        else:
            continue
        later = numbers[joint:]
        numbers[joint:] = [number if number == -1 else number + shift for number in later]
    return np.array(entries[:18])
