"""Poses that the preview refuses, and those of which it says that the fit is a guess."""

from dataclasses import replace

import numpy as np
import pytest
from drawn_people import draw_person, draw_shirt, draw_strap_top, draw_trousers
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.fit import FitReport
from fitting_room.pipelines.garment.read import read_garment
from fitting_room.pipelines.masking.body import Body
from fitting_room.pipelines.masking.figure import build_figure
from fitting_room.pipelines.preview.judging import check_upright, judge_person, judge_sleeves
from fitting_room.pipelines.preview.pipeline import PreviewPipeline


@pytest.fixture(scope="module")
def person():
    return draw_person()


def turned(body, degrees):
    """The body's points turned clockwise around the middle of the trunk."""
    middle = body.landmarks[[11, 12, 23, 24], :2].mean(0)
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    landmarks = body.landmarks.copy()
    landmarks[:, :2] = (landmarks[:, :2] - middle) @ turn + middle
    return replace(body, landmarks=landmarks)


def moved(body, **places):
    """The body with landmarks elsewhere: right_wrist=(x, y), …"""
    numbers = {"right_wrist": 16, "left_wrist": 15, "right_elbow": 14, "left_knee": 25}
    landmarks = body.landmarks.copy()
    for name, place in places.items():
        landmarks[numbers[name], :2] = place
    return replace(body, landmarks=landmarks)


def test_a_person_who_stands_as_garments_are_drawn_is_no_guess(person):
    for category in ("upper", "lower", "dress"):
        assert judge_person(person[1], category) == FitReport()


def test_a_long_sleeve_around_a_sharply_bent_elbow_is_a_guess(person):
    photo, body = person
    bent = moved(body, right_wrist=(236, 360), right_elbow=(140, 330))
    assert judge_sleeves(bent, 1.0).level == "doubtful"
    assert judge_sleeves(bent, 0.3) == judge_sleeves(body, 1.0) == FitReport()
    unseen = bent.landmarks.copy()
    unseen[14, 3] = 0.1
    assert judge_sleeves(replace(bent, landmarks=unseen), 1.0) == FitReport()
    long = replace(read_garment(draw_shirt(), "upper"), reach=1.0)
    worn = PreviewPipeline()(photo, bent, long)
    assert "elbow" in " ".join(worn.fit.reasons)


@pytest.mark.parametrize(("degrees", "advice"), [
    (180, "by 180 degrees,"), (-90, "90 degrees clockwise"), (90, "90 degrees anticlockwise"),
    (70, "90 degrees anticlockwise"),
])  # fmt: skip
def test_who_is_not_upright_is_refused_and_the_way_back_is_told(person, degrees, advice):
    photo, body = person
    with pytest.raises(InputError, match="upright") as refused:
        PreviewPipeline()(photo, turned(body, degrees), read_garment(draw_shirt(), "upper"))
    assert advice in str(refused.value)


def test_which_way_somebody_faces_does_not_hang_on_how_the_photo_is_turned(person):
    for degrees in range(0, 360, 30):
        assert build_figure(turned(person[1], degrees), (0, 0), 1.0).facing == 1


def from_behind(body: Body) -> Body:
    landmarks = body.landmarks.copy()
    landmarks[11:33] = landmarks[[k + 1 if k % 2 else k - 1 for k in range(11, 33)]]
    return replace(body, landmarks=landmarks)


def sideways(body: Body) -> Body:
    landmarks = body.landmarks.copy()
    landmarks[:, 0] = 300 + 0.7 * (landmarks[:, 0] - 300)
    return replace(body, landmarks=landmarks)


@pytest.mark.parametrize(("change", "word"), [
    (lambda body: turned(body, 40), "leans"),
    (from_behind, "from behind"),
    (sideways, "turned aside"),
    (lambda body: moved(body, right_elbow=(235, 360), right_wrist=(350, 340)), "An arm lies"),
    (lambda body: moved(body, left_wrist=(270, 320), right_elbow=(235, 360),
                        right_wrist=(350, 340)), "Both arms lie"),
    (lambda body: moved(body, left_knee=(360, 480)), "sits"),
])  # fmt: skip
def test_a_pose_that_makes_the_fit_a_guess_is_told(person, change, word):
    body = change(person[1])
    check_upright(body)
    found = judge_person(body, "dress")
    assert found.level == "doubtful" and word in " ".join(found.reasons)


def test_the_report_comes_with_the_picture(person):
    photo, body = person
    shirt = read_garment(draw_shirt(), "upper")
    crossed = moved(body, right_elbow=(235, 360), right_wrist=(350, 340))
    assert "across the trunk" in str(PreviewPipeline()(photo, crossed, shirt).fit)


def test_masks_that_are_no_wish_change_nothing_and_a_mask_elsewhere_is_an_error(person):
    photo, body = person
    shirt = read_garment(draw_shirt(), "upper")
    plain = PreviewPipeline()(photo, body, shirt)
    speck = np.full(body.mask.shape, 1 / 255, np.float32)
    speck[2, 3] = 1
    np.testing.assert_array_equal(PreviewPipeline()(photo, body, shirt, speck).mask, plain.mask)
    around = PreviewPipeline()(photo, body, shirt, 1 - body.mask)
    np.testing.assert_array_equal(around.picture, plain.picture)
    assert "counts as none" in str(around.fit)
    corner = np.zeros(body.mask.shape, np.float32)
    corner[:40, :40] = 1
    with pytest.raises(InputError, match="Nothing of the photo would change"):
        PreviewPipeline()(photo, body, shirt, corner)


def test_skin_that_the_photo_never_showed_is_a_guess(person):
    top = read_garment(draw_strap_top(), "upper")
    assert "skin" in str(PreviewPipeline()(*person, top).fit), "whole arms under long sleeves"
    assert PreviewPipeline()(*draw_person(sleeve=60), read_garment(draw_shirt(), "upper")).fit == (
        FitReport()
    )


def cut_below(person, rows):
    """The photo and the body, as far as so many rows from the top."""
    photo, body = person
    left, top, right, bottom = body.box
    box = (left, top, right, min(bottom, rows))
    body = replace(body, mask=body.mask[:rows], box=box, small=None)
    return photo[:rows], body.seen_in(photo[:rows])


@pytest.mark.parametrize(("rows", "level"), [(850, "ok"), (490, "doubtful"), (460, "refused")])
def test_a_garment_of_which_next_to_nothing_is_seen_is_no_success(person, rows, level):
    """Photos that end at the feet, somewhat below the top's hem, and just below it."""
    photo, body = cut_below(person, rows)
    trousers = read_garment(draw_trousers(), "lower")
    if level == "refused":
        with pytest.raises(InputError, match="Next to nothing of the lower garment"):
            PreviewPipeline()(photo, body, trousers)
        return
    fit = PreviewPipeline()(photo, body, trousers).fit
    assert ("only a strip" in str(fit)) is (level == "doubtful")
