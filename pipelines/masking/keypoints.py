"""The one key-point object that every pose source gives and every mask rule takes.

18 points in the OpenPose/COCO order: 0 nose, 1 neck, 2-4 right shoulder/elbow/wrist, 5-7 left,
8-10 right hip/knee/ankle, 11-13 left, 14 right eye, 15 left eye, 16 right ear, 17 left ear.
Right and left are the person's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NAMES = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist",
    "left_shoulder", "left_elbow", "left_wrist", "right_hip", "right_knee", "right_ankle",
    "left_hip", "left_knee", "left_ankle", "right_eye", "left_eye", "right_ear", "left_ear",
)  # fmt: skip

LIMBS = (
    (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10),
    (1, 11), (11, 12), (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip


@dataclass(frozen=True)
class KeyPoints:
    """points: (18, 3) float32, x and y in pixels of a width x height picture and a confidence
    in 0..1. A missing point is (0, 0, 0)."""

    points: np.ndarray
    width: int
    height: int

    def resized(self, width: int, height: int) -> KeyPoints:
        """The same points in a picture stretched to width x height pixels."""
        scale = np.array([width / self.width, height / self.height, 1.0], dtype=np.float32)
        return KeyPoints(self.points * scale, width, height)

    def shifted(self, left: float, top: float, width: int, height: int) -> KeyPoints:
        """The same points in the width x height crop whose corner is at (left, top).

        Points outside the crop become missing.
        """
        points = self.points - np.array([left, top, 0.0], dtype=np.float32)
        inside = (
            (points[:, 0] >= 0) & (points[:, 1] >= 0)
            & (points[:, 0] < width) & (points[:, 1] < height) & (self.points[:, 2] > 0)
        )  # fmt: skip
        return KeyPoints(points * inside[:, None], width, height)

    def to_openpose(self) -> dict:
        """OpenPose JSON of one picture, as other node packages exchange it (POSE_KEYPOINT)."""
        flat = [round(float(value), 3) for value in self.points.reshape(-1)]
        return {
            "people": [{"pose_keypoints_2d": flat}],
            "canvas_width": self.width,
            "canvas_height": self.height,
        }
