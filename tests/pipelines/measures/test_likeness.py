"""Colour and lettering of a garment found again: drawn pairs with known answers."""

import numpy as np
import pytest
from fitting_room.pipelines.errors import InputError, NobodyFound
from fitting_room.pipelines.images import resize
from fitting_room.pipelines.masking.body import embedded_body_model
from fitting_room.pipelines.measures.likeness import (
    colour_difference,
    lettering_kept,
    worn_region,
)
from PIL import Image, ImageDraw, ImageFilter, ImageFont

EVERYWHERE = np.ones((400, 300), bool)


def lettered(words="FITTING\nROOM 27\nSHIRTS", colour=(40, 60, 120)):
    canvas = Image.new("RGB", (300, 400), colour)
    ImageDraw.Draw(canvas).text(
        (30, 90), words, fill=(240, 235, 220), font=ImageFont.load_default(52)
    )
    return np.asarray(canvas)


def plain(colour):
    return np.full((400, 300, 3), colour, np.uint8)


def test_equal_colours_do_not_differ():
    red = plain((190, 30, 40))
    assert colour_difference(red, EVERYWHERE, red, EVERYWHERE) == 0


def test_a_recoloured_garment_is_as_far_as_ciede2000_says():
    from skimage.color import deltaE_ciede2000, rgb2lab

    one, other = (190, 30, 40), (170, 60, 40)
    known = deltaE_ciede2000(*(rgb2lab(np.array(c, np.uint8)[None, None]) for c in (one, other)))
    found = colour_difference(plain(one), EVERYWHERE, plain(other), EVERYWHERE)
    assert found == pytest.approx(float(known[0, 0]), abs=0.01)
    assert found > 5


def test_only_the_regions_count():
    picture, region = plain((0, 255, 0)), np.zeros((400, 300), bool)
    picture[100:200], region[100:200] = (190, 30, 40), True
    assert colour_difference(plain((190, 30, 40)), EVERYWHERE, picture, region) < 1e-4


def test_lettering_of_the_same_picture_is_kept():
    """But for letters that come twice, which cannot be told apart."""
    assert lettering_kept(lettered(), EVERYWHERE, lettered(), EVERYWHERE) > 0.9


def test_a_shifted_and_smaller_print_is_found_again():
    worn = plain((40, 60, 120))
    worn[120:320, 90:240] = resize(lettered(), 150, 200, "lanczos")
    region = np.zeros((400, 300), bool)
    region[120:320, 90:240] = True
    assert lettering_kept(lettered(), EVERYWHERE, worn, region) > 0.5


def test_blurred_and_other_lettering_is_not_kept():
    soft = np.asarray(Image.fromarray(lettered()).filter(ImageFilter.GaussianBlur(9)))
    assert lettering_kept(lettered(), EVERYWHERE, soft, EVERYWHERE) < 0.1
    other = lettered("nothing\nof the\nkind")
    assert lettering_kept(lettered(), EVERYWHERE, other, EVERYWHERE) < 0.2


def test_a_plain_garment_has_no_lettering_to_follow():
    assert lettering_kept(plain((9, 9, 9)), EVERYWHERE, lettered(), EVERYWHERE) is None
    assert lettering_kept(lettered(), EVERYWHERE, plain((9, 9, 9)), EVERYWHERE) == 0


def test_an_empty_region_is_refused():
    with pytest.raises(InputError, match="hardly a pixel"):
        colour_difference(lettered(), EVERYWHERE & False, lettered(), EVERYWHERE)


def test_what_is_worn_is_found_where_it_was_repainted(person):
    model = embedded_body_model()
    worn = worn_region(person, "upper", model)
    assert 0.1 < worn.mean() < 0.6
    assert worn[400, 256] and not worn[:60].any()  # the chest, not the background above
    half = np.zeros(worn.shape, np.float32)
    half[:, :256] = 1
    left = worn_region(person, "upper", model, half)
    assert left.any() and not left[:, 256:].any()
    with pytest.raises(NobodyFound):
        worn_region(plain((180, 180, 180)), "upper", model)


@pytest.fixture(scope="module")
def person():
    from pathlib import Path

    return np.asarray(
        Image.open(Path(__file__).resolve().parents[3] / "samples" / "person.jpg").convert("RGB")
    )
