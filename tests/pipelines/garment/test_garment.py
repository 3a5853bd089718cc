"""Garments of our own drawing, whose outline, landmarks and parts are known."""

import io
from dataclasses import replace

import numpy as np
import pytest
from fitting_room.pipelines.errors import InputError, NoGarmentFound
from fitting_room.pipelines.garment.outline import sleeve_end
from fitting_room.pipelines.garment.parts import INSIDE, LEFT_LEG, LEFT_SLEEVE, RIGHT_SLEEVE, TORSO
from fitting_room.pipelines.garment.read import read_garment
from fitting_room.pipelines.preview.drawn import CUTS, Look, draw, draw_sample
from PIL import Image, ImageDraw
from scipy import ndimage

SIZE = (480, 640)
SHOULDERS = ("shoulder_left", "shoulder_right")
LOOKS = {
    "red on grey": Look((196, 62, 54)),
    "white on grey, shadow": Look((250, 250, 250), background=(200, 200, 200), shadow=0.4),
    "black on near black": Look((12, 12, 14), background=(62, 62, 66)),
    "navy on a gradient": Look((30, 40, 90), background=(232, 226, 214), gradient=0.15),
    "green on pink, noise": Look((40, 120, 60), background=(240, 180, 200), noise=2.0, shadow=0.3),
    "stripes on white": Look(
        (28, 36, 60), second=(214, 180, 110), background=(255, 255, 255), pattern="stripes"
    ),
    "lettering on white": Look((150, 30, 40), background=(255, 255, 255), pattern="lettering"),
}


def overlap(one, other):
    return (one & other).sum() / (one | other).sum()


def read(drawing):
    return read_garment(drawing.picture)


def compressed(picture, quality):
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def furthest(garment, drawing, but=()):
    """The largest distance of a landmark from its true place, in garment widths; its name."""
    width = np.ptp(np.nonzero((drawing.alpha > 0.5).any(0))[0])
    off = {
        name: np.hypot(*(np.array(garment.points[name]) - point)) / width
        for name, point in drawing.points.items()
        if name not in but
    }
    name = max(off, key=off.get)
    return off[name], name


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_cut_out_of_any_colour_on_any_background(look):
    drawing = draw(CUTS["t-shirt"], look, *SIZE)
    garment = read(drawing)
    assert garment.picture.shape == drawing.picture.shape
    # The grey inside of a white neck may look like nothing but a grey background in the shade.
    seen = ~drawing.inside
    assert overlap((garment.alpha > 0.5) & seen, (drawing.alpha > 0.5) & seen) > 0.98
    assert garment.category == "upper" and garment.sleeves == "short"
    off, point = furthest(garment, drawing, but={"neck_bottom"})  # not seen in black
    assert off < 0.03, point


@pytest.mark.parametrize("name", CUTS)
def test_landmarks_category_and_sleeves(name):
    drawing = draw(CUTS[name], Look((60, 90, 160)), *SIZE)
    garment = read(drawing)
    assert (garment.category, garment.sleeves) == (drawing.category, drawing.sleeves)
    off, point = furthest(garment, drawing)
    assert off < 0.03, point


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("t-shirt", {TORSO, 2, LEFT_SLEEVE, INSIDE}),
        ("trousers", {TORSO, 4, LEFT_LEG}),
        ("skirt", {TORSO}),
        ("tank top", {TORSO, INSIDE}),
    ],
)
def test_parts(name, others):
    drawing = draw(CUTS[name], Look((60, 90, 160)), *SIZE)
    garment = read(drawing)
    found = {int(part) for part in np.unique(garment.parts)} - {0, INSIDE}
    assert found == others - {INSIDE}
    assert np.array_equal(garment.parts > 0, garment.alpha > 0)
    if INSIDE in others:
        assert overlap(garment.parts == INSIDE, drawing.inside) > 0.8
    left, right = (
        (np.nonzero(garment.parts == part)[1].mean() for part in (3, 2))
        if (LEFT_SLEEVE in others)
        else (1, 0)
    )
    assert left > right, "the wearer's left is on the picture's right"


