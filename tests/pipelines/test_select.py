"""Which mask is made, of what, and what the user may change about it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.masking.body import find_body, load_body_model
from fitting_room.pipelines.masking.embedded import embedded_mask
from fitting_room.pipelines.masking.keypoints import KeyPoints
from fitting_room.pipelines.masking.overlay import (
    densepose_over_photo,
    label_colours,
    mask_over_photo,
    parsing_over_photo,
)
from fitting_room.pipelines.masking.parsing import neck_by_points
from fitting_room.pipelines.masking.refine import MaskOptions, grown, hands, refined, shoulder_width
from fitting_room.pipelines.masking.rules import RULES, apply_rule, enlarged
from fitting_room.pipelines.masking.rules_common import ATR
from fitting_room.pipelines.masking.select import RULE_OF_MODEL, best_mask
from fitting_room.pipelines.masking.sources import (
    Sources,
    columns_of,
    cut,
    frame_region,
    framed_photo,
)
from PIL import Image

MASKS = Path(__file__).resolve().parent.parent / "golden" / "masks"
ASTRONAUT = MASKS.parent.parent / "data" / "astronaut.png"
WIDTH, HEIGHT = 384, 512


def labels_of(rule, name, pose="arms_down"):
    with Image.open(MASKS / rule / pose / "inputs" / f"{name}.png") as picture:
        return np.array(picture)


@pytest.fixture(scope="module")
def keypoints():
    case = json.loads((MASKS / "ootdiffusion" / "arms_down" / "case.json").read_text())
    points = np.array(case["keypoints"], dtype=np.float32)
    return KeyPoints(np.hstack([points, (points > 0).any(axis=1, keepdims=True)]), WIDTH, HEIGHT)


@pytest.fixture(scope="module")
def sources(keypoints):
    maps = {"atr_neck": labels_of("ootdiffusion", "parse_atr_neck")}
    maps["atr"] = np.where(maps["atr_neck"] == 18, 11, maps["atr_neck"]).astype(np.uint8)
    return Sources(WIDTH, HEIGHT, maps, keypoints)


@pytest.mark.parametrize("category", ["upper", "lower", "dress"])
@pytest.mark.parametrize("model", RULE_OF_MODEL)
def test_a_model_gets_its_published_mask(sources, keypoints, model, category):
    rule = RULE_OF_MODEL[model]
    if rule == "ladi_vitonhd":  # has maps of its own dataset
        with pytest.raises(InputError, match=r"LIP map with the neck as 10|knows only upper"):
            best_mask(sources, category, model)
        return
    chosen = best_mask(sources, category, model)
    assert chosen.rule == rule and "published rule of " + model in chosen.why
    np.testing.assert_array_equal(chosen.mask, apply_rule(rule, sources.maps, category, keypoints))
    assert chosen.mask.any()


def test_a_larger_photo_gets_the_mask_enlarged_as_published(sources, keypoints):
    large = Sources(768, 1024, sources.maps, keypoints)
    for model in ("ootdiffusion/hd", "leffa/virtual_tryon"):
        rule = RULES[RULE_OF_MODEL[model]]
        small = apply_rule(RULE_OF_MODEL[model], sources.maps, "upper", keypoints)
        np.testing.assert_array_equal(
            best_mask(large, "upper", model).mask, enlarged(small, 768, 1024, rule.enlarge)
        )


def test_catvton_rule_at_the_size_of_the_maps():
    maps = {
        name: labels_of("catvton", f"{stem}_384x512")
        for name, stem in (("densepose", "densepose_i"), ("lip", "schp_lip"), ("atr", "schp_atr"))
    }
    height, width = maps["atr"].shape
    chosen = best_mask(Sources(width, height, maps), "lower", model="some/other")
    assert chosen.rule == "catvton" and "DensePose known" in chosen.why
    np.testing.assert_array_equal(chosen.mask, apply_rule("catvton", maps, "lower"))
    # A size that the rule itself refuses.
    odd = {name: labels[:-1, :-2].copy() for name, labels in maps.items()}
    mask = best_mask(Sources(width - 2, height - 1, odd), "lower").mask
    assert mask.shape == (height - 1, width - 2)
    assert (mask != chosen.mask[:-1, :-2]).mean() < 0.02


def test_wide_photo_is_cut_around_the_person(sources, keypoints):
    """The same person in a wide photo: the same mask, at the same place."""
    wide = {name: np.pad(labels, ((0, 0), (500, 116))) for name, labels in sources.maps.items()}
    points = keypoints.points + np.float32([500, 0, 0]) * (keypoints.points[:, 2:] > 0)
    chosen = best_mask(
        Sources(1000, HEIGHT, wide, KeyPoints(points, 1000, HEIGHT)), "upper", "ootdiffusion/dc"
    )
    wanted = apply_rule("ootdiffusion_dc", sources.maps, "upper", keypoints)
    found = chosen.mask[:, 500 : 500 + WIDTH]
    assert chosen.mask.shape == (HEIGHT, 1000)
    assert found.sum() == chosen.mask.sum()
    assert (found != wanted).mean() < 0.01  # the arms' strokes move by up to a pixel


def test_tall_photo_is_widened(sources, keypoints):
    tall = {name: labels[:, 50:330].copy() for name, labels in sources.maps.items()}
    points = keypoints.shifted(50, 0, 280, HEIGHT)
    chosen = best_mask(Sources(280, HEIGHT, tall, points), "upper", "ootdiffusion/hd")
    wanted = apply_rule("ootdiffusion_hd", sources.maps, "upper", keypoints)[:, 50:330]
    assert chosen.mask.shape == (HEIGHT, 280)
    assert (chosen.mask != wanted).mean() < 0.01


def test_maps_of_a_region(sources, keypoints):
    """As read_sources gives them: small maps of a part of a large photo."""
    part = Sources(2000, 1024, sources.maps, keypoints, region=(700, 0, 768, 1024))
    chosen = best_mask(part, "upper", "ootdiffusion/hd")
    small = apply_rule("ootdiffusion_hd", sources.maps, "upper", keypoints)
    assert chosen.mask.shape == (1024, 2000)
    np.testing.assert_array_equal(chosen.mask[:, 700:1468], enlarged(small, 768, 1024, "nearest"))
    assert chosen.mask[:, :700].sum() == 0 and chosen.mask[:, 1468:].sum() == 0
    np.testing.assert_allclose(
        part.points.points[2, :2], keypoints.points[2, :2] * 2 + (700, 0), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("photo", "columns", "region"),
    [((768, 1024), (0, 768), (0, 0, 768, 1024)), ((1920, 1080), (1400, 1700), (1110, 0, 810, 1080)),
     ((1920, 1080), (0, 300), (0, 0, 810, 1080)), ((1080, 1080), (0, 1000), (0, -180, 1080, 1440)),
     ((400, 1000), (100, 300), (-175, 0, 750, 1000)), ((1000, 1000), None, (0, -167, 1000, 1333))],
)  # fmt: skip
def test_frame_regions(photo, columns, region):
    assert frame_region(*photo, columns) == region


def test_framed_photo_is_black_beyond_the_edges():
    photo = np.full((40, 60, 3), 200, dtype=np.uint8)
    framed = framed_photo(photo, (-30, 0, 120, 40), (60, 20))
    assert framed.shape == (20, 60, 3)
    assert (framed[:, 17:43] == 200).all() and not framed[:, :13].any()


def test_cut_and_back():
    labels = np.arange(24, dtype=np.uint8).reshape(4, 6)
    there = cut(labels, (-2, -1, 12, 9))
    np.testing.assert_array_equal(cut(there, (2, 1, 6, 4)), labels)
    assert cut(labels, (50, 50, 3, 3)).sum() == 0


def test_columns_of_nothing():
    assert columns_of(None, [np.zeros((4, 4), np.uint8)]) is None


# ----------------------------------------------------------------------------- what is missing


def test_without_anything_the_message_says_what_to_get():
    with pytest.raises(InputError, match=r"human_parsing.*Body Pose"):
        best_mask(Sources(WIDTH, HEIGHT), "upper", "ootdiffusion/hd")
    with pytest.raises(InputError, match="leffa_hd needs human parsing"):
        best_mask(Sources(WIDTH, HEIGHT), "upper", rule="leffa_hd")
    with pytest.raises(InputError, match="Connect Body Pose"):
        best_mask(Sources(WIDTH, HEIGHT), "upper", rule="embedded")


def test_without_maps_the_body_has_to_do():
    """On a real photo: NASA's portrait of an astronaut, public domain."""
    with Image.open(ASTRONAUT) as picture:
        photo = np.array(picture.convert("RGB"))
    body = find_body(load_body_model(), photo)
    sources = Sources(photo.shape[1], photo.shape[0], body=body)
    chosen = best_mask(sources, "upper", "leffa/virtual_tryon")
    assert chosen.rule == "embedded" and "leffa_hd needs human parsing" in chosen.why
    np.testing.assert_array_equal(chosen.mask, embedded_mask(body, "upper", "long"))
    options = MaskOptions(grow=0.1, feather=0.05, sleeves="short", keep_hands=True)
    changed = best_mask(sources, "upper", rule="embedded", options=options)
    wanted = embedded_mask(body, "upper", "short", grow=0.1, feather=0.05)
    np.testing.assert_array_equal(changed.mask, wanted)


