"""Garment photos as shops really have them: what is no garment is left out or refused in words."""

import io
from dataclasses import replace

import numpy as np
import pytest
from drawn_people import SKIN, SWEATER, draw_person
from fitting_room.pipelines.errors import InputError, NoGarmentFound
from fitting_room.pipelines.garment import stray
from fitting_room.pipelines.garment.parts import INSIDE, TORSO
from fitting_room.pipelines.garment.read import read_garment
from fitting_room.pipelines.maps.colours import to_lab
from fitting_room.pipelines.maps.edges import to_planes
from fitting_room.pipelines.preview.drawn import CUTS, Look, draw
from fitting_room.pipelines.preview.pipeline import PreviewPipeline
from PIL import Image, ImageDraw

BLUE, GREY, WOOD = (40, 80, 190), (238, 238, 238), (203, 184, 166)


def drawn(cut="t-shirt", share=0.6, **look):
    """A garment with free space around it: its drawing, picture and pen."""
    drawing = draw(CUTS[cut], Look(BLUE, background=GREY, **look), 480, 640, share)
    picture = Image.fromarray(drawing.picture)
    return drawing, picture, ImageDraw.Draw(picture)


def overlap(garment, drawing):
    one, other = garment.alpha > 0.5, drawing.alpha > 0.5
    return (one & other).sum() / (one | other).sum()


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
    try:
        garment = read_garment(picture)
    except NoGarmentFound as refusal:
        assert "floor" in str(refusal)
        return
    assert overlap(garment, drawing) > 0.95 and garment.fit.level == "doubtful"


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


def canvas(*polygons, size=(480, 640)):
    picture = Image.new("RGB", size, GREY)
    for polygon in polygons:
        ImageDraw.Draw(picture).polygon(polygon, fill=BLUE)
    return picture


@pytest.mark.parametrize("cut", ["t-shirt", "long-sleeved top", "trousers", "shorts"])
def test_upside_down_is_told(cut):
    with pytest.raises(InputError, match="upside down"):
        read_garment(np.asarray(drawn(cut)[1].rotate(180)))


@pytest.mark.parametrize("cut", ["t-shirt", "trousers", "dress", "tank top"])
@pytest.mark.parametrize("turn", [90, 270])
def test_lying_on_its_side_is_told(cut, turn):
    with pytest.raises(InputError, match="on its side"):
        read_garment(np.asarray(drawn(cut)[1].rotate(turn, expand=True)))


@pytest.mark.parametrize("width", [3, 8, 20])
@pytest.mark.parametrize("lean", [-12, 0, 25])
def test_thin_straps_on_a_straight_edge(width, lean):
    picture = canvas([(165, 220), (315, 220), (345, 560), (135, 560)])
    for side in (-1, 1):
        ends = [(240 + side * 50, 225), (240 + side * (50 - lean), 90)]
        ImageDraw.Draw(picture).line(ends, fill=BLUE, width=width)
    garment = read_garment(np.asarray(picture), "upper")
    assert garment.sleeves == "none"
    for side, sign in (("left", 1), ("right", -1)):
        x, y = garment.points[f"armpit_{side}"]
        assert abs(x - 240 - sign * 75) < 12 and abs(y - 222) < 12
        assert garment.points[f"shoulder_{side}"][1] < 110
    assert PreviewPipeline()(*draw_person(), garment).picture.any()


def test_straps_that_hang_down_are_no_sleeves():
    picture = drawn("tank top", 0.7)[1]
    pen = ImageDraw.Draw(picture)
    garment = read_garment(np.asarray(picture))
    for side in ("left", "right"):
        x, y = garment.points[f"waist_{side}"]
        out = 1 if side == "left" else -1
        pen.line([(x - out * 6, y), (x + out * 30, y + 160)], fill=BLUE, width=7)
    hung = read_garment(np.asarray(picture))
    assert hung.sleeves == "none" and not hung.limbs


