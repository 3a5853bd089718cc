"""The mask rules beyond the recorded cases: what holds for any label map and any pose."""

import numpy as np
import pytest
from fitting_room.pipelines.masking import rules
from fitting_room.pipelines.masking.keypoints import KeyPoints
from fitting_room.pipelines.masking.parsing import vitonhd_labels
from fitting_room.pipelines.masking.rules_common import (
    LIP,
    as_unsigned_16_bit,
    dilated,
    frame_points,
)
from fitting_room.pipelines.masking.rules_ladi import HEAT_MAP_DEVIATION
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

WIDTH, HEIGHT = 384, 512

POINTS = [
    (190, 70), (190, 112), (150, 122), (136, 182), (128, 240), (232, 122), (246, 182), (254, 240),
    (166, 246), (164, 346), (162, 452), (214, 246), (218, 346), (220, 452),
    (181, 62), (199, 62), (169, 66), (211, 66),
]  # fmt: skip


def keypoints(points=POINTS, width=WIDTH, height=HEIGHT):
    points = np.array(points, dtype=np.float64).reshape(-1, 2)
    return KeyPoints(np.hstack([points, (points > 0).any(1, keepdims=True)]), width, height)


def drawn(shapes, width=WIDTH, height=HEIGHT):
    """A label map of (label, box) rectangles drawn one over the other, given in 384x512."""
    picture = Image.new("L", (WIDTH, HEIGHT))
    for label, box in shapes:
        ImageDraw.Draw(picture).rectangle(box, fill=label)
    return np.array(picture.resize((width, height), Image.Resampling.NEAREST))


ARMS_ATR = [(15, (126, 122, 150, 256)), (14, (232, 122, 256, 256))]
PERSON_ATR = [
    (2, (165, 30, 215, 60)), (11, (170, 50, 210, 95)), (18, (180, 95, 200, 115)),
    (4, (150, 115, 232, 240)), *ARMS_ATR, (6, (155, 240, 227, 450)),
    (9, (195, 450, 240, 475)), (10, (145, 450, 190, 475)),
]  # fmt: skip
PERSON_LIP = [
    (2, (165, 30, 215, 60)), (13, (170, 50, 210, 95)), (5, (150, 115, 232, 240)),
    (15, (126, 122, 150, 256)), (14, (232, 122, 256, 256)), (9, (155, 240, 227, 450)),
    (18, (195, 450, 240, 475)), (19, (145, 450, 190, 475)),
]  # fmt: skip
PERSON_DENSE = [
    (23, (170, 50, 210, 110)), (2, (150, 115, 232, 250)), (16, (126, 122, 150, 182)),
    (15, (232, 122, 256, 182)), (20, (126, 182, 150, 236)), (19, (232, 182, 256, 236)),
    (3, (126, 237, 150, 256)), (4, (232, 237, 256, 256)), (9, (155, 251, 190, 350)),
    (10, (191, 251, 227, 350)), (13, (155, 351, 190, 450)), (14, (191, 351, 227, 450)),
    (6, (145, 450, 190, 475)), (5, (195, 450, 240, 475)),
]  # fmt: skip


def relabelled(labels, changes):
    lookup = np.arange(256, dtype=np.uint8)
    for old, new in changes.items():
        lookup[old] = new
    return lookup[labels]


def person(width=WIDTH, height=HEIGHT, wears="upper"):
    """Label maps of one person in shirt and trousers, a dress, or a coat and trousers."""
    changes_atr = {"dress": {4: 7, 6: 7}}.get(wears, {})
    changes_lip = {"dress": {5: 6, 9: 6}, "outer": {5: 7}}.get(wears, {})
    atr = relabelled(drawn(PERSON_ATR, width, height), changes_atr)
    lip = relabelled(drawn(PERSON_LIP, width, height), changes_lip)
    return {
        "atr_neck": atr,
        "atr": relabelled(atr, {18: 11}),
        "lip": lip,
        "lip_neck": lip,
        "densepose": drawn(PERSON_DENSE, width, height),
    }


GARMENT_LIP = {"upper": 5, "lower": 9, "dress": 6, "inner": 5, "outer": 7}
EVERY_RULE = [
    (name, category) for name, rule in rules.RULES.items() for category in rule.categories
]


# ------------------------------------------------------------------ every rule, every category


@pytest.mark.parametrize(("name", "category"), EVERY_RULE)
def test_a_rule_repaints_the_garment_and_keeps_the_face(name, category):
    maps = person(wears=category)
    before = {key: labels.copy() for key, labels in maps.items()}
    mask = rules.apply_rule(name, maps, category, keypoints())
    assert mask.dtype == np.float32
    assert mask.shape == (HEIGHT, WIDTH)
    assert set(np.unique(mask)) <= {0.0, 1.0}
    assert mask[maps["lip"] == GARMENT_LIP[category]].mean() > 0.95
    assert mask[maps["atr_neck"] == 11].mean() < 0.02  # some rules move the outline by a pixel
    assert not mask[:40].any()
    for key, labels in before.items():
        assert np.array_equal(labels, maps[key]), f"{name} changed the {key} map"