def test_choices_are_checked(sources):
    with pytest.raises(InputError, match="mask rule must be one of auto, embedded"):
        best_mask(sources, "upper", rule="best")
    with pytest.raises(InputError, match="category must be one of upper, lower, dress"):
        best_mask(sources, "hat")
    with pytest.raises(InputError, match="knows only upper"):
        best_mask(sources, "dress", rule="ladi_vitonhd")


def test_maps_of_another_photo_are_refused(sources):
    with pytest.raises(InputError, match="not the shape of the photo"):
        Sources(600, 512, sources.maps)
    with pytest.raises(InputError, match="uint8"):
        Sources(WIDTH, HEIGHT, {"atr": np.zeros((HEIGHT, WIDTH), np.float32)})


def test_neck_from_points_where_no_lip_map_is_there(sources, keypoints):
    only_atr = Sources(WIDTH, HEIGHT, {"atr": sources.maps["atr"]}, keypoints)
    chosen = best_mask(only_atr, "upper", "ootdiffusion/hd")
    assert chosen.rule == "ootdiffusion_hd"
    marked = neck_by_points(sources.maps["atr"], keypoints)
    neck, wanted = marked == 18, sources.maps["atr_neck"] == 18
    assert (neck & wanted).sum() > 0.5 * wanted.sum()
    assert marked[int(keypoints.points[0, 1]), int(keypoints.points[0, 0])] != 18
    nothing = KeyPoints(np.zeros((18, 3), np.float32), WIDTH, HEIGHT)
    assert neck_by_points(sources.maps["atr"], nothing) is sources.maps["atr"]


