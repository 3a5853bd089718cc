"""The landmark network on one crop of the picture, and whether to believe it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from .mediapipe.crops import TurnedSquare, cut_out, person_crop
from .mediapipe.decoding import (
    BODY_POINTS,
    CROP_SIZE,
    decode_landmarks,
    probabilities,
    sigmoid,
)
from .mediapipe.model import BodyModel

FACE = slice(0, 11)
# Each landmark's counterpart on the other side; from the mouth on, left and right alternate.
MIRRORED = (0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9, *(i + 1 if i % 2 else i - 1 for i in range(11, 33)))
UPPER_BODY = 25  # landmarks from the nose to the hips
SEEN = 0.5  # visibility
LEAST_SCORE = 0.5  # MediaPipe's, of "a person is in this crop"
# Chosen on photos of people (cut, turned, tiny) and of cups, cats, rockets and empty clothes.
SURE_SCORE = 0.9
MOST_DRIFT = 0.015
WIDER = 1.25  # crop for a person who reaches out of the first
MOST_AT_EDGE = 8  # pixels of the mask
LEAST_SEEN = 0.7  # mean visibility of the upper body


@dataclass(frozen=True)
class Reading:
    """landmarks: (33, 5) as in Body; mask: float32 (256, 256), 0..1, along the crop; score: 0..1,
    that a person is in the crop; next_crop: where the network would rather have looked."""

    crop: TurnedSquare
    next_crop: TurnedSquare
    landmarks: np.ndarray
    mask: np.ndarray
    score: float

    @property
    def visibility(self) -> float:
        """Mean of the upper body's landmarks, 0..1."""
        return float(self.landmarks[:UPPER_BODY, 3].mean())


def read_landmarks(model: BodyModel, image: Image.Image, crop: TurnedSquare) -> Reading:
    """One run of the network."""
    raw, heat, flag, mask = model.landmarks(cut_out(image, crop, CROP_SIZE, "nearest"))
    found = decode_landmarks(raw, heat)
    places = crop.to_picture(found[:, :2])
    landmarks = np.column_stack([places, found[:, 2] * crop.size, found[:, 3:]])
    next_crop = person_crop(*places[BODY_POINTS : BODY_POINTS + 2])
    landmarks = landmarks[:BODY_POINTS].astype(np.float32)
    return Reading(crop, next_crop, landmarks, probabilities(mask), float(sigmoid(np.array(flag))))


def read_mask(model: BodyModel, image: Image.Image, crop: TurnedSquare) -> tuple[np.ndarray, float]:
    """A reading's mask and score alone."""
    *_, flag, mask = model.landmarks(cut_out(image, crop, CROP_SIZE, "nearest"))
    return probabilities(mask), float(sigmoid(np.array(flag)))


def settle(
    model: BodyModel, image: Image.Image, crop: TurnedSquare, seen: bool = True
) -> Reading | None:
    """The reading of the person at `crop`, or None if there is none after all.

    `seen`: the detector saw somebody in the whole picture; otherwise it takes more to be believed.
    One run is mostly enough; crops that the landmarks do not confirm are read up to three times,
    and once more with a larger crop if the person reaches out of it.
    """
    reading = _believe(model, image, crop, seen)
    if reading is None:
        return None
    if _reaches_out(reading, image):
        wider = replace(reading.crop, size=reading.crop.size * WIDER)
        larger = read_landmarks(model, image, wider)
        reading = larger if larger.score >= min(reading.score, SURE_SCORE) else reading
    return _facing(reading, image)


def _believe(
    model: BodyModel, image: Image.Image, crop: TurnedSquare, seen: bool
) -> Reading | None:
    reading = first = read_landmarks(model, image, crop)
    good = seen and first.score >= SURE_SCORE
    if good and not _far(first.crop, first.next_crop):
        return first
    for _ in range(2):
        last, reading = reading, read_landmarks(model, image, reading.next_crop)
        believable = (
            reading.score >= LEAST_SCORE
            if seen
            else reading.score >= SURE_SCORE and reading.visibility >= LEAST_SEEN
        )
        if believable and _drift(last, reading) <= MOST_DRIFT:
            return reading
    return first if good else None


def _reaches_out(reading: Reading, image: Image.Image) -> bool:
    """Whether the mask goes on beyond an edge of the crop that lies inside the picture."""
    edge = reading.mask > 0.5
    edge[2:-2, 2:-2] = False
    rows, columns = np.nonzero(edge)
    places = np.stack([columns, rows], 1) + 0.5
    places = reading.crop.to_picture(places / CROP_SIZE)
    inside = ((places >= 0) & (places < image.size)).all(axis=1)
    return int(inside.sum()) > MOST_AT_EDGE


def _facing(reading: Reading, image: Image.Image) -> Reading:
    """The same person, seen from the front if the face is outside the picture.

    Without a head, the network takes every third person who faces the camera for one seen from
    behind, and right for left. Garments are shown from the front far more often.
    """
    landmarks = reading.landmarks
    face = landmarks[FACE, :2]
    if ((face >= 0) & (face < image.size)).all(axis=1).any():
        return reading
    rightwards = np.array([math.cos(reading.crop.angle), math.sin(reading.crop.angle)])
    shoulders, hips = ((landmarks[left, :2] - landmarks[left + 1, :2]) for left in (11, 23))
    if shoulders @ rightwards < 0 and hips @ rightwards < 0:
        return replace(reading, landmarks=landmarks[list(MIRRORED)])
    return reading


def _drift(one: Reading, other: Reading) -> float:
    """How far apart two readings see the upper body, in widths of the crop.

    Two crops of a real person agree within about 0.01. What merely resembles one (a cup, a cat, a
    dress on a hanger) is read differently each time, however high the scores.
    """
    seen = one.landmarks[:UPPER_BODY, 3] > SEEN
    if not seen.any():
        return 1.0
    apart = one.landmarks[:UPPER_BODY, :2] - other.landmarks[:UPPER_BODY, :2]
    return float(np.linalg.norm(apart[seen], axis=1).mean() / one.crop.size)


def _far(one: TurnedSquare, other: TurnedSquare) -> bool:
    """Whether two crops of a person differ enough to look again. Smaller differences move the
    landmarks by about half a percent of the crop, either way."""
    shift = np.hypot(one.x - other.x, one.y - other.y)
    turn = np.abs(np.angle(np.exp(1j * (one.angle - other.angle))))
    return bool(shift > one.size / 8 or abs(np.log(one.size / other.size)) > 0.25 or turn > 0.35)
