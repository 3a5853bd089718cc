"""YOLOX: what the network is fed, and the boxes of people in what it says.

Published code: github.com/IDEA-Research/DWPose (branch onnx) and Megvii-BaseDetection/YOLOX, both
Apache-2.0; written anew from their behaviour. Pictures are RGB here; the network takes BGR.
"""

from __future__ import annotations

import numpy as np

from ..rules_common import opencv

GREY = 114
STRIDES = (8, 16, 32)
PERSON = 0
"""Which of the 80 classes."""

LEAST_CANDIDATE = 0.1
LEAST_SCORE = 0.3
MOST_OVERLAP = 0.45
"""Intersection over union above which the lower of two scores goes."""


def detector_input(picture: np.ndarray, width: int, height: int) -> tuple[np.ndarray, float]:
    """(uint8 (3, height, width) BGR planes, scale) of a picture (h, w, 3) RGB uint8: shrunk or
    enlarged into the upper left corner of a grey canvas."""
    scale = min(height / picture.shape[0], width / picture.shape[1])
    rows, columns = int(picture.shape[0] * scale), int(picture.shape[1] * scale)
    canvas = np.full((height, width, 3), GREY, dtype=np.uint8)
    swapped = np.ascontiguousarray(picture[:, :, ::-1])
    canvas[:rows, :columns] = opencv().resize(swapped, (columns, rows))
    return np.ascontiguousarray(canvas.transpose(2, 0, 1)), scale


def people_boxes(output: np.ndarray, scale: float, width: int, height: int) -> np.ndarray:
    """Boxes of people in pixels of the picture, (people, 4) float32 left, top, right, bottom, the
    surest first. They may reach beyond the picture.

    output: (1, cells, 85) float32, raw: offsets and log sizes, objectness, 80 classes. width,
    height: of the network's input. Golden stage: boxes.
    """
    cells, strides = _cells(width, height)
    raw = output[0]
    centre = (raw[:, :2] + cells) * strides
    half = np.exp(raw[:, 2:4]) * strides / 2
    boxes = (np.concatenate([centre - half, centre + half], axis=1) / scale).astype(np.float32)
    scores = raw[:, 4] * raw[:, 5 + PERSON]
    candidates = scores > LEAST_CANDIDATE
    boxes, scores = boxes[candidates], scores[candidates]
    kept = _apart(boxes, scores)
    return boxes[kept][scores[kept] > LEAST_SCORE]


def _cells(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Column and row of every cell of every stride, (cells, 2), and its stride, (cells, 1)."""
    cells, strides = [], []
    for stride in STRIDES:
        columns, rows = np.meshgrid(np.arange(width // stride), np.arange(height // stride))
        cells.append(np.stack([columns.ravel(), rows.ravel()], axis=1))
        strides.append(np.full((columns.size, 1), stride))
    return np.concatenate(cells), np.concatenate(strides)


def _apart(boxes: np.ndarray, scores: np.ndarray) -> list[int]:
    """Places of the boxes that no surer box covers, the surest first. Areas count one pixel more
    in width and height, as the published code has it."""
    left, top, right, bottom = boxes.T
    areas = (right - left + 1) * (bottom - top + 1)
    order, kept = scores.argsort()[::-1], []
    while len(order):
        first, others = order[0], order[1:]
        kept.append(int(first))
        across = np.minimum(right[first], right[others]) - np.maximum(left[first], left[others])
        down = np.minimum(bottom[first], bottom[others]) - np.maximum(top[first], top[others])
        common = np.maximum(across + 1, 0) * np.maximum(down + 1, 0)
        order = others[common / (areas[first] + areas[others] - common) <= MOST_OVERLAP]
    return kept
