"""The pose as a picture, in the colours that OpenPose ControlNets were trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from .keypoints import KeyPoints

# One colour per point, around the colour wheel; a limb has the colour of its place in LIMBS.
COLOURS = (
    (255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0),
    (0, 255, 0), (0, 255, 85), (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255),
    (0, 0, 255), (85, 0, 255), (170, 0, 255), (255, 0, 255), (255, 0, 170), (255, 0, 85),
)  # fmt: skip
LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10),
    (1, 11), (11, 12), (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip
LIMB_BRIGHTNESS = 0.6
HALF_WIDTH = 4 / 512  # of a limb and radius of a point, per pixel of the shorter side
CORNERS = 36  # of the polygon that stands for an ellipse


def draw_skeleton(people: Sequence[KeyPoints], width: int, height: int) -> np.ndarray:
    """The people's 18 points and 17 limbs on black, (height, width, 3) uint8 RGB.

    Points of a picture of another size are stretched. Missing points and their limbs are left out.
    """
    canvas = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(canvas)
    radius = max(min(width, height) * HALF_WIDTH, 1.0)
    for person in people:
        points = person.resized(width, height).points
        for (start, end), colour in zip(LIMBS, COLOURS, strict=False):
            if points[start, 2] > 0 and points[end, 2] > 0:
                shade = tuple(int(value * LIMB_BRIGHTNESS) for value in colour)
                draw.polygon(_ellipse(points[start, :2], points[end, :2], radius), fill=shade)
        for (x, y, confidence), colour in zip(points, COLOURS, strict=True):
            if confidence > 0:
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return np.array(canvas)


def _ellipse(start: np.ndarray, end: np.ndarray, radius: float) -> list[tuple[float, float]]:
    """Outline of the ellipse from start to end that is 2 * radius wide."""
    x, y = (start + end) / 2
    along = (end - start) / 2
    length = max(math.hypot(*along), 1e-6)
    across = np.array([-along[1], along[0]]) * (radius / length)
    turns = (2 * math.pi * corner / CORNERS for corner in range(CORNERS))
    return [
        (
            float(x + along[0] * math.cos(turn) + across[0] * math.sin(turn)),
            float(y + along[1] * math.cos(turn) + across[1] * math.sin(turn)),
        )
        for turn in turns
    ]