@pytest.mark.parametrize(("name", "category"), EVERY_RULE)
def test_a_rule_is_a_pure_function(name, category):
    first = rules.apply_rule(name, person(), category, keypoints())
    other = rules.apply_rule(name, person(), category, keypoints())
    assert np.array_equal(first, other)


@pytest.mark.parametrize(
    ("name", "category"),
    # leffa_hd frees the rim of what it keeps and then fills what the rim encloses; catvton blurs
    [(name, category) for name, category in EVERY_RULE if name not in ("leffa_hd", "catvton")],
)
def test_shoes_are_kept(name, category):
    mask = rules.apply_rule(name, person(), category, keypoints())
    shoes = drawn([(1, (197, 455, 238, 473)), (1, (147, 455, 188, 473))]) == 1
    assert not mask[shoes].any()


def test_leffa_hd_fills_what_the_freed_rim_of_a_kept_area_encloses():
    """A published quirk (stages hd_rule.*.upper_body.*): the trousers are repainted too."""
    trousers = person()["atr_neck"] == 6
    maps = person()
    assert rules.apply_rule("leffa_hd", maps, "upper", keypoints())[trousers].all()
    assert rules.apply_rule("ootdiffusion_hd", maps, "upper", keypoints())[trousers].mean() < 0.05


@pytest.mark.parametrize("name", [name for name, rule in rules.RULES.items() if rule.keypoints])
def test_key_points_of_another_frame_are_scaled(name):
    """The same pose in a picture of twice the size gives the same mask."""
    larger = keypoints(np.array(POINTS) * 2, WIDTH * 2, HEIGHT * 2)
    first = rules.apply_rule(name, person(), "upper", keypoints())
    assert np.array_equal(first, rules.apply_rule(name, person(), "upper", larger))


def test_key_points_in_the_frame_keep_every_bit():
    points = np.full((18, 2), 33.6)  # 33.6 in float32 falls short, and a stroke would move a pixel
    assert (frame_points(keypoints(points)) == 33.6).all()


def test_a_table_entry_says_what_a_rule_needs():
    for name, rule in rules.RULES.items():
        maps = {wanted: person()[wanted] for wanted in rule.maps}
        points = keypoints() if rule.keypoints else None
        assert rules.apply_rule(name, maps, rule.categories[0], points).any()
        assert rule.enlarge in ("nearest", "bicubic")


@settings(max_examples=30, deadline=None)
@given(data=st.data(), width=st.integers(16, 90), height=st.integers(16, 90))
def test_no_map_and_no_pose_breaks_a_rule(data, width, height):
    seed = data.draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    name, category = data.draw(st.sampled_from(EVERY_RULE))
    if name == "catvton":
        width, height = width // 4 * 4, height // 4 * 4
    maps = {
        wanted: random.integers(0, data.draw(st.sampled_from([1, 2, 20, 256])), (height, width))
        .astype(np.uint8)
        for wanted in rules.RULES[name].maps
    }  # fmt: skip
    points = random.uniform(-100, 700, (18, 2)) * random.choice([0, 1], (18, 1))
    mask = rules.apply_rule(name, maps, category, keypoints(points, width, height))
    assert set(np.unique(mask)) <= {0.0, 1.0}


# ------------------------------------------------------------------ published quirks


def test_a_point_left_of_the_picture_wraps():
    wrapped = as_unsigned_16_bit(np.array([[-0.5, -1.5], [2.9, 65536.0]]))
    assert wrapped.tolist() == [[0, 65535], [2, 0]]


