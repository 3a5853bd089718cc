"""Garment photos as shops really have them: what is no garment is left out or refused in words."""

from pathlib import Path

import numpy as np
import pytest
from fitting_room.pipelines.errors import InputError, NoGarmentFound
from fitting_room.pipelines.garment.read import read_garment
from fitting_room.pipelines.preview.drawn import CUTS, Look, draw
from PIL import Image, ImageDraw

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
BLUE, GREY, WOOD = (40, 80, 190), (238, 238, 238), (203, 184, 166)


def drawn(cut="t-shirt", share=0.6, **look):
    """A garment with free space around it: its drawing, picture and pen."""
    drawing = draw(CUTS[cut], Look(BLUE, background=GREY, **look), 480, 640, share)
    picture = Image.fromarray(drawing.picture)
    return drawing, picture, ImageDraw.Draw(picture)


def overlap(garment, drawing):
    one, other = garment.alpha > 0.5, drawing.alpha > 0.5
    return (one & other).sum() / (one | other).sum()


def sample(name):
    return Image.open(SAMPLES / name).convert("RGB")


@pytest.mark.parametrize("name", ["person.jpg", "person_close.jpg"])
@pytest.mark.parametrize("turn", [90, 180])
def test_a_wearer_who_is_not_upright_is_refused(name, turn):
    turned = np.asarray(sample(name).rotate(turn, expand=True))
    with pytest.raises(InputError, match=r"upright.*Turn the photo"):
        read_garment(turned)


def test_several_garments_are_counted():
    one = drawn("t-shirt")[1]
    two = Image.new("RGB", (960, 640), GREY)
    two.paste(one, (0, 0))
    two.paste(one, (480, 0))
    with pytest.raises(InputError, match=r"One garment was wanted.*shows 2"):
        read_garment(np.asarray(two))
    assert read_garment(np.asarray(two.crop((0, 0, 480, 640)))).category == "upper"


@pytest.mark.parametrize("radius", [8, 20])
def test_loose_dots_are_no_garment(radius):
    picture = Image.new("RGB", (480, 480), "white")
    for x in range(40, 480, 100):
        for y in range(40, 480, 100):
            box = (x - radius, y - radius, x + radius, y + radius)
            ImageDraw.Draw(picture).ellipse(box, fill=BLUE)
    with pytest.raises(NoGarmentFound, match="loose pieces"):
        read_garment(np.asarray(picture))


@pytest.mark.parametrize("tile", [32, 70])
def test_tiles_are_never_worn(tile):
    drawing = drawn()[0]
    ys, xs = np.mgrid[:640, :480]
    tiles = np.where(((xs // tile + ys // tile) % 2)[..., None] == 0, 100, 220)
    picture = np.where(drawing.alpha[..., None] > 0.5, drawing.picture, tiles).astype(np.uint8)
    with pytest.raises(NoGarmentFound, match="wanted"):
        read_garment(picture)


def test_a_badge_in_the_corner_is_left_out():
    drawing, picture, pen = drawn()
    pen.ellipse((20, 20, 80, 80), fill=(200, 30, 40))
    garment = read_garment(np.asarray(picture))
    assert overlap(garment, drawing) > 0.97 and garment.category == "upper"
    assert garment.fit.level == "doubtful" and "left out" in garment.fit.reasons[0]


def test_a_mannequin_loses_head_and_stand():
    drawing, picture, pen = drawn()
    x, top = 240, round(drawing.points["neck_left"][1])
    bottom = round(drawing.points["hem_center"][1])
    pen.rectangle((x - 8, bottom - 2, x + 8, 620), fill=(90, 90, 90))
    pen.rectangle((x - 60, 612, x + 60, 622), fill=(90, 90, 90))
    pen.ellipse((x - 28, top - 80, x + 28, top - 18), fill=WOOD)
    pen.rectangle((x - 14, top - 40, x + 14, top + 8), fill=WOOD)
    garment = read_garment(np.asarray(picture))
    assert overlap(garment, drawing) > 0.96
    assert (garment.category, garment.sleeves) == ("upper", "short")
    said = " ".join(garment.fit.reasons)
    assert "mannequin" in said and "stand" in said


@pytest.mark.parametrize("side", [-1, 1])
def test_a_tie_below_the_hem_is_left_out(side):
    drawing, picture, pen = drawn(share=0.7)
    x, y = drawing.points["hem_left" if side > 0 else "hem_right"]
    pen.polygon([(x - side * 4, y - 60), (x - side * 18, y - 60), (x - side * 20, y + 90),
                 (x - side * 6, y + 90)], fill=(30, 50, 140))  # fmt: skip
    garment = read_garment(np.asarray(picture))
    assert (garment.category, garment.sleeves) == ("upper", "short")
    assert np.nonzero((garment.alpha > 0.5).any(1))[0][-1] < y + 25
    assert "tie" in garment.fit.reasons[0]


def test_a_plain_photo_is_not_doubted():
    for cut in CUTS:
        garment = read_garment(np.asarray(drawn(cut)[1]))
        assert garment.fit.level == "ok", (cut, garment.fit)
