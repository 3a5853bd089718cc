"""A person's points as a picture: in grey for FASHN VTON, in colours for ControlNets.

Written anew from the behaviour of the published DWPose and FASHN VTON code (both Apache-2.0).
Nothing scales with the picture: limbs are 8 pixels wide in any.
"""

from __future__ import annotations

import colorsys
import math
from typing import Any

import numpy as np

from ..rules_common import opencv
from ..skeleton import COLOURS, LIMB_BRIGHTNESS, LIMBS
from .whole_body import WholeBody

HALF_WIDTH = 4  # of a limb and radius of a point, pixels
FACE_RADIUS = 3
FINGER_WIDTH = 2
BODY_GREYS = np.linspace(20, 240, 18).astype(np.uint8)
POINT_BRIGHTNESS = 1.3
HAND_GREY = 240
FACE_GREY = 200
FACE_COLOUR = (255, 255, 255)
HAND_COLOUR = (0, 0, 255)

FINGERS = tuple(
    (0 if joint == first else joint - 1, joint)
    for first in (1, 5, 9, 13, 17) for joint in range(first, first + 4)
)  # fmt: skip
HAND_GREYS = np.linspace(160, 220, len(FINGERS)).astype(np.uint8)


def draw_grey(person: WholeBody, width: int, height: int) -> np.ndarray:
    """uint8 (height, width) on black. Golden stage: drawn_grey."""
    canvas = np.zeros((height, width), dtype=np.uint8)
    points, seen = _pixels(person.body, width, height), person.body_index[0] >= 0
    for (start, end), grey in zip(LIMBS, BODY_GREYS, strict=False):
        if seen[start] and seen[end]:
            _limb(canvas, points[start], points[end], int(grey))
    canvas = (canvas * LIMB_BRIGHTNESS).astype(np.uint8)
    for number, place in enumerate(points):
        if seen[number]:
            _disc(canvas, place, HALF_WIDTH, min(255, int(_first_grey(number) * POINT_BRIGHTNESS)))
    greys = [int(grey) for grey in HAND_GREYS]
    return _hands_and_face(canvas, person, greys, HAND_GREY, FACE_GREY)


def draw_colour(person: WholeBody, width: int, height: int) -> np.ndarray:
    """uint8 (height, width, 3) on black, as ControlNets take it. Golden stage: drawn_colour."""
    canvas = np.zeros((height, width, 3), dtype=np.uint8)
    points, seen = person.body * (float(width), float(height)), person.body_index[0] >= 0
    for (start, end), colour in zip(LIMBS, COLOURS, strict=False):
        if seen[start] and seen[end]:
            _fine_limb(canvas, points[start], points[end], colour)
    canvas = (canvas * LIMB_BRIGHTNESS).astype(np.uint8)
    for place, there, colour in zip(points, seen, COLOURS, strict=True):
        if there:
            _disc(canvas, (int(place[0]), int(place[1])), HALF_WIDTH, colour)
    count = len(FINGERS)
    colours = [
        tuple(255 * part for part in colorsys.hsv_to_rgb(number / count, 1.0, 1.0))
        for number in range(count)
    ]
    return _hands_and_face(canvas, person, colours, HAND_COLOUR, FACE_COLOUR)


def _hands_and_face(
    canvas: np.ndarray, person: WholeBody, fingers: list, joints: Any, face: Any
) -> np.ndarray:
    height, width = canvas.shape[:2]
    for hand in [] if person.hands is None else person.hands:
        points = _pixels(hand, width, height)
        for (start, end), shade in zip(FINGERS, fingers, strict=True):
            if _inside(points[start]) and _inside(points[end]):
                opencv().line(canvas, points[start], points[end], shade, thickness=FINGER_WIDTH)
        for place in points:
            if _inside(place):
                _disc(canvas, place, HALF_WIDTH, joints)
    for place in [] if person.face is None else _pixels(person.face[0], width, height):
        if _inside(place):
            _disc(canvas, place, FACE_RADIUS, face)
    return canvas


def _pixels(shares: np.ndarray, width: int, height: int) -> list[tuple[int, int]]:
    """Cut to whole pixels towards 0."""
    return [(int(x * width), int(y * height)) for x, y in shares]


def _inside(place: tuple[int, int]) -> bool:
    """Right of and below the first pixel; beyond the other edges OpenCV draws nothing."""
    return min(place) > 0


def _limb(canvas: np.ndarray, start: tuple[int, int], end: tuple[int, int], shade: Any) -> None:
    """An ellipse whose ends are whole pixels."""
    across, down = start[0] - end[0], start[1] - end[1]
    middle = ((start[0] + end[0]) // 2, (start[1] + end[1]) // 2)
    _ellipse(canvas, middle, int(math.hypot(across, down)) // 2, across, down, shade)


def _fine_limb(canvas: np.ndarray, start: np.ndarray, end: np.ndarray, shade: Any) -> None:
    """An ellipse whose ends are any places."""
    across, down = (float(each) for each in start - end)
    middle = (int((start[0] + end[0]) / 2), int((start[1] + end[1]) / 2))
    _ellipse(canvas, middle, int(math.hypot(across, down) / 2), across, down, shade)


def _ellipse(
    canvas: np.ndarray, middle: tuple[int, int], half: int, across: float, down: float, shade: Any
) -> None:
    cv2 = opencv()
    angle = int(math.degrees(math.atan2(down, across)))
    outline = cv2.ellipse2Poly(middle, (half, HALF_WIDTH), angle, 0, 360, 1)
    cv2.fillConvexPoly(canvas, outline, shade)


def _disc(canvas: np.ndarray, place: tuple[int, int], radius: int, shade: Any) -> None:
    opencv().circle(canvas, place, radius, shade, thickness=-1)


def _first_grey(number: int) -> int:
    """Of the first limb that ends at a point."""
    return int(BODY_GREYS[next(i for i, limb in enumerate(LIMBS) if number in limb)])
