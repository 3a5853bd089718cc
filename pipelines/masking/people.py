"""Who is in the photo, and where to look for each of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..errors import InputError
from .landmarks import settle
from .mediapipe.crops import MARGIN, TurnedSquare, cut_out, person_crop
from .mediapipe.decoding import CROP_SIZE, DETECTOR_SIZE, decode_people, suppress
from .mediapipe.model import BodyModel

LEAST_SCORE = 0.5  # MediaPipe's
WIDE = 1.2  # width by height from which one looks for several people
MOST_SQUARES = 4  # in a row
MOST_DOUBTFUL = 4  # people to look at closely where the whole picture showed none
NEARER = (0.7, 0.45, 0.3)  # of the shorter side: squares in which a group's members are looked for
MOST_NEARER = 7  # of them in a row
NOSE, SHOULDERS = 0, (11, 12)  # landmarks
LEAST_AREA = 0.02  # of the picture, for a person that only the segmentation sees


@dataclass(frozen=True)
class FoundPerson:
    """Somebody in the photo. box: (left, top, right, bottom) of the whole body in picture pixels,
    roughly, cut at the frame; score: 0..1; crop: the turned square to read the landmarks from."""

    box: tuple[float, float, float, float]
    score: float
    crop: TurnedSquare


def find_people(model: BodyModel, picture: np.ndarray) -> list[FoundPerson]:
    """Everybody in the picture (height, width, 3) uint8 RGB, the largest first.

    The detector sees the whole picture, and the parts of a wide one. Only if it finds nobody, it
    looks again, nearer and from further away, and last a segmentation says where a person is.
    Raises InputError for an array that is not a picture.
    """
    return look_for_people(model, read_picture(picture))


def first_look(model: BodyModel, picture: np.ndarray) -> float:
    """How sure the detector is, 0..1, at one glance at the whole picture (height, width, 3) uint8
    RGB, that somebody is in it; 0 below its least score."""
    image = read_picture(picture)
    whole = TurnedSquare(image.width / 2, image.height / 2, max(image.size))
    return max((person.score for person in _detect(model, image, [whole])), default=0.0)


def read_picture(picture: np.ndarray) -> Image.Image:
    """The array as an image; raises InputError if it is not (height, width, 3) uint8."""
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise InputError(
            "Wanted a picture as (height, width, 3) uint8, "
            f"got {picture.shape} {picture.dtype}. Convert it to 8-bit RGB."
        )
    if min(picture.shape[:2]) < 1:
        raise InputError(f"The picture is empty: {picture.shape[1]}x{picture.shape[0]} pixels.")
    return Image.fromarray(picture)


def look_for_people(model: BodyModel, image: Image.Image, wanted: int = 1) -> list[FoundPerson]:
    """See find_people; where it finds fewer than are wanted, others, who are smaller in a group,
    follow after those."""
    width, height = image.size
    whole = TurnedSquare(width / 2, height / 2, max(width, height))
    people = _detect(model, image, [whole])
    if people and width > WIDE * height:
        # The detector is made for one person; beside a large one it misses others.
        people = _confirm(model, image, _detect(model, image, _squares(width, height)), people)
    if not people:
        views = [TurnedSquare(whole.x, whole.y, whole.size * 1.8)]  # for somebody very near
        views += _squares(width, height) + _squares(width, height, whole.size * 0.6)
        people = _confirm(model, image, _detect(model, image, views), [])
    if not people:
        people = _confirm(model, image, _segment(model, image, whole), [])
    people = _largest_first(people)
    if 0 < len(people) < wanted:
        views = [
            view
            for share in NEARER
            for view in _squares(width, height, share * min(width, height), MOST_NEARER)
        ]
        people += _largest_first(_others(model, image, _detect(model, image, views), people))
    return people


def _largest_first(people: list[FoundPerson]) -> list[FoundPerson]:
    return sorted(people, key=lambda person: -person.crop.size)


def _others(
    model: BodyModel, image: Image.Image, doubtful: list[FoundPerson], people: list[FoundPerson]
) -> list[FoundPerson]:
    """Those of the doubtful of whom landmarks can be read, and who are not among `people`: nobody
    else's nose is where theirs is. Views of a part of somebody often show another crop of them, or
    somebody upside down in the folds of their clothes."""
    readings = [settle(model, image, person.crop) for person in people]
    noses = [reading.landmarks[NOSE, :2] for reading in readings if reading]
    others = []
    for person in sorted(doubtful, key=lambda person: -person.score):
        reading = settle(model, image, person.crop, seen=False)
        if reading is None:
            continue
        nose, shoulders = reading.landmarks[NOSE, :2], reading.landmarks[list(SHOULDERS), :2]
        upright = nose[1] < shoulders[:, 1].mean()
        near = 0.4 * math.dist(*shoulders)
        if upright and all(math.dist(nose, other) > near for other in noses):
            noses.append(nose)
            others.append(_person(image, reading.crop, reading.score))
    return others


def _confirm(
    model: BodyModel, image: Image.Image, doubtful: list[FoundPerson], people: list[FoundPerson]
) -> list[FoundPerson]:
    """`people`, and those doubtful others of whom landmarks can be read. Looks at a few, the best
    scores first."""
    people = list(people)
    for person in sorted(doubtful, key=lambda person: -person.score)[:MOST_DOUBTFUL]:
        if any(_same(person.crop, other.crop) for other in people):
            continue
        reading = settle(model, image, person.crop, seen=False)
        if reading and not any(_same(reading.crop, other.crop) for other in people):
            people.append(_person(image, reading.crop, reading.score))
    return people


def _same(one: TurnedSquare, other: TurnedSquare) -> bool:
    """Whether two crops are of one person, seen in two views. Two people who stand shoulder to
    shoulder are a fifth of a crop apart."""
    return math.hypot(one.x - other.x, one.y - other.y) < 0.1 * max(one.size, other.size)


def _squares(
    width: int, height: int, size: float | None = None, most: int = MOST_SQUARES
) -> list[TurnedSquare]:
    """Squares of `size`, or as large as fit, that cover a width x height picture."""
    size = size or min(width, height)
    rows, columns = _centres(height, size, most), _centres(width, size, most)
    return [TurnedSquare(x, y, size) for y in rows for x in columns]


def _centres(length: int, size: float, most: int) -> list[float]:
    """Centres of one square in the middle, or of a few that overlap and cover the length."""
    count = min(math.ceil(1.2 * length / size - 0.25), most)
    if count < 2:
        return [length / 2]
    return [size / 2 + (length - size) * i / (count - 1) for i in range(count)]


def _detect(model: BodyModel, image: Image.Image, views: list[TurnedSquare]) -> list[FoundPerson]:
    """Everybody in any of the square views of the image."""
    scores, places = [], []
    for view in views:
        boxes, logits = model.detect(cut_out(image, view, DETECTOR_SIZE, "black"))
        found_scores, found = decode_people(boxes, logits, LEAST_SCORE)
        scores.append(found_scores)
        places.append(view.to_picture(found.reshape(-1, 2)).reshape(-1, 6, 2))
    best = suppress(np.concatenate(scores), np.concatenate(places))
    return [
        _person(image, person_crop(points[2], points[3]), float(score))
        for score, points in zip(*best, strict=True)
    ]


def _segment(model: BodyModel, image: Image.Image, whole: TurnedSquare) -> list[FoundPerson]:
    """The one person whom only the segmentation sees, if any."""
    mask = model.segment(cut_out(image, whole, CROP_SIZE, "black"))
    rows, columns = np.nonzero(mask > LEAST_SCORE)
    cell = whole.size / CROP_SIZE
    if len(rows) * cell**2 < LEAST_AREA * image.width * image.height:
        return []
    # The few outermost cells are often not part of the person.
    left, right = np.percentile(columns, (1, 99))
    top, bottom = np.percentile(rows, (1, 99))
    corners = whole.to_picture(np.array([[left, top], [right + 1, bottom + 1]]) / CROP_SIZE)
    (left, top), (right, bottom) = corners
    if bottom > image.height - 2 * cell:  # cut by the frame: the hips are at its edge or below
        x, y, radius = (left + right) / 2, bottom, bottom - top
    else:
        x, y, radius = (left + right) / 2, (top + bottom) / 2, (bottom - top) / 2
    crop = TurnedSquare(float(x), float(y), float(max(radius, (right - left) / 2) * 2 * MARGIN))
    return [_person(image, crop, float(mask[rows, columns].mean()))]


def _person(image: Image.Image, crop: TurnedSquare, score: float) -> FoundPerson:
    radius = crop.size / (2 * MARGIN)
    box = (
        max(crop.x - radius, 0.0),
        max(crop.y - radius, 0.0),
        min(crop.x + radius, float(image.width)),
        min(crop.y + radius, float(image.height)),
    )
    return FoundPerson(box, score, crop)