@pytest.mark.parametrize("width", [0.62, 0.95])
def test_wide_sleeves_to_the_elbow_are_short(width):
    cut = replace(CUTS["t-shirt"], sleeve=(1.25, 35.0, width), shoulder=(1.0, 0.2))
    drawing = draw(cut, Look(BLUE, background=GREY), 640, 640, 0.8)
    assert read_garment(drawing.picture).sleeves == "short"


def test_a_bag_is_no_garment():
    picture = canvas([(130, 300), (350, 300), (350, 520), (130, 520)])
    ImageDraw.Draw(picture).arc((170, 140, 310, 460), 180, 360, fill=BLUE, width=14)
    ImageDraw.Draw(picture).polygon([(130, 300), (350, 300), (350, 520), (130, 520)], fill=BLUE)
    with pytest.raises(NoGarmentFound, match="bag"):
        read_garment(np.asarray(picture))


@pytest.mark.parametrize("box", [(215, 40, 265, 600), (30, 290, 450, 340)])
def test_a_scarf_is_no_garment(box):
    left, top, right, bottom = box
    corners = [(left + 6, top), (right, top + 4), (right - 6, bottom), (left, bottom - 4)]
    with pytest.raises(NoGarmentFound, match="scarf"):
        read_garment(np.asarray(canvas(corners)))


