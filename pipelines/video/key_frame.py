"""Which frame of a video to dress, and how a dressed picture is framed like the driving person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..errors import InputError, NobodyFound
from ..images import Crop
from ..masking.body import Body
from ..masking.rules_common import opencv
from .follow import torso

EYES, SHOULDERS, HIPS, HANDS = (2, 5), (11, 12), (23, 24), (15, 16)
WIDE = 0.75  # shoulder width per torso length of somebody who faces the camera


@dataclass(frozen=True)
class Scored:
    """One frame. frontal, sharp, large: 0..1 each (sharp and large relative to the best frame);
    score: their product."""

    index: int
    frontal: float
    sharp: float
    large: float

    @property
    def score(self) -> float:
        return self.frontal * self.sharp * self.large


def frontal(body: Body) -> float:
    """0..1: how much the person faces the camera, arms beside the torso rather than before it."""
    points = body.landmarks
    width = points[SHOULDERS[0], 0] - points[SHOULDERS[1], 0]  # left is right in the picture
    length = torso(points)[1]
    facing = float(np.clip(width / max(WIDE * length, 1.0), 0.02, 1))
    eyes = float(points[list(EYES), 3].min())
    left, right = sorted(points[list(SHOULDERS), 0])
    top, bottom = points[list(SHOULDERS), 1].mean(), points[list(HIPS), 1].mean()
    before = sum(
        bool(left < points[hand, 0] < right and top < points[hand, 1] < bottom)
        for hand in HANDS
        if points[hand, 3] > 0.5
    )
    return facing * max(eyes, 0.05) * (1 - 0.3 * before)


def sharpness(picture: np.ndarray, body: Body) -> float:
    """Mean strength of the edges on the person, in levels; sees motion blur."""
    cv2 = opencv()
    left, top, right, bottom = body.box
    part = cv2.cvtColor(picture[top:bottom, left:right], cv2.COLOR_RGB2GRAY)
    inside = body.mask[top:bottom, left:right] > 0.5
    edges = np.abs(cv2.Laplacian(part, cv2.CV_32F, ksize=3))
    return float(edges[inside].mean()) if inside.any() else 0.0


def score_frames(frames: Iterable[tuple[int, np.ndarray, Body | None]]) -> list[Scored]:
    """The best frame first. frames: (number, picture, body in it or None).

    Raises NobodyFound where no frame shows the person.
    """
    rows = [
        (index, frontal(body), sharpness(picture, body), float(body.mask.mean()))
        for index, picture, body in frames
        if body is not None
    ]
    if not rows:
        raise NobodyFound(
            "Nobody was found in the frames that were looked at. Use a video in which the person "
            "is seen from the front at least once, or look at more frames."
        )
    sharpest, largest = max(row[2] for row in rows) or 1, max(row[3] for row in rows) or 1
    found = [
        Scored(index, facing, sharp / sharpest, large / largest)
        for index, facing, sharp, large in rows
    ]
    return sorted(found, key=lambda row: -row.score)


def reframed(dressed: Body, driving: Body) -> Crop:
    """The region of the dressed picture that puts its person where the driving person is.

    The torso gives scale and place: it is there whatever arms and legs do. The region has the
    driving frame's size and may reach beyond the picture. Raises InputError where the two persons
    differ in size by more than 8 times.
    """
    height, width = driving.mask.shape
    (middle, length), (wanted, wanted_length) = torso(dressed.landmarks), torso(driving.landmarks)
    scale = length / max(wanted_length, 1.0)
    if not 1 / 8 <= scale <= 8:
        raise InputError(
            f"The dressed person is {scale:.1f} times as large as the one in the video. Give a "
            "picture in which the person fills about as much, or scale it first."
        )
    rows, columns = dressed.mask.shape
    return Crop(
        left=round(middle[0] - scale * wanted[0]),
        top=round(middle[1] - scale * wanted[1]),
        width=max(1, round(scale * width)),
        height=max(1, round(scale * height)),
        model_width=width,
        model_height=height,
        photo_width=columns,
        photo_height=rows,
    )
