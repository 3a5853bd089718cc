"""What a new garment leaves open: no invented skin, no background through the body, shoes stay."""

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
from fitting_room.pipelines.masking.body import Body
from fitting_room.pipelines.preview.covering import covered_limbs
from fitting_room.pipelines.preview.drawn import CUTS, Look, draw
from fitting_room.pipelines.preview.grain import read_grain
from fitting_room.pipelines.preview.pipeline import PreviewPipeline
from fitting_room.pipelines.preview.place import place_garment
from fitting_room.pipelines.preview.scene import read_scene
from fitting_room.pipelines.preview.trunk import LowerTrunk
from fitting_room.pipelines.preview.warp import STEP
from PIL import Image, ImageDraw

WALL = (205, 208, 212)
CHEST = (slice(225, 240), slice(285, 315))  # between the straps, above the top
BELLY = (slice(395, 425), slice(260, 340))
WAIST = (slice(380, 470), slice(265, 335))
FEET = slice(775, 850)
SHOULDER = [(322, 160), (340, 165), (372, 205), (385, 225), (322, 225)]


def like(picture, colour, tolerance=45):
    return np.abs(picture.astype(int) - colour).max(-1) < tolerance


def try_on(person, product, category):
    return PreviewPipeline()(*person, read_garment(product, category))


def test_chest_and_belly_keep_the_sweater_that_a_strap_top_leaves_open():
    worn = try_on(draw_person(), draw_strap_top(), "upper").picture
    assert like(worn[330:380, 280:320], RED, 60).mean() > 0.9
    assert like(worn[CHEST], SWEATER, 50).mean() > 0.9
    covered = like(worn[BELLY], SWEATER, 50) | like(worn[BELLY], TROUSERS, 50)
    assert covered.mean() > 0.75
    assert like(worn[BELLY], SKIN).mean() < 0.02 and like(worn[BELLY], WALL, 12).mean() < 0.02


def test_shoulders_that_are_higher_than_drawn_are_no_background():
    """Beside the neck, where a wide neckline leaves them open: the body is there."""
    photo, body = draw_person()
    mask = body.mask.copy()
    for mirror in (1, -1):
        corners = [(300 + mirror * (x - 300), y) for x, y in SHOULDER]
        wedge = Image.new("L", photo.shape[1::-1], 0)
        ImageDraw.Draw(wedge).polygon(corners, fill=255)
        inside = np.asarray(wedge) > 0
        photo, mask = np.where(inside[..., None], SWEATER, photo), np.where(inside, 1, mask)
    person = photo.astype(np.uint8), replace(body, mask=mask.astype(np.float32))
    worn = try_on(person, draw_strap_top(), "upper").picture
    for columns in (slice(250, 272), slice(328, 350)):
        beside = worn[190:206, columns]
        assert like(beside, SWEATER, 50).mean() > 0.8 and not like(beside, WALL, 12).any()


def test_a_belly_that_the_photo_shows_stays_bare():
    person = draw_person(hem=385)
    worn = try_on(person, draw_strap_top(), "upper").picture
    assert like(worn[400:425, 270:330], SKIN, 60).mean() > 0.9


def test_above_a_closed_collar_the_neck_is_bare_as_before():
    worn = try_on(draw_person(), draw_shirt(), "upper").picture
    neck = (slice(180, 196), slice(288, 312))
    assert like(worn[neck], SKIN, 60).mean() > 0.9


@pytest.mark.parametrize("hem", [450, 400], ids=["over the waistband", "bare belly"])
@pytest.mark.parametrize("product", [draw_shorts(), draw_trousers()], ids=["shorts", "trousers"])
def test_no_background_between_top_and_waistband(hem, product):
    worn = try_on(draw_person(hem=hem), product, "lower").picture
    assert not like(worn[WAIST], WALL, 12).any()


@pytest.mark.parametrize("shoes", [TROUSERS, SWEATER, (60, 40, 30)])
@pytest.mark.parametrize(("product", "category"), [
    (draw_trousers(), "lower"), (draw_shorts(), "lower"), (draw_shirt(460), "dress"),
])  # fmt: skip
def test_below_the_ankle_nothing_changes_whatever_colour_shoes_have(shoes, product, category):
    photo, body = draw_person(shoes=shoes)
    worn = try_on((photo, body), product, category)
    np.testing.assert_array_equal(worn.picture[FEET], photo[FEET])
    assert not worn.mask[FEET].any()