# ----------------------------------------------------------------------------- options


def options_of(sources, **changes):
    return best_mask(sources, "upper", "ootdiffusion/hd", options=MaskOptions(**changes)).mask


def test_growing_and_shrinking(sources):
    plain, larger, smaller = (options_of(sources, grow=g) for g in (0, 0.1, -0.1))
    assert ((larger > 0) >= (plain > 0)).all() and larger.sum() > 1.05 * plain.sum()
    assert ((smaller > 0) <= (plain > 0)).all() and smaller.sum() < 0.95 * plain.sum()


def test_growth_leaves_the_head_alone(sources):
    head = np.isin(sources.maps["atr_neck"], [ATR[name] for name in ("hair", "face")])
    plain, larger = options_of(sources), options_of(sources, grow=0.3)
    np.testing.assert_array_equal(larger[head], plain[head])


def test_growth_is_measured_in_shoulders(keypoints):
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.float32)
    mask[200:300, 150:250] = 1
    width = shoulder_width(keypoints, mask)
    assert 40 < width < 150
    larger = refined(mask, MaskOptions(grow=0.2), keypoints, {})
    assert np.flatnonzero(larger.any(axis=0))[0] == 150 - int(0.2 * width)
    assert shoulder_width(keypoints.resized(768, 1024), mask) == pytest.approx(2 * width)
    assert shoulder_width(None, mask) == pytest.approx(100 / 3)


def test_shrinking_does_not_leave_the_frame():
    region = np.zeros((50, 50), dtype=bool)
    region[:, :20] = True
    smaller = grown(region, -5)
    assert smaller[:, :15].all() and not smaller[:, 16:].any()
    assert grown(np.ones((5, 5), bool), -2).all() and not grown(np.zeros((5, 5), bool), 2).any()


def test_feather_softens_the_edge_only(sources):
    plain, soft = options_of(sources), options_of(sources, feather=0.2)
    assert set(np.unique(plain)) == {0, 1}
    assert ((soft > 0.05) & (soft < 0.95)).any() and soft.min() >= 0 and soft.max() <= 1
    deep = grown(plain > 0.5, -40)
    assert deep.any() and (soft[deep] > 0.95).all()


def test_holes_are_filled():
    mask = np.zeros((60, 60), dtype=np.float32)
    mask[10:50, 10:50], mask[20:30, 20:30] = 1, 0
    filled = refined(mask, MaskOptions(fill_holes=True), None, {})
    assert filled[10:50, 10:50].all() and filled.sum() == 1600


def test_hands_are_kept(sources, keypoints):
    atr = sources.maps["atr"]
    found = hands(keypoints, atr, None, atr.shape)
    assert found.any() and np.isin(atr[found], (14, 15)).all()
    everything = np.ones(atr.shape, dtype=np.float32)
    kept = refined(everything, MaskOptions(keep_hands=True), keypoints, sources.maps)
    assert not kept[found].any() and kept[~found].all()
    parts = np.zeros(atr.shape, dtype=np.uint8)
    parts[100:110, 100:110], parts[200:210, 100:110] = 3, 4
    kept = refined(everything, MaskOptions(keep_hands=True), None, {"densepose": parts})
    np.testing.assert_array_equal(kept == 0, parts > 0)


