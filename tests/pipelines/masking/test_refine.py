"""What a user may change about a mask, and the pictures that show what was found."""

import json
from pathlib import Path

import numpy as np
import pytest
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.masking.keypoints import KeyPoints
from fitting_room.pipelines.masking.overlay import (
    densepose_over_photo,
    label_colours,
    mask_over_photo,
    parsing_over_photo,
)
from fitting_room.pipelines.masking.refine import (
    MaskOptions,
    grown,
    hands,
    refined,
    shoulder_width,
)
from fitting_room.pipelines.masking.rules_common import ATR
from fitting_room.pipelines.masking.select import best_mask
from fitting_room.pipelines.masking.sources import Sources
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
