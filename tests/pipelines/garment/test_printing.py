"""A print on the chest: where the landmarks say, at any place and size of the photo, with folds."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.garment.printing import place_print
from fitting_room.pipelines.garment.read import read_garment
from PIL import Image

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
RED = (200, 30, 40)


def opened(name):
    return np.array(Image.open(SAMPLES / name).convert("RGB"))


def disc(ground=255, side=400):
    made = np.full((side, side, 3), ground, np.uint8)
    cv2.circle(made, (side // 2, side // 2), side // 2 - 20, RED, -1)
    return made


@pytest.fixture(scope="module")
def blank():
    photo = opened("blank.png")
    return photo, read_garment(photo)


def middle(ink):
    rows, columns = np.nonzero(ink > 0.5)
    return columns.mean(), rows.mean()


def test_it_lies_between_the_armpits_below_the_neckline_and_nothing_else_changes(blank):
    photo, garment = blank
    placed = place_print(photo, garment, disc())
    left, right = garment.points["armpit_right"][0], garment.points["armpit_left"][0]
    x, y = middle(placed.ink)
    assert abs(x - (left + right) / 2) < 5
    rows, columns = np.nonzero(placed.ink > 0.5)
    assert columns.max() - columns.min() == pytest.approx(0.6 * 0.9 * (right - left), rel=0.03)
    assert rows.min() > garment.points["neck_bottom"][1]
    assert (placed.picture[placed.ink == 0] == photo[placed.ink == 0]).all()
    assert str(placed.fit) == "ok"


@pytest.mark.parametrize(("scale", "shift", "turned"), [(0.5, 0, 0), (1, 60, 0), (1, 0, 8)])
def test_it_follows_the_garment(blank, scale, shift, turned):
    """The same garment elsewhere, smaller or askew: the print lies at the same place of it."""
    photo, garment = blank
    height, width = photo.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turned, scale)
    matrix[0, 2] += shift
    ground = tuple(int(value) for value in photo[5, 5])
    moved = cv2.warpAffine(photo, matrix, (width, height), flags=cv2.INTER_AREA, borderValue=ground)
    placed = place_print(moved, read_garment(moved), disc())
    expected = matrix @ [*middle(place_print(photo, garment, disc()).ink), 1]
    chest = scale * garment.distance("armpit_left", "armpit_right")
    assert np.hypot(*(np.array(middle(placed.ink)) - expected)) < 0.03 * chest


def test_settings_move_size_and_turn_it(blank):
    photo, garment = blank
    chest = garment.distance("armpit_left", "armpit_right")
    usual = place_print(photo, garment, disc())
    lower = place_print(photo, garment, disc(), below=0.35)
    assert middle(lower.ink)[1] - middle(usual.ink)[1] == pytest.approx(0.2 * chest, abs=3)
    aside = place_print(photo, garment, disc(), aside=0.1)
    assert middle(aside.ink)[0] - middle(usual.ink)[0] == pytest.approx(0.1 * chest, abs=3)
    small = place_print(photo, garment, disc(), size=0.3)
    assert (small.ink > 0.5).sum() == pytest.approx((usual.ink > 0.5).sum() / 4, rel=0.03)
    turned = place_print(photo, garment, disc(), turn=90)
    np.testing.assert_allclose(turned.corners[0], usual.corners[1], atol=0.5)


def test_a_long_print_ends_above_the_hem(blank):
    photo, garment = blank
    long = np.full((1600, 200, 3), RED, np.uint8)
    placed = place_print(photo, garment, long, size=0.6, ground="keep")
    assert np.nonzero(placed.ink > 0.5)[0].max() < garment.points["hem_center"][1]


def test_white_is_fabric_or_ink(blank):
    photo, garment = blank
    through = place_print(photo, garment, disc())
    inked = place_print(photo, garment, disc(), ground="keep")
    corner = tuple(np.rint(through.corners[0] + 6).astype(int)[::-1])
    assert through.ink[corner] < 0.02 and (through.picture[corner] == photo[corner]).all()
    assert inked.ink[corner] == 1


def test_transparency_says_what_is_print(blank):
    photo, garment = blank
    printed = np.dstack([np.full((100, 100, 3), RED, np.uint8), np.zeros((100, 100), np.uint8)])
    printed[:, :50, 3] = 255
    placed = place_print(photo, garment, printed, ground="keep")
    assert middle(placed.ink)[0] < garment.points["neck_bottom"][0] - 20


def test_folds_shade_and_bend_it(blank):
    """A dark fold drawn across the chest darkens the print there, and bends its straight edge."""
    photo, garment = blank
    folded = photo.astype(np.float32)
    y = np.arange(photo.shape[0])[:, None, None]
    folded *= 1 - 0.25 * np.exp(-(((y - 420) / 10) ** 2))
    folded = folded.astype(np.uint8)
    square = np.full((300, 300, 3), RED, np.uint8)
    placed = place_print(folded, garment, square, ground="keep")
    column = round(middle(placed.ink)[0])
    assert placed.picture[420, column, 0] < 0.85 * placed.picture[380, column, 0]
    lined = square.copy()
    lined[::20] = 0
    flat = place_print(photo, garment, lined, ground="keep")
    bent = place_print(folded, garment, lined, ground="keep")
    dark = [made.picture[400:440, column, 0] < 90 for made in (flat, bent)]
    assert (dark[0] != dark[1]).any()


def test_a_pattern_is_told(blank):
    photo = opened("stripes.png")
    placed = place_print(photo, read_garment(photo), disc())
    assert str(placed.fit).startswith("doubtful") and "not plain" in str(placed.fit)


def test_refusals(blank):
    photo, garment = blank
    trousers = opened("trousers.png")
    with pytest.raises(InputError, match="chest"):
        place_print(trousers, read_garment(trousers), disc())
    with pytest.raises(InputError, match="same photo"):
        place_print(photo[::2, ::2], garment, disc())
    with pytest.raises(InputError, match="Nothing of the print"):
        place_print(photo, garment, np.full((50, 50, 3), 255, np.uint8))
    with pytest.raises(InputError, match="white is fabric"):
        place_print(photo, garment, disc(), ground="black")
