"""Detector, landmarks, key points and mask on the astronaut, a public-domain portrait."""

from pathlib import Path

import numpy as np
import pytest
from fitting_room.pipelines.errors import InputError, NobodyFound
from fitting_room.pipelines.masking.body import Body, find_body, find_people, load_body_model
from fitting_room.pipelines.masking.keypoints import NAMES
from fitting_room.pipelines.masking.landmarks import settle
from fitting_room.pipelines.masking.mediapipe.crops import (
    TurnedSquare,
    cut_out,
    person_crop,
    put_back,
)
from fitting_room.pipelines.masking.people import look_for_people
from PIL import Image

ASTRONAUT = Path(__file__).resolve().parents[2] / "data" / "astronaut.png"
HEAD = (110, 190)  # row and column inside the face
SUIT = (400, 130)
HELMET = (450, 400)  # lies on the table: not the person
FLAG = (200, 30)
WALL = (60, 350)


@pytest.fixture(scope="module")
def model():
    return load_body_model()


@pytest.fixture(scope="module")
def photo():
    return np.asarray(Image.open(ASTRONAUT).convert("RGB"))


@pytest.fixture(scope="module")
def body(model, photo):
    return find_body(model, photo)


def resized(photo, width, height):
    return np.asarray(Image.fromarray(photo).resize((width, height), Image.Resampling.LANCZOS))


def agreement(one, other):
    """Intersection over union of two masks."""
    return ((one > 0.5) & (other > 0.5)).sum() / ((one > 0.5) | (other > 0.5)).sum()


def test_shapes_and_ranges(body, photo):
    assert body.landmarks.shape == (33, 5) and body.landmarks.dtype == np.float32
    assert body.mask.shape == photo.shape[:2] and body.mask.dtype == np.float32
    assert body.mask.min() >= 0 and body.mask.max() <= 1
    assert (body.landmarks[:, 3:] >= 0).all() and (body.landmarks[:, 3:] <= 1).all()
    assert body.score > 0.9


def test_face_and_shoulders_are_where_they_are(body):
    points = dict(zip(NAMES, body.keypoints.points, strict=True))
    expected = {"nose": (224, 126), "right_eye": (204, 101), "left_eye": (248, 103)}
    for name, place in expected.items():
        assert points[name][2] > 0.9
        assert np.hypot(*(points[name][:2] - place)) < 12, name
    # Right and left are the person's own: she faces us.
    assert points["right_shoulder"][0] < points["neck"][0] < points["left_shoulder"][0]
    assert points["right_eye"][1] < points["neck"][1] < points["right_elbow"][1]


def test_points_below_the_frame_are_missing(body):
    legs = [NAMES.index(name) for name in ("right_knee", "left_knee", "right_ankle", "left_ankle")]
    assert not body.keypoints.points[legs].any()
    assert (body.landmarks[[25, 26, 27, 28], 1] > 512).all()  # guessed, below the picture


def test_mask_is_the_person_and_nothing_else(body):
    assert body.mask[HEAD] == 1 and body.mask[SUIT] == 1
    for place in (HELMET, FLAG, WALL):
        assert body.mask[place] == 0
    rows, columns = np.nonzero(body.mask > 0.5)
    assert body.box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def test_mask_edge_is_sharp_at_the_hair(body, photo):
    # Along a line from the wall into the hair, the change takes a few pixels, and it lies where
    # the colour changes.
    line = body.mask[60, 245:330]
    assert line[0] == 1 and line[-1] == 0
    assert ((line > 0.1) & (line < 0.9)).sum() <= 6
    edge = 245 + int(np.flatnonzero(line < 0.5)[0])
    colours = photo[60].astype(float)
    assert np.abs(colours[edge - 6] - colours[edge + 6]).sum() > 100


@pytest.mark.parametrize(("width", "height"), [(256, 256), (384, 640), (1100, 700), (2900, 2760)])
def test_any_size_and_aspect(model, photo, body, width, height):
    # Stretching by up to two thirds: still the same person.
    found = find_body(model, resized(photo, width, height))
    assert found.mask.shape == (height, width)
    back = resized(np.uint8(found.mask * 255), 512, 512) / 255
    assert agreement(back, body.mask) > 0.9


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turned_photo(model, photo, body, turns):
    found = find_body(model, np.ascontiguousarray(np.rot90(photo, turns)))
    assert agreement(np.rot90(found.mask, -turns), body.mask) > 0.9


def test_small_person_is_found_on_a_second_look(model, photo):
    canvas = np.full((900, 1400, 3), 190, dtype=np.uint8)
    canvas[500:700, 900:1100] = resized(photo, 200, 200)
    found = find_body(model, canvas)
    left, top, right, bottom = found.box
    assert 890 <= left < right <= 1110 and 490 <= top < bottom <= 710


@pytest.fixture(scope="module")
def two(photo):
    canvas = np.full((512, 1000, 3), 200, dtype=np.uint8)
    canvas[192:, :320] = resized(photo, 320, 320)
    canvas[:, 480:992] = photo
    return canvas


def test_two_people_the_largest_first(model, two, body):
    people = find_people(model, two)
    assert len(people) == 2
    large, small = (find_body(model, two, index) for index in (0, 1))
    assert large.box[0] >= 480 and small.box[2] <= 322
    assert agreement(large.mask[:, 480:992], body.mask) > 0.9
    assert not ((large.mask > 0.5) & (small.mask > 0.5)).any()


