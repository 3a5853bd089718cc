"""One person in the photo: landmarks, key points and mask, from MediaPipe's networks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from ..errors import NobodyFound
from ..maps.averaging import reduced
from ..threads import single_thread
from .keypoints import KeyPoints
from .landmarks import settle
from .mediapipe.model import BodyModel, load_body_model
from .people import FoundPerson, find_people, look_for_people, read_picture
from .person_mask import person_mask

__all__ = [
    "Body",
    "BodyModel",
    "FoundPerson",
    "embedded_body_model",
    "find_body",
    "find_people",
    "load_body_model",
]

LEAST_VISIBILITY = 0.3
WORKING_SIDE = 360  # pixels of the longer side in which geometry and clothes are worked out

# MediaPipe's landmark of each OpenPose point; the neck is the middle of both shoulders.
LANDMARK_OF = (0, None, 12, 14, 16, 11, 13, 15, 24, 26, 28, 23, 25, 27, 5, 2, 8, 7)
SHOULDERS = (11, 12)


@dataclass(frozen=True)
class Body:
    """One person. landmarks: (33, 5) float32, x, y, z in picture pixels (z towards the camera is
    negative), visibility and presence 0..1; mask: (height, width) float32, 1 = this person;
    box: (left, top, right, bottom) of the mask in pixels; score: 0..1, that a person is there.
    small: uint8 (h, w, 3), what the photo shows in the window, reduced; None where it is not at
    hand: then nothing can be told of the clothes."""

    landmarks: np.ndarray
    mask: np.ndarray
    box: tuple[int, int, int, int]
    score: float
    small: np.ndarray | None = None

    @property
    def window(self) -> tuple[int, int, int, int]:
        """left, top, right, bottom of the part of the photo to work in: the box and around it."""
        height, width = self.mask.shape
        left, top, right, bottom = self.box
        margin = 0.2 * max(right - left, bottom - top)
        return (
            int(max(0, left - margin)), int(max(0, top - margin)),
            int(min(width, right + margin)), int(min(height, bottom + margin)),
        )  # fmt: skip

    def seen_in(self, picture: np.ndarray) -> Body:
        """The body with what its photo uint8 (height, width, 3) shows in the window."""
        left, top, right, bottom = self.window
        photo = picture[top:bottom, left:right]
        scale = max(1.0, max(photo.shape[:2]) / WORKING_SIDE)
        size = (round(photo.shape[0] / scale), round(photo.shape[1] / scale))
        return replace(self, small=reduced(photo, *size))

    @property
    def keypoints(self) -> KeyPoints:
        """The 18 OpenPose points; hidden ones and ones outside the picture are missing."""
        height, width = self.mask.shape
        neck = self.landmarks[list(SHOULDERS)].mean(axis=0)
        rows = [neck if source is None else self.landmarks[source] for source in LANDMARK_OF]
        points = np.stack(rows)[:, (0, 1, 3)].astype(np.float32)
        seen = (points[:, :2] >= 0).all(1) & (points[:, :2] < (width, height)).all(1)
        seen &= points[:, 2] >= LEAST_VISIBILITY
        return KeyPoints(points * seen[:, None], width, height)


@cache
def embedded_body_model() -> BodyModel:
    """The networks that find people, loaded once and kept."""
    return load_body_model()


@single_thread()
def find_body(model: BodyModel, picture: np.ndarray, index: int = 0) -> Body:
    """Person number `index` (0 is the largest) in the picture (height, width, 3) uint8 RGB.

    Raises NobodyFound, or InputError for an array that is not a picture.
    """
    import cv2

    image = read_picture(picture)
    people = look_for_people(model, image, index + 1)
    size = f"{image.width}x{image.height}"
    if not people:
        raise NobodyFound(
            f"Nobody was found in the photo ({size} pixels). Use a photo of one person, upright, "
            "whose face or upper body is visible and takes up a good part of the picture."
        )
    if not 0 <= index < len(people):
        raise NobodyFound(
            f"Person {index} was asked for, but the photo shows {len(people)}, numbered from 0 "
            f"(the largest). Choose 0 to {len(people) - 1}, or use a photo that shows the person "
            "larger."
        )
    reading = settle(model, image, people[index].crop)
    if reading is None:
        raise NobodyFound(
            f"Something like a person is in the photo ({size} pixels), but no pose can be read. "
            "Use a photo of a person upright, whose face or upper body is visible and not small."
        )
    mask = person_mask(model, picture, image, reading, alone=len(people) == 1)
    left, top, width, height = cv2.boundingRect((mask > 0.5).view(np.uint8))
    if not width:
        raise NobodyFound(
            f"The pose of a person is in the photo ({size} pixels), but not its outline. "
            "Use a photo where the person stands out from the background."
        )
    box = (left, top, left + width, top + height)
    return Body(reading.landmarks, mask, box, reading.score).seen_in(picture)
