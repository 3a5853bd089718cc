"""What a user may change about a mask: holes, size, softness, hands kept, the new sleeves.

Masks are float32 (height, width), 1 = repaint. Lengths are shares of the shoulder width, so one
setting means the same on every photo.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from .keypoints import KeyPoints
from .rules_common import ATR, check_choice, labelled, opencv, without_holes

SLEEVES = ("as rule", "none", "short", "long")

SHOULDERS, NECK, HIPS = (2, 5), 1, (8, 11)
ARMS = ((2, 3, 4, "right_arm"), (5, 6, 7, "left_arm"))
"""Shoulder, elbow, wrist, and the label of its bare skin."""

HAND_CENTRE, HAND_RADIUS = 0.3, 0.4
"""Beyond the wrist, and around, in forearms."""

HANDS = (3, 4)
"""DensePose's numbers."""

SHORT_FROM, NONE_FROM = 0.1, 0.4
"""Skin is kept from here on: a share of the forearm below the elbow for short sleeves, of the upper
arm below the shoulder for none."""

BARE = 0.6
"""A limb is bare if this share of its line is skin."""

TORSO = ((2, 8), (5, 11), (8, 11), (2, 5))
"""Lines that what is near an arm must not be nearer to."""

HEAD = ("hat", "hair", "sunglasses", "face")
GARMENTS = ("upper", "dress", "skirt", "trousers", "scarf", "belt")


@dataclass(frozen=True)
class MaskOptions:
    """grow: shoulder widths, negative shrinks. feather: shoulder widths over which the edge fades.
    sleeves: of the new garment: "none" and "short" leave bare arms alone that it will not cover,
    "long" takes them; "as rule" leaves that to the mask rule. keep_hands: never repaint hands.
    fill_holes: repaint what the mask encloses. Raises InputError for values out of range."""

    grow: float = 0.0
    feather: float = 0.0
    sleeves: str = "as rule"
    keep_hands: bool = False
    fill_holes: bool = False

    def __post_init__(self) -> None:
        check_choice(self.sleeves, SLEEVES, "sleeves")
        if not -1 <= self.grow <= 2 or not 0 <= self.feather <= 2:
            raise InputError(
                f"The mask can grow by -1 to 2 and feather over 0 to 2 shoulder widths; got "
                f"{self.grow:g} and {self.feather:g}."
            )


def refined(
    mask: np.ndarray,
    options: MaskOptions,
    keypoints: KeyPoints | None,
    maps: Mapping[str, np.ndarray],
) -> np.ndarray:
    """The mask with the options applied, in this order: sleeves, holes, growth, hands, feather.

    keypoints and maps (uint8 label maps "atr" or "atr_neck", "densepose") are of the mask's size;
    what is absent is done without: hands and sleeves then stay as they are.
    """
    if options == MaskOptions() or not mask.any():
        return mask
    scale = shoulder_width(keypoints, mask)
    atr = maps.get("atr_neck", maps.get("atr"))
    region = mask >= 0.5
    if options.sleeves != "as rule" and keypoints is not None and atr is not None:
        region = _with_sleeves(region, options.sleeves, keypoints, atr)
    if options.fill_holes:
        region = without_holes(np.pad(region, 1))[1:-1, 1:-1]
    if options.grow:
        before, region = region, grown(region, options.grow * scale)
        if atr is not None:  # what was the face's stays the face's
            region = region & ~(labelled(atr, ATR, HEAD) & ~before)
    if options.keep_hands:
        region = region & ~hands(keypoints, atr, maps.get("densepose"), region.shape)
    unchanged = np.array_equal(region, mask >= 0.5)
    result = mask if unchanged else region.astype(np.float32)  # a rule's grey edge stays
    if options.feather:
        sigma = options.feather * scale / 2
        result = opencv().GaussianBlur(result, (0, 0), sigmaX=max(sigma, 0.1))
    return result


def shoulder_width(keypoints: KeyPoints | None, mask: np.ndarray) -> float:
    """Pixels. From the torso's length for a person seen from the side, from the mask's height (a
    third) where no points are known."""
    lengths = [0.0]
    if keypoints is not None:
        points, seen = keypoints.points[:, :2], keypoints.points[:, 2] > 0
        if seen[list(SHOULDERS)].all():
            lengths.append(float(np.hypot(*(points[SHOULDERS[0]] - points[SHOULDERS[1]]))))
        for hip in HIPS:
            if seen[[NECK, hip]].all():
                lengths.append(0.5 * float(np.hypot(*(points[NECK] - points[hip]))))
    if max(lengths) < 2:
        rows = np.flatnonzero((mask >= 0.5).any(axis=1))
        lengths.append((rows[-1] - rows[0] + 1) / 3 if len(rows) else 2.0)
    return max(lengths)