def bare_arms(keypoints):
    """ATR map: a torso, and arms whose skin shows from the shoulders on."""
    atr = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    canvas = Image.fromarray(atr)
    from PIL import ImageDraw

    draw = ImageDraw.Draw(canvas)
    for joints, label in (((2, 3, 4), 15), ((5, 6, 7), 14)):
        draw.line([tuple(keypoints.points[j, :2]) for j in joints], fill=label, width=20)
    left, right = keypoints.points[2, 0], keypoints.points[5, 0]
    draw.rectangle((left, keypoints.points[1, 1], right, keypoints.points[8, 1]), fill=4)
    return np.array(canvas)


def test_sleeves_of_the_new_garment(keypoints):
    atr = bare_arms(keypoints)
    arms = (atr == 14) | (atr == 15)
    mask = ((atr == 4) | arms).astype(np.float32)
    shares = {}
    for sleeves in ("none", "short", "long"):
        changed = refined(mask, MaskOptions(sleeves=sleeves), keypoints, {"atr": atr})
        assert (changed[atr == 4] == 1).all()
        shares[sleeves] = changed[arms].mean()
    assert shares["none"] < shares["short"] < shares["long"]
    assert shares["none"] < 0.4 and 0.3 < shares["short"] < 0.8 and shares["long"] > 0.9
    torso = (atr == 4).astype(np.float32)
    longer = refined(torso, MaskOptions(sleeves="long"), keypoints, {"atr": atr})
    assert longer[arms].mean() > 0.6  # all but the hands


def test_covered_arms_stay_in_the_mask(keypoints):
    atr = np.where(bare_arms(keypoints) > 0, 4, 0).astype(np.uint8)
    mask = (atr > 0).astype(np.float32)
    changed = refined(mask, MaskOptions(sleeves="none"), keypoints, {"atr": atr})
    np.testing.assert_array_equal(changed, mask)


@pytest.mark.parametrize("bad", [{"grow": 5}, {"feather": -1}, {"sleeves": "medium"}])
def test_options_are_checked(sources, bad):
    with pytest.raises(InputError):
        options_of(sources, **bad)


# ----------------------------------------------------------------------------- overlays


def test_mask_over_photo():
    photo = np.full((20, 30, 3), 100, dtype=np.uint8)
    mask = np.zeros((20, 30), dtype=np.float32)
    mask[5:10, 5:10], mask[15, 15] = 1, 0.5
    picture = mask_over_photo(photo, mask)
    assert picture.dtype == np.uint8 and (picture[0, 0] == 100).all()
    red, half = picture[7, 7].astype(int), picture[15, 15].astype(int)
    assert red[0] > half[0] > 100 > half[1] > red[1]
    with pytest.raises(InputError, match="30x20"):
        mask_over_photo(photo, mask[:5])


def test_parsing_over_photo_names_what_is_there(sources):
    photo = np.full((HEIGHT, WIDTH, 3), 90, dtype=np.uint8)
    labels = sources.maps["atr_neck"]
    picture = parsing_over_photo(photo, labels)
    assert picture.shape == photo.shape
    background = labels == 0
    background[:, :150] = False  # the legend is there
    assert (picture[background] == 90).all()
    upper = picture[labels == ATR["upper"]]
    assert len(np.unique(upper, axis=0)) == 1 and (upper[0] != 90).any()
    assert (picture[:20, :60] != 90).any()
    small = parsing_over_photo(photo[:32, :32], labels[100:132, 100:132].copy())
    assert small.shape == (32, 32, 3)


def test_colours_differ():
    colours = label_colours()[:20]
    assert len(np.unique(colours, axis=0)) == 20 and not colours[0].any()


def test_densepose_over_photo():
    labels = np.zeros((32, 32), dtype=np.uint8)
    labels[8:16, 8:16] = 24
    picture = densepose_over_photo(np.zeros((32, 32, 3), np.uint8), labels)
    assert picture[10, 10].tolist() == [137, 138, 8] and not picture[0].any()
    with pytest.raises(InputError, match="1 to 24"):
        densepose_over_photo(np.zeros((32, 32, 3), np.uint8), labels + 20)


def test_a_region_is_kept_when_maps_are_added(sources):
    part = replace(sources, region=(0, 0, WIDTH, HEIGHT))
    assert part.within((0, 0, WIDTH, HEIGHT))[0]["atr"] is sources.maps["atr"]
