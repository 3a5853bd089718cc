"""DWPose after its networks: boxes, points, the choice of a person, and both drawings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .common import load_inputs, sample_every


def run(case_dir: Path, case: dict) -> Iterator[tuple[str, Any]]:
    from fitting_room.pipelines.masking.dwpose.drawing import draw_colour, draw_grey
    from fitting_room.pipelines.masking.dwpose.whole_body import WholeBody, chosen

    inputs = load_inputs(case_dir)
    if "image" in inputs:
        network, joints = _network(case["settings"], inputs)
        people = network.people(inputs["image"])
        yield from _stages(case["settings"], inputs, joints, people)
    else:
        height, width = (int(side) for side in inputs["size"])
        people = [
            WholeBody(points, scores, width, height)
            for points, scores in zip(inputs["keypoints"], inputs["scores"], strict=True)
        ]
    number = chosen(people)
    yield "chosen_person", np.array([number])
    person = people[number]
    yield from pose_stages(person)
    yield "drawn_grey", draw_grey(person, person.width, person.height)
    if "drawn_colour" in case["stages"]:
        yield "drawn_colour", draw_colour(person, person.width, person.height)


def pose_stages(person: Any) -> Iterator[tuple[str, Any]]:
    yield "body", person.body
    yield "body_index", person.body_index
    yield "hands", person.hands
    yield "faces", person.face


def _stages(settings: dict, inputs: dict, joints: Any, people: list) -> Iterator[tuple[str, Any]]:
    from fitting_room.pipelines.masking.dwpose.detector import detector_input, people_boxes
    from fitting_room.pipelines.masking.dwpose.joints import decoded, frame_of

    height, width = settings["detector_input"]
    planes, scale = detector_input(inputs["image"], width, height)
    yield "yolox_input_u8.every4", sample_every(planes, 4)
    yield "yolox_ratio", np.array([scale])
    boxes = people_boxes(inputs["yolox_output"], scale, width, height)
    if len(boxes):
        yield "boxes", boxes
    else:
        boxes = np.array([[0, 0, *inputs["image"].shape[1::-1]]])
    width, height = settings["pose_input_wh"]
    frames = [frame_of(box, width, height) for box in boxes]
    yield "pose_center", np.stack([frame.centre for frame in frames])
    yield "pose_scale", np.stack([frame.size for frame in frames])
    yield "pose_input.every4", sample_every(np.concatenate(joints.given), 4)
    found = [
        decoded(across, down, frame, width, height)
        for across, down, frame in zip(inputs["simcc_x"], inputs["simcc_y"], frames, strict=True)
    ]
    yield "coco_keypoints", np.stack([points for points, _ in found])
    yield "coco_scores", np.stack([scores for _, scores in found])
    yield "keypoints", np.stack([person.points for person in people])
    yield "scores", np.stack([person.scores for person in people])


class Recorded:
    """A session that gives recorded outputs, one call after the other."""

    def __init__(self, shape: list[int], outputs: list[list[np.ndarray]]) -> None:
        self.shape = shape
        self.outputs = iter(outputs)
        self.given: list[np.ndarray] = []

    name = "input"

    def get_inputs(self) -> list[Recorded]:
        return [self]

    def run(self, _: None, given: dict[str, np.ndarray]) -> list[np.ndarray]:
        self.given.append(given[self.name])
        return next(self.outputs)


def _network(settings: dict, inputs: dict) -> tuple[Any, Recorded]:
    from fitting_room.pipelines.masking.dwpose.network import DwPose

    columns, rows = settings["pose_input_wh"]
    detector = Recorded([1, 3, *settings["detector_input"]], [[inputs["yolox_output"]]])
    pairs = zip(inputs["simcc_x"], inputs["simcc_y"], strict=True)
    joints = Recorded([1, 3, rows, columns], [[x[None], y[None]] for x, y in pairs])
    return DwPose(detector, joints), joints
