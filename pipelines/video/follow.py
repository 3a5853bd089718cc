"""Follows one person through the frames of a video: the same one in a group, anew after a cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..masking.body import Body, BodyModel
from ..masking.landmarks import Reading, settle
from ..masking.people import look_for_people, read_picture
from ..masking.person_mask import person_mask
from ..threads import single_thread

TORSO = (11, 12, 23, 24)
SMALL = (64, 36)  # width and height of what cuts are seen in
CUT_LEVELS = 28.0  # mean difference of two such pictures, of 255
CUT_LIKENESS = 0.75  # and their correlation is below this
JUMP = 0.9  # torso lengths that somebody may be away from where they were going, in a frame
LOST_FRAMES = 12  # after which the largest person is taken again
AGAIN = 15  # frames after which the detector looks again, so that a drift does not last


@dataclass(frozen=True)
class Seen:
    """One frame. shot: counts cuts from 0. body: of the person who is followed, None where they
    are not seen."""

    picture: np.ndarray
    shot: int
    body: Body | None


def is_cut(before: np.ndarray, now: np.ndarray) -> bool:
    """Whether another shot begins between two frames, as `thumbnail` gives them."""
    difference = float(np.abs(before - now).mean())
    if difference < CUT_LEVELS:
        return False
    one, other = before - before.mean(), now - now.mean()
    size = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return size == 0 or float((one * other).sum()) / size < CUT_LIKENESS


def thumbnail(picture: np.ndarray) -> np.ndarray:
    """(36, 64, 3) float32 of a frame."""
    from ..masking.rules_common import opencv

    cv2 = opencv()
    return cv2.resize(picture, SMALL, interpolation=cv2.INTER_AREA).astype(np.float32)


class Follower:
    """Reads one body a frame. Keeps where the person was and where they were going."""

    def __init__(self, model: BodyModel, person: int = 0) -> None:
        """person: whom to follow in the first frame of a shot, 0 = the largest."""
        self._model, self._person = model, person
        self.start()

    def start(self) -> None:
        """Forgets whom it followed: a new shot."""
        self._crop, self._torso, self._speed = None, None, np.zeros(2)
        self._lost, self._age = 0, 0

    @single_thread()
    def __call__(self, picture: np.ndarray) -> Body | None:
        """The body in the next frame, uint8 (height, width, 3); None where nobody fits."""
        image = read_picture(picture)
        reading = None
        if self._crop is not None and self._age < AGAIN:
            reading = settle(self._model, image, self._crop)
            if reading is not None and not self._near(reading):
                reading = None
        if reading is None:
            reading = self._look(image)
        if reading is None:
            self._lost += 1
            if self._lost > LOST_FRAMES:
                self.start()
            return None
        mask = person_mask(self._model, picture, image, reading, alone=False)
        if not (mask > 0.5).any():
            return None
        self._remember(reading)
        rows, columns = np.flatnonzero((mask > 0.5).any(1)), np.flatnonzero((mask > 0.5).any(0))
        box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
        return Body(reading.landmarks, mask, box, reading.score)

    def _look(self, image: Image.Image) -> Reading | None:
        """Who the detector finds where the person should be; at the start, the one asked for."""
        self._age = 0
        wanted = self._person + 1 if self._torso is None else 2
        people = look_for_people(self._model, image, wanted)
        if self._torso is None:
            people = people[self._person :][:1]
        readings = [settle(self._model, image, one.crop) for one in people]
        fitting = [reading for reading in readings if reading is not None and self._near(reading)]
        return min(fitting, key=self._away, default=None)

    def _away(self, reading: Reading) -> float:
        """Distance from where the person should be, in torso lengths."""
        if self._torso is None:
            return 0.0
        middle, length = torso(reading.landmarks)
        expected = self._torso[0] + self._speed * (1 + self._lost)
        return float(np.linalg.norm(middle - expected)) / max(self._torso[1], length, 1.0)

    def _near(self, reading: Reading) -> bool:
        return self._away(reading) <= JUMP * (1 + 0.2 * self._lost)

    def _remember(self, reading: Reading) -> None:
        now = torso(reading.landmarks)
        if self._torso is not None:
            moved = (now[0] - self._torso[0]) / (1 + self._lost)
            self._speed = 0.6 * self._speed + 0.4 * moved
        self._torso, self._crop = now, reading.next_crop
        self._lost, self._age = 0, self._age + 1


def torso(landmarks: np.ndarray) -> tuple[np.ndarray, float]:
    """Middle of shoulders and hips, and the length between them, in pixels."""
    shoulders, hips = landmarks[11:13, :2].mean(0), landmarks[23:25, :2].mean(0)
    width = float(np.linalg.norm(landmarks[11, :2] - landmarks[12, :2]))
    return (shoulders + hips) / 2, max(float(np.linalg.norm(shoulders - hips)), width)
