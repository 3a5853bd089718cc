"""The pose network of DWPose: the crop of a person that it sees, and points in what it says.

Published code: github.com/IDEA-Research/DWPose (branch onnx), from mmpose; Apache-2.0. Written anew
from its behaviour. 133 points come from the network, and with the neck 134 go on:
0-17 the OpenPose body, 18-23 feet, 24-91 face, 92-112 left and 113-133 right hand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..rules_common import opencv

MARGIN = 1.25
"""Of a box's width and height, that the network sees."""

MEAN = np.array([123.675, 116.28, 103.53])
DEVIATION = np.array([58.395, 57.12, 57.375])
"""RGB's numbers, taken from BGR planes by the published code (golden stage pose_input)."""

BINS = 2
"""For each pixel of the network's input."""

LEAST_SCORE = 0.3
SHOULDERS = [5, 6]
NECK = 17
TARGETS = [1, 2, 3, 4, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16, 17]
SOURCES = [17, 6, 8, 10, 7, 9, 12, 14, 16, 13, 15, 2, 1, 4, 3]
"""From COCO's order with the neck at 17 to OpenPose's; places not named here stay."""


@dataclass(frozen=True)
class Frame:
    """What of a picture the network sees: centre (x, y) and size (width, height) in its pixels."""

    centre: np.ndarray
    size: np.ndarray


def frame_of(box: np.ndarray, width: int, height: int) -> Frame:
    """The frame around a box (left, top, right, bottom), widened to the shape width:height."""
    centre = (box[:2] + box[2:]) * 0.5
    across, down = (box[2:] - box[:2]) * MARGIN
    aspect = width / height
    if across > down * aspect:
        return Frame(centre, np.array([across, across / aspect]))
    return Frame(centre, np.array([down * aspect, down]))


def joints_input(picture: np.ndarray, frame: Frame, width: int, height: int) -> np.ndarray:
    """(3, height, width) float32 of a picture (h, w, 3) RGB uint8, black beyond its edges."""
    cv2 = opencv()
    # Three points of the frame, the middle, the middle of the top edge and one a quarter turn on,
    # and where they go: published so, and float32, so that no pixel differs.
    middle = np.array([width, height]) * 0.5
    points, targets = (
        np.array([at, at - [0, half], at - [half, half]], dtype=np.float32)
        for at, half in ((frame.centre, frame.size[0] * 0.5), (middle, width * 0.5))
    )
    turn = cv2.getAffineTransform(points, targets)
    swapped = np.ascontiguousarray(picture[:, :, ::-1])
    seen = cv2.warpAffine(swapped, turn, (width, height), flags=cv2.INTER_LINEAR)
    return ((seen - MEAN) / DEVIATION).transpose(2, 0, 1).astype(np.float32)


def decoded(
    across: np.ndarray, down: np.ndarray, frame: Frame, width: int, height: int
) -> tuple[np.ndarray, np.ndarray]:
    """(points (133, 2) float64 in pixels of the picture, scores (133,)).

    across: (133, 2 * width), down: (133, 2 * height), how likely each half pixel of the network's
    input is. A score is the lower of both maxima; a point without any lies at -1 of the bins.
    """
    bins = np.stack([across.argmax(axis=1), down.argmax(axis=1)], axis=-1).astype(np.float64)
    scores = np.minimum(across.max(axis=1), down.max(axis=1))
    bins[scores <= 0] = -1
    places = bins / BINS / (width, height)
    return places * frame.size + frame.centre - frame.size / 2, scores


def in_openpose_order(points: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(134, 2) and (134,) of (133, 2) and (133,): the neck between the shoulders, OpenPose's order.

    The neck is there (score 1) where both shoulders are, else not (score 0).
    """
    rows = np.column_stack([points, scores])
    neck = rows[SHOULDERS].mean(axis=0)
    neck[2] = (rows[SHOULDERS, 2] > LEAST_SCORE).all()
    rows = np.insert(rows, NECK, neck, axis=0)
    rows[TARGETS] = rows[SOURCES]
    return rows[:, :2], rows[:, 2]