def test_each_of_a_group_of_ten(model, photo):
    group = np.tile(resized(photo, 320, 320), (2, 5, 1))
    people = look_for_people(model, Image.fromarray(group), wanted=10)
    noses = [settle(model, Image.fromarray(group), person.crop).landmarks[0] for person in people]
    assert sorted((int(y // 320), int(x // 320)) for x, y, *_ in noses) == [
        (row, column) for row in range(2) for column in range(5)
    ]
    with pytest.raises(NobodyFound, match="shows 10, numbered from 0"):
        find_body(model, group, 10)


def test_index_out_of_range_tells_how_many(model, two):
    for index in (2, -1):
        with pytest.raises(NobodyFound, match="shows 2, numbered from 0"):
            find_body(model, two, index)


def nobody():
    random = np.random.default_rng(5)
    rows, columns = np.mgrid[0:480, 0:640]
    disc = (np.hypot(rows - 240, columns - 320) < 150)[..., None]
    cup = np.where(disc, (90, 50, 30), (200, 180, 150)).astype(np.uint8)
    return {
        "noise": random.integers(0, 256, (500, 400, 3), dtype=np.uint8),
        "blank": np.full((512, 512, 3), 255, dtype=np.uint8),
        "coffee": cup,
        "one pixel": np.zeros((1, 1, 3), dtype=np.uint8),
        "a line": np.zeros((3, 2000, 3), dtype=np.uint8),
    }


@pytest.mark.parametrize("name", list(nobody()))
def test_nobody(model, name):
    assert find_people(model, nobody()[name]) == []
    with pytest.raises(NobodyFound, match="Use a photo of one person"):
        find_body(model, nobody()[name])


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((64, 64), np.uint8),
        np.zeros((64, 64, 4), np.uint8),
        np.zeros((64, 64, 3), np.float32),
        np.zeros((0, 64, 3), np.uint8),
    ],
)
def test_not_a_picture(model, picture):
    with pytest.raises(InputError):
        find_body(model, picture)


def test_same_photo_same_result(model, photo, body):
    find_people(model, photo[:, ::-1].copy())  # something else in between
    again = find_body(model, photo)
    assert np.array_equal(again.landmarks, body.landmarks)
    assert np.array_equal(again.mask, body.mask)


def test_photo_is_not_changed(model, photo):
    before = photo.copy()
    find_body(model, photo)
    assert np.array_equal(photo, before)


def test_hidden_points_are_missing():
    landmarks = np.zeros((33, 5), dtype=np.float32)
    landmarks[:, :2], landmarks[:, 3] = 50, 0.9
    landmarks[14, 3] = 0.29  # right elbow: hidden
    landmarks[16, :2] = (100, 50)  # right wrist: on the column after the last
    landmarks[11, :2], landmarks[12, :2] = (80, 40), (20, 44)
    points = Body(landmarks, np.ones((90, 100), np.float32), (0, 0, 100, 90), 1.0).keypoints
    assert (points.width, points.height) == (100, 90)
    assert not points.points[[3, 4]].any()
    assert points.points[1] == pytest.approx((50, 42, 0.9))
    assert points.points[5] == pytest.approx((80, 40, 0.9))


def test_crop_round_trip():
    crop = TurnedSquare(40.0, 70.0, 30.0, 0.7)
    places = np.array([[0.0, 0.0], [0.25, 0.9], [1.0, 1.0]])
    inverse = np.linalg.inv(np.vstack([crop.affine(), [0, 0, 1]]))
    there = crop.to_picture(places)
    assert there.mean(0) != pytest.approx(places.mean(0))
    assert (there @ inverse[:2, :2].T + inverse[:2, 2]) == pytest.approx(places)
    middle = crop.to_picture(np.array([[0.5, 0.5], [0.5, 0.1]]))
    assert middle[0] == pytest.approx((40, 70))
    again = person_crop(middle[0], middle[1])
    assert again.angle == pytest.approx(0.7)
    assert again.size == pytest.approx(2 * 1.25 * 0.4 * 30)


@pytest.mark.parametrize(
    "size", [96, 1000]
)  # enlarged, and reduced with a factor that leaves a rest
def test_cut_out_and_put_back_meet(size):
    rows, columns = np.mgrid[0:size, 0 : size + 7]
    ramp = (255 * columns / (size + 7)).astype(np.uint8)
    picture = np.stack([ramp, ramp, ramp], -1)
    crop = TurnedSquare(size * 0.5, size * 0.45, size * 0.6, 0.4)
    cut = cut_out(Image.fromarray(picture), crop, 128, "nearest")
    box = (int(size * 0.4), int(size * 0.4), int(size * 0.6), int(size * 0.5))
    (back,) = put_back([cut[0]], crop, box, box[2] - box[0], box[3] - box[1])
    expected = picture[box[1] : box[3], box[0] : box[2], 0] / 255
    assert np.abs(back - expected).max() < 0.02


def test_outside_of_the_picture():
    white = Image.new("RGB", (50, 50), "white")
    crop = TurnedSquare(0.0, 25.0, 50.0)  # its left half lies outside
    assert cut_out(white, crop, 64, "black")[..., :30].max() == 0
    assert cut_out(white, crop, 64, "nearest").min() > 0.99
