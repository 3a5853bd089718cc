"""Where a new garment ends: nothing of the old one beside it, none of it where it cannot be."""

from dataclasses import replace

import numpy as np
import pytest
from drawn_people import (
    PLACES,
    RED,
    SKIN,
    SWEATER,
    TROUSERS,
    draw_person,
    draw_shirt,
    draw_shorts,
    draw_strap_top,
    draw_trousers,
)
from fitting_room.pipelines.garment.read import read_garment
from fitting_room.pipelines.masking.regions import UPPER
from fitting_room.pipelines.preview.pipeline import PreviewPipeline
from fitting_room.pipelines.preview.place import place_garment
from fitting_room.pipelines.preview.scene import read_scene
from PIL import Image, ImageDraw

WALL = (205, 208, 212)


def like(picture, colour, tolerance=45):
    return np.abs(picture.astype(int) - colour).max(-1) < tolerance


def try_on(person, product, category):
    return PreviewPipeline()(*person, read_garment(product, category))


def drawn_on(person, corners, colour):
    """The person with a polygon in the photo that belongs to the body."""
    photo, body = person
    canvas, mask = Image.fromarray(photo), Image.fromarray(np.uint8(body.mask > 0.5))
    ImageDraw.Draw(canvas).polygon(corners, fill=colour)
    ImageDraw.Draw(mask).polygon(corners, fill=1)
    return np.asarray(canvas), replace(body, mask=np.asarray(mask, np.float32), small=None)


def draw_high_waist():
    """Red trousers that are as wide at their high waist as further down."""
    canvas = Image.new("RGB", (400, 700), (250, 250, 250))
    corners = [(90, 30), (310, 30), (312, 660), (225, 660), (200, 290), (175, 660), (88, 660)]
    ImageDraw.Draw(canvas).polygon(corners, fill=RED)
    return np.asarray(canvas)


def test_no_waistband_stands_beside_a_top_that_hangs_over_it():
    worn = try_on(draw_person(), draw_high_waist(), "lower").picture
    assert like(worn[500:600], RED, 60).any()
    assert not like(worn[:436], RED, 60).any()


@pytest.mark.parametrize("product", [draw_trousers(), draw_shorts()], ids=["trousers", "shorts"])
def test_nothing_of_the_old_waistband_is_left_where_the_top_is_short(product):
    slanted = drawn_on(draw_person(), [(285, 452), (366, 400), (366, 452)], TROUSERS)
    worn = try_on(slanted, product, "lower").picture
    assert not like(worn[395:500, 242:358], TROUSERS, 30).any()
    assert like(worn[425:440, 335:355], RED, 70).mean() > 0.9


@pytest.mark.parametrize("length", [400, 460])
def test_a_dress_hangs_around_legs_that_stand_apart(monkeypatch, length):
    for number, place in {25: (395, 610), 26: (205, 610), 27: (430, 760), 28: (170, 760)}.items():
        monkeypatch.setitem(PLACES, number, place)
    worn = try_on(draw_person(), draw_shirt(length), "dress").picture
    red = like(worn, RED, 70)
    hem = int(np.nonzero(red.any(1))[0].max())
    thighs = slice(510, min(hem - 12, 600))  # below the hands
    assert hem > 540
    assert not like(worn[thighs], SKIN, 50).any()


def test_a_sleeve_around_a_bent_elbow_is_nowhere_torn():
    photo, body = draw_person()
    landmarks = body.landmarks.copy()
    landmarks[[14, 16, 18, 20, 22], :2] = [(120, 330), (232, 380), (250, 385), (252, 385), (250, 380)]
    garment = read_garment(draw_shirt(), "upper")
    outer = np.array([(60, 420), (130, 425)])
    product = Image.fromarray(draw_shirt())
    for mirror in (1, -1):
        corners = [(240 + mirror * (x - 240), y) for x, y in
                   [(130, 112), (40, 400), (95, 420), (150, 230)]]  # fmt: skip
        ImageDraw.Draw(product).polygon(corners, fill=RED)
    garment = read_garment(np.asarray(product), "upper")
    assert garment.reach > 0.8 and outer.any()
    scene = read_scene(photo, replace(body, landmarks=landmarks))
    pieces = [piece for piece in place_garment(garment, scene) if piece.part == "right_arm"]
    for piece in pieces:
        inside = piece.mapping.inside
        for axis in (0, 1):
            steps = np.hypot(*np.moveaxis(np.diff(piece.mapping.source, axis=axis), -1, 0))
            both = inside[1:] & inside[:-1] if axis == 0 else inside[:, 1:] & inside[:, :-1]
            assert np.percentile(steps[both], 99.5) < 25


def test_between_a_short_sleeve_and_the_bare_arm_is_no_background(monkeypatch):
    for number, place in {14: (120, 300), 16: (200, 400), 18: (215, 425), 20: (218, 428),
                          22: (214, 420)}.items():  # fmt: skip
        monkeypatch.setitem(PLACES, number, place)
    person = draw_person(sleeve=60)
    worn = try_on(person, draw_shirt(), "upper").picture
    for share in np.linspace(0.1, 0.95, 40):
        x, y = np.round(np.add(PLACES[12], share * np.subtract(PLACES[14], PLACES[12]))).astype(int)
        for aside in (-8, 0, 8):  # across the arm
            place = worn[y + aside, x - aside]
            assert not like(place, WALL, 12), (share, aside)


def test_nothing_of_the_old_garment_is_left_in_the_armholes():
    worn = try_on(draw_person(sleeve=60), draw_strap_top(), "upper").picture
    for row in range(240, 330, 6):
        red = np.nonzero(like(worn[row], RED, 60))[0]
        assert len(red)
        beside = np.concatenate([worn[row, : red[0]], worn[row, red[-1] + 1 :]])
        assert like(beside, SWEATER, 40).sum() <= 2


def test_cloth_that_stands_off_the_shoulders_draws_none():
    person = draw_person()
    padded = drawn_on(person, [(330, 212), (345, 195), (392, 203), (400, 235)], SWEATER)
    scenes = [read_scene(*one) for one in (person, padded)]
    assert scenes[1].regions.kinds[UPPER].sum() > scenes[0].regions.kinds[UPPER].sum()
    unit = scenes[0].figure.unit
    plain, thick = (float(one.shape.rise(np.array(0.52 * unit))) for one in scenes)
    assert thick - plain < 0.02 * unit
