"""DWPose: drawing, choice of people, and both networks through onnxruntime."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from drawn_people import draw_person
from fitting_room.pipelines.errors import InputError, MissingFiles
from fitting_room.pipelines.masking.dwpose.detector import people_boxes
from fitting_room.pipelines.masking.dwpose.drawing import (
    FINGERS,
    HAND_GREY,
    draw_colour,
    draw_grey,
)
from fitting_room.pipelines.masking.dwpose.network import DETECTOR, JOINTS, load_dwpose
from fitting_room.pipelines.masking.dwpose.whole_body import (
    WholeBody,
    chosen,
    of_body,
    of_keypoints,
    of_nobody,
)
from fitting_room.pipelines.masking.keypoints import KeyPoints
from tiny.dwpose import save_dwpose


def body(scores=None, width=200, height=300):
    points = np.zeros((134, 2))
    points[:18] = np.linspace((20, 20), (180, 280), 18)
    points[24:92] = np.linspace((60, 20), (90, 60), 68)
    points[92:] = np.linspace((20, 100), (60, 200), 42)
    return WholeBody(points, np.ones(134) if scores is None else scores, width, height)


def test_nobody_is_black():
    drawn = draw_grey(of_nobody(40, 60), 40, 60)
    assert drawn.shape == (60, 40) and not drawn.any()


def test_hidden_points_and_parts_are_left_out():
    whole = draw_grey(body(), 200, 300)
    scores = np.ones(134)
    scores[24:] = 0.29  # face and hands
    bare = draw_grey(body(scores), 200, 300)
    only = draw_grey(WholeBody(body().points[:18], np.ones(18), 200, 300), 200, 300)
    assert np.array_equal(bare, only) and (bare != whole).any()
    scores[:18] = 0.3  # exactly the threshold hides a body point and shows a hand
    scores[24:] = 0.3
    shown = draw_grey(body(scores), 200, 300)
    assert not (shown[250:, 160:]).any() and (shown[100:200, 20:60] > 0).any()


def test_drawing_does_not_scale_with_the_picture():
    small = draw_grey(body(), 200, 300)
    large = draw_grey(WholeBody(body().points * 2, np.ones(134), 400, 600), 400, 600)
    assert (large > 0).sum() < 3 * (small > 0).sum()


def test_points_of_another_network_are_drawn_the_same_way():
    points = np.ones((18, 3), dtype=np.float32)
    points[:, :2] = np.round(body().points[:18])
    points[9:] = 0
    found = of_keypoints(KeyPoints(points, 200, 300))
    scores = np.where(np.arange(18) < 9, 1.0, 0.0)
    same = WholeBody(points[:, :2].astype(np.float64), scores, 200, 300)
    assert np.array_equal(draw_grey(found, 200, 300), draw_grey(same, 200, 300))
    assert found.hands is None and found.face is None
    assert (found.keypoints.points == points).all()


def test_an_embedded_body_gives_what_it_knows_of_face_and_hands():
    """In a region of its photo, at twice the scale; what is hidden or outside is not drawn."""
    photo, known = draw_person()
    height, width = photo.shape[:2]
    found = of_body(known, (100, 50, 400, 700), 800, 1400)
    assert found.hands.shape == (2, 21, 2) and found.face.shape == (1, 68, 2)
    left, right = found.hands
    assert [(hand[:, 0] >= 0).sum() for hand in (left, right)] == [4, 4]
    assert (found.face[0, :, 0] >= 0).sum() == 7
    wrist, index = known.landmarks[[15, 19], :2]
    assert np.allclose(left[[0, 5]] * (400, 700) + (100, 50), [wrist, index])
    assert left[0, 0] > right[0, 0]  # who faces us has the left hand at our right
    nose = known.landmarks[0, :2]
    assert np.allclose(found.face[0, 30] * (400, 700) + (100, 50), nose)
    assert np.allclose(found.face[0, 36] * (400, 700) + (100, 50), known.landmarks[6, :2])
    drawn = draw_grey(found, 800, 1400)
    bare = draw_grey(of_keypoints(found.keypoints), 800, 1400)
    x, y = ((index - (100, 50)) * 2).astype(int)
    assert drawn[y, x] == HAND_GREY and bare[y, x] != HAND_GREY
    hidden = known.landmarks.copy()
    hidden[[17, 19, 21], 3] = 0.1
    less = of_body(replace(known, landmarks=hidden), (0, 0, width, height), width, height)
    assert (less.hands[0][:, 0] >= 0).sum() == 1 and (less.hands[1][:, 0] >= 0).sum() == 4
    above = of_body(known, (0, 300, width, 400), width, 400)  # without the head
    assert not (above.face >= 0).any()


def test_colours():
    drawn = draw_colour(body(), 200, 300)
    assert drawn.shape == (300, 200, 3) and len(FINGERS) == 20
    assert (drawn == (0, 0, 255)).all(-1).any() and (drawn == 255).all(-1).any()


def test_larger_person_is_chosen_and_nobody_breaks_nothing():
    near = body()
    far = WholeBody(near.points / 3, np.ones(134), 200, 300)
    assert chosen([far, near]) == 1 and chosen([near, far]) == 0 and chosen([far]) == 0
    unseen = WholeBody(near.points, np.zeros(134), 200, 300)
    assert chosen([unseen, unseen]) == 0


def test_boxes_of_one_person_become_one():
    output = np.full((1, 8400, 85), -10, dtype=np.float32)
    output[..., 4:] = 0
    for cell in (0, 1):  # nearly the same box, seen from neighbouring cells of stride 8
        output[0, cell, :4] = (12 - cell, 20, np.log(20), np.log(30))
        output[0, cell, 4:6] = 0.9 - 0.1 * cell
    output[0, 40] = output[0, 0]
    output[0, 40, 5], output[0, 40, 6] = 0, 0.9  # of another class
    boxes = people_boxes(output, 0.5, 640, 640)
    assert np.allclose(boxes, [[(96 - 80) * 2, (160 - 120) * 2, (96 + 80) * 2, (160 + 120) * 2]])


def test_networks_in_onnx_files(tmp_path):
    """Real sessions of tiny networks: the input's size is the file's, every person gets points."""
    save_dwpose(tmp_path)
    network = load_dwpose(tmp_path)
    photo = np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8)
    people = network.people(photo)
    assert people and all(person.points.shape == (134, 2) for person in people)
    assert all((person.width, person.height) == (70, 90) for person in people)
    assert np.isfinite(people[0].points).all()


def test_missing_or_wrong_onnx_files(tmp_path):
    with pytest.raises(MissingFiles, match="no such file"):
        load_dwpose(tmp_path)
    for file in (DETECTOR, JOINTS):
        (tmp_path / file).write_bytes(b"not a network")
    with pytest.raises(MissingFiles, match="cannot be read as the detection network of DWPose"):
        load_dwpose(tmp_path)


def test_without_onnxruntime(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match="pip install onnxruntime.*go without DWPose"):
        load_dwpose(tmp_path)
