"""Outside of what was repainted, and across its border: drawn pictures with known answers."""

import numpy as np
import pytest
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.measures.surroundings import changed_outside, seam_gradient

PHOTO = np.full((40, 60, 3), 100, np.uint8)
MASK = np.zeros((40, 60), np.float32)
MASK[10:30, 20:40] = 1


def test_an_identical_picture_changed_nothing_and_has_no_seam():
    found = changed_outside(PHOTO, PHOTO, MASK)
    assert (found.changed, found.difference, seam_gradient(PHOTO, PHOTO, MASK)) == (0, 0, 0)


def test_what_is_repainted_is_not_outside_and_its_step_is_the_seam():
    picture = PHOTO.copy()
    picture[MASK > 0] += 12
    found = changed_outside(PHOTO, picture, MASK)
    assert (found.changed, found.difference) == (0, 0)
    assert seam_gradient(PHOTO, picture, MASK) == 12


def test_pixels_outside_are_counted():
    picture = PHOTO.copy()
    picture[0, :30, 1] += 6  # 30 of 2000 pixels outside, one of three channels
    found = changed_outside(PHOTO, picture, MASK)
    assert found.changed == pytest.approx(30 / 2000)
    assert found.difference == pytest.approx(30 * 6 / (2000 * 3))


def test_an_edge_of_the_photo_itself_is_no_seam():
    photo = PHOTO.copy()
    photo[MASK > 0] = 30
    assert seam_gradient(photo, photo, MASK) == 0
    assert (
        seam_gradient(photo, np.where(MASK[..., None] > 0, 100, photo).astype(np.uint8), MASK) < 0
    )


def test_a_mask_of_everything_leaves_nothing_to_tell():
    everything = np.ones((40, 60), np.float32)
    assert changed_outside(PHOTO, PHOTO, everything).changed is None
    assert seam_gradient(PHOTO, PHOTO, everything) is None


def test_pictures_of_two_sizes_are_refused():
    with pytest.raises(InputError, match="60x40, the picture 40x60"):
        changed_outside(PHOTO, PHOTO.transpose(1, 0, 2), MASK)
    with pytest.raises(InputError, match="the mask 60x39"):
        seam_gradient(PHOTO, PHOTO, MASK[1:])
