"""What the mask rules refuse, and that they say what came and what to do."""

import sys

import numpy as np
import pytest
from fitting_room.pipelines.errors import InputError, MissingFiles
from fitting_room.pipelines.masking import rules
from fitting_room.pipelines.masking.keypoints import KeyPoints

WIDTH, HEIGHT = 384, 512
NOBODY = KeyPoints(np.zeros((18, 3), np.float32), WIDTH, HEIGHT)


def maps_of(width=WIDTH, height=HEIGHT):
    names = {name for rule in rules.RULES.values() for name in rule.maps}
    return {name: np.zeros((height, width), np.uint8) for name in names}


@pytest.mark.parametrize(
    "labels",
    [
        np.zeros((64, 48), np.int64),
        np.zeros((64, 48), np.float32),
        np.zeros((64, 48, 3), np.uint8),
        np.zeros((64, 8), np.uint8),
        np.zeros((0, 0), np.uint8),
        [[0, 1]],
        None,
    ],
)
@pytest.mark.parametrize("name", rules.RULES)
def test_an_unusable_label_map_is_refused(name, labels):
    maps = maps_of() | {rules.RULES[name].maps[0]: labels}
    with pytest.raises(InputError):
        rules.apply_rule(name, maps, "upper", NOBODY)


def test_catvton_says_which_size_it_can_use():
    maps = maps_of(386, 514)
    with pytest.raises(InputError, match=r"multiples of 4; got 386x514.*384x512"):
        rules.apply_rule("catvton", maps, "upper")


def test_catvton_refuses_maps_of_different_sizes():
    maps = maps_of() | {"lip": maps_of(192, 256)["lip"]}
    with pytest.raises(InputError, match="384x512, LIP 192x256"):
        rules.apply_rule("catvton", maps, "upper")


def test_everything_that_is_missing_is_named_at_once():
    with pytest.raises(InputError, match=r"atr_neck label map and the key points"):
        rules.apply_rule("leffa_dc", {}, "upper")
    with pytest.raises(InputError, match=r"densepose.*lip.*atr"):
        rules.apply_rule("catvton", {}, "upper")


@pytest.mark.parametrize(
    ("name", "category"),
    [("alien", "upper"), ("leffa_hd", "inner"), ("ladi_vitonhd", "dress"), ("catvton", "overall")],
)
def test_an_unknown_rule_or_category_is_refused_with_the_choices(name, category):
    with pytest.raises(InputError, match="must be one of"):
        rules.apply_rule(name, maps_of(), category, NOBODY)


def test_an_unknown_variant_is_refused():
    with pytest.raises(InputError, match="hd, dc"):
        rules.ootdiffusion(maps_of()["atr_neck"], NOBODY, "upper", "vitonhd")


@pytest.mark.parametrize("points", [np.zeros((17, 2)), np.full((18, 2), np.nan), np.zeros((18, 0))])
def test_unusable_key_points_are_refused(points):
    with pytest.raises(InputError):
        rules.ootdiffusion(maps_of()["atr_neck"], KeyPoints(points, WIDTH, HEIGHT), "upper")


def test_a_size_too_small_for_a_mask_is_refused():
    with pytest.raises(InputError, match="at least 16x16"):
        rules.ootdiffusion(maps_of()["atr_neck"], NOBODY, "upper", width=8, height=512)


def test_missing_opencv_names_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingFiles, match="pip install opencv-python-headless"):
        rules.ladi_vitonhd(maps_of()["lip_neck"], NOBODY)
