"""The mask rule of CatVTON, which Leffa's AutoMasker copies.

From Zheng-Chong/CatVTON model/cloth_masker.py, by behaviour. It takes no key points but three
label maps: DensePose says where the body is, two SCHP maps say what is worn.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..errors import InputError
from .rules_common import (
    ATR,
    LIP,
    among,
    as_mask,
    check_choice,
    check_labels,
    dilated,
    labelled,
    opencv,
)

# DensePose's I index, by body part and side; "front" and "back" where it tells them apart.
DENSEPOSE: Mapping[str, tuple[int, ...]] = {
    "torso": (1, 2),
    "hands": (3, 4),
    "feet": (5, 6),
    "thighs": (7, 8, 9, 10),
    "lower_legs": (11, 12, 13, 14),
    "upper_arms": (15, 16, 17, 18),
    "forearms": (19, 20, 21, 22),
}

LIMBS = ("left_arm", "right_arm", "left_leg", "right_leg")
ACCESSORIES = (
    "hat", "hair", "glove", "sunglasses", "bag", "left_shoe", "right_shoe", "scarf", "socks",
)  # fmt: skip

BODY = {
    "upper": ("torso", "upper_arms", "forearms"),
    "lower": ("thighs", "lower_legs"),
    "dress": ("torso", "thighs", "lower_legs", "upper_arms", "forearms"),
    "inner": ("torso",),
    "outer": ("torso", "upper_arms", "forearms"),
}
GARMENTS = {
    "upper": ("upper", "coat", "dress", "jumpsuit"),
    "lower": ("trousers", "skirt", "dress", "jumpsuit"),
    "dress": ("upper", "dress", "trousers", "skirt", "coat", "jumpsuit"),
    "inner": ("upper",),
    "outer": ("coat",),
}
# Kept in the first place, besides accessories, in the LIP and in the ATR map.
KEPT_LIP = {
    "upper": ("left_leg", "right_leg", "skirt", "trousers"),
    "lower": ("left_arm", "right_arm", "face", "upper", "coat"),
    "dress": (),
    "inner": ("left_leg", "right_leg", "dress", "coat", "skirt", "trousers", "jumpsuit"),
    "outer": ("left_leg", "right_leg", "upper", "dress", "trousers", "skirt", "jumpsuit"),
}
KEPT_ATR = {
    "upper": ("left_leg", "right_leg", "skirt", "trousers"),
    "lower": ("left_arm", "right_arm", "face", "upper"),
    "dress": (),
    "inner": ("left_leg", "right_leg", "dress", "skirt", "trousers"),
    "outer": ("left_leg", "right_leg", "dress", "trousers", "skirt"),
}
CATEGORIES = tuple(BODY)

BODY_SHRINK = 4  # the body parts are grown at a quarter of the size
BLUR_THRESHOLD = 25  # of 255


def catvton(densepose: np.ndarray, lip: np.ndarray, atr: np.ndarray, category: str) -> np.ndarray:
    """The repaint mask of CatVTON: float32 of the maps' size, 1 = repaint.

    densepose (the I index 0..24), lip and atr: uint8 label maps of one size, both sides a multiple
    of 4. category: upper, lower, dress (published as "overall"), inner (under an open coat) or
    outer (the coat alone). Raises InputError.
    """
    check_choice(category, CATEGORIES, "category")
    _check_maps(densepose, lip, atr)
    longest = max(densepose.shape)
    grow = _odd(longest // 250)

    limbs = labelled(atr, ATR, LIMBS) | labelled(lip, LIP, LIMBS)
    untouchable = (dilated(_body(densepose, ("hands", "feet")), grow) & limbs) | (
        lip == LIP["face"]
    )
    kept = untouchable | labelled(lip, LIP, ACCESSORIES + KEPT_LIP[category])
    kept |= labelled(atr, ATR, ACCESSORIES + KEPT_ATR[category])

    small = _body(densepose[::BODY_SHRINK, ::BODY_SHRINK], BODY[category])
    body = dilated(small, grow, times=2).repeat(BODY_SHRINK, axis=0).repeat(BODY_SHRINK, axis=1)

    area = _hulls((((lip > 0) | (atr > 0)) & ~kept) | body) & ~kept
    area = _blurred(area, _odd(longest // 25))
    area |= labelled(lip, LIP, GARMENTS[category]) | labelled(atr, ATR, GARMENTS[category])
    return as_mask(dilated(area & ~untouchable, grow))


def _check_maps(densepose: np.ndarray, lip: np.ndarray, atr: np.ndarray) -> None:
    check_labels(densepose, "DensePose")
    check_labels(lip, "LIP")
    check_labels(atr, "ATR")
    height, width = densepose.shape
    if lip.shape != densepose.shape or atr.shape != densepose.shape:
        raise InputError(
            "The three label maps must have one size; got "
            f"DensePose {width}x{height}, LIP {lip.shape[1]}x{lip.shape[0]}, "
            f"ATR {atr.shape[1]}x{atr.shape[0]}. Make all three from the same picture."
        )
    if width % BODY_SHRINK or height % BODY_SHRINK:
        raise InputError(
            f"The CatVTON mask rule needs a width and height that are multiples of 4; got "
            f"{width}x{height}. Crop or resize the picture to "
            f"{width - width % 4}x{height - height % 4}."
        )


def _odd(number: int) -> int:
    return number if number % 2 else number + 1


def _body(densepose: np.ndarray, parts: tuple[str, ...]) -> np.ndarray:
    return among(densepose, [index for part in parts for index in DENSEPOSE[part]])


def _hulls(area: np.ndarray) -> np.ndarray:
    """The convex hulls of all connected regions, united."""
    cv2 = opencv()
    outlines, _ = cv2.findContours(area.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    filled = np.zeros(area.shape, dtype=np.uint8)
    for outline in outlines:
        cv2.fillPoly(filled, [cv2.convexHull(outline)], 1)
    return filled.view(bool)


def _blurred(area: np.ndarray, side: int) -> np.ndarray:
    """The area widened by a Gaussian blur of side x side and a low threshold."""
    cv2 = opencv()
    left, top, width, height = cv2.boundingRect(area.view(np.uint8))
    reach = side // 2 + 1  # one more than the blur's, so that nothing is mirrored at a cut edge
    rows = slice(max(top - reach, 0), top + height + reach)
    columns = slice(max(left - reach, 0), left + width + reach)
    grey = area[rows, columns].view(np.uint8) * np.uint8(255)
    wide = np.zeros_like(area)
    wide[rows, columns] = cv2.GaussianBlur(grey, (side, side), 0) >= BLUR_THRESHOLD
    return wide