def opened(cut, top, half, **shape):
    """A drawn garment whose front stands open below `top` pixels under its neckline."""
    drawing = draw(replace(CUTS[cut], **shape), Look(BLUE, background=GREY), 480, 640, 0.7)
    picture = Image.fromarray(drawing.picture)
    x, bottom = 240, round(drawing.points["hem_center"][1]) + 12
    y = round(drawing.points["neck_bottom"][1]) + top
    corners = [(x - half // 2, y), (x + half // 2, y), (x + half, bottom), (x - half, bottom)]
    ImageDraw.Draw(picture).polygon(corners, fill=GREY)
    return drawing, np.asarray(picture)


@pytest.mark.parametrize(("cut", "top", "half", "shape"), [
    ("long-sleeved top", 20, 30, {}),
    ("long-sleeved top", 4, 14, {}),
    ("long-sleeved top", 12, 50, {"hem": (1.1, 5.0, 0.0)}),  # a coat
    ("long-sleeved top", 90, 22, {}),  # buttoned at the breast
    ("tank top", 8, 24, {"neck": (0.3, 0.3, 0.1)}),
])  # fmt: skip
def test_an_open_front_is_worn_open(cut, top, half, shape):
    drawing, picture = opened(cut, top, half, **shape)
    garment = read_garment(picture)
    assert (garment.category, garment.sleeves) == ("upper", drawing.sleeves)
    assert garment.open_front and "leg_left" not in garment.limbs and "crotch" not in garment.points
    assert garment.fit.level == "doubtful" and "open down its front" in str(garment.fit)
    for name in ("armpit_left", "hem_left", "hem_right", "armpit_right"):
        assert np.hypot(*np.subtract(garment.points[name], drawing.points[name])) < 22, name
    worn = PreviewPipeline()(*draw_person(), garment).picture
    chest = worn[320:360].astype(int)
    blue = np.abs(chest - BLUE).max(-1) < 60
    assert blue[:, 252:266].mean() > 0.9 and blue[:, 334:348].mean() > 0.9
    waist = worn[340:400, 298:302].astype(int)
    assert (np.abs(waist - SWEATER).max(-1) < 30).mean() > 0.95
    if garment.sleeves == "none":  # the old sleeves stay, no skin is invented
        arm = worn[340:400, 180:420].astype(int)
        assert (np.abs(arm - SKIN).max(-1) < 40).mean() < 0.02


def test_two_legs_are_no_open_front():
    shape = {"hem": (1.0, 6.2, 0.0), "legs": (3.3, 0.44, 0.6)}
    suit = draw(replace(CUTS["t-shirt"], **shape), Look(BLUE, background=GREY), 480, 640, 0.9)
    garment = read_garment(suit.picture)
    assert garment.category == "dress" and not garment.open_front and "crotch" in garment.points
    short = replace(CUTS["t-shirt"], hem=(1.0, 4.0, 0), legs=(3.0, 0.46, 0.55))
    romper = read_garment(draw(short, Look(BLUE, background=GREY), 480, 640, 0.9).picture)
    assert not romper.open_front


def test_a_vest_is_not_upside_down():
    collar = [(205, 60), (275, 60)]
    right = [(330, 95), (325, 180), (345, 200), (350, 560)]
    left = [(480 - x, y) for x, y in reversed(right)]
    garment = read_garment(np.asarray(canvas([*collar, *right, *left])))
    assert (garment.category, garment.sleeves) == ("upper", "none")


def test_sleeves_against_the_body_are_doubtful():
    right = [(270, 70), (300, 80), (345, 115), (372, 170), (392, 240), (405, 320), (413, 400),
             (408, 470), (375, 478), (372, 530)]  # fmt: skip
    left = [(480 - x, y) for x, y in reversed(right)]
    jacket = read_garment(np.asarray(canvas([*right, *left])))
    assert jacket.sleeves == "none" and "No sleeves can be told" in str(jacket.fit)
    for cut in ("tank top", "t-shirt"):
        assert read_garment(drawn(cut)[0].picture).fit.level == "ok"


def test_one_sleeve_folded_in_does_not_turn_a_garment():
    neck = [(130, 150), (205, 150), (225, 165), (255, 165), (275, 150), (340, 150)]
    sleeve = [(490, 255), (490, 345), (340, 360)]
    picture = Image.new("RGB", (640, 640), GREY)
    outline = [*neck, *sleeve, (340, 380), (130, 380)]
    ImageDraw.Draw(picture).polygon(outline, fill=BLUE)
    assert read_garment(np.asarray(picture)).category == "upper"


def test_a_mask_that_marks_the_background_is_turned_round():
    drawing = drawn()[0]
    plain = read_garment(drawing.picture, mask=drawing.alpha)
    turned = read_garment(drawing.picture, mask=1 - drawing.alpha)
    assert np.allclose(plain.alpha, turned.alpha, atol=1e-5)


def test_a_hint_wins_over_every_doubt():
    picture = np.asarray(canvas([(215, 40), (265, 40), (265, 600), (215, 600)]))
    mask = (picture == BLUE).all(-1).astype(np.float32)
    assert read_garment(picture, "dress", mask).category == "dress"


def test_what_the_user_removes_is_gone():
    drawing, picture, pen = drawn()
    pen.rectangle((60, 560, 420, 600), fill=(90, 70, 60))
    pen.polygon([(230, 480), (250, 480), (260, 570), (220, 570)], fill=(90, 70, 60))
    removed = np.zeros((640, 480), np.float32)
    removed[round(drawing.points["hem_center"][1]) + 3 :] = 1
    garment = read_garment(np.asarray(picture), removed=removed)
    assert overlap(garment, drawing) > 0.96 and garment.alpha[565].max() == 0
    with pytest.raises(InputError, match="480x640"):
        read_garment(np.asarray(picture), removed=removed[:10])


def shaded_backgrounds():
    ys, xs = np.mgrid[:640, :480]
    far = ((xs - 240) / 240) ** 2 + ((ys - 320) / 320) ** 2
    return {
        "vignette": 1 - 0.22 * far,
        "strong vignette": 1 - 0.7 * np.clip(far / 2, 0, 1) ** 2,
        "half in shadow": np.where(xs + 0.4 * ys > 420, 0.6, 1.0),
        "wall and floor": np.where(ys > 430, 0.7, 1.0),
        "wall and floor alike": np.where(ys > 430, 0.9, 1.0),
    }


@pytest.mark.parametrize("name", shaded_backgrounds())
def test_uneven_backgrounds_are_cut_along_the_edges(name):
    drawing = drawn()[0]
    light = shaded_backgrounds()[name][..., None]
    cloth = drawing.alpha[..., None] if "floor" in name else 0
    picture = drawing.picture * (cloth + (1 - cloth) * light)
    garment = read_garment(picture.clip(0, 255).astype(np.uint8))
    assert overlap(garment, drawing) > 0.97
    assert (garment.category, garment.sleeves) == ("upper", "short")
    assert garment.fit.level == "doubtful" and "not even" in garment.fit.reasons[0]


def test_a_soft_shadow_is_never_worn():
    drawing = drawn()[0]
    ys, xs = np.mgrid[:640, :480]
    light = 1 - 0.4 / (1 + np.exp(-(xs + 0.4 * ys - 420) / 14))
    try:
        garment = read_garment((drawing.picture * light[..., None]).astype(np.uint8))
    except InputError:
        return
    assert overlap(garment, drawing) > 0.95


def test_a_hanger_is_left_out():
    drawing, picture, pen = drawn("tank top")
    y = round(drawing.points["neck_left"][1])
    pen.line([(240, y - 50), (240, y - 18)], fill=(120, 120, 120), width=4)
    pen.line([(175, y + 16), (240, y - 18), (305, y + 16)], fill=(150, 110, 70), width=7)
    garment = read_garment(np.asarray(picture))
    assert (garment.alpha[: y - 6] > 0.5).sum() < 30
    assert "hanger" in " ".join(garment.fit.reasons)


def test_a_neckholder_is_no_bag():
    picture = canvas([(180, 240), (240, 280), (300, 240), (335, 300), (345, 540), (135, 540),
                      (145, 300)])  # fmt: skip
    loop = [(185, 245), (215, 120), (265, 120), (295, 245)]
    ImageDraw.Draw(picture).line(loop, fill=BLUE, width=10)
    assert read_garment(np.asarray(picture)).sleeves == "none"


def white(cut, colour, back, quality, shadow=0.0):
    """A white garment on white, as compressed as shops do: its drawing and picture."""
    look = Look((colour,) * 3, background=(back,) * 3, shadow=shadow)
    drawing = draw(CUTS[cut], look, 480, 640, 0.8)
    file = io.BytesIO()
    Image.fromarray(drawing.picture).save(file, "JPEG", quality=quality)
    return drawing, np.asarray(Image.open(file))


@pytest.mark.parametrize("quality", [40, 75])
@pytest.mark.parametrize("cut", ["t-shirt", "long-sleeved top", "dress"])
def test_white_on_white_keeps_its_shape_in_compression(cut, quality):
    for colour, back in ((244, 250), (250, 250), (250, 255)):
        drawing, picture = white(cut, colour, back, quality)
        garment = read_garment(picture)
        assert overlap(garment, drawing) > 0.965, (colour, back)
        assert (garment.category, garment.sleeves) == (drawing.category, drawing.sleeves)


@pytest.mark.parametrize(("cut", "colour", "back", "quality"), [
    ("long-sleeved top", 238, 255, 75), ("long-sleeved top", 238, 255, 92),
    ("t-shirt", 238, 255, 92), ("t-shirt", 244, 250, 40), ("t-shirt", 250, 250, 75),
])  # fmt: skip
def test_white_in_its_own_shadow_is_cut_along_its_edges(cut, colour, back, quality):
    drawing, picture = white(cut, colour, back, quality, shadow=0.3)
    garment = read_garment(picture)
    assert overlap(garment, drawing) > 0.95
    assert garment.sleeves == drawing.sleeves


def both_sides(half):
    """A polygon from its left half, mirrored about the middle of the canvas."""
    return half + [(480 - x, y) for x, y in half[::-1]]


BELOW_HOOD = [(70, 430), (105, 440), (150, 300), (150, 500), (240, 505)]


@pytest.mark.parametrize("hood", [
    [(240, 110), (205, 120), (190, 150), (192, 195), (165, 205), (120, 225)],
    [(240, 60), (200, 75), (180, 120), (185, 190), (160, 205), (120, 225)],
    [(240, 120), (185, 130), (170, 165), (178, 200), (150, 210), (115, 228)],
], ids=["low", "standing", "flat and wide"])  # fmt: skip
def test_a_hood_hangs_behind(hood):
    picture = canvas(both_sides([*hood, *BELOW_HOOD]))
    garment = read_garment(np.asarray(picture))
    assert (garment.category, garment.sleeves) == ("upper", "long")
    assert "hood" in str(garment.fit)
    foot = hood[3]
    for side, sign in (("left", 1), ("right", -1)):
        x, y = garment.points[f"neck_{side}"]
        assert abs(x - 240 - sign * (240 - foot[0])) < 8 and abs(y - foot[1]) < 8
    photo, body = draw_person()
    worn = PreviewPipeline()(photo, body, garment).picture
    head = (slice(0, 185), slice(150, 450))
    assert (np.abs(worn[head].astype(int) - BLUE).max(-1) < 60).mean() < 0.002
    assert (np.abs(worn[260:330, 250:350].astype(int) - BLUE).max(-1) < 60).mean() > 0.95


def test_a_collar_is_no_hood():
    collar = [(240, 150), (205, 152), (198, 195), (165, 205), (120, 225), *BELOW_HOOD]
    garment = read_garment(np.asarray(canvas(both_sides(collar))))
    assert garment.fit.level == "ok" and garment.points["neck_left"][1] > 180


def halters():
    keyhole = canvas(both_sides([(240, 110), (222, 112), (215, 130), (150, 260), (150, 480),
                                 (240, 485)]))  # fmt: skip
    hole = [(240, 128), (228, 130), (222, 150), (240, 185), (258, 150), (252, 130)]
    ImageDraw.Draw(keyhole).polygon(hole, fill=GREY)
    tied = canvas(both_sides([(240, 230), (215, 130), (203, 128), (150, 270), (150, 480),
                              (240, 485)]))  # fmt: skip
    return {"keyhole": keyhole, "tied": tied}


@pytest.mark.parametrize("name", halters())
def test_a_halter_is_a_top_held_at_the_neck(name):
    garment = read_garment(np.asarray(halters()[name]))
    assert (garment.category, garment.sleeves) == ("upper", "none")
    for side, sign in (("left", 1), ("right", -1)):
        x, y = garment.points[f"armpit_{side}"]
        assert abs(x - 240 - sign * 90) < 10 and abs(y - 265) < 14
        assert garment.points[f"shoulder_{side}"][1] < 170


def test_a_collar_opens_from_its_corners():
    collar = [(240, 120), (205, 120), (185, 175), (165, 185), (120, 205), *BELOW_HOOD]
    picture = canvas(both_sides(collar))
    # The inside of the stand is seen aslant on both sides of the dark inside of the back.
    inner = [(218, 120), (262, 120), (262, 150), (252, 170), (228, 170), (218, 150)]
    ImageDraw.Draw(picture).polygon(inner, fill=(18, 34, 84))
    garment = read_garment(np.asarray(picture))
    for x, y in ((214, 123), (266, 123), (240, 140)):
        assert garment.parts[y, x] == INSIDE
    for x, y in ((205, 165), (275, 165), (240, 190)):
        assert garment.parts[y, x] == TORSO


@pytest.mark.parametrize("cut", ["t-shirt", "long-sleeved top"])
@pytest.mark.parametrize(("colour", "back"), [(238, 255), (244, 250), (250, 255), (225, 240)])
def test_a_pale_garment_in_a_wide_shadow_is_doubtful(cut, colour, back):
    for shadow in (0.3, 0.6):
        garment = read_garment(white(cut, colour, back, 75, shadow)[1])
        assert garment.fit.level == "doubtful"
        assert "its own shadow" in " ".join(garment.fit.reasons)
    plain = read_garment(white(cut, colour, back, 75)[1])
    assert "shadow" not in " ".join(plain.fit.reasons)


def test_a_garment_that_stands_out_is_sure_in_any_shadow():
    for colour in ((60, 90, 160), (200, 60, 60), (30, 30, 30)):
        look = Look(colour, background=(250,) * 3, shadow=0.6)
        garment = read_garment(draw(CUTS["t-shirt"], look, 480, 640, 0.8).picture)
        assert garment.fit.level == "ok"


@pytest.mark.parametrize("cut", ["trousers", "skirt"])
@pytest.mark.parametrize("size", [0.2, 0.3])
def test_a_buckle_is_no_label_of_the_back(cut, size):
    """Nothing of a waistband is cut away for it."""
    drawing, picture, pen = drawn(cut)
    (left, y), (right, _) = (drawing.points[f"waist_{side}"] for side in ("right", "left"))
    half, x = size / 2 * (right - left), (left + right) / 2
    pen.rectangle((x - half, y + half / 4, x + half, y + 2 * half), fill=(190, 150, 70))
    garment = read_garment(np.asarray(picture))
    assert garment.category == "lower" and not (garment.parts == INSIDE).any()


def test_a_waistbands_middle_is_between_its_ends():
    """Whichever point of its edge lies lowest by a hair."""
    drawing, picture, _ = drawn("trousers")
    pixels = np.array(picture)
    top = round(drawing.points["waist_left"][1])
    slope = np.arange(480) / 120
    band = (np.arange(640)[:, None] < top + 16 + slope[None]) & (drawing.alpha > 0.5)
    pixels[band] = (20, 30, 70)
    garment = read_garment(pixels)
    ends = [garment.points[f"waist_{side}"][0] for side in ("left", "right")]
    assert abs(garment.points["waist_center"][0] - np.mean(ends)) < 0.08 * abs(ends[0] - ends[1])


@pytest.mark.parametrize("tip", [96, 102])
def test_a_neckline_off_the_shoulders_ends_at_its_tips(tip):
    """Straps that stand beside the body are its shoulders, and no horns on them."""
    half = [(0, 200), (55, 180), (tip - 12, 100), (tip, 96), (tip + 30, 120), (tip + 70, 520),
            (tip + 20, 522), (88, 240), (84, 560), (0, 560)]  # fmt: skip
    outline = [(240 + x, y) for x, y in half] + [(240 - x, y) for x, y in half[::-1]]
    garment = read_garment(np.asarray(canvas(outline)))
    assert garment.sleeves == "long"
    for sign, side in ((1, "left"), (-1, "right")):
        x, y = garment.points[f"neck_{side}"]
        assert y < 112 and abs(sign * (x - 240) - tip) < 18


@pytest.mark.parametrize("level", [251, 253])
def test_compressed_blocks_around_a_ragged_garment_are_left_out(level):
    """A garment that was cut out, laid on white and compressed stands in a faint rectangle."""
    rough = np.random.default_rng(3)
    sides = [[(x + rough.integers(-6, 7), y) for y in range(100, 560, 6)] for x in (150, 330)]
    inner = [(200, 560), (232, 250), (248, 250), (280, 560)]
    picture = Image.new("RGB", (480, 640), "white")
    pen = ImageDraw.Draw(picture)
    pen.rectangle((104, 72, 375, 583), fill=(level,) * 3)
    pen.polygon([*sides[0], *inner, *sides[1][::-1]], fill=BLUE)
    garment = read_garment(np.asarray(picture))
    blue = (np.asarray(picture) == BLUE).all(-1)
    solid = garment.alpha > 0.5
    assert (solid & blue).sum() > 0.96 * (solid | blue).sum()


def test_a_cut_out_along_edges_is_mended_as_well(monkeypatch):
    """Whatever found the blocks: what is given back is the garment, not the rectangle around it."""
    picture = canvas([(150, 100), (330, 100), (330, 560), (280, 560), (248, 250), (232, 250),
                      (200, 560), (150, 560)])  # fmt: skip
    rectangle = np.zeros((640, 480), np.float32)
    rectangle[72:584, 104:376] = 1
    monkeypatch.setattr(stray, "find_by_edges", lambda lab: rectangle)
    found, words = stray.only_the_garment(None, to_planes(to_lab(np.asarray(picture))))
    blue = (np.asarray(picture) == BLUE).all(-1)
    assert "along its edges" in words[0]
    assert ((found > 0.5) & blue).sum() > 0.97 * ((found > 0.5) | blue).sum()
