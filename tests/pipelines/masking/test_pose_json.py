"""OpenPose JSON in and out, as other node packages write it."""

import numpy as np
import pytest
from fitting_room.pipelines.errors import InputError, NobodyFound
from fitting_room.pipelines.masking.keypoints import KeyPoints
from fitting_room.pipelines.masking.pose import from_openpose

WIDTH, HEIGHT = 384, 512


def keypoints():
    places = np.random.default_rng(0).uniform((20, 20), (WIDTH, HEIGHT), (18, 2))
    points = np.column_stack([places, np.linspace(0.3, 1, 18)])
    points[[4, 17]] = 0
    return KeyPoints(points.astype(np.float32), WIDTH, HEIGHT)


def test_json_round_trip():
    pose = keypoints()
    back = from_openpose(pose.to_openpose())
    np.testing.assert_allclose(back.points, pose.points, atol=1e-3)
    assert (back.width, back.height) == (WIDTH, HEIGHT)
    np.testing.assert_array_equal(from_openpose([pose.to_openpose()]).points, back.points)


def test_json_of_another_canvas_is_scaled_to_the_photo():
    back = from_openpose(keypoints().to_openpose(), width=768, height=1024)
    np.testing.assert_allclose(back.points[:, :2], keypoints().points[:, :2] * 2, atol=0.01)
    assert (back.width, back.height) == (768, 1024)


def test_json_with_shares_of_the_canvas():
    data = keypoints().resized(1, 1).to_openpose() | {"canvas_width": 384, "canvas_height": 512}
    np.testing.assert_allclose(from_openpose(data).points, keypoints().points, atol=0.5)


def test_json_with_25_points():
    pose = keypoints().points
    points = np.zeros((25, 3))
    points[:8], points[9:19] = pose[:8], pose[8:]
    points[8] = 300, 300, 0.5  # middle of the hips
    data = {"people": [{"pose_keypoints_2d": points.reshape(-1).tolist()}],
            "canvas_width": WIDTH, "canvas_height": HEIGHT}  # fmt: skip
    np.testing.assert_allclose(from_openpose(data).points, pose)


def test_json_of_several_people_is_ordered_by_size():
    small, large = keypoints(), keypoints()
    small = KeyPoints(small.points * np.float32([0.5, 0.5, 1]), WIDTH, HEIGHT)
    data = small.to_openpose()
    data["people"] += [{"pose_keypoints_2d": None}, *large.to_openpose()["people"]]
    np.testing.assert_allclose(from_openpose(data).points, large.points, atol=1e-3)
    np.testing.assert_allclose(from_openpose(data, index=1).points, small.points, atol=1e-3)
    with pytest.raises(NobodyFound, match="the photo shows 2"):
        from_openpose(data, index=2)


def test_json_of_nobody():
    with pytest.raises(NobodyFound):
        from_openpose({"people": [], "canvas_width": 8, "canvas_height": 8})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("people", "table with people"), ([], "table with people"), ({}, '"people"'),
        ({"people": [{"pose_keypoints_2d": [1, 2, 3]}], "canvas_width": 8, "canvas_height": 8},
         "54 or 75"),
        ({"people": [{"pose_keypoints_2d": ["a"] * 54}], "canvas_width": 8, "canvas_height": 8},
         "numbers"),
        ({"people": [{"pose_keypoints_2d": [1.0] * 54}]}, "size of the photo"),
    ],
)  # fmt: skip
def test_other_json_is_refused(data, message):
    with pytest.raises(InputError, match=message):
        from_openpose(data)