@pytest.mark.parametrize(("side", "times"), [(1, 2), (4, 3), (5, 5), (10, 5), (20, 5)])
def test_dilation_is_that_many_single_passes(side, times):
    """Also for even squares, whose anchor is not in the middle."""
    random = np.random.default_rng(5)
    mask = random.random((70, 83)) > 0.997
    expected = mask
    for _ in range(times):
        grown = np.zeros_like(expected)
        for row, column in np.argwhere(expected):
            # OpenCV's anchor of an even square is side // 2, so it reaches one less right and down
            top, left = row - (side - 1 - side // 2), column - (side - 1 - side // 2)
            grown[max(top, 0) : top + side, max(left, 0) : left + side] = True
        expected = grown
    assert np.array_equal(dilated(mask, side, times), expected)


def test_only_the_largest_region_is_left_in_ootdiffusion():
    labels = drawn([(4, (150, 120, 230, 240)), (4, (20, 420, 40, 440))])
    mask = rules.ootdiffusion(labels, keypoints(np.zeros((18, 2))), "upper")
    assert mask[180, 190]
    assert not mask[430, 30]


def test_holes_are_filled_in_ootdiffusion_but_not_in_ladi():
    # trousers in the middle of a shirt are kept, but enclosed
    labels = drawn([(4, (100, 100, 280, 300)), (6, (170, 180, 210, 220))])
    nobody = keypoints(np.zeros((18, 2)))
    assert rules.ootdiffusion(labels, nobody, "upper")[200, 190]
    assert rules.leffa_hd(labels, nobody, "upper")[200, 190]
    assert not rules.ladi_dresscode(labels, nobody, "upper").mask[200, 190]


def test_hands_outside_the_arm_stroke_are_kept():
    maps = person()
    hand = np.s_[270:290, 128:148]
    labels = maps["atr_neck"].copy()
    labels[hand] = 15
    mask = rules.ootdiffusion(labels, keypoints(), "upper", "dc")
    assert not mask[285:290, 132:144].any()
    assert mask[200:230, 132:144].all()


def test_a_missing_wrist_takes_the_arm_label_instead():
    points = np.array(POINTS)
    points[4] = 0
    labels = person()["atr_neck"]
    mask = rules.ootdiffusion(labels, keypoints(points), "upper")
    assert mask[drawn(ARMS_ATR) == 15].all()


@pytest.mark.parametrize("height", [256, 257, 512, 513])
def test_leffa_dc_changes_its_squares_in_steps(height):
    """The first height with wider squares reaches further than the last with narrow ones."""
    width = 200
    labels = np.zeros((height, width), np.uint8)
    labels[height // 2, width // 2] = 6
    mask = rules.leffa_dc(labels, keypoints(np.zeros((18, 2))), "lower")
    side = {256: 5, 257: 10, 512: 10, 513: 20}[height]
    assert mask.sum() == ((side - 1) * 5 + 1) ** 2


def test_kept_labels_are_the_map_without_the_repainted_pixels():
    labels = person()["atr"]
    mask, kept_labels = rules.ladi_dresscode(labels, keypoints(), "dress")
    assert kept_labels.dtype == np.uint8
    assert np.array_equal(kept_labels, np.where(mask == 1, 0, labels))


# ------------------------------------------------------------------ LaDI-VTON's other inputs


@pytest.mark.parametrize(
    "point", [(100.25, 200.5), (3.0, -40.0), (-150.0, 20.0), (383.4, 511.9), (500.0, 600.0)]
)
def test_a_heat_map_is_the_whole_gaussian(point):
    points = np.zeros((18, 2))
    points[5] = point
    width, height = WIDTH, HEIGHT
    maps = rules.ladi_pose_map(keypoints(points), "dresscode", width, height)
    rows, columns = np.mgrid[:height, :width]
    x, y = np.array(point) / (384, 512) * (width, height)
    whole = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / HEAT_MAP_DEVIATION**2)
    whole /= whole.max() + np.finfo(np.float32).eps
    assert np.array_equal(maps[5], whole.astype(np.float32))
    assert not maps[[0, 17]].any()


def test_the_body_shape_is_blurred_foreground():
    labels = drawn([(4, (100, 100, 280, 400))])
    shape = rules.body_shape(labels, 192, 256)
    assert shape.shape == (1, 256, 192)
    assert shape.dtype == np.float32
    assert (shape.min(), shape.max()) == (-1, 1)
    assert len(np.unique(shape)) > 50


# ------------------------------------------------------------------ enlarging


def test_enlarging_keeps_a_mask_binary_or_softens_its_edge():
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    mask[100:300, 100:200] = 1
    hard = rules.enlarged(mask, 768, 1024, "nearest")
    soft = rules.enlarged(mask, 768, 1024, "bicubic")
    assert hard.shape == soft.shape == (1024, 768)
    assert np.array_equal(hard, mask.repeat(2, 0).repeat(2, 1))
    assert 2 < len(np.unique(soft)) < 30
    assert soft.min() == 0
    assert soft.max() == 1


def test_the_neck_of_vitonhd_s_maps_changes_no_mask():
    """So LIP's own maps do, with their jumpsuits called dresses."""
    lip = person()["lip"]
    necked = np.where((person()["atr_neck"] == 18) & (lip == 0), np.uint8(10), lip)
    assert (necked == 10).any()
    masks = [
        rules.apply_rule("ladi_vitonhd", {"lip_neck": labels}, "upper", keypoints())
        for labels in (necked, vitonhd_labels(lip))
    ]
    assert np.array_equal(*masks)
    jumpsuit = np.where(lip == LIP["upper"], np.uint8(LIP["jumpsuit"]), lip)
    mask = rules.apply_rule(
        "ladi_vitonhd", {"lip_neck": vitonhd_labels(jumpsuit)}, "upper", keypoints()
    )
    assert np.array_equal(mask, masks[0])
