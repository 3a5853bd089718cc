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
    draw_shorts,
    draw_trousers,
)
from fitting_room.pipelines.garment.read import read_garment
from fitting_room.pipelines.masking.anatomy import SHOULDER_RISES, SHOULDER_SIDES
from fitting_room.pipelines.preview.drawn import CUTS, Look, Pattern, draw
from fitting_room.pipelines.preview.pipeline import PreviewPipeline
from fitting_room.pipelines.preview.place import place_garment
from fitting_room.pipelines.preview.scene import read_scene
from PIL import Image, ImageDraw

WALL = (205, 208, 212)
PLAIN = Look(RED)


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
    person = drawn_on(
        draw_person(hem=415), [(238, 417), (362, 417), (372, 520), (228, 520)], TROUSERS
    )
    worn = try_on(person, draw_high_waist(), "lower").picture
    assert like(worn[500:600], RED, 60).any()
    assert not like(worn[:400], RED, 60).any()


@pytest.mark.parametrize("product", [draw_trousers(), draw_shorts()], ids=["trousers", "shorts"])
def test_nothing_of_the_old_waistband_is_left_where_the_top_is_short(product):
    slanted = drawn_on(draw_person(), [(285, 452), (366, 400), (366, 452)], TROUSERS)
    worn = try_on(slanted, product, "lower").picture
    assert not like(worn[395:500, 242:358], TROUSERS, 30).any()
    assert like(worn[425:440, 335:355], RED, 70).mean() > 0.9


def test_a_dress_hangs_around_legs_that_stand_apart(monkeypatch):
    for number, place in {25: (395, 610), 26: (205, 610), 27: (430, 760), 28: (170, 760)}.items():
        monkeypatch.setitem(PLACES, number, place)
    straight = Pattern((0.42, 0.5, 0.1), waist=(0.85, 1.9), hem=(1.05, 5.2, 0.1))
    worn = try_on(draw_person(), draw(straight, PLAIN, 480, 800).picture, "dress").picture
    hem = int(np.nonzero(like(worn, RED, 70).any(1))[0].max())
    assert hem > 560
    # Below the hands, but for the hem's bow.
    assert like(worn[510 : hem - 12], SKIN, 50).sum() < 200


def bend(monkeypatch, elbow, wrist):
    """The right arm of whoever is drawn next."""
    (x, y), hand = wrist, {18: (15, 25), 20: (18, 28), 22: (14, 20)}
    places = {14: elbow, 16: wrist} | {k: (x + u, y + v) for k, (u, v) in hand.items()}
    for number, place in places.items():
        monkeypatch.setitem(PLACES, number, place)


def test_a_sleeve_around_a_bent_elbow_is_nowhere_torn(monkeypatch):
    """Where the sleeve lies over itself, what lies side by side belongs together in it as well."""
    bend(monkeypatch, (120, 300), (200, 400))
    garment = read_garment(draw(CUTS["long-sleeved top"], PLAIN, 480, 640).picture, "upper")
    scene = read_scene(*draw_person(sleeve=60))
    sleeve = [piece for piece in place_garment(garment, scene) if piece.part == "right_arm"]
    assert sum(piece.mapping.inside.sum() for piece in sleeve) > 400
    for piece in sleeve:
        inside, steps = piece.mapping.inside, np.diff(piece.mapping.source, axis=0)
        assert np.hypot(*steps[inside[1:] & inside[:-1]].T).max() < 15


def test_between_a_sleeves_end_and_the_bare_arm_is_no_background(monkeypatch):
    bend(monkeypatch, (110, 260), (190, 360))
    person = draw_person()
    product = draw(replace(CUTS["t-shirt"], sleeve=(0.85, 42, 0.5)), PLAIN, 560, 640).picture
    worn = try_on(person, product, "upper").picture
    arm = Image.new("L", person[0].shape[1::-1])
    ImageDraw.Draw(arm).line([PLACES[12], PLACES[14], PLACES[16]], fill=255, width=24)
    assert (like(worn, WALL, 12) & (np.asarray(arm) > 0)).sum() < 5


def test_nothing_of_the_old_garment_is_left_in_the_armholes():
    wide = Pattern((0.36, 0.34, 0.07), (0.95, 0.2), armpit=(0.8, 1.2), sleeve=None)
    product = draw(wide, PLAIN, 480, 640).picture
    worn = try_on(draw_person(sleeve=60), product, "upper").picture
    left = 0
    for row in worn[240:330:6]:
        red = np.nonzero(like(row, RED, 60))[0]
        beside = np.concatenate([row[: red[0]], row[red[-1] + 1 :]])
        left += like(beside, SWEATER, 40).sum()
    assert left < 10


def test_cloth_that_stands_off_the_shoulders_draws_none():
    scene = read_scene(*draw_person())
    unit = scene.figure.unit
    usual = float(np.interp(0.52, SHOULDER_SIDES, SHOULDER_RISES))
    assert float(scene.shape.rise(np.array(0.52 * unit))) / unit < usual + 0.01