def grown(region: np.ndarray, pixels: float) -> np.ndarray:
    """A bool map grown (shrunk if negative) by a number of pixels in all directions."""
    from scipy.ndimage import distance_transform_edt

    if region.all() or not region.any():
        return region
    # When shrinking, the region goes on beyond the picture, as a person cut by the frame does.
    distance = np.asarray(distance_transform_edt(~region if pixels >= 0 else region))
    return distance <= pixels if pixels >= 0 else distance > -pixels


def hands(
    keypoints: KeyPoints | None,
    atr: np.ndarray | None,
    densepose: np.ndarray | None,
    shape: tuple[int, ...],
) -> np.ndarray:
    """Where hands are, as a bool map: DensePose's if it has any, else discs beyond the wrists; of
    them only skin where an ATR map tells."""
    if densepose is not None and np.isin(densepose, HANDS).any():
        return np.isin(densepose, HANDS)
    found = np.zeros(shape, dtype=np.uint8)
    if keypoints is None:
        return found.view(bool)
    for _, elbow, wrist, _ in ARMS:
        if keypoints.points[elbow, 2] > 0 and keypoints.points[wrist, 2] > 0:
            end = keypoints.points[wrist, :2]
            forearm = end - keypoints.points[elbow, :2]
            centre = np.rint(end + HAND_CENTRE * forearm).astype(int).tolist()
            radius = max(1, round(HAND_RADIUS * float(np.hypot(*forearm))))
            opencv().circle(found, centre, radius, 1, -1)
    skin = labelled(atr, ATR, ("left_arm", "right_arm")) if atr is not None else True
    return found.view(bool) & skin


def _with_sleeves(
    region: np.ndarray, sleeves: str, keypoints: KeyPoints, atr: np.ndarray
) -> np.ndarray:
    if sleeves == "long":
        arms = labelled(atr, ATR, ("left_arm", "right_arm"))
        return region | (arms & ~hands(keypoints, atr, None, region.shape))
    freed = np.zeros(region.shape, dtype=bool)
    for shoulder, elbow, wrist, label in ARMS:
        points, seen = keypoints.points[:, :2], keypoints.points[:, 2] > 0
        skin = atr == ATR[label]
        if not seen[[elbow, wrist]].all():
            continue
        joint, end, top = points[elbow], points[wrist], points[shoulder]
        if _share_along(skin, joint, end) >= BARE:
            start = joint + SHORT_FROM * (end - joint)
            freed |= _nearest(region, (start, end), keypoints, [(top, start)])
        if sleeves == "none" and seen[shoulder] and _share_along(skin, top, joint) >= BARE / 2:
            start = top + NONE_FROM * (joint - top)
            freed |= _nearest(region, (start, joint), keypoints, [(top, start)])
    return region & ~(freed & ~labelled(atr, ATR, GARMENTS))


def _nearest(
    region: np.ndarray,
    limb: tuple[np.ndarray, np.ndarray],
    keypoints: KeyPoints,
    others: list[tuple[np.ndarray, np.ndarray]],
) -> np.ndarray:
    """What of a region is nearer to a limb than to the torso and to other lines, as a bool map."""
    points, seen = keypoints.points[:, :2], keypoints.points[:, 2] > 0
    others = [*others, *((points[a], points[b]) for a, b in TORSO if seen[a] and seen[b])]
    y, x = np.nonzero(region)
    places = np.stack([x, y], axis=1).astype(np.float32)
    nearest = _distance(places, *limb)
    for line in others:
        nearest = np.where(nearest < _distance(places, *line), nearest, np.inf)
    found = np.zeros(region.shape, dtype=bool)
    found[y, x] = np.isfinite(nearest)
    return found


def _distance(places: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Pixels from places (n, 2) to a line from start to end."""
    way = end - start
    share = ((places - start) @ way / max(float(way @ way), 1e-6)).clip(0, 1)
    return np.hypot(*(places - start - share[:, None] * way).T)


def _share_along(skin: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
    places = np.rint(np.linspace(start, end, 21)).astype(int)
    x = places[:, 0].clip(0, skin.shape[1] - 1)
    y = places[:, 1].clip(0, skin.shape[0] - 1)
    return float(skin[y, x].mean())
