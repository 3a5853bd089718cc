"""The inside of a garment's back, seen in its neck, is never worn in front of the wearer."""

from dataclasses import replace

import numpy as np
import pytest
from drawn_people import draw_person
from fitting_room.pipelines.garment.parts import INSIDE
from fitting_room.pipelines.garment.read import read_garment
from fitting_room.pipelines.preview import drawn
from fitting_room.pipelines.preview.drawn import CUTS, Look, draw
from fitting_room.pipelines.preview.pipeline import PreviewPipeline
from PIL import Image, ImageDraw

SIZE = 480, 640
BLUE, BROWN, BLACK = (60, 80, 170), (150, 120, 95), (30, 30, 34)


def opened(name, width, depth, look, shade, power=2.2, bulge=0.0, seamed=False):
    """A garment whose neck shows a darker inside of its back, (picture, truth). power: of the
    neckline's curve, 1 = a V; bulge: how much wider it is than its ends; seamed: a dark seam along
    the back."""
    tip = max(0.92, width + 0.2)
    cut = replace(CUTS[name], neck=(width, 0.08, 0.06), shoulder=(tip, 0.2))
    drawing = draw(cut, look, *SIZE)
    right, left = (np.array(drawing.points[f"neck_{side}"]) for side in ("right", "left"))
    half = (left[0] - right[0]) / 2
    along = np.linspace(-1, 1, 129)
    fall = 1 - np.abs(along) ** power
    x = along * (1 + bulge * np.sin(np.pi * fall))
    line = np.stack([x * half, fall * depth * half], -1) + (left + right) / 2
    canvas = Image.new("1", SIZE)
    ImageDraw.Draw(canvas).polygon([tuple(point) for point in line], fill=1)
    inside = np.asarray(canvas) & (drawing.alpha > 0.5)
    picture = drawing.picture.astype(float)
    picture[inside] *= shade
    picture = Image.fromarray(picture.astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    if seamed:
        back = drawn.neckline(cut, 0.11)[8:-8] * half / width + (left + right) / 2
        pen.line([tuple(point) for point in back], fill=(8, 8, 20), width=2)
    if power < 1.5:  # the band and the buttons of a cardigan
        for aside in (-1, 1):
            band = line[8:65] if aside < 0 else line[64:-8]
            pen.line([tuple(point) for point in band + [9 * aside, 0]], fill=BLACK, width=1)
        for step in range(5):
            x, y = line[64] + [0, 16 + 40 * step]
            pen.ellipse((x - 4, y - 4, x + 4, y + 4), fill=(240, 236, 220))
    return np.asarray(picture), inside


def found_of(picture, inside):
    """How much of the true inside was found, and how much else as a share of it."""
    garment = read_garment(picture, "upper")
    found = garment.parts == INSIDE
    else_found = found & ~inside & (garment.alpha > 0.9)
    return (found & inside).sum() / inside.sum(), else_found.sum() / inside.sum()


SCOOP = {"name": "t-shirt", "width": 0.66, "depth": 0.95, "shade": 0.5, "power": 2.6}
CARDIGAN = {"name": "long-sleeved top", "width": 0.38, "depth": 3.1, "shade": 0.8, "power": 1.15}


@pytest.mark.parametrize("colour", [BLUE, (190, 60, 60), (205, 196, 180)])
@pytest.mark.parametrize("bulge", [0.14, 0.2])
def test_a_wide_neck_that_is_rounder_than_its_ends_is_open_to_its_sides(colour, bulge):
    covered, beyond = found_of(*opened(**SCOOP, look=Look(colour), bulge=bulge))
    assert covered > 0.93 and beyond < 0.08


@pytest.mark.parametrize("colour", [(190, 60, 60), (120, 160, 120), (205, 196, 180)])
def test_a_seam_of_the_back_is_not_the_front_edge(colour):
    given = SCOOP | {"shade": 0.75}
    covered, beyond = found_of(*opened(**given, look=Look(colour), seamed=True))
    assert covered > 0.93 and beyond < 0.08


@pytest.mark.parametrize("colour", [BROWN, BLUE, (205, 196, 180)])
@pytest.mark.parametrize(("depth", "shade"), [(2.7, 0.9), (3.1, 0.8), (3.9, 0.7)])
def test_the_deep_v_of_a_cardigan_is_open_to_its_tip(colour, depth, shade):
    given = CARDIGAN | {"depth": depth, "shade": shade}
    covered, beyond = found_of(*opened(**given, look=Look(colour)))
    assert covered > 0.9 and beyond < 0.15


@pytest.mark.parametrize("cut", ["t-shirt", "long-sleeved top"])
@pytest.mark.parametrize("pattern", ["plain", "stripes", "lettering"])
def test_nothing_of_a_closed_front_is_cut_away(cut, pattern):
    drawing = draw(CUTS[cut], Look(BLUE, pattern=pattern), *SIZE)
    garment = read_garment(drawing.picture, "upper")
    below = np.arange(SIZE[1])[:, None] > drawing.points["neck_bottom"][1] + 12
    assert not ((garment.parts == INSIDE) & below).any()


def test_the_yoke_of_another_colour_stays():
    """A dark V on the front of a bright garment is no inside of it."""
    picture, yoke = opened(**CARDIGAN | {"shade": 1.0}, look=Look((225, 205, 190)))
    picture = np.where(yoke[..., None], np.array((30, 60, 140)), picture).astype(np.uint8)
    assert found_of(picture, yoke)[0] < 0.3


def test_the_inside_of_a_wide_neck_is_not_worn_on_the_shoulders():
    photo, body = draw_person(sleeve=0.0)
    picture, _ = opened(**SCOOP, look=Look(BLUE), bulge=0.2)
    worn = PreviewPipeline()(photo, body, read_garment(picture, "upper")).picture.astype(int)
    dark = np.abs(worn - np.array(BLUE) * SCOOP["shade"]).max(-1) < 14
    x, y, half, _ = trunk_of(body)
    assert dark[y - 40 : y + 60, x - half : x + half].mean() < 0.02


@pytest.mark.parametrize("colour", [BROWN, BLUE])
def test_down_to_the_tip_of_a_cardigans_v_one_sees_the_person(colour):
    photo, body = draw_person(sleeve=0.0)
    picture, _ = opened(**CARDIGAN, look=Look(colour))
    worn = PreviewPipeline()(photo, body, read_garment(picture, "upper")).picture.astype(int)
    x, y, _, tall = trunk_of(body)
    strip = slice(y - 15, y + round(0.13 * tall)), slice(x - 2, x + 3)
    assert np.abs(worn[strip] - photo[strip]).max() < 24


def trunk_of(body):
    """The middle between the shoulders, half their distance, and how far down the hips are."""
    shoulders, hips = (body.landmarks[[a, a + 1], :2].mean(0) for a in (11, 23))
    half = abs(body.landmarks[11, 0] - body.landmarks[12, 0]) / 2
    return round(shoulders[0]), round(shoulders[1]), round(half), float(hips[1] - shoulders[1])
