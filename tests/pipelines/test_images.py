"""Resizing: the same bytes whatever Pillow is installed."""

import importlib.util
from pathlib import Path

import numpy as np
import PIL
import pytest
from fitting_room.pipelines.images import resize

ROOT = Path(__file__).resolve().parents[2]


def _script():
    spec = importlib.util.spec_from_file_location("record", ROOT / "scripts" / "record_resize.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = _script()
ROWS_FIRST = np.load(ROOT / "tests" / "data" / "resize_pillow_12_3.npz")
CHEAPER_FIRST = np.load(ROOT / "tests" / "data" / "resize_pillow_13_0.npz")


@pytest.mark.parametrize("name", script.CASES)
def test_resize_goes_through_rows_first_as_pillow_did_up_to_12_3(name):
    _, (width, height), how = script.CASES[name]
    made = resize(script.noise(name), width, height, how)
    assert made.dtype == ROWS_FIRST[name].dtype
    np.testing.assert_array_equal(made, ROWS_FIRST[name])


def test_the_order_shows():
    """Or the comparison above would tell nothing."""
    difference = {
        name: np.abs(ROWS_FIRST[name].astype(float) - CHEAPER_FIRST[name]).max()
        for name in script.CASES
    }
    assert sum(value >= 5 for value in difference.values()) >= 4
    assert difference["mask_nearest"] == difference["rgb_same_width"] == 0


def test_records_are_those_of_their_versions():
    version = ".".join(PIL.__version__.split(".")[:2])
    recorded = {"12.3": ROWS_FIRST, "13.0": CHEAPER_FIRST}.get(version)
    if recorded is None:
        pytest.skip(f"nothing was recorded with Pillow {version}")
    for name, made in script.record().items():
        np.testing.assert_array_equal(made, recorded[name])


def test_a_part_of_a_picture():
    picture = script.noise("rgb_box")
    whole_pixels = resize(picture[4:30, 2:20], 9, 13, "box")
    np.testing.assert_array_equal(resize(picture, 9, 13, "box", (2, 4, 20, 30)), whole_pixels)
    shifted = resize(picture, 9, 13, "box", (2.5, 4, 20.5, 30))
    assert (shifted != whole_pixels).any()


def test_its_own_size_changes_nothing():
    picture = script.noise("rgba_lanczos")
    made = resize(picture, 41, 60, "lanczos")
    np.testing.assert_array_equal(made, picture)
    assert made is not picture
