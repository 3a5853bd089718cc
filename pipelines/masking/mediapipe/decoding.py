"""From network outputs to people and landmarks.

Numbers are those of MediaPipe's own graphs: pose_detection_cpu and
tensors_to_pose_landmarks_and_segmentation.
"""

from __future__ import annotations

from functools import cache

import numpy as np

DETECTOR_SIZE = 224
CROP_SIZE = 256
BODY_POINTS = 33  # the landmarks of the body; the next two steer a following crop
HEAT_REACH = 3  # cells around a landmark that may move it
LEAST_HEAT = 0.5


@cache
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
    scores = sigmoid(logits)
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


def decode_landmarks(raw: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Landmarks (39, 5) and heat maps (39, 64, 64), both raw -> (39, 5): x, y, z in widths of the
    crop, visibility and presence 0..1.

    As in MediaPipe, a landmark moves to the centre of the heat near it, if any of that is sure.
    """
    landmarks = np.concatenate([raw[:, :3] / CROP_SIZE, sigmoid(raw[:, 3:])], axis=1)
    cells, side = heat.shape[-1], 2 * HEAT_REACH + 1
    starts = (landmarks[:, :2] * cells).astype(int) - HEAT_REACH
    columns, rows = (starts[:, axis, None] + np.arange(side) for axis in (0, 1))
    across, down = ((lines >= 0) & (lines < cells) for lines in (columns, rows))
    logits = heat[
        np.arange(len(heat))[:, None, None],
        np.clip(rows, 0, cells - 1)[:, :, None],
        np.clip(columns, 0, cells - 1)[:, None],
    ]
    near = (sigmoid(logits) * (down[:, :, None] & across[:, None])).reshape(len(heat), -1)
    sure = across[:, HEAT_REACH] & down[:, HEAT_REACH] & (near.max(1) >= LEAST_HEAT)
    near, starts = near[sure], starts[sure]
    for axis, steps in enumerate(np.indices((side, side))[::-1]):
        middle = (near * steps.ravel()).sum(1) / near.sum(1)
        landmarks[sure, axis] = (starts[:, axis] + middle) / cells
    return landmarks


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Probabilities of logits, in 64 bits."""
    return 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -100, 100)))


def probabilities(logits: np.ndarray) -> np.ndarray:
    """The same of a mask, in 32 bits, none of them as small as processors take their time for."""
    return 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
