"""Both networks of DWPose, run by onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...errors import MissingFiles
from ..onnx import open_session
from .detector import detector_input, people_boxes
from .joints import decoded, frame_of, in_openpose_order, joints_input
from .whole_body import WholeBody

DETECTOR, JOINTS = "yolox_l.onnx", "dw-ll_ucoco_384.onnx"


class DwPose:
    """detector, joints: onnxruntime.InferenceSession of the two published files. They run on the
    processor; about a second a photo."""

    def __init__(self, detector: Any, joints: Any) -> None:
        self.detector = detector
        self.joints = joints

    def people(self, picture: np.ndarray) -> list[WholeBody]:
        """Everyone in a picture (height, width, 3) RGB uint8, the surest first.

        Where no box is found the whole picture is taken for one person, as published: its scores
        tell whether somebody is there.
        """
        height, width = picture.shape[:2]
        seen_height, seen_width = self.detector.get_inputs()[0].shape[2:]
        planes, scale = detector_input(picture, seen_width, seen_height)
        (output, *_) = _run(self.detector, planes[None].astype(np.float32))
        boxes = people_boxes(output, scale, seen_width, seen_height)
        if not len(boxes):
            boxes = np.array([[0, 0, width, height]])
        return [self._person(picture, box) for box in boxes]

    def _person(self, picture: np.ndarray, box: np.ndarray) -> WholeBody:
        rows, columns = self.joints.get_inputs()[0].shape[2:]
        frame = frame_of(box, columns, rows)
        seen = joints_input(picture, frame, columns, rows)
        across, down = _run(self.joints, seen[None])
        points, scores = decoded(across[0], down[0], frame, columns, rows)
        return WholeBody(*in_openpose_order(points, scores), *picture.shape[1::-1])


def _run(session: Any, given: np.ndarray) -> list[np.ndarray]:
    return session.run(None, {session.get_inputs()[0].name: given})


def load_dwpose(folder: Path | str) -> DwPose:
    """Both networks from the folder that holds their files.

    Raises InputError where onnxruntime is not installed, MissingFiles for a file that is absent,
    damaged or of another network.
    """
    instead = "go without DWPose: the embedded body model does its work"
    detector, joints = (
        open_session(Path(folder) / file, f"the {what} network of DWPose", instead, outputs)
        for file, what, outputs in ((DETECTOR, "detection", 1), (JOINTS, "pose", 2))
    )
    for session, file in ((detector, DETECTOR), (joints, JOINTS)):
        shape = session.get_inputs()[0].shape
        if len(shape) != 4 or not all(isinstance(side, int) for side in shape[2:]):
            raise MissingFiles(
                f"{Path(folder) / file} is no network of DWPose: its input has the shape {shape}, "
                "and pictures of a fixed size were wanted. Get it again with "
                "`fitting-room download pose/dwpose`."
            )
    return DwPose(detector, joints)
