"""A garment read from the photo of somebody who wears it: never a face, never skin."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawn_people import HAIR, SKIN, SWEATER, TROUSERS, draw_person
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.garment.matting import ANALYSIS_SIDE, reduced
from fitting_room.pipelines.garment.parts import LEFT_LEG, LEFT_SLEEVE, RIGHT_LEG, RIGHT_SLEEVE
from fitting_room.pipelines.garment.read import read_garment, taken_off
from fitting_room.pipelines.garment.wearer import (
    find_wearer,
    is_print,
    shows_skin,
    skin_like,
)
from fitting_room.pipelines.garment.worn import find_cloth
from fitting_room.pipelines.garment.worn_view import check_torn
from fitting_room.pipelines.maps.colours import to_lab
from fitting_room.pipelines.maps.edges import to_planes
from fitting_room.pipelines.masking.body import Body, embedded_body_model
from fitting_room.pipelines.masking.figure import build_figure
from fitting_room.pipelines.preview.pipeline import PreviewPipeline
from PIL import Image, ImageDraw

SAMPLES = Path(__file__).resolve().parents[3] / "samples"


def smaller(photo, body):
    """The photo as reading sees it, and the body in it."""
    small = reduced(photo, ANALYSIS_SIDE)
    scale = small.shape[0] / photo.shape[0]
    mask = np.asarray(Image.fromarray(body.mask).resize(small.shape[1::-1]))
    landmarks = body.landmarks * np.array([scale, scale, scale, 1, 1], np.float32)
    return small, Body(landmarks, mask, tuple(round(side * scale) for side in body.box), 1.0)


def take(category="upper", drawn=None):
    photo, body = drawn or draw_person()
    small, found = smaller(photo, body)
    return taken_off(photo, small, find_cloth(small, found, category))


def share_like(garment, colour, tolerance=40):
    """How much of what is taken has a colour."""
    inside = garment.picture[garment.alpha > 0.5].astype(int)
    return (np.abs(inside - colour).max(-1) < tolerance).mean()


def test_the_top_comes_off_alone():
    garment = take()
    assert (garment.category, garment.sleeves) == ("upper", "long") and garment.reach > 0.75
    assert share_like(garment, SWEATER) > 0.97
    assert max(share_like(garment, colour, 25) for colour in (SKIN, HAIR, TROUSERS)) < 0.01
    assert {RIGHT_SLEEVE, LEFT_SLEEVE} <= set(garment.limbs)
    for side, joint in (("left", (370, 235)), ("right", (230, 235))):
        assert np.hypot(*(np.array(garment.points[f"shoulder_{side}"]) - joint)) < 45
        assert np.hypot(*(np.array(garment.points[f"hem_{side}"]) - [joint[0], 445])) < 45
    assert garment.fit.level == "doubtful" and "wears it" in " ".join(garment.fit.reasons)


@pytest.mark.parametrize("width", [46, 70])
def test_short_sleeves_end_where_the_skin_begins(width):
    garment = take(drawn=draw_person(sleeve=width))
    assert garment.sleeves == "short" and 0.1 < garment.reach < 0.45
    assert share_like(garment, SKIN, 25) < 0.01


def test_the_trousers_come_off_alone():
    garment = take("lower")
    assert garment.category == "lower" and {RIGHT_LEG, LEFT_LEG} <= set(garment.limbs)
    assert share_like(garment, TROUSERS) > 0.97 and share_like(garment, SWEATER, 25) < 0.01
    x, y = garment.points["crotch"]
    assert abs(x - 300) < 15 and 460 < y < 560
    assert abs(garment.points["hem_outer_left"][1] - 770) < 50


def test_what_was_taken_off_can_be_worn():
    photo, body = draw_person(sleeve=46)
    stranger = np.where(np.abs(photo.astype(int) - SWEATER).max(-1, keepdims=True) < 10,
                        np.array([150, 40, 160], np.uint8), photo)  # fmt: skip
    result = PreviewPipeline()(stranger, body, take())
    chest = result.picture[260:400, 270:330].astype(int)
    assert (np.abs(chest - SWEATER).max(-1) < 60).mean() > 0.95
    assert (result.picture[40:165] == stranger[40:165]).all(), "the head is untouched"
    assert result.fit.level == "doubtful"


def test_views_that_show_too_little_are_refused():
    photo, body = draw_person()
    swapped = body.landmarks.copy()
    swapped[[11, 12, 23, 24]] = body.landmarks[[12, 11, 24, 23]]
    with pytest.raises(InputError, match=r"from behind.*front"):
        take(drawn=(photo, replace(body, landmarks=swapped)))
    narrow = body.landmarks.copy()
    narrow[[11, 12], 0] = 315, 285
    with pytest.raises(InputError, match="from the side"):
        take(drawn=(photo, replace(body, landmarks=narrow)))
    short = photo[:640], replace(body, mask=body.mask[:640], box=(*body.box[:3], 640))
    with pytest.raises(InputError, match="cuts it off"):
        take("lower", short)


def test_a_wearer_without_a_head_is_told_as_a_guess():
    photo, body = draw_person()
    cut = 172
    landmarks = body.landmarks - np.array([0, cut, 0, 0, 0], np.float32)
    left, _, right, bottom = body.box
    headless = Body(landmarks, body.mask[cut:], (left, 0, right, bottom - cut), 1.0)
    assert "face is not in the photo" in " ".join(take(drawn=(photo[cut:], headless)).fit.reasons)
    assert "face" not in " ".join(take().fit.reasons)


def test_a_mask_drawn_by_the_user_wins_but_for_the_head():
    photo, body = draw_person()
    small, found = smaller(photo, body)
    given = np.zeros(small.shape[:2], bool)
    given[: round(0.5 * len(small))] = found.mask[: round(0.5 * len(small))] > 0.5
    cloth = find_cloth(small, found, "upper", given)  # a cut-out person: only the garment
    assert share_like(taken_off(photo, small, cloth), SKIN, 25) < 0.01
    given[: round(0.22 * len(small))] = False
    assert find_cloth(small, found, "upper", given).whole.sum() > 0.8 * given.sum()


@pytest.mark.parametrize("name", ["person.jpg", "person_close.jpg", "person_mirrored.jpg"])
def test_a_wearers_face_is_never_part_of_a_garment(name):
    photo = np.asarray(Image.open(SAMPLES / name).convert("RGB"))
    wearer = find_wearer(embedded_body_model(), photo, to_planes(to_lab(photo)))
    assert wearer is not None
    try:
        garment = read_garment(photo)
    except InputError as refused:
        assert "laid flat" in str(refused)
        return
    for landmark in range(11):
        x, y = wearer.landmarks[landmark, :2].astype(int)
        assert garment.alpha[y, x] == 0
    assert garment.fit.level == "doubtful"


@pytest.mark.parametrize("name", ["person.jpg", "person_close.jpg"])
@pytest.mark.parametrize("turn", [90, 180])
def test_a_wearer_who_is_not_upright_is_refused(name, turn):
    turned = Image.open(SAMPLES / name).convert("RGB").rotate(turn, expand=True)
    with pytest.raises(InputError, match=r"upright.*Turn the photo"):
        read_garment(np.asarray(turned))


def test_a_face_on_a_shirt_is_a_print():
    _, body = draw_person()
    person = body.mask.copy()
    assert not is_print(body, person)
    shirt = np.zeros_like(person)
    shirt[60:600, 150:450] = 1
    assert is_print(body, shirt)


def test_skin_around_a_garment_without_a_face():
    photo, body = draw_person(sleeve=46)
    lab, inside = to_planes(to_lab(photo[185:640])), body.mask[185:640] > 0.5
    assert shows_skin(lab, skin_like(lab), inside)
    dressed, body = draw_person()
    lab = to_planes(to_lab(dressed))
    assert not shows_skin(lab, skin_like(lab), body.mask > 0.5)


def test_cloth_of_the_colour_of_skin_in_another_light_is_no_wearer():
    inside = np.zeros((300, 300), bool)
    inside[40:260, 40:260] = True
    red = np.array([33.0, 42.0, 27.0], np.float32)[:, None, None]  # beyond the colours of skin
    lab = np.broadcast_to(red, (3, 300, 300)).copy()
    for part in np.s_[:, :60], np.s_[:, :, :60], np.s_[:, :, 240:]:
        lab[part] = red - np.array([2.0, 4.0, 3.0], np.float32)[:, None, None]  # within them
    skin = skin_like(lab)
    assert skin[inside].mean() > 0.2 and not skin[150, 150]
    assert not shows_skin(lab, skin, inside)
    lab[:, 60:, 60:240] = np.array([40.0, 0.0, -30.0], np.float32)[:, None, None]
    assert shows_skin(lab, skin, inside)


@pytest.mark.parametrize("width", [4, 8])
def test_thin_straps_come_along(width):
    photo, body = draw_person(sleeve=2)
    canvas = Image.fromarray(photo)
    pen = ImageDraw.Draw(canvas)
    pen.polygon([(278, 200), (322, 200), (385, 218), (372, 290), (228, 290), (215, 218)], fill=SKIN)
    for x in (255, 345):
        pen.line([(x, 208), (x, 300)], fill=SWEATER, width=width)
    garment = take(drawn=(np.asarray(canvas), body))
    assert garment.sleeves == "none"
    for x in (255, 345):
        assert garment.alpha[230:285, x - 1 : x + 2].max(1).min() > 0.5
    assert share_like(garment, SKIN, 25) < 0.08


def test_a_garment_that_comes_off_in_tatters_is_refused():
    photo, body = draw_person()
    figure = build_figure(body, (0.0, 0.0), 1.0)
    torso = np.zeros(photo.shape[:2], bool)
    torso[220:450, 235:365] = True
    check_torn(torso, figure)
    torso[300:, 260:] = False  # one step is the end of a jacket or an arm in front
    check_torn(torso, figure)
    for top in range(270, 450, 36):
        torso[top : top + 18, 320:] = False
        torso[top + 18 : top + 36, 235:365] = True
    with pytest.raises(InputError, match="pattern hides where it ends"):
        check_torn(torso, figure)
