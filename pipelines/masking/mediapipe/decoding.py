"""From network outputs to people: anchors, non-maximum suppression and the rotated crop.

Numbers are those of MediaPipe's own graphs (pose_detection_cpu, pose_detection_to_roi,
pose_landmarks_to_roi).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

DETECTOR_SIZE = 224
CROP_SIZE = 256
MARGIN = 1.25  # the crop is this much larger than the circle around the person


@dataclass(frozen=True)
class Crop:
    """A square of `size` pixels around (x, y), turned clockwise by `angle` radians."""

    x: float
    y: float
    size: float
    angle: float = 0.0

    def affine(self) -> np.ndarray:
        """(2, 3) matrix from places in the crop (0..1 both ways) to picture pixels."""
        cosine, sine = math.cos(self.angle) * self.size, math.sin(self.angle) * self.size
        return np.array(
            [
                [cosine, -sine, self.x - (cosine - sine) / 2],
                [sine, cosine, self.y - (sine + cosine) / 2],
            ]
        )

    def to_picture(self, points: np.ndarray) -> np.ndarray:
        """(n, 2) places in the crop, 0..1, as picture pixels."""
        matrix = self.affine()
        return points @ matrix[:, :2].T + matrix[:, 2]

    def to_crop(self, points: np.ndarray) -> np.ndarray:
        """(n, 2) picture pixels as places in the crop; inside it they are 0..1."""
        matrix = self.affine()
        return (points - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T


def person_crop(centre: np.ndarray, top: np.ndarray) -> Crop:
    """The upright crop of a person from the middle of the hips and the point straight above that
    lies on the circle around the whole body."""
    across, up = top - centre
    return Crop(
        x=float(centre[0]),
        y=float(centre[1]),
        size=float(2 * MARGIN * math.hypot(across, up)),
        angle=math.atan2(across, -up),
    )


def anchors() -> np.ndarray:
    """(2254, 2) centres in 0..1, in the order of the detector's rows."""
    rows = []
    for cells, per_cell in ((28, 2), (14, 2), (7, 6)):
        centres = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        y, x = np.meshgrid(centres, centres, indexing="ij")
        rows.append(np.repeat(np.stack([x.ravel(), y.ravel()], 1), per_cell, axis=0))
    return np.concatenate(rows)


def decode_people(
    boxes: np.ndarray, logits: np.ndarray, least_score: float
) -> tuple[np.ndarray, np.ndarray]:
    """Detector rows (2254, 12) and logits (2254,) -> scores (n,), points (n, 6, 2) in 0..1.

    Points: corners of the head's box (left top, right bottom), middle of the hips, point on the
    circle around the body, middle of the shoulders, point on the circle around the upper body.
    """
    scores = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -100, 100)))
    kept = np.flatnonzero(scores > least_score)
    raw = boxes[kept].reshape(-1, 6, 2) / DETECTOR_SIZE
    centres = anchors()[kept]
    middle, half = raw[:, 0] + centres, raw[:, 1] / 2
    points = raw + centres[:, None]
    points[:, 0], points[:, 1] = middle - half, middle + half
    return suppress(scores[kept], points)


def suppress(
    scores: np.ndarray, points: np.ndarray, most_overlap: float = 0.3
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted non-maximum suppression: rows that overlap the best one by more than
    `most_overlap` are averaged into it by their scores."""
    best_scores, best_points = [], []
    left = np.argsort(-scores, kind="stable")
    while len(left):
        first = left[0]
        overlaps = _overlap(points[first, :2], points[left, :2]) > most_overlap
        overlaps[0] = True
        group, left = left[overlaps], left[~overlaps]
        best_scores.append(scores[first])
        best_points.append(np.average(points[group], axis=0, weights=scores[group]))
    return np.array(best_scores), np.array(best_points).reshape(-1, 6, 2)


def _overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of box (2, 2) with boxes (n, 2, 2)."""
    sides = np.minimum(box[1], boxes[:, 1]) - np.maximum(box[0], boxes[:, 0])
    common = np.prod(np.clip(sides, 0, None), axis=1)
    areas = np.prod(boxes[:, 1] - boxes[:, 0], axis=1)
    return common / (np.prod(box[1] - box[0]) + areas - common + 1e-12)
