"""A mask that a user drew, against the category of the garment."""

import numpy as np
import pytest
from drawn_people import draw_person
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.masking.embedded import embedded_mask, head_and_hands
from fitting_room.pipelines.masking.placed import judge_place


@pytest.fixture(scope="module")
def body():
    photo, found = draw_person()
    return found.seen_in(photo)


@pytest.mark.parametrize("category", ["upper", "lower", "dress"])
@pytest.mark.parametrize("sleeves", ["none", "long"])
def test_where_the_category_is_worn_nothing_is_said(body, category, sleeves):
    mask = embedded_mask(body, category, sleeves)
    assert judge_place(mask, body, category).level == "ok"


def test_a_box_around_the_clothes_is_no_mistake(body):
    mask = embedded_mask(body, "upper")
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    mask[rows[len(rows) // 8] : rows[-1], columns[0] : columns[-1]] = 1
    assert judge_place(mask, body, "upper").level == "ok"


def test_a_print_on_the_chest_is_no_mistake(body):
    shoulders = body.landmarks[[11, 12], :2].mean(0)
    mask = np.zeros(body.mask.shape, np.float32)
    x, y = shoulders.round().astype(int)
    mask[y + 10 : y + 40, x - 20 : x + 20] = 1
    assert judge_place(mask, body, "upper").level == "ok"


def test_another_part_of_the_body_is_refused(body):
    upper, lower = (embedded_mask(body, name) for name in ("upper", "lower"))
    with pytest.raises(InputError, match="on the legs, where nobody wears .* upper"):
        judge_place(lower, body, "upper")
    with pytest.raises(InputError, match="on the trunk and arms, .* lower"):
        judge_place(upper, body, "lower")
    for mask in (upper, lower):
        assert judge_place(mask, body, "dress").level == "ok"


def test_the_face_and_the_background_are_refused(body):
    height, width = body.mask.shape
    x, y = body.landmarks[0, :2].round().astype(int)
    face = np.zeros((height, width), np.float32)
    face[y - 25 : y + 25, x - 20 : x + 20] = 1
    with pytest.raises(InputError, match="on the head"):
        judge_place(face, body, "upper")
    corner = np.zeros((height, width), np.float32)
    corner[: height // 6, : width // 6] = 1
    assert not (corner * body.mask).any()
    for category in ("upper", "dress"):
        with pytest.raises(InputError, match="around the person"):
            judge_place(corner, body, category)


def test_what_lies_on_another_part_too_is_doubtful(body):
    report = judge_place(embedded_mask(body, "dress"), body, "upper")
    assert report.level == "doubtful" and "the legs" in report.reasons[0]
    head = np.maximum(embedded_mask(body, "upper"), head_and_hands(body))
    report = judge_place(head, body, "upper")
    assert report.level == "doubtful" and "face" in report.reasons[0]


def test_an_empty_mask_says_nothing(body):
    assert judge_place(np.zeros(body.mask.shape, np.float32), body, "upper").level == "ok"
