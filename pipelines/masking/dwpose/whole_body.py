"""One person's points, as DWPose gives them and its drawing takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..body import LEAST_VISIBILITY, Body
from ..keypoints import KeyPoints
from .joints import LEAST_SCORE

BODY = slice(0, 18)
TRUNK_AND_LIMBS = slice(1, 14)
FACE = slice(24, 92)
HANDS = slice(92, 134)
POINTS = 134
HIDDEN = -1.0

FACE_OF_BODY = {36: 6, 39: 4, 42: 1, 45: 3, 30: 0, 48: 10, 54: 9}
"""Point of a face (68 of iBUG 300-W) -> landmark of the embedded body model: the corners of both
eyes, the tip of the nose, the corners of the mouth."""

HAND_OF_BODY = ({0: 15, 2: 21, 5: 19, 17: 17}, {0: 16, 2: 22, 5: 20, 17: 18})
"""Likewise of the left and the right hand (21 points): wrist, knuckles of thumb, index finger and
little finger."""


@dataclass(frozen=True)
class WholeBody:
    """points: (134, 2) float64, pixels of a width x height picture; scores: (134,) 0..1 or so.

    Where only a body is known, there are 18 of each.
    """

    points: np.ndarray
    scores: np.ndarray
    width: int
    height: int

    @property
    def shares(self) -> np.ndarray:
        """All points as shares of width and height."""
        return self.points / (float(self.width), float(self.height))

    @property
    def body(self) -> np.ndarray:
        """(18, 2) shares of width and height."""
        return self.shares[BODY]

    @property
    def body_index(self) -> np.ndarray:
        """(1, 18): the number of each point, -1 where it is not seen."""
        seen = self.scores[BODY] > LEAST_SCORE
        return np.where(seen, np.arange(18.0), HIDDEN)[None]

    @property
    def hands(self) -> np.ndarray | None:
        """(2, 21, 2) shares, left first; -1 where hidden. None where only a body is known."""
        return self._visible(HANDS, (2, 21, 2))

    @property
    def face(self) -> np.ndarray | None:
        """(1, 68, 2) shares; -1 where hidden. None where only a body is known."""
        return self._visible(FACE, (1, 68, 2))

    @property
    def keypoints(self) -> KeyPoints:
        """The 18 points of the body; what is hidden or outside the picture is missing."""
        points = np.column_stack([self.points[BODY], self.scores[BODY].clip(0, 1)])
        seen = (points[:, :2] >= 0).all(1) & (points[:, :2] < (self.width, self.height)).all(1)
        seen &= points[:, 2] > LEAST_SCORE
        return KeyPoints((points * seen[:, None]).astype(np.float32), self.width, self.height)

    def _visible(self, part: slice, shape: tuple[int, int, int]) -> np.ndarray | None:
        if len(self.points) == 18:
            return None
        # A point of exactly the least score is drawn here and not in the body: published so.
        hidden = self.scores[part] < LEAST_SCORE
        return np.where(hidden[:, None], HIDDEN, self.shares[part]).reshape(shape)


def of_body(body: Body, region: tuple[int, int, int, int], width: int, height: int) -> WholeBody:
    """An embedded body in a region (left, top, width, height) of its photo, drawn width x height:
    with the 7 points of the face and 4 of each hand that its model knows; the others are hidden."""
    known = of_keypoints(body.keypoints.shifted(*region).resized(width, height))
    points, scores = np.zeros((POINTS, 2)), np.zeros(POINTS)
    points[BODY], scores[BODY] = known.points, known.scores
    left, top, wide, high = region
    places = (body.landmarks[:, :2] - (left, top)) * (width / wide, height / high)
    seen = (places >= 0).all(1) & (places < (width, height)).all(1)
    seen &= body.landmarks[:, 3] >= LEAST_VISIBILITY
    for first, which in zip((FACE.start, HANDS.start, HANDS.start + 21),
                            (FACE_OF_BODY, *HAND_OF_BODY), strict=True):  # fmt: skip
        for number, landmark in which.items():
            points[first + number] = places[landmark]
            scores[first + number] = float(seen[landmark])
    return WholeBody(points, scores, width, height)


def of_keypoints(keypoints: KeyPoints) -> WholeBody:
    """A body from any source of key points, without hands and face."""
    points = keypoints.points.astype(np.float64)
    seen = points[:, 2] > 0
    return WholeBody(points[:, :2], seen.astype(np.float64), keypoints.width, keypoints.height)


def of_nobody(width: int, height: int) -> WholeBody:
    """For a picture without a person: no point is seen, and it is drawn black."""
    return WholeBody(np.full((18, 2), HIDDEN) * (width, height), np.zeros(18), width, height)


def chosen(people: Sequence[WholeBody]) -> int:
    """Which of several people is the one to dress, as published: the sums of the scores from neck
    to feet, times the area that these points span, compared.

    The area is taken of the points seen of the FIRST person, for everyone (golden case
    post_choose_person). Where nobody has an area the highest sum wins.
    """
    if len(people) == 1:
        return 0
    scores = np.stack([person.scores[TRUNK_AND_LIMBS] for person in people])
    seen = scores > LEAST_SCORE
    sums = (scores * seen).sum(axis=1)
    areas = [_area(person.points[TRUNK_AND_LIMBS][seen[0]]) for person in people]
    rated = sums * np.array(areas)
    rated[~np.isfinite(rated)] = 0
    return int(rated.argmax() if rated.any() else sums.argmax())


def _area(points: np.ndarray) -> float:
    """Of the box around what lies right of, and below, the picture's edges."""
    x, y = points[points[:, 0] > 0, 0], points[points[:, 1] > 0, 1]
    return float(np.ptp(x) * np.ptp(y)) if len(x) and len(y) else 0.0
