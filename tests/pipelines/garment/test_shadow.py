"""Shadows that a lower garment throws, and bands that it has of its own."""

import numpy as np
from fitting_room.pipelines.garment.parts import INSIDE
from fitting_room.pipelines.garment.read import read_garment
from PIL import Image, ImageDraw, ImageFilter
from scipy.ndimage import gaussian_filter

PINK, WHITE = (214, 160, 160), (255, 255, 255)
OUTLINE = [(250, 60), (510, 60), (560, 300), (550, 940), (440, 940), (390, 370), (370, 370),
           (330, 940), (215, 940), (200, 300)]  # fmt: skip


def in_shadow(shift=-14, strength=70):
    """Pink trousers on white, lit from the right: their shadow lies at their left."""
    shade = Image.new("L", (768, 1024), 0)
    ImageDraw.Draw(shade).polygon([(x + shift, y) for x, y in OUTLINE], fill=strength)
    shade = shade.filter(ImageFilter.GaussianBlur(7))
    photo = Image.composite(Image.new("RGB", shade.size, (0, 0, 0)),
                            Image.new("RGB", shade.size, WHITE), shade)  # fmt: skip
    ImageDraw.Draw(photo).polygon(OUTLINE, fill=PINK)
    noise = np.random.default_rng(0).normal(0, 4, (1024, 768, 1))
    picture = np.asarray(photo, np.float32)
    cloth = (np.abs(picture - PINK).max(-1) < 2)[..., None]
    true = Image.new("L", shade.size, 0)
    ImageDraw.Draw(true).polygon(OUTLINE, fill=255)
    return np.clip(picture + noise * cloth, 0, 255).astype(np.uint8), np.asarray(true) > 127


def test_the_shadow_along_a_garment_is_no_pale_rim_of_it():
    picture, true = in_shadow()
    alpha = read_garment(picture, "lower").alpha
    beside = np.zeros_like(true)
    beside[:, :-4] = true[:, 4:]  # right at its left
    beside &= ~true
    beside[:, :-1] &= ~true[:, 1:]  # but not the mixed pixels themselves
    rows = slice(420, 900)
    assert alpha[rows][beside[rows]].mean() < 0.12
    assert alpha[true].mean() > 0.985


def test_the_gap_between_the_legs_is_open_up_to_where_it_begins():
    """Beside coarse pale cloth, whose edge is hardly as far from the background as its shadow."""
    legs = [(420, 940), (389, 370), (371, 370), (340, 940)]
    true = Image.new("L", (1536, 2048))
    corners = [*OUTLINE[:4], *legs, *OUTLINE[8:]]
    ImageDraw.Draw(true).polygon([(2 * x, 2 * y) for x, y in corners], fill=255)
    share = np.asarray(true.reduce(2), np.float32)[..., None] / 255
    shade = Image.new("L", (768, 1024))
    ImageDraw.Draw(shade).polygon([(x - 14, y) for x, y in corners], fill=70)
    shade = np.asarray(shade.filter(ImageFilter.GaussianBlur(7)), np.float32)[..., None] / 255
    weave = gaussian_filter(np.random.default_rng(0).normal(0, 1, (1024, 768)), 1.0)[..., None]
    cloth = np.array([205, 165, 165]) + 14 * weave / weave.std()
    picture = np.clip(cloth * share + 255 * (1 - shade) * (1 - share), 0, 255).astype(np.uint8)
    alpha = read_garment(picture, "lower").alpha
    assert alpha[385:410, 375:385].mean() < 0.03


def test_a_waistband_of_another_colour_is_no_opening():
    canvas = Image.new("RGB", (480, 560), (250, 250, 250))
    pen = ImageDraw.Draw(canvas)
    pen.polygon([(140, 100), (340, 100), (385, 420), (250, 428), (240, 290), (230, 428), (95, 420)],
                fill=(60, 120, 80))  # fmt: skip
    pen.polygon([(140, 100), (340, 100), (344, 128), (136, 128)], fill=(30, 70, 45))
    banded = read_garment(np.asarray(canvas), "lower")
    assert not (banded.parts == INSIDE).any()
    pen.polygon([(140, 100), (340, 100), (344, 128), (136, 128)], fill=(60, 120, 80))
    pen.chord((145, 72, 335, 128), 0, 180, fill=(30, 70, 45))
    opened = read_garment(np.asarray(canvas), "lower")
    assert (opened.parts == INSIDE).sum() > 500