def test_shorts_have_two_legs_and_hems_of_one_height():
    photo, body = draw_person()
    landmarks = body.landmarks.copy()
    landmarks[[27, 29, 31], 1] -= 60  # one shin is seen shorter
    body = type(body)(landmarks, body.mask, body.box, body.score)
    worn = try_on((photo, body), draw_shorts(), "lower").picture
    red = like(worn, RED, 60)
    bottoms = [np.nonzero(red[:, columns].any(1))[0].max() for columns in (
        slice(200, 270), slice(330, 400))]  # fmt: skip
    assert abs(int(bottoms[0]) - int(bottoms[1])) < 8
    assert not red[min(bottoms) - 12, 296:304].all()


def test_a_tie_below_the_hem_throws_no_spear():
    product = draw_shirt().copy()
    product[400:540, 140:158] = RED
    photo, body = draw_person()
    for picture in (product, product[:, ::-1]):
        changed = try_on((photo, body), picture, "upper").mask > 0.5
        from scipy.ndimage import distance_transform_edt

        far = distance_transform_edt(body.mask < 0.5)
        assert far[changed].max() < 0.45 * 140


def test_grain_is_what_the_photo_shows_beside_its_mean():
    random = np.random.default_rng(0)
    photo = np.clip(random.normal(150, 4, (300, 240, 3)), 0, 255).astype(np.uint8)
    known = np.ones((100, 80), np.float32)
    grain = read_grain(photo, known)
    assert grain is not None and 0.4 < float(grain.tile.std()) * 255 / 4 < 1.2
    assert abs(float(grain.tile.mean())) < 0.002
    assert read_grain(photo, np.zeros((100, 80), np.float32)) is None


def test_bared_skin_has_the_grain_of_the_photo():
    photo, body = draw_person()
    noise = np.random.default_rng(1).normal(0, 5, photo.shape)
    photo = np.clip(photo + noise, 0, 255).astype(np.uint8)
    worn = try_on((photo, body), draw_strap_top(), "upper").picture
    arm = worn[330:360, 178:192].astype(float)
    assert like(arm, SKIN, 70).mean() > 0.9
    beside = arm[:, 1:] - arm[:, :-1]
    assert 2 < beside.std() < 12


@pytest.mark.parametrize(("product", "category"), [
    (draw_shirt(460), "dress"), (draw_trousers(), "lower"), (draw_shirt(), "upper"),
])  # fmt: skip
def test_a_handbag_stays(product, category):
    photo, body = draw_person()
    photo, mask = photo.copy(), body.mask.copy()
    bag = (slice(505, 590), slice(400, 480))
    photo[bag], mask[bag] = (150, 90, 30), 1
    body = type(body)(body.landmarks, mask, body.box, 1.0)
    inner = (slice(512, 583), slice(407, 473))
    worn = try_on((photo, body), product, category)
    np.testing.assert_array_equal(worn.picture[inner], photo[inner])


def test_a_sleeve_off_the_shoulder_leaves_the_shoulder_where_it_is():
    scene, garment = read_scene(*draw_person(sleeve=1)), read_garment(draw_shirt(), "upper")
    pieces = place_garment(garment, scene)
    unit = scene.figure.unit

    def lower(piece):
        mapping = replace(piece.mapping, top=piece.mapping.top + round(0.4 * unit / STEP))
        return replace(piece, mapping=mapping) if piece.part.endswith("arm") else piece

    for name in ("right_arm", "left_arm"):
        frame = scene.frames.of(name)
        shoulder = (frame.beyond < 0) & (frame.place > 0) & (frame.place < 0.08)
        sleeve = (frame.beyond < 0) & (frame.place > 0.25) & (frame.place < 0.3)
        covered, gone = covered_limbs(scene, garment, pieces)
        assert gone[shoulder].max() > 0.9 and covered[shoulder].min() > 0.9
        covered, gone = covered_limbs(scene, garment, [lower(piece) for piece in pieces])
        assert gone[shoulder].max() < 0.1 and covered[shoulder].max() < 0.1
        assert gone[sleeve].max() > 0.9 and covered[sleeve].min() > 0.9


@pytest.mark.parametrize("corner", [130, 256])
def test_a_waistband_that_stands_higher_at_one_corner_throws_no_spear(corner):
    picture = Image.fromarray(draw_trousers())
    ImageDraw.Draw(picture).rectangle((corner, 38, corner + 14, 40), fill=RED)
    scene, garment = read_scene(*draw_person()), read_garment(np.asarray(picture), "lower")
    trunk, solid = LowerTrunk(garment, scene), garment.alpha > 0.5
    for row in trunk.rows[:12]:
        columns = np.nonzero(solid[int(row)])[0]
        ends = trunk(np.array([[columns[0], row], [columns[-1], row]], float))
        assert np.abs(ends[:, 0] - scene.figure.hips[0]).max() < 0.75 * scene.figure.unit


