"""The skeleton picture."""

import numpy as np
from fitting_room.pipelines.masking.keypoints import KeyPoints
from fitting_room.pipelines.masking.skeleton import draw_skeleton


def pose(*points):
    array = np.zeros((18, 3), dtype=np.float32)
    for index, x, y in points:
        array[index] = (x, y, 1)
    return KeyPoints(array, 100, 200)


def test_colours_as_controlnets_know_them():
    people = [pose((1, 50, 40), (2, 20, 40), (3, 20, 90))]
    picture = draw_skeleton(people, 200, 400)
    assert picture.shape == (400, 200, 3) and picture.dtype == np.uint8
    assert tuple(picture[80, 100]) == (255, 85, 0)  # the neck
    assert tuple(picture[80, 70]) == (153, 0, 0)  # neck to right shoulder
    assert tuple(picture[130, 40]) == (153, 102, 0)  # right upper arm
    assert tuple(picture[180, 40]) == (255, 255, 0)  # right elbow


def test_missing_points_draw_nothing():
    picture = draw_skeleton([pose((1, 50, 40), (3, 20, 90))], 100, 200)
    assert tuple(picture[65, 35]) == (0, 0, 0)  # no limb without the shoulder
    assert not draw_skeleton([pose()], 100, 200).any()
    assert not draw_skeleton([], 64, 48).any()


def test_several_people():
    both = draw_skeleton([pose((0, 20, 20)), pose((0, 80, 150))], 100, 200)
    assert tuple(both[20, 20]) == tuple(both[150, 80]) == (255, 0, 0)


def test_a_limb_of_no_length():
    picture = draw_skeleton([pose((1, 50, 40), (2, 50, 40))], 100, 200)
    assert tuple(picture[40, 50]) == (255, 170, 0)