def blouse(covered, cuff, chest, angle):
    """A drawn one, 61 cm long, whose sleeves cover so much of an arm of 58 cm; cuff: its width,
    chest: half the body's width, in cm as the photo shows them."""
    cut = replace(
        CUTS["long-sleeved top"],
        neck=(0.45, 0.3, 0.08),
        shoulder=(1.04, 0.25),
        armpit=(1.0, 1.2),
        waist=(0.95, 2.2),
        hem=(1.05, 61 / chest, 0.04),
        sleeve=(58 / chest * covered, angle, cuff / chest),
    )
    return read(draw(cut, Look((60, 90, 160)), *SIZE))


@pytest.mark.parametrize(("cuff", "chest", "angle"), [(22, 17, 56), (26, 17.5, 50), (20, 18, 65)])
@pytest.mark.parametrize(("covered", "name"), [(0.58, "short"), (0.72, "long"), (0.8, "long")])
def test_a_loose_sleeve_is_no_longer_for_its_width(covered, name, cuff, chest, angle):
    garment = blouse(covered, cuff, chest, angle)
    assert garment.sleeves == name
    assert abs(garment.reach - covered) < 0.075


@pytest.mark.parametrize(("cuff", "chest"), [(22, 17), (26, 17.5), (13, 18)])
def test_a_loose_sleeve_to_the_wrist_is_read_so(cuff, chest):
    assert blouse(1.0, cuff, chest, 58).reach > 0.97


def test_centre_lines_run_from_the_body_to_the_end():
    garment = read(draw(CUTS["long-sleeved top"], Look((60, 90, 160)), *SIZE))
    for part, name in ((2, "right"), (3, "left")):
        limb = garment.limbs[part]
        end = np.mean([garment.points[f"sleeve_end_{e}_{name}"] for e in ("outer", "inner")], 0)
        assert np.hypot(*(limb.line[-1] - end)) < 6
        assert np.all(np.diff(limb.line[:, 1]) > 0)
        assert limb.half_widths.shape == (len(limb.line),) and limb.half_widths.min() > 3


@pytest.mark.parametrize("depth", [60, 130])
def test_a_bowed_sleeve_ends_at_its_cuff(depth):
    down = np.linspace(0, 1, 60)[:, None]
    bow = np.array([depth, 0]) * down * (1 - down)
    outer = np.array([30, 10]) + np.array([26, 130]) * down + bow
    inner = np.array([30, 40]) + np.array([12, 100]) * down[::-1] + 0.6 * bow
    section = np.concatenate([[[14.0, 0.0]], outer, inner])
    ends = section[list(sleeve_end(section))]
    assert np.hypot(*(ends - [outer[-1], inner[0]]).T).max() < 4


@pytest.mark.parametrize("out", [18, 26])
def test_a_cap_sleeve_ends_at_its_tip(out):
    """Shorter than half the armhole, so that the shoulder is farther from its middle."""
    bow = np.linspace(0, np.pi / 2, 40)[:, None]
    outer = np.array([30, 10]) + np.concatenate([out * np.sin(bow), 35 * (1 - np.cos(bow))], 1)
    end = outer[-1] + np.linspace(0, 1, 30)[:, None] * ([30, 88] - outer[-1])
    section = np.concatenate([[[14.0, 4.0]], outer, end[1:]])
    first, last = sleeve_end(section)
    assert np.hypot(*(section[first] - outer[-1])) < 8
    assert last > first and section[last, 1] > section[first, 1]


@pytest.mark.parametrize("height", [320, 384, 640])
def test_both_cap_sleeves_of_a_small_picture_are_read(height):
    drawing = draw(CUTS["dress"], Look((196, 62, 84), shadow=0.3), round(0.75 * height), height)
    assert {RIGHT_SLEEVE, LEFT_SLEEVE} <= set(read(drawing).limbs)


def test_sleeve_reach_grows_with_the_sleeve():
    reaches = []
    for length in (0.5, 1.0, 1.6, 2.3):
        cut = replace(CUTS["long-sleeved top"], sleeve=(length, 60.0, 0.34))
        reaches.append(read(draw(cut, Look((60, 90, 160)), *SIZE)).reach)
    assert reaches == sorted(reaches) and reaches[0] < 0.4 and reaches[-1] > 0.7


def test_a_cropped_top_is_measured_shorter():
    short = replace(CUTS["t-shirt"], waist=(0.97, 1.3), hem=(1.0, 1.7, 0.03))
    lengths = []
    for cut in (short, CUTS["t-shirt"]):
        garment = read(draw(cut, Look((60, 90, 160)), *SIZE))
        lengths.append(garment.distance("shoulder_left", "hem_left") / garment.distance(*SHOULDERS))
    assert lengths[0] < 0.75 * lengths[1]


