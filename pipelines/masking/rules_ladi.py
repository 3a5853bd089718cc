"""The mask rules of LaDI-VTON, for Dress Code and VITON-HD, and of Leffa's Dress Code model.

From miccunifi/ladi-vton src/dataset/ and franciszzj/Leffa leffa_utils/utils.py, by behaviour. All
three draw one stroke through both arms and, for Dress Code, cut the head off at the shoulders.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..images import resize
from .keypoints import KeyPoints
from .rules_common import (
    ATR,
    FRAME_HEIGHT,
    FRAME_WIDTH,
    LEFT_ELBOW,
    LEFT_SHOULDER,
    LEFT_WRIST,
    LIP,
    RIGHT_ELBOW,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
    as_mask,
    as_unsigned_16_bit,
    check_choice,
    check_labels,
    check_size,
    dilated,
    frame_points,
    is_missing,
    labelled,
    polyline,
    resized_labels,
    without_holes,
)

LEFFA_THICKNESS = 30  # pixels whatever the size, as published
DRESSCODE_THICKNESS = 45  # pixels whatever the size, as published
VITONHD_THICKNESS = 90  # pixels at a height of 512
SHOULDER_MARGIN = 20  # the head is cut this far above the shoulder line, at a height of 512

DRESSCODE_HEAD = ("hat", "hair", "sunglasses", "face")
DRESSCODE_KEPT = ("hair", "left_shoe", "right_shoe", "hat", "sunglasses", "scarf", "bag")
DRESSCODE_KEPT_TOO = {
    "upper": ("skirt", "trousers"),
    "lower": ("upper", "left_arm", "right_arm"),
    "dress": (),
}
DRESSCODE_TARGET = {
    "upper": ("upper",),
    "lower": ("trousers", "left_leg", "right_leg"),
    "dress": ("dress", "left_leg", "right_leg"),
}
CATEGORIES = tuple(DRESSCODE_TARGET)

VITONHD_HEAD = ("hat", "hair", "sunglasses", "face")
VITONHD_KEPT = ("hat", "hair", "left_shoe", "right_shoe", "trousers", "skirt")
VITONHD_TARGET = ("upper", "dress", "coat")

ARMS = ("left_arm", "right_arm")

HEAT_MAP_DEVIATION = 9.0  # pixels
# Beyond this distance a heat map is 0 in float32 even where its peak is outside the picture and
# the division by (peak + epsilon) raises it to the utmost: 81 * (104 + ln(1 / epsilon)) < 100^2.
HEAT_MAP_REACH = 100


class LadiMask(NamedTuple):
    """mask: float32 (height, width), 1 = repaint. kept_labels: uint8 (height, width), the label
    map with the repainted pixels set to 0 (stage parse_mask_total)."""

    mask: np.ndarray
    kept_labels: np.ndarray


def leffa_dc(labels: np.ndarray, keypoints: KeyPoints, category: str) -> np.ndarray:
    """The repaint mask of Leffa's Dress Code model: float32 of the map's size, 1 = repaint.

    labels: uint8 (height, width), ATR with 18 = neck; the rule does not resize it, and Leffa gives
    it 384x512. category: upper, lower or dress. Raises InputError.
    """
    check_labels(labels, "ATR")
    check_choice(category, CATEGORIES, "category")
    height = labels.shape[0]
    # stages dc_rule.*.192x256, .384x512 and .768x1024: the squares change in steps
    if height > 512:
        arm_square, target_square = 10, 20
    elif height > 256:
        arm_square, target_square = 5, 10
    else:
        arm_square, target_square = 1, 5

    head = labelled(labels, ATR, (*DRESSCODE_HEAD, "neck"))
    kept = labelled(labels, ATR, DRESSCODE_KEPT + DRESSCODE_KEPT_TOO[category])
    target = labelled(labels, ATR, DRESSCODE_TARGET[category])
    fixed, head_kept = kept, head
    if category != "lower":
        points = frame_points(keypoints) * (height / FRAME_HEIGHT)
        # unlike LaDI-VTON's, these points stay fractional
        stroke = _arm_stroke(points, labels.shape, LEFFA_THICKNESS)
        stroke = dilated(stroke, arm_square, times=5)
        fixed = kept | (labelled(labels, ATR, ARMS) & ~stroke)
        head_kept = _above_shoulders(head, points)
        target |= stroke | (head & ~head_kept)
    repaint = (dilated(target, target_square, times=5) | kept) & ~(fixed | head_kept)
    return as_mask(without_holes(repaint))


def ladi_dresscode(
    labels: np.ndarray,
    keypoints: KeyPoints,
    category: str,
    width: int = FRAME_WIDTH,
    height: int = FRAME_HEIGHT,
) -> LadiMask:
    """LaDI-VTON's repaint mask for Dress Code.

    labels: uint8 (any height, any width), ATR. category: upper, lower or dress. Raises InputError.
    """
    check_labels(labels, "ATR")
    check_size(width, height)
    check_choice(category, CATEGORIES, "category")
    labels = resized_labels(labels, width, height)
    head = labelled(labels, ATR, DRESSCODE_HEAD)
    kept = labelled(labels, ATR, DRESSCODE_KEPT + DRESSCODE_KEPT_TOO[category])
    target = labelled(labels, ATR, DRESSCODE_TARGET[category])
    fixed, head_kept = kept, head
    if category != "lower":
        points = frame_points(keypoints) * (height / FRAME_HEIGHT)  # both axes by the height
        stroke = _arm_stroke(as_unsigned_16_bit(points), labels.shape, DRESSCODE_THICKNESS, points)
        fixed = kept | (labelled(labels, ATR, ARMS) & ~stroke)
        head_kept = _above_shoulders(head, points)
        target |= stroke | (head & ~head_kept)
    repaint = (dilated(target, 5, times=5) | kept) & ~(fixed | head_kept)
    return LadiMask(as_mask(repaint), labels * ~repaint)


def ladi_vitonhd(
    labels: np.ndarray,
    keypoints: KeyPoints,
    width: int = FRAME_WIDTH,
    height: int = FRAME_HEIGHT,
) -> LadiMask:
    """LaDI-VTON's repaint mask for VITON-HD, which has upper garments only.

    labels: uint8 (any height, any width), LIP as in VITON-HD's own maps (10 = neck). Raises
    InputError.
    """
    check_labels(labels, "LIP")
    check_size(width, height)
    labels = resized_labels(labels, width, height)
    points = _vitonhd_points(keypoints, width, height)
    thickness = int(VITONHD_THICKNESS / FRAME_HEIGHT * height)
    stroke = _arm_stroke(as_unsigned_16_bit(points), labels.shape, thickness, points)
    kept = labelled(labels, LIP, VITONHD_KEPT)
    fixed = kept | (labelled(labels, LIP, ARMS) & ~stroke) | labelled(labels, LIP, VITONHD_HEAD)
    target = dilated(labelled(labels, LIP, VITONHD_TARGET) | stroke, 5, times=5)
    repaint = (target | kept) & ~fixed
    return LadiMask(as_mask(repaint), labels * ~repaint)


def ladi_pose_map(
    keypoints: KeyPoints,
    dataset: str = "dresscode",
    width: int = FRAME_WIDTH,
    height: int = FRAME_HEIGHT,
) -> np.ndarray:
    """LaDI-VTON's pose input: float32 (18, height, width), a Gaussian of 9 pixels around each key
    point with its peak at about 1, all 0 for a missing one.

    dataset: dresscode or vitonhd; they round the points differently in the last bit.
    """
    check_size(width, height)
    check_choice(dataset, ("dresscode", "vitonhd"), "dataset")
    if dataset == "dresscode":
        points = frame_points(keypoints) / (FRAME_WIDTH, FRAME_HEIGHT) * (width, height)
    else:
        points = _vitonhd_points(keypoints, width, height)
    maps = np.zeros((len(points), height, width), dtype=np.float32)
    for one_map, point in zip(maps, points, strict=True):
        if (point > 0).any():
            _add_heat(one_map, point)
    return maps


def body_shape(
    labels: np.ndarray, width: int = FRAME_WIDTH, height: int = FRAME_HEIGHT
) -> np.ndarray:
    """LaDI-VTON's body shape: float32 (1, height, width) in -1..1, the foreground of a label map
    shrunk to a sixteenth and enlarged again, both bilinearly by Pillow."""
    check_labels(labels, "ATR or LIP")
    check_size(width, height)
    foreground = (resized_labels(labels, width, height) > 0).astype(np.uint8) * np.uint8(255)
    small = resize(foreground, width // 16, height // 16, "bilinear")
    blurred = resize(small, width, height, "bilinear")
    return ((blurred.astype(np.float32) / np.float32(255) - np.float32(0.5)) / np.float32(0.5))[
        None
    ]


def _vitonhd_points(keypoints: KeyPoints, width: int, height: int) -> np.ndarray:
    """Points in a width x height picture, each axis by its own scale."""
    return frame_points(keypoints) * (width / FRAME_WIDTH, height / FRAME_HEIGHT)


def _arm_stroke(
    path_points: np.ndarray,
    shape: tuple[int, ...],
    thickness: int,
    points: np.ndarray | None = None,
) -> np.ndarray:
    """One thick line from wrist to wrist over both shoulders, as a bool map.

    A missing wrist is left out, and its elbow too if that is missing. With both wrists missing
    only the right one is, so the line then starts in the corner. `points` decides what is missing
    where path_points are rounded.
    """
    points = path_points if points is None else points
    path = [LEFT_WRIST, LEFT_ELBOW, LEFT_SHOULDER, RIGHT_SHOULDER, RIGHT_ELBOW, RIGHT_WRIST]
    if is_missing(points[RIGHT_WRIST]):
        path = path[:-2] if is_missing(points[RIGHT_ELBOW]) else path[:-1]
    elif is_missing(points[LEFT_WRIST]):
        path = path[2:] if is_missing(points[LEFT_ELBOW]) else path[1:]
    drawn = polyline(path_points[path].tolist(), shape[1], shape[0], thickness)
    return np.array(drawn) > 0


def _above_shoulders(head: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The head without what is below the line through both shoulders, moved up by the margin.

    With both shoulders missing the line is above the picture and its negative rows count from the
    bottom, so only the lowest rows are cut (poses `empty`).
    """
    height, width = head.shape
    shoulders = points[[RIGHT_SHOULDER, LEFT_SHOULDER]]
    lines = np.stack([shoulders[:, 0], np.ones(2)], axis=1)
    # least squares as published: two points one above the other still give a line
    slope, offset = np.linalg.lstsq(lines, shoulders[:, 1], rcond=None)[0]
    rows = np.arange(width) * slope + offset - SHOULDER_MARGIN * (height / FRAME_HEIGHT)
    rows = np.clip(rows, -height - 1, height + 1).astype(np.int64)  # cut towards zero
    rows = np.where(rows < 0, np.maximum(rows + height, 0), rows)
    return head & (np.arange(height)[:, None] < rows)


def _add_heat(one_map: np.ndarray, point: np.ndarray) -> None:
    """Writes one key point's Gaussian into a zero map, computed only where it is not 0."""
    height, width = one_map.shape
    left, top = np.floor(np.clip(point - HEAT_MAP_REACH, 0, (width, height))).astype(int)
    right, bottom = np.ceil(np.clip(point + HEAT_MAP_REACH + 1, 0, (width, height))).astype(int)
    if left >= right or top >= bottom:
        return
    across = (np.arange(left, right) - point[0]) ** 2
    down = (np.arange(top, bottom) - point[1]) ** 2
    # One exponential of the sum, not the product of two: stage pose_map.* is exact.
    heat = np.exp(-(across[None, :] + down[:, None]) / HEAT_MAP_DEVIATION**2)
    heat /= heat.max() + np.finfo(np.float32).eps
    one_map[top:bottom, left:right] = heat
