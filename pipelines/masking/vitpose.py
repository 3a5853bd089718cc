"""ViTPose with RT-DETR: people found by one network, their joints by another, both of transformers.

Both are read from folders in the layout that transformers saves and the hub has, for example
`PekingU/rtdetr_r50vd_coco_o365` and `usyd-community/vitpose-base-simple`. Nothing is downloaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..files.published import PROCESSOR, load_published
from ..processor import Processor, load_processor
from .keypoints import KeyPoints

COCO = (0, None, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
"""COCO's point of each of the 18 OpenPose points; the neck is the middle of both shoulders."""

COCO_SHOULDERS = [5, 6]
COCO_DATASET = 0
"""Which expert of a ViTPose++ network knows COCO's points."""


@dataclass(frozen=True)
class VitPose:
    """detector: RT-DETR, joints: ViTPose, each with its image processor. Of the detector's only
    what comes after the network is used; `detector_pictures` prepares its pictures.

    least_person, least_joint: 0..1, the scores below which a person or a joint is left out.
    """

    detector: Any
    detector_processor: Any
    detector_pictures: Processor
    joints: Any
    joints_processor: Any
    least_person: float = 0.4
    least_joint: float = 0.3

    @torch.inference_mode()
    def find(self, picture: np.ndarray) -> list[KeyPoints]:
        """Everyone in a picture (height, width, 3) uint8 RGB, as the detector orders them."""
        height, width = picture.shape[:2]
        boxes = self._people(picture)
        if not len(boxes):
            return []
        boxes[:, 2:] -= boxes[:, :2]  # left, top, width, height
        inputs = self.joints_processor(picture, boxes=[boxes], return_tensors="pt")
        inputs = inputs.to(self.joints.device)
        extra = {}
        if getattr(self.joints.config.backbone_config, "num_experts", 1) > 1:
            extra["dataset_index"] = torch.full(
                (len(boxes),), COCO_DATASET, device=self.joints.device
            )
        outputs = self.joints(pixel_values=inputs["pixel_values"].to(self.joints.dtype), **extra)
        (people,) = self.joints_processor.post_process_pose_estimation(outputs, boxes=[boxes])
        return [
            self._keypoints(person["keypoints"], person["scores"], width, height)
            for person in people
        ]

    def _people(self, picture: np.ndarray) -> np.ndarray:
        """(n, 4) float32 left, top, right, bottom of the people, inside the picture."""
        height, width = picture.shape[:2]
        pixels = self.detector_pictures([picture])
        outputs = self.detector(pixel_values=pixels.to(self.detector.device, self.detector.dtype))
        (found,) = self.detector_processor.post_process_object_detection(
            outputs, target_sizes=[(height, width)], threshold=self.least_person
        )
        names = self.detector.config.id2label
        keep = [str(names[int(label)]).lower() == "person" for label in found["labels"]]
        boxes = found["boxes"].float().cpu().numpy()[np.array(keep, dtype=bool)]
        boxes = boxes.clip(0, (width, height, width, height)).astype(np.float32)
        return boxes[(boxes[:, 2:] - boxes[:, :2] >= 1).all(axis=1)]

    def _keypoints(self, places: torch.Tensor, scores: torch.Tensor, width: int,
                   height: int) -> KeyPoints:  # fmt: skip
        """COCO's 17 points, (17, 2) and (17,), as 18; those out of sight are missing."""
        found = np.column_stack([places.float().cpu().numpy(), scores.float().cpu().numpy()])
        neck = np.append(found[COCO_SHOULDERS, :2].mean(axis=0), found[COCO_SHOULDERS, 2].min())
        points = np.stack([neck if source is None else found[source] for source in COCO])
        points[:, 2] = points[:, 2].clip(0, 1)
        seen = (points[:, :2] >= 0).all(1) & (points[:, :2] < (width, height)).all(1)
        seen &= points[:, 2] >= self.least_joint
        return KeyPoints((points * seen[:, None]).astype(np.float32), width, height)


def load_vitpose(joints: Path | str, detector: Path | str) -> VitPose:
    """Both networks from their folders. Raises MissingFiles for folders that do not hold them."""
    from transformers import (
        AutoImageProcessor,
        AutoModelForObjectDetection,
        VitPoseForPoseEstimation,
    )

    def load(kind: Any, folder: Path | str) -> tuple[Any, Any]:
        network = load_published(kind, folder, "a network")
        processor = load_published(AutoImageProcessor, folder, "a processor", PROCESSOR)
        return network.eval().requires_grad_(False), processor

    people = load(AutoModelForObjectDetection, detector)
    return VitPose(*people, load_processor(detector), *load(VitPoseForPoseEstimation, joints))
