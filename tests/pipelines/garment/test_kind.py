"""A garment's category from its outline alone: laid out on a sheet or hung from clips."""

import numpy as np
import pytest
from fitting_room.pipelines.garment.kind import EITHER
from fitting_room.pipelines.garment.read import read_garment
from PIL import Image, ImageDraw

BLUE = (60, 90, 160)


def both_sides(half):
    """The polygon of a half outline, points (from the axis, down)."""
    return [(320 + u, y) for u, y in half] + [(320 - u, y) for u, y in half[::-1]]


def hung(half, *pieces):
    """The same with the bar or clips of a hanger about its waistband, boxes as (x, y, x, y)."""
    picture = drawn(half)
    pen = ImageDraw.Draw(picture)
    for box in pieces:
        pen.rectangle(box, fill=BLUE)
    return picture


def drawn(half):
    picture = Image.new("RGB", (640, 640), (238, 238, 238))
    ImageDraw.Draw(picture).polygon(both_sides(half), fill=BLUE)
    return picture


TROUSERS = [(0, 60), (90, 60), (100, 580), (36, 580), (0, 250)]
CLIPS = ((306, 34, 334, 64), (250, 42, 268, 64), (372, 42, 390, 64), (214, 58, 426, 76))
KINDS = {
    "dress with short sleeves that flares": ("dress", drawn(
        [(0, 110), (40, 100), (105, 125), (180, 200), (140, 235), (104, 205), (100, 260),
         (180, 510), (0, 520)])),
    "dress without sleeves that flares": ("dress", drawn(
        [(0, 110), (62, 100), (84, 170), (92, 240), (105, 310), (190, 510), (0, 520)])),
    "long top with short sleeves": ("upper", drawn(
        [(0, 60), (40, 50), (105, 70), (180, 150), (140, 185), (108, 150), (104, 230), (118, 380),
         (0, 385)])),
    "flared top without sleeves": ("upper", drawn(
        [(0, 130), (58, 60), (84, 60), (88, 150), (110, 190), (150, 430), (0, 440)])),
    "shorts with a hem that rises outside": ("lower", drawn(
        [(0, 150), (130, 145), (150, 200), (180, 330), (110, 350), (40, 390), (0, 430)])),
    "trousers that spread from a narrow waist": ("lower", drawn(
        [(0, 150), (40, 100), (76, 90), (120, 200), (230, 580), (110, 580), (0, 240)])),
    "trousers on clips": ("lower", hung(TROUSERS, *CLIPS)),
    "skirt on clips": ("lower", hung([(0, 60), (90, 60), (104, 400), (0, 404)], *CLIPS)),
    "skirt spread wide": ("lower", drawn(
        [(0, 220), (90, 190), (150, 240), (280, 330), (270, 350), (120, 440), (0, 450)])),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_the_outline_tells_the_kind(name):
    category, picture = KINDS[name]
    assert read_garment(np.asarray(picture)).category == category


def test_clips_are_no_part_of_a_waistband():
    plain, clipped = (
        read_garment(np.asarray(picture)).points
        for picture in (drawn(TROUSERS), hung(TROUSERS, *CLIPS))
    )
    for side in ("left", "right"):
        assert np.hypot(*np.subtract(plain[f"waist_{side}"], clipped[f"waist_{side}"])) < 12


@pytest.mark.parametrize(("hem", "doubtful"), [(400, False), (490, True), (600, False)])
def test_between_a_long_top_and_a_dress_it_is_doubtful(hem, doubtful):
    half = [(0, 60), (40, 50), (105, 75), (180, 150), (140, 185), (104, 155), (100, 220)]
    picture = np.asarray(drawn([*half, (148, hem), (0, hem + 6)]))
    assert (EITHER in read_garment(picture).fit.reasons) == doubtful
    assert EITHER not in read_garment(picture, "upper").fit.reasons
