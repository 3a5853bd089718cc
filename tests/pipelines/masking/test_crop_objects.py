"""Stray dots and far objects of a mask do not decide what a model sees."""

import numpy as np
import pytest
import torch
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.masking.wishes import chosen_object
from fitting_room.pipelines.models.common import Sight
from fitting_room.pipelines.models.framing import around_mask


def drawn(*boxes):
    mask = np.zeros((512, 512), np.float32)
    for left, top, right, bottom in boxes:
        mask[top:bottom, left:right] = 1
    return mask


@pytest.mark.parametrize("value", [3 / 255, 1.0])
def test_a_stray_pixel_does_not_decide_the_crop(value):
    plain = drawn((150, 200, 350, 420))
    dotted = plain.copy()
    dotted[2, 3] = value
    crops = [around_mask(sight_of(mask)) for mask in (plain, dotted)]
    assert crops[0] == crops[1]


def sight_of(mask):
    """A photo of the mask's size, as every model's own framing takes it."""
    drawn = torch.from_numpy(mask)[None, None]
    return Sight(torch.zeros(1, 3, *mask.shape), drawn, 768, 1024)


def test_a_mask_of_dots_is_refused():
    for mask in (drawn((3, 3, 5, 5)), drawn()):
        with pytest.raises(InputError, match="nothing"):
            chosen_object(mask, 0)
        with pytest.raises(InputError, match="empty"):
            around_mask(sight_of(mask))


def test_one_object_can_be_chosen_and_far_ones_are_told():
    mask = drawn((150, 200, 350, 420), (480, 5, 510, 35))
    both, said = chosen_object(mask, 0)
    assert "2 objects far apart" in said and "200x220 pixels at (150, 200)" in said
    np.testing.assert_array_equal(both, mask)
    np.testing.assert_array_equal(chosen_object(mask, 1)[0], drawn((150, 200, 350, 420)))
    np.testing.assert_array_equal(chosen_object(mask, 2)[0], drawn((480, 5, 510, 35)))
    with pytest.raises(InputError, match="marks 2"):
        chosen_object(mask, 3)