def test_mirroring_swaps_the_sides():
    cut = draw(CUTS["dress"], Look((120, 40, 90), pattern="lettering"), *SIZE)
    picture = cut.picture.copy()
    picture[300:330, 200:240] = (240, 240, 20)  # nothing is symmetric by chance
    plain, mirrored = read_garment(picture), read_garment(np.ascontiguousarray(picture[:, ::-1]))
    assert overlap(plain.alpha > 0.5, mirrored.alpha[:, ::-1] > 0.5) > 0.995
    for name, (x, y) in plain.points.items():
        swapped = name.replace("left", "*").replace("right", "left").replace("*", "right")
        assert np.hypot(SIZE[0] - 1 - x - mirrored.points[swapped][0],
                        y - mirrored.points[swapped][1]) < 8, name  # fmt: skip


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_scaling_scales_the_landmarks(scale):
    look = Look((60, 90, 160))
    one = read(draw(CUTS["t-shirt"], look, *SIZE))
    size = [round(scale * side) for side in SIZE]
    other = read(draw(CUTS["t-shirt"], look, *size))
    for name, point in one.points.items():
        if not name.startswith("waist"):  # anywhere on a straight side
            assert np.hypot(*(scale * np.array(point) - other.points[name])) < 10 * scale, name


@pytest.mark.parametrize("angle", [-5, 5])
def test_a_tilted_garment(angle):
    drawing = draw(CUTS["t-shirt"], Look((60, 90, 160)), 600, 640, share=0.7)
    tilted = Image.fromarray(drawing.picture).rotate(
        angle, Image.Resampling.BICUBIC, fillcolor=Look().background
    )
    garment = read_garment(np.asarray(tilted))
    assert garment.category == "upper" and garment.sleeves == "short"
    turn = np.radians(angle)
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    for name in (
        "neck_left",
        "shoulder_right",
        "armpit_left",
        "hem_right",
        "sleeve_end_outer_left",
    ):
        centre = np.array([299.5, 319.5])
        expected = matrix @ (np.array(drawing.points[name]) - centre) + centre
        assert np.hypot(*(expected - garment.points[name])) < 16, name


def test_compression_and_small_pictures():
    drawing = draw(CUTS["long-sleeved top"], Look((60, 90, 160)), *SIZE)
    garment = read_garment(compressed(drawing.picture, 40))
    assert overlap(garment.alpha > 0.5, drawing.alpha > 0.5) > 0.98
    tiny = draw(CUTS["t-shirt"], Look((60, 90, 160)), 64, 80)
    assert overlap(read(tiny).alpha > 0.5, tiny.alpha > 0.5) > 0.9


def test_no_background_colour_is_left_at_the_edges():
    look = Look((20, 30, 80), background=(255, 255, 255))
    drawing = draw(CUTS["t-shirt"], look, *SIZE)
    garment = read(drawing)
    assert garment.picture[garment.alpha > 0.02].max() < 150
    near = (drawing.alpha == 0) & ndimage.maximum_filter(drawing.alpha > 0.5, 11)
    assert garment.picture[near].max() < 150, "its colours run on beyond the edge"


