"""What of a user's mask is a wish, and which objects it marks."""

import numpy as np
import pytest
from fitting_room.pipelines.masking.wishes import objects_of, surroundings_only, without_specks


def drawn(*boxes, size=(400, 300), value=1.0):
    mask = np.zeros(size, np.float32)
    for left, top, right, bottom in boxes:
        mask[top:bottom, left:right] = value
    return mask


@pytest.mark.parametrize(
    "mask",
    [drawn(), np.full((400, 300), 1 / 255, np.float32), drawn((2, 3, 3, 4)),
     drawn((40, 40, 200, 300), value=0.4), drawn((0, 0, 3, 3), (100, 100, 103, 103))],
    ids=["empty", "CMYK's residue", "a pixel", "faint", "two dots"],
)  # fmt: skip
def test_no_wish(mask):
    assert not objects_of(mask)
    assert not without_specks(mask).any()


def test_specks_go_and_the_soft_rim_stays():
    mask = drawn((50, 60, 150, 200))
    mask[60:200, 150:155] = 0.2
    mask[3, 2] = 1.0
    mask[390:, 280:] = 0.01
    cleaned = without_specks(mask)
    np.testing.assert_array_equal(cleaned[60:200, 50:155], mask[60:200, 50:155])
    assert cleaned.sum() == mask[60:200, 50:155].sum()


def test_legs_are_one_object_and_a_far_piece_another():
    legs = [(50, 150, 90, 380), (110, 150, 150, 380)]
    objects = objects_of(drawn(*legs, (270, 5, 295, 30)))
    assert [each.box for each in objects] == [(50, 150, 150, 380), (270, 5, 295, 30)]
    assert objects[0].pixels == 2 * 40 * 230 and not objects[0].mask[:30, 270:].any()


def test_the_transparency_of_a_cut_out_person_is_no_wish():
    person = drawn((100, 50, 200, 400))
    assert surroundings_only(1 - person, person)
    ragged = 1 - drawn((104, 55, 206, 396))
    assert surroundings_only(ragged, person)
    for wish in (person, np.ones_like(person), drawn((100, 100, 200, 300)), drawn()):
        assert not surroundings_only(wish, person)
