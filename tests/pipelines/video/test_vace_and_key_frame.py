"""What Wan VACE wants of frames and masks; which frame is dressed; framing like the video's."""

import numpy as np
import pytest
import torch
from drawn_people import draw_person
from fitting_room.pipelines.errors import InputError, NobodyFound
from fitting_room.pipelines.images import cut
from fitting_room.pipelines.masking.body import Body
from fitting_room.pipelines.video.follow import torso
from fitting_room.pipelines.video.key_frame import frontal, reframed, score_frames, sharpness
from fitting_room.pipelines.video.vace import control_frame, shaped, whole_length
from PIL import Image, ImageFilter


@pytest.mark.parametrize(("count", "most", "length"), [
    (1, 81, 1), (4, 81, 1), (5, 81, 5), (60, 81, 57), (81, 81, 81), (200, 81, 81), (200, 80, 77),
])  # fmt: skip
def test_the_length_is_4n_plus_1(count, most, length):
    assert whole_length(count, most) == length


def test_no_frame_is_refused():
    with pytest.raises(InputError, match="At least one frame"):
        whole_length(0, 81)


def test_the_hole_is_grey_and_the_rest_as_it_was():
    picture = np.random.default_rng(0).integers(0, 256, (40, 30, 3)).astype(np.uint8)
    mask = np.zeros((40, 30), np.float32)
    mask[10:20, 5:25] = 1
    made = control_frame(picture, mask)
    assert np.array_equal(made[mask == 0], picture[mask == 0])
    assert (np.abs(made[mask > 0].astype(int) - 127.5) <= 0.5).all()


def test_shapes_hold_the_mask():
    mask = np.zeros((80, 60), np.float32)
    mask[20:50, 20:30] = 1
    mask[40:60, 30:45] = 1
    box = shaped(mask, "box", 4)
    assert (box >= mask).all() and box[16:64, 16:49].all() and box.sum() == 48 * 33
    grown = shaped(mask, "garment", 4)
    assert (grown >= mask).all() and mask.sum() < grown.sum() < box.sum()
    assert not shaped(np.zeros_like(mask), "box", 9).any()
    with pytest.raises(InputError, match="shape"):
        shaped(mask, "star", 0)


def turned(body, share):
    """The drawn body with its shoulders and hips nearer together, as from the side."""
    landmarks = body.landmarks.copy()
    middle = torso(landmarks)[0][0]
    landmarks[:, 0] = middle + share * (landmarks[:, 0] - middle)
    return Body(landmarks, body.mask, body.box, 1.0)


def test_the_front_is_worth_more_than_the_side_and_the_back():
    _, body = draw_person()
    values = [frontal(turned(body, share)) for share in (1, 0.6, 0.2, -1)]
    assert values == sorted(values, reverse=True) and values[0] > 3 * values[2] > 0


def test_the_sharp_large_frontal_frame_is_chosen():
    photo, body = draw_person()
    soft = np.asarray(Image.fromarray(photo).filter(ImageFilter.GaussianBlur(5)))
    assert sharpness(photo, body) > 2 * sharpness(soft, body)
    found = score_frames(
        [(0, soft, body), (1, photo, turned(body, 0.3)), (2, photo, None), (3, photo, body)]
    )
    assert found[0].index == 3 and len(found) == 3


def test_nobody_in_any_frame_is_refused():
    photo, _ = draw_person()
    with pytest.raises(NobodyFound, match="look at more frames"):
        score_frames([(0, photo, None)])


def scaled(body, scale, x, y, size):
    landmarks = body.landmarks.copy()
    landmarks[:, :2] = landmarks[:, :2] * scale + (x, y)
    return Body(landmarks, np.zeros(size, np.float32), (0, 0, 1, 1), 1.0)


@pytest.mark.parametrize(("scale", "x", "y"), [(1, 0, 0), (0.5, 60, 30), (1.6, -200, -100)])
def test_the_dressed_person_lands_where_the_driving_one_is(scale, x, y):
    photo, body = draw_person()
    driving = scaled(body, scale, x, y, (512, 896))
    crop = reframed(body, driving)
    picture = torch.from_numpy(photo.copy()).movedim(-1, 0)[None].float() / 255
    assert cut(picture, crop).shape[-2:] == (512, 896)
    for landmark in (11, 12, 23, 24):
        place = (body.landmarks[landmark, :2] - (crop.left, crop.top)) * (
            896 / crop.width, 512 / crop.height)  # fmt: skip
        assert np.abs(place - driving.landmarks[landmark, :2]).max() < 2


def test_a_person_of_quite_another_size_is_refused():
    _, body = draw_person()
    with pytest.raises(InputError, match="times as large"):
        reframed(body, scaled(body, 0.05, 100, 100, (512, 896)))
