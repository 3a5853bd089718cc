"""The landmark network on one crop of the picture, and whether to believe it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .mediapipe.crops import Crop, cut_out, person_crop
from .mediapipe.decoding import BODY_POINTS, CROP_SIZE, decode_landmarks
from .mediapipe.model import BodyModel

UPPER_BODY = 25  # landmarks from the nose to the hips
SEEN = 0.5  # visibility
LEAST_SCORE = 0.5  # MediaPipe's, of "a person is in this crop"
# Chosen on photos of people (cut, turned, tiny) and of cups, cats, rockets and empty clothes.
SURE_SCORE = 0.9
MOST_DRIFT = 0.015
LEAST_SEEN = 0.7  # mean visibility of the upper body


@dataclass(frozen=True)
class Reading:
    """landmarks: (33, 5) as in Body; mask: (256, 256), 0..1, along the crop; score: 0..1, that a
    person is in the crop; next_crop: where the network would rather have looked."""

    crop: Crop
    next_crop: Crop
    landmarks: np.ndarray
    mask: Tensor
    score: float

    @property
    def visibility(self) -> float:
        """Mean of the upper body's landmarks, 0..1."""
        return float(self.landmarks[:UPPER_BODY, 3].mean())


def read_landmarks(model: BodyModel, image: Image.Image, crop: Crop) -> Reading:
    """One run of the network."""
    with torch.inference_mode():
        pixels = cut_out(image, crop, CROP_SIZE, "nearest").to(model.device)
        raw, heat, flag, mask = model.landmarks(pixels)
        found = decode_landmarks(raw[0].cpu().numpy(), heat[0].cpu().numpy())
        score, mask = float(torch.sigmoid(flag[0])), torch.sigmoid(mask[0]).cpu()
    places = crop.to_picture(found[:, :2])
    landmarks = np.column_stack([places, found[:, 2] * crop.size, found[:, 3:]])
    next_crop = person_crop(*places[BODY_POINTS : BODY_POINTS + 2])
    return Reading(crop, next_crop, landmarks[:BODY_POINTS].astype(np.float32), mask, score)


def settle(model: BodyModel, image: Image.Image, crop: Crop, seen: bool = True) -> Reading | None:
    """The reading of the person at `crop`, or None if there is none after all.

    `seen`: the detector saw somebody in the whole picture; otherwise it takes more to be believed.
    One run is mostly enough; crops that the landmarks do not confirm are read up to three times.
    """
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


def _far(one: Crop, other: Crop) -> bool:
    """Whether two crops of a person differ enough to look again. Smaller differences move the
    landmarks by about half a percent of the crop, either way."""
    shift = np.hypot(one.x - other.x, one.y - other.y)
    turn = np.abs(np.angle(np.exp(1j * (one.angle - other.angle))))
    return bool(shift > one.size / 8 or abs(np.log(one.size / other.size)) > 0.25 or turn > 0.35)
