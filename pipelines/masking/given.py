"""What other nodes and other packages know of the person in a photo, as one `Sources`.

Label maps often come as pictures: of the numbers themselves, or of a published palette.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import InputError, NobodyFound
from .body import Body
from .densepose import COLOURS
from .keypoints import KeyPoints
from .pose import from_openpose
from .rules_common import ATR
from .sources import Sources, cut, nearest_pose

MOST_PARTS = len(COLOURS) - 1
FAR = 48
"""A colour counts as one of a palette up to this far, over the three channels together; JPEG and
resizing leave most pixels nearer than that."""

LEAST_KNOWN = 0.9
"""Share of pixels that must have a colour of the palette."""


def combined(
    photo: np.ndarray,
    body: Body | None = None,
    parsing: Sources | None = None,
    densepose: Sources | None = None,
    keypoints: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
) -> Sources:
    """Everything that is known of the person in one photo, in the region of the parsing.

    photo: uint8 (height, width, 3) RGB. parsing, densepose: with the label maps of this photo.
    keypoints: OpenPose JSON; of several people the one who stands where the body is, without a
    body the largest. Raises InputError for maps of another photo, NobodyFound.
    """
    height, width = photo.shape[:2]
    for name, known in (("parsing", parsing), ("DensePose", densepose)):
        if known is not None and (known.width, known.height) != (width, height):
            raise InputError(
                f"The {name} is of a photo of {known.width}x{known.height} pixels, and this photo "
                f"has {width}x{height}. Connect the one made of this photo."
            )
    region = parsing.part if parsing else (0, 0, width, height)
    maps = dict(parsing.maps) if parsing else {}
    if densepose is not None:
        maps["densepose"] = cut(densepose.map_of_photo("densepose"), region)
    points = None if keypoints is None else expected_pose(keypoints, body, width, height)
    if points is not None:
        points = points.shifted(*region)
    if parsing is None:
        return Sources(width, height, maps, points, body)
    return Sources(width, height, maps, points, body, parsing.region, parsing.parser)


def expected_pose(
    keypoints: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    body: Body | None,
    width: int,
    height: int,
) -> KeyPoints | None:
    """Key points of OpenPose JSON in pixels of a width x height photo.

    The person nearest to the body; None where the JSON knows nobody there and the body has to do.
    Raises InputError, and NobodyFound where there is no body.
    """
    poses = []
    try:
        while body is not None or not poses:
            poses.append(from_openpose(keypoints, len(poses), width, height))
    except NobodyFound:
        if body is None:
            raise
    if body is None:
        return poses[0]
    return nearest_pose(poses, body.keypoints)


def densepose_of_picture(picture: np.ndarray) -> np.ndarray:
    """Part numbers (height, width) uint8, 0..24, of any picture that models take for DensePose.

    picture: uint8 (height, width, 3) RGB: parts in their published colours, the numbers as three
    equal channels, or U, V and the number as red, green and blue. Raises InputError.
    """
    if picture[..., 2].max() <= MOST_PARTS:
        labels = picture[..., 2]
    else:
        labels = _of_palette(picture, COLOURS, "DensePose in its published colours (parula)")
    if not labels.any():
        raise InputError("The DensePose picture shows nobody: it is black.")
    return np.ascontiguousarray(labels)


def parsing_of_picture(picture: np.ndarray) -> dict[str, np.ndarray]:
    """ATR labels under the name that the mask rules know them by: "atr_neck" if there is a neck.

    picture: uint8 (height, width, 3) RGB: the numbers as three equal channels, or the colours of
    Pascal VOC's palette, in which parsing networks are mostly shown. Raises InputError.
    """
    if (picture == picture[..., :1]).all() and picture.max() <= max(ATR.values()):
        labels = np.ascontiguousarray(picture[..., 0])
    else:
        labels = _of_palette(picture, voc_colours(len(ATR)), "ATR labels in Pascal VOC's colours")
    return {"atr_neck" if (labels == ATR["neck"]).any() else "atr": labels}


def voc_colours(count: int) -> np.ndarray:
    """The first colours of Pascal VOC's palette, (count, 3) uint8 RGB.

    A label's bits are dealt to red, green and blue in turn, the lowest to the highest bit of each.
    """
    labels = np.arange(count)
    colours = np.zeros((count, 3), dtype=np.uint8)
    for bit in range(8):
        for channel in range(3):
            value = (labels >> (3 * bit + channel)) & 1
            colours[:, channel] |= (value << (7 - bit)).astype(np.uint8)
    return colours


def _of_palette(picture: np.ndarray, palette: np.ndarray, wanted: str) -> np.ndarray:
    """The number of the nearest colour for each pixel."""
    packed = picture.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
    found, places, counts = np.unique(packed, return_inverse=True, return_counts=True)
    colours = np.stack([found >> 16, (found >> 8) & 255, found & 255], axis=1).astype(np.int32)
    nearest = np.zeros(len(found), dtype=np.uint8)
    least = np.full(len(found), np.iinfo(np.int32).max)
    for number, colour in enumerate(palette.astype(np.int32)):
        distance = ((colours - colour) ** 2).sum(axis=1)
        nearest[distance < least] = number
        least = np.minimum(least, distance)
    known = counts[least <= FAR**2].sum() / counts.sum()
    if known < LEAST_KNOWN:
        raise InputError(
            f"{wanted}, or the numbers themselves, were wanted; only {known:.0%} of the picture's "
            "pixels have such a colour. Connect the label picture itself and not one laid over "
            "the photo."
        )
    return nearest[places.reshape(packed.shape)]