def test_white_print_stays_and_gaps_open():
    white = (255, 255, 255)
    look = Look((30, 60, 120), second=white, background=white, pattern="lettering")
    drawing = draw(CUTS["t-shirt"], look, *SIZE)
    garment = read(drawing)
    assert garment.alpha[drawing.alpha > 0.99].min() > 0.9
    trousers = draw(CUTS["trousers"], Look((60, 60, 60)), *SIZE)
    joined = trousers.picture.copy()
    joined[int(trousers.points["hem_inner_left"][1]) - 6 :, 150:330] = 60  # the hems touch
    joined[int(trousers.points["hem_inner_left"][1]) + 1 :] = Look().background
    gap = read_garment(joined)
    middle = int((trousers.points["crotch"][1] + trousers.points["hem_inner_left"][1]) / 2) + 40
    assert gap.alpha[middle, SIZE[0] // 2] < 0.1


def test_stripes_of_nearly_the_backgrounds_colour_keep_their_ends():
    look = Look((28, 36, 60), (236, 236, 230), background=(246, 246, 246), pattern="stripes")
    drawing = draw(CUTS["long-sleeved top"], look, *SIZE)
    garment = read_garment(compressed(drawing.picture, 90))
    seen = ~drawing.inside
    assert overlap((garment.alpha > 0.5) & seen, (drawing.alpha > 0.5) & seen) > 0.98


def test_narrow_gaps_beside_pale_sleeves_open():
    cut = replace(CUTS["long-sleeved top"], sleeve=(2.0, 75, 0.34))
    look = Look((228, 228, 223), background=(246, 246, 246))
    for quality in (75, 90):
        drawing = draw(cut, look)
        garment = read_garment(compressed(drawing.picture, quality))
        off, point = furthest(garment, drawing, but={"neck_bottom"})
        assert off < 0.05, point


def test_a_faint_patch_of_cloth_is_no_hole():
    drawing = draw(CUTS["t-shirt"], Look((240, 240, 236), background=(246, 246, 246)), *SIZE)
    ys, xs = np.mgrid[: SIZE[1], : SIZE[0]]
    faint = np.exp(-(((xs - 160) / 14.0) ** 4 + ((ys - 380) / 34.0) ** 4))[..., None]
    picture = 246 + (0.5 - 0.5 * faint) * (drawing.picture - 246.0)
    garment = read_garment((picture + 0.5).astype(np.uint8))
    assert garment.alpha[380, 160] > 0.9


def test_a_given_alpha_or_mask_wins():
    drawing = draw(CUTS["t-shirt"], Look((60, 90, 160)), *SIZE)
    random = np.random.default_rng(0)
    busy = np.where(drawing.alpha[..., None] > 0.5, drawing.picture,
                    random.integers(0, 255, drawing.picture.shape)).astype(np.uint8)  # fmt: skip
    alpha = (drawing.alpha * 255).astype(np.uint8)
    for garment in (
        read_garment(np.dstack([busy, alpha])),
        read_garment(busy, mask=drawing.alpha),
    ):
        assert np.allclose(garment.alpha, drawing.alpha, atol=1 / 254)
        assert furthest(garment, drawing)[0] < 0.03


def test_the_category_can_be_given():
    drawing = draw(CUTS["dress"], Look((60, 90, 160)), *SIZE)
    assert read_garment(drawing.picture, "upper").category == "upper"
    skirt = read_garment(draw(CUTS["skirt"], Look((60, 90, 160)), *SIZE).picture, "dress")
    assert skirt.category == "dress" and "neck_left" in skirt.points


def test_what_is_no_garment_says_so():
    flat = np.full((200, 150, 3), 200, np.uint8)
    noise = np.random.default_rng(0).integers(0, 255, (200, 150, 3)).astype(np.uint8)
    for picture in (flat, noise):
        with pytest.raises(NoGarmentFound, match="wanted"):
            read_garment(picture)
    with pytest.raises(NoGarmentFound, match="empty"):
        read_garment(flat, mask=np.zeros((200, 150), np.float32))
    with pytest.raises(InputError, match="150x200.*64x64"):
        read_garment(flat, mask=np.ones((64, 64), np.float32))
    with pytest.raises(InputError, match="category"):
        read_garment(flat, category="hat")


def test_samples_are_read_as_what_they_are():
    expected = {
        "lettering t-shirt": "upper", "striped top": "upper", "trousers": "lower",
        "dress": "dress", "tank top": "upper", "white t-shirt": "upper",
    }  # fmt: skip
    for name, category in expected.items():
        assert read(draw_sample(name, 384, 512)).category == category, name


def test_straps_let_the_background_show():
    """The rim of a hole this narrow takes on the strap's colour in compression."""
    picture = Image.new("RGB", (768, 1024), (246, 246, 246))
    pen = ImageDraw.Draw(picture)
    for side in (-1, 1):
        top, front, back = (384 + side * x for x in (200, 172, 220))
        pen.line([(back, 480), (top + side * 6, 200)], (240, 196, 80), 18)
        pen.line([(front, 430), (top, 200)], (255, 224, 110), 18)
    cups = [(150, 480), (214, 410), (384, 520), (554, 410), (618, 480)]
    pen.polygon([*cups, (618, 760), (150, 760)], (255, 224, 110))
    alpha = read_garment(compressed(np.asarray(picture), 75)).alpha
    for side in (-1, 1):
        hole, strap = (384 + side * x for x in (198, 186))
        assert alpha[360:390, hole].max() < 0.2 and alpha[300, strap] > 0.8
