"""Label pictures and key points of other packages become what the mask rules take."""

import numpy as np
import pytest
from fitting_room.pipelines.errors import InputError, NobodyFound
from fitting_room.pipelines.masking.densepose import COLOURS
from fitting_room.pipelines.masking.given import (
    combined,
    densepose_of_picture,
    expected_pose,
    parsing_of_picture,
    voc_colours,
)
from fitting_room.pipelines.masking.sources import Sources
from PIL import Image

LABELS = np.repeat(np.repeat(np.arange(24, dtype=np.uint8).reshape(4, 6), 20, 0), 20, 1)
PHOTO = np.zeros((512, 384, 3), dtype=np.uint8)


def pose(x, y, width=384, height=512):
    points = [[x + 9 * index, y + 11 * index, 0.9] for index in range(18)]
    return {"pose_keypoints_2d": sum(points, [])}


def test_densepose_in_each_rendering():
    np.testing.assert_array_equal(densepose_of_picture(COLOURS[LABELS]), LABELS)
    np.testing.assert_array_equal(densepose_of_picture(np.dstack([LABELS] * 3)), LABELS)
    noise = np.random.default_rng(0).integers(0, 255, (*LABELS.shape, 2), dtype=np.uint8)
    np.testing.assert_array_equal(densepose_of_picture(np.dstack([noise, LABELS])), LABELS)


def test_densepose_after_jpeg(tmp_path):
    Image.fromarray(COLOURS[LABELS]).save(tmp_path / "map.jpg", quality=90)
    found = densepose_of_picture(np.array(Image.open(tmp_path / "map.jpg")))
    assert (found == LABELS).mean() > 0.8  # neighbouring parts have much the same colour


def test_photos_are_no_label_pictures():
    photo = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    for read in (densepose_of_picture, parsing_of_picture):
        with pytest.raises(InputError, match="only .*% of the picture"):
            read(photo)
    with pytest.raises(InputError, match="nobody"):
        densepose_of_picture(np.zeros_like(photo))


def test_parsing_in_numbers_and_in_the_palette():
    labels = np.minimum(LABELS, 17)
    assert voc_colours(4).tolist() == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    for picture in (np.dstack([labels] * 3), voc_colours(19)[labels]):
        (found,) = parsing_of_picture(picture).items()
        assert found[0] == "atr"
        np.testing.assert_array_equal(found[1], labels)
    assert list(parsing_of_picture(voc_colours(19)[np.minimum(LABELS, 18)])) == ["atr_neck"]


def test_all_lies_in_the_region_of_the_parsing():
    parts = np.zeros((512, 384), dtype=np.uint8)
    parts[100:200, 100:200] = 5
    region = (50, -64, 288, 384)
    parsing = Sources(384, 512, {"atr": np.ones((512, 384), dtype=np.uint8)}, region=region)
    densepose = Sources(384, 512, {"densepose": parts})
    keypoints = [{"people": [pose(90, 40)], "canvas_width": 384, "canvas_height": 512}]
    found = combined(PHOTO, None, parsing, densepose, keypoints)
    assert found.part == region
    back = found.map_of_photo("densepose")
    assert (back[100:200, 100:200] == 5).all() and (back > 0).sum() == 10000
    np.testing.assert_allclose(found.points.points[0, :2], (90, 40), atol=1e-3)


def test_maps_of_another_photo_are_refused():
    other = Sources(768, 1024, {"atr": np.zeros((1024, 768), dtype=np.uint8)})
    with pytest.raises(InputError, match="768x1024 pixels, and this photo has 384x512"):
        combined(PHOTO, parsing=other)


def test_key_points_of_the_body_s_person():
    from fitting_room.pipelines.masking.body import Body

    landmarks = np.zeros((33, 5), dtype=np.float32)
    landmarks[:, :2] = (60, 100) + 5 * np.arange(33)[:, None]
    landmarks[:, 3:] = 1
    mask = np.zeros((512, 384), dtype=np.float32)
    body = Body(landmarks=landmarks, mask=mask, box=(60.0, 100.0, 220.0, 260.0), score=1.0)

    def moved(by):
        points = body.keypoints.points.copy()
        points[points[:, 2] > 0, :2] += by
        return {"pose_keypoints_2d": points.ravel().tolist()}

    people = {"people": [moved(90), moved(4)], "canvas_width": 384, "canvas_height": 512}
    found = expected_pose(people, body, 384, 512)
    np.testing.assert_allclose(found.points[0, :2], body.keypoints.points[0, :2] + 4, atol=1e-3)
    neighbour = people | {"people": [moved(90)]}
    assert expected_pose(neighbour, body, 384, 512) is None, "whose pose it is not"
    nobody = {"people": [], "canvas_width": 384, "canvas_height": 512}
    assert expected_pose(nobody, body, 384, 512) is None
    with pytest.raises(NobodyFound):
        expected_pose(nobody, None, 384, 512)
