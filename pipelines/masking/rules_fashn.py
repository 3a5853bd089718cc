"""FASHN VTON v1.5's masks: what of a person is hidden, and what of a worn garment is kept.

Label maps are uint8 (height, width) with the 18 labels below. Written anew from the behaviour of
github.com/fashn-AI/fashn-vton-1.5 (Apache-2.0). Lengths are pixels of a picture 864 high.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .keypoints import KeyPoints
from .rules_common import (
    ATR,
    LEFT_ELBOW,
    LEFT_WRIST,
    RIGHT_ELBOW,
    RIGHT_WRIST,
    among,
    as_mask,
    check_choice,
    check_labels,
    opencv,
)

FASHN: Mapping[str, int] = {
    "background": 0, "face": 1, "hair": 2, "top": 3, "dress": 4, "skirt": 5, "pants": 6, "belt": 7,
    "bag": 8, "hat": 9, "scarf": 10, "glasses": 11, "arms": 12, "hands": 13, "legs": 14, "feet": 15,
    "torso": 16, "jewelry": 17,
}  # fmt: skip

OF_ATR = {
    "hat": "hat", "hair": "hair", "sunglasses": "glasses", "upper": "top", "skirt": "skirt",
    "trousers": "pants", "dress": "dress", "belt": "belt", "left_shoe": "feet",
    "right_shoe": "feet", "face": "face", "left_leg": "legs", "right_leg": "legs",
    "left_arm": "arms", "right_arm": "arms", "bag": "bag", "scarf": "scarf", "neck": "torso",
}  # fmt: skip
"""What each of SCHP's ATR labels is here. ATR counts hands to the arms and bare skin of the trunk
to nothing; the neck (18) is told apart by a second map."""

GARMENTS = {
    "upper": ("top", "dress", "scarf"),
    "lower": ("skirt", "pants", "belt"),
    "dress": ("top", "dress", "scarf", "skirt", "pants", "belt"),
}
LIMBS = {"upper": ("arms", "torso"), "lower": ("legs",), "dress": ("arms", "torso", "legs")}
ALWAYS_KEPT = ("face", "hair", "jewelry", "glasses", "bag", "hat")
KEPT = {"upper": ("legs", "hands"), "lower": ("arms", "feet"), "dress": ("hands", "feet")}

BASE_HEIGHT = 864
BUFFER = 4
BRUSH = 18
SMOOTHING = 1 / 2.5
"""Of the brush's radius: the sigma that rounds the outline."""

FARTHEST = 100
SIDEWAYS, UP_AND_DOWN = 33, 16

FOREARMS = ((RIGHT_ELBOW, RIGHT_WRIST), (LEFT_ELBOW, LEFT_WRIST))
HAND = 0.9
"""Of a forearm's length, that a hand reaches beyond the wrist, with room to spare."""


@dataclass(frozen=True)
class FashnMask:
    """The steps of the rule, bool (height, width) each."""

    buffer: np.ndarray
    bounded: np.ndarray
    contour: np.ndarray
    hybrid: np.ndarray
    workspace: np.ndarray
    final: np.ndarray


def fashn(labels: np.ndarray, category: str) -> np.ndarray:
    """What is hidden of a person who is to wear another garment, float32 (height, width), 1 = hide.

    category: upper, lower or dress. Raises InputError.
    """
    return as_mask(fashn_steps(labels, category).final)


def fashn_steps(labels: np.ndarray, category: str) -> FashnMask:
    """As `fashn`, with all steps on the way. Golden stages: mask.*."""
    check_labels(labels, "FASHN")
    check_choice(category, GARMENTS, "category")
    cv2 = opencv()
    scale = labels.shape[0] / BASE_HEIGHT
    worn = _labelled(labels, *GARMENTS[category], *LIMBS[category])
    side = max(1, int(BUFFER * scale))
    buffer = cv2.dilate(worn.view(np.uint8), np.ones((side, side), np.uint8)).view(bool)
    bounded = np.zeros_like(worn)
    left, top, width, height = cv2.boundingRect(worn.view(np.uint8))
    bounded[top : top + height, left : left + width] = True
    contour = _outline(worn, max(1, int(BRUSH * scale)))
    away = cv2.distanceTransform((~contour).view(np.uint8), cv2.DIST_L2, 5)
    hybrid = bounded & (contour | (away <= FARTHEST * scale))
    grown = (2 * int(UP_AND_DOWN * scale) + 1, 2 * int(SIDEWAYS * scale) + 1)
    workspace = cv2.dilate(hybrid.view(np.uint8), np.ones(grown, np.uint8)).view(bool)
    kept = _labelled(labels, *ALWAYS_KEPT, *KEPT[category])
    return FashnMask(buffer, bounded, contour, hybrid, workspace, buffer | (workspace & ~kept))


def worn_garment(labels: np.ndarray, category: str) -> np.ndarray:
    """Where the garment of a category is in a photo of somebody who wears it, bool.

    Golden stages: mask.*.garment_kept.
    """
    check_labels(labels, "FASHN")
    check_choice(category, GARMENTS, "category")
    return _labelled(labels, *GARMENTS[category])


def of_atr(labels: np.ndarray) -> np.ndarray:
    """A map of these labels from one of ATR's (18 = neck)."""
    check_labels(labels, "ATR")
    table = np.zeros(256, dtype=np.uint8)
    for name, number in ATR.items():
        table[number] = FASHN[OF_ATR.get(name, "background")]
    return table[labels]


def with_hands(labels: np.ndarray, keypoints: KeyPoints) -> np.ndarray:
    """The map with hands told from arms, as of_atr cannot: what of the arms lies beyond a wrist.

    keypoints: of a picture of the map's size. Without elbow or wrist an arm stays whole.
    """
    found = labels.copy()
    rows, columns = np.nonzero(labels == FASHN["arms"])
    places = np.stack([columns, rows], axis=1) + 0.5
    for elbow, wrist in FOREARMS:
        if not (keypoints.points[[elbow, wrist], 2] > 0).all():
            continue
        forearm = keypoints.points[wrist, :2] - keypoints.points[elbow, :2]
        beyond = places - keypoints.points[wrist, :2]
        hand = (beyond @ forearm > 0) & (np.hypot(*beyond.T) < HAND * np.hypot(*forearm))
        found[rows[hand], columns[hand]] = FASHN["hands"]
    return found


def _labelled(labels: np.ndarray, *names: str) -> np.ndarray:
    return among(labels, [FASHN[name] for name in names])


def _outline(mask: np.ndarray, radius: int) -> np.ndarray:
    """The mask as if painted with a soft brush, its holes filled; never less than the mask.

    Holes are filled by flooding from the first pixel only: where the outline covers it, everything
    counts as a hole, and so does background cut off from it. Published so (golden stages
    mask.corner.* and mask.closeup.*).
    """
    cv2 = opencv()
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    painted = cv2.dilate(mask.view(np.uint8), brush)
    outside = cv2.distanceTransform(1 - painted, cv2.DIST_L2, 5)
    inside = cv2.distanceTransform(painted, cv2.DIST_L2, 5)
    smooth = cv2.GaussianBlur(
        outside - inside, (0, 0), radius * SMOOTHING, borderType=cv2.BORDER_REPLICATE
    )
    outline = smooth <= 0
    background = (~outline).astype(np.uint8)
    cv2.floodFill(background, None, (0, 0), 0)
    return outline | (background == 1) | mask
