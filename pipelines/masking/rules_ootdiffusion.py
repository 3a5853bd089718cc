"""The mask rules of OOTDiffusion (IDM-VTON has the same) and of Leffa's VITON-HD model.

From levihsu/OOTDiffusion run/utils_ootd.py and franciszzj/Leffa leffa_utils/utils.py, by behaviour.
"""

from __future__ import annotations

import numpy as np
from PIL import ImageDraw

from .keypoints import KeyPoints
from .rules_common import (
    ATR,
    FRAME_HEIGHT,
    FRAME_WIDTH,
    LEFT_ELBOW,
    LEFT_SHOULDER,
    LEFT_WRIST,
    RIGHT_ELBOW,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
    as_mask,
    as_unsigned_16_bit,
    check_choice,
    check_labels,
    check_size,
    dilated,
    eroded,
    frame_points,
    is_missing,
    labelled,
    opencv,
    polyline,
    resized_labels,
)

ARM_THICKNESS = {"hd": 60, "dc": 45}  # pixels at a height of 512
WRIST_REACH = 1.2  # the stroke ends here, in forearms from the elbow, so that it covers the hand

HEAD = ("hat", "sunglasses", "face")
KEPT = ("left_shoe", "right_shoe", "hat", "sunglasses", "bag")
KEPT_TOO = {
    "upper": ("skirt", "trousers"),
    "lower": ("upper", "left_arm", "right_arm"),
    "dress": (),
}
TARGET = {
    "upper": ("upper", "dress"),
    "lower": ("trousers", "left_leg", "right_leg", "skirt"),
    "dress": ("dress", "upper", "skirt", "trousers"),
}
CATEGORIES = tuple(TARGET)


def ootdiffusion(
    labels: np.ndarray,
    keypoints: KeyPoints,
    category: str,
    variant: str = "hd",
    width: int = FRAME_WIDTH,
    height: int = FRAME_HEIGHT,
) -> np.ndarray:
    """The repaint mask of OOTDiffusion and IDM-VTON: float32 (height, width), 1 = repaint.

    labels: uint8 (any height, any width), ATR with 18 = neck. category: upper, lower or dress.
    variant: hd (half body, IDM-VTON too) or dc (full body). The published programs ask for 384x512
    and enlarge the mask. Raises InputError.
    """
    return _mask(labels, keypoints, category, variant, width, height, leffa=False)


def leffa_hd(
    labels: np.ndarray,
    keypoints: KeyPoints,
    category: str,
    variant: str = "hd",
    width: int = FRAME_WIDTH,
    height: int = FRAME_HEIGHT,
) -> np.ndarray:
    """The repaint mask of Leffa's VITON-HD model: float32 (height, width), 1 = repaint.

    As `ootdiffusion`, with a wider target and a narrower kept area. Leffa itself uses variant hd at
    384x512 alone. Raises InputError.
    """
    return _mask(labels, keypoints, category, variant, width, height, leffa=True)


def _mask(
    labels: np.ndarray,
    keypoints: KeyPoints,
    category: str,
    variant: str,
    width: int,
    height: int,
    leffa: bool,
) -> np.ndarray:
    check_labels(labels, "ATR")
    check_size(width, height)
    check_choice(category, CATEGORIES, "category")
    check_choice(variant, ARM_THICKNESS, "variant")
    labels = resized_labels(labels, width, height)

    head = labelled(labels, ATR, HEAD)
    kept = labelled(labels, ATR, KEPT + KEPT_TOO[category])
    fixed = kept
    # Leffa's rule takes a 10x10 square: its drift is in every stage hd_rule.*
    target = dilated(labelled(labels, ATR, TARGET[category]), 10 if leffa else 5, times=5)
    if category != "lower":
        strokes, hands = _arms(labels, frame_points(keypoints), ARM_THICKNESS[variant])
        fixed = fixed | hands
        neck = dilated(labels == ATR["neck"], 5) & ~head
        target |= neck | dilated(strokes, 5, times=4)
    if leffa:
        fixed = eroded(fixed, 5)
    # Leffa's erosion frees a rim of the kept area, which is repainted; where the rim closes,
    # filling the holes takes what it encloses too (shoes, trousers: stages hd_rule.*.upper_body.*).
    repaint = (target | kept) & ~(fixed | head)
    return as_mask(_largest_region(repaint))


def _arms(labels: np.ndarray, points: np.ndarray, thickness: int) -> tuple[np.ndarray, np.ndarray]:
    """Both arms as bool maps: strokes along the limbs, and arm labels outside them (hands)."""
    height = labels.shape[0]
    points = points * (height / FRAME_HEIGHT)  # both axes by the height, as published
    thickness = int(thickness / FRAME_HEIGHT * height)
    right = labels == ATR["right_arm"]
    left = labels == ATR["left_arm"]
    right_stroke, left_stroke = right, left
    if not is_missing(points[RIGHT_WRIST]):
        path = _arm_path(points, RIGHT_SHOULDER, RIGHT_ELBOW, RIGHT_WRIST)
        right_stroke = _stroke(path, points[RIGHT_SHOULDER], thickness, labels.shape)
    if not is_missing(points[LEFT_WRIST]):
        path = _arm_path(points, LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST)[::-1]
        left_stroke = _stroke(path, points[LEFT_SHOULDER], thickness, labels.shape)
    return right_stroke | left_stroke, (right & ~right_stroke) | (left & ~left_stroke)


def _arm_path(points: np.ndarray, shoulder: int, elbow: int, wrist: int) -> np.ndarray:
    reach = points[elbow] + WRIST_REACH * (points[wrist] - points[elbow])
    return as_unsigned_16_bit(np.stack([points[shoulder], points[elbow], reach]))


def _stroke(
    path: np.ndarray, shoulder: np.ndarray, thickness: int, shape: tuple[int, ...]
) -> np.ndarray:
    """A thick line along the path and a ring of half its thickness around the shoulder."""
    picture = polyline(path.tolist(), shape[1], shape[0], thickness)
    radius = thickness // 2
    box = [*(shoulder - radius), *(shoulder + radius)]
    ImageDraw.Draw(picture).arc(box, 0, 360, 255, radius)
    return np.array(picture) > 0


def _largest_region(mask: np.ndarray) -> np.ndarray:
    """The largest region of the mask inside its one-pixel border, with its holes filled.

    Drawing the outer outline alone fills the holes. OpenCV's TC89_L1 approximation moves the
    outline a little: every stage of ootdiffusion and hd_rule.* shows it.
    """
    cv2 = opencv()
    inside = np.zeros(mask.shape, dtype=np.uint8)
    inside[1:-1, 1:-1] = mask[1:-1, 1:-1]
    outlines, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_TC89_L1)
    region = np.zeros(mask.shape, dtype=np.uint8)
    if outlines:
        areas = [abs(cv2.contourArea(outline, True)) for outline in outlines]
        cv2.drawContours(region, outlines, int(np.argmax(areas)), color=1, thickness=-1)
    return region.view(bool)
