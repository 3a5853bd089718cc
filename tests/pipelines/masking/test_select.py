"""Which mask is made, and of what."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.masking.body import find_body, load_body_model
from fitting_room.pipelines.masking.embedded import embedded_mask
from fitting_room.pipelines.masking.keypoints import KeyPoints
from fitting_room.pipelines.masking.parsing import neck_by_points
from fitting_room.pipelines.masking.refine import MaskOptions
from fitting_room.pipelines.masking.rules import RULES, apply_rule, enlarged
from fitting_room.pipelines.masking.select import best_mask, masked_models, rule_of
from fitting_room.pipelines.masking.sources import (
    Sources,
    columns_of,
    cut,
    frame_region,
    framed_photo,
)
from PIL import Image

MASKS = Path(__file__).resolve().parents[2] / "golden" / "masks"
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
@pytest.mark.parametrize("model", masked_models())
def test_a_model_gets_its_published_mask(sources, keypoints, model, category):
    rule = rule_of(model)
    if not set(RULES[rule].maps) <= set(sources.maps):  # maps of its own dataset, or DensePose
        words = r"LIP map with the neck as 10|knows only upper|needs DensePose"
        with pytest.raises(InputError, match=words):
            best_mask(sources, category, model)
        return
    chosen = best_mask(sources, category, model)
    assert chosen.rule == rule and "published rule of " + model in chosen.why
    np.testing.assert_array_equal(chosen.mask, apply_rule(rule, sources.maps, category, keypoints))
    assert chosen.mask.any()


def test_a_larger_photo_gets_the_mask_enlarged_as_published(sources, keypoints):
    large = Sources(768, 1024, sources.maps, keypoints)
    for model in ("ootdiffusion/hd", "leffa/virtual_tryon"):
        rule = RULES[rule_of(model)]
        small = apply_rule(rule_of(model), sources.maps, "upper", keypoints)
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


def test_a_region_is_kept_when_maps_are_added(sources):
    part = replace(sources, region=(0, 0, WIDTH, HEIGHT))
    assert part.within((0, 0, WIDTH, HEIGHT))[0]["atr"] is sources.maps["atr"]
