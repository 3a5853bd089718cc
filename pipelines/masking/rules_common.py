"""What the published mask rules share: label names, checks, drawing and dilation.

Label maps are uint8 arrays (height, width). Inside the rules a mask is a bool array of that shape.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType

import numpy as np
from PIL import Image, ImageDraw

from ..errors import InputError, MissingFiles
from ..images import resize
from .keypoints import KeyPoints

# SCHP's ATR labels; the OOTDiffusion family adds the neck. Left and right are the person's.
ATR: Mapping[str, int] = {
    "background": 0, "hat": 1, "hair": 2, "sunglasses": 3, "upper": 4, "skirt": 5, "trousers": 6,
    "dress": 7, "belt": 8, "left_shoe": 9, "right_shoe": 10, "face": 11, "left_leg": 12,
    "right_leg": 13, "left_arm": 14, "right_arm": 15, "bag": 16, "scarf": 17, "neck": 18,
}  # fmt: skip

# SCHP's LIP labels. VITON-HD's own maps use 10 for the neck instead.
LIP: Mapping[str, int] = {
    "background": 0, "hat": 1, "hair": 2, "glove": 3, "sunglasses": 4, "upper": 5, "dress": 6,
    "coat": 7, "socks": 8, "trousers": 9, "jumpsuit": 10, "scarf": 11, "skirt": 12, "face": 13,
    "left_arm": 14, "right_arm": 15, "left_leg": 16, "right_leg": 17, "left_shoe": 18,
    "right_shoe": 19,
}  # fmt: skip

# The frame that the references detect key points in; every length below is of this height.
FRAME_WIDTH, FRAME_HEIGHT = 384, 512
RIGHT_SHOULDER, RIGHT_ELBOW, RIGHT_WRIST = 2, 3, 4
LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST = 5, 6, 7

MINIMUM_SIDE = 16


def opencv() -> ModuleType:
    """OpenCV, which rules need for dilation and outlines.

    The outline of ootdiffusion and leffa_hd is exact from OpenCV 4.11 on: older ones approximate
    contours differently (up to 56 pixels along the outline at 384x512).
    """
    try:
        return importlib.import_module("cv2")
    except ImportError as error:
        raise MissingFiles(
            "The mask rules need OpenCV, which is not installed. "
            f"Install it with: {sys.executable} -m pip install opencv-python-headless"
        ) from error


def check_labels(labels: np.ndarray, name: str) -> None:
    """Raises InputError unless labels is a uint8 array (height, width) of a usable size."""
    if not isinstance(labels, np.ndarray) or labels.dtype != np.uint8 or labels.ndim != 2:
        came = (
            f"{labels.dtype} of shape {labels.shape}"
            if isinstance(labels, np.ndarray)
            else type(labels).__name__
        )
        raise InputError(
            f"The {name} label map must be a uint8 array (height, width); got {came}. "
            "Give the labels themselves, not a coloured picture of them."
        )
    check_size(labels.shape[1], labels.shape[0])


def check_size(width: int, height: int) -> None:
    if width < MINIMUM_SIDE or height < MINIMUM_SIDE:
        raise InputError(
            f"A mask must be at least {MINIMUM_SIDE}x{MINIMUM_SIDE} pixels; {width}x{height} was "
            "asked for. Use a larger picture."
        )


def check_choice(choice: str, choices: Iterable[str], name: str) -> None:
    if choice not in choices:
        raise InputError(f"The {name} must be one of {', '.join(choices)}; got {choice!r}.")


def frame_points(keypoints: KeyPoints) -> np.ndarray:
    """(18, 2) float64 x and y in a 384x512 frame, (0, 0) where missing.

    Points that are already in this frame come back as they are, to the last bit.
    """
    points = np.asarray(keypoints.points, dtype=np.float64)
    if points.ndim != 2 or points.shape[0] != 18 or points.shape[1] < 2:
        raise InputError(f"18 key points of x and y are needed; got an array {points.shape}.")
    points = points[:, :2]
    if not np.isfinite(points).all():
        raise InputError("Key points must be finite numbers; use (0, 0) for a missing point.")
    return points * (FRAME_WIDTH / keypoints.width, FRAME_HEIGHT / keypoints.height)


def labelled(labels: np.ndarray, table: Mapping[str, int], names: Iterable[str]) -> np.ndarray:
    """Where the map carries one of the named labels; names that the table lacks are left out."""
    return among(labels, [table[name] for name in names if name in table])


def among(labels: np.ndarray, wanted: Sequence[int]) -> np.ndarray:
    """Where the map carries one of the wanted labels."""
    lookup = np.zeros(256, dtype=np.uint8)
    lookup[list(wanted)] = 1
    return (
        opencv().LUT(labels, lookup).view(bool)
    )  # a quarter of the time of numpy's lookup[labels]


def resized_labels(labels: np.ndarray, width: int, height: int) -> np.ndarray:
    """The map at width x height by Pillow's nearest neighbour, as every reference has it."""
    if labels.shape == (height, width):
        return labels
    return resize(labels, width, height, "nearest")


def dilated(mask: np.ndarray, side: int, times: int = 1) -> np.ndarray:
    """The mask grown `times` times by a side x side square.

    An even square has its anchor right and below of its middle, so the mask drifts by one pixel
    left and up each time. OpenCV makes one pass of all the passes, so they need no merging here.
    """
    square = np.ones((side, side), dtype=np.uint8)
    return opencv().dilate(mask.view(np.uint8), square, iterations=times).view(bool)


def eroded(mask: np.ndarray, side: int) -> np.ndarray:
    """The mask shrunk once by a side x side square; the picture's edge does not shrink it."""
    return opencv().erode(mask.view(np.uint8), np.ones((side, side), dtype=np.uint8)).view(bool)


def as_unsigned_16_bit(points: np.ndarray) -> np.ndarray:
    """Points cut to whole numbers modulo 65536.

    The references cast to uint16, so a point left of or above the picture jumps to the far right
    or bottom. Going through int64 gives that result on every processor.
    """
    return points.astype(np.int64).astype(np.uint16)


def polyline(points: Sequence, width: int, height: int, thickness: int) -> Image.Image:
    """A width x height picture with a white line of round joints through (x, y) points."""
    picture = Image.new("L", (width, height))
    ImageDraw.Draw(picture).line([tuple(point) for point in points], 255, thickness, "curve")
    return picture


def is_missing(point: np.ndarray) -> bool:
    """The references' test: a point at most one pixel from the corner in both axes."""
    return bool(point[0] <= 1.0 and point[1] <= 1.0)


def without_holes(mask: np.ndarray) -> np.ndarray:
    """The mask with its one-pixel border cleared and every enclosed hole filled."""
    cv2 = opencv()
    filled = np.zeros(mask.shape, dtype=np.uint8)
    filled[1:-1, 1:-1] = mask[1:-1, 1:-1]
    outside = filled.copy()
    cv2.floodFill(outside, None, (0, 0), 1)
    return (filled | (outside ^ 1)).view(bool)


def as_mask(mask: np.ndarray) -> np.ndarray:
    """The float32 form in which masks leave the rules: 1 = repaint."""
    return mask.astype(np.float32)