@pytest.mark.parametrize("length", [7.5, 9.0])
def test_a_dress_to_the_floor_ends_level_above_the_shoes(length):
    cut = replace(CUTS["dress"], hem=(1.5, length, 0.0))
    dress = draw(cut, Look(RED, background=(250, 250, 250)), 480, 800).picture
    photo, body = draw_person()
    worn = try_on((photo, body), dress, "dress").picture
    red = like(worn, RED, 70)
    lowest = np.array([np.nonzero(red[:, x])[0].max() for x in range(235, 366)])
    assert np.ptp(lowest) < 14 and 690 < lowest.max() < 790
    assert (worn[792:] == photo[792:]).all()


def wearing_wide_trousers(hips, top, hem, fraction=1):
    """The drawn person in trousers that are so wide at the hips and at the hem, to either side of
    the middle, and begin at row `top`; the photo is a fraction of the size."""
    photo, body = draw_person(hem=top + 20)
    half = [(62, top), (hips, top + 50), (hips, 560), (hem, 748), (12, 748), (0, 600)]
    corners = [(300 - x, y) for x, y in half] + [(300 + x, y) for x, y in reversed(half)]
    small = []
    for pixels, colour in ((photo, TROUSERS), (np.uint8(255 * body.mask), 255)):
        picture = Image.fromarray(pixels)
        ImageDraw.Draw(picture).polygon(corners, fill=colour)
        small.append(np.asarray(picture.reduce(fraction)))
    landmarks = body.landmarks / [*3 * [fraction], 1, 1]
    box = tuple(side // fraction for side in body.box)
    return small[0], Body(landmarks, small[1] / np.float32(255), box, 1.0)


def draw_narrow_trousers():
    canvas = Image.new("RGB", (400, 640), (250, 250, 250))
    half = [(60, 40), (80, 190), (55, 600), (12, 600), (0, 230)]
    corners = [(200 - x, y) for x, y in half] + [(200 + x, y) for x, y in reversed(half)]
    ImageDraw.Draw(canvas).polygon(corners, fill=RED)
    return np.asarray(canvas)


def test_no_strip_of_wide_trousers_stays_at_the_hips_beside_narrow_ones():
    worn = try_on(wearing_wide_trousers(115, 380, 110), draw_narrow_trousers(), "lower").picture
    assert not like(worn[:540], TROUSERS).any()


@pytest.mark.parametrize("fraction", [2, 3])
def test_no_line_stays_where_wide_trousers_ended_in_a_small_photo(fraction):
    person = wearing_wide_trousers(90, 430, 120, fraction)
    worn = try_on(person, draw_narrow_trousers(), "lower").picture
    beside = (slice(520 // fraction, 735 // fraction), slice(140 // fraction, 200 // fraction))
    assert not like(person[0][beside], WALL, 30).all()
    assert like(worn[beside], WALL, 3).all()


def with_forearms(sleeve, colour, below):
    """The drawn person, the arms below a row in a colour, and where that is."""
    photo, body = draw_person(sleeve=sleeve)
    bare = draw_person(sleeve=44)[0]
    arm = like(bare, SKIN, 2) & like(photo, SKIN if sleeve else SWEATER, 2)
    rows = np.arange(len(photo))[:, None]
    there = arm & (rows > below) & (rows < PLACES[16][1])
    photo = photo.copy()
    photo[there] = colour
    return (photo, body), there


def test_a_sleeve_that_looks_like_the_trousers_goes():
    """Where nothing but cloth lies between it and the rest of the sleeve."""
    (photo, body), there = with_forearms(None, TROUSERS, 390)
    worn = try_on((photo, body), draw_shirt(), "upper")
    assert there.sum() > 3000 and like(photo[there], TROUSERS, 1).all()
    assert like(worn.picture[there], TROUSERS, 40).mean() < 0.05
    assert like(worn.picture[there], SKIN, 60).mean() > 0.6


def test_a_pocket_around_a_wrist_stays():
    """Below a bare forearm it is no sleeve."""
    (photo, body), there = with_forearms(44, TROUSERS, 425)
    worn = try_on((photo, body), draw_shirt(), "upper")
    assert there.sum() > 1000 and (worn.picture == photo)[there].all()
