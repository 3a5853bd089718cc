"""How loose a top is, from its proportions."""

from dataclasses import replace

import numpy as np
import pytest
from fitting_room.pipelines.garment.read import read_garment
from fitting_room.pipelines.preview.drawn import CUTS, Look, draw

LOOK = Look((60, 90, 160))
SWEATER = replace(
    CUTS["long-sleeved top"], shoulder=(1.02, 0.3), armpit=(1.0, 1.1), waist=(1.0, 1.6),
    neck=(0.42, 0.25, 0.08), sleeve=(1.75, 58, 0.4), hem=(1.0, 2.2, 0.04),
)  # fmt: skip


def read(cut):
    return read_garment(draw(cut, LOOK, 480, 640).picture, "upper")


def top(length, **others):
    """A short-sleeved top as long as so many widths of its chest."""
    return read(replace(CUTS["t-shirt"], waist=(0.98, 1.2), hem=(1.0, 2 * length, 0), **others))


def test_a_sweater_as_long_as_it_is_wide_is_loose():
    garment = read(SWEATER)
    assert 1.5 < garment.looseness < 1.7
    assert garment.sleeves == "long" and garment.reach > 0.85, "its shoulders hang down the arms"


@pytest.mark.parametrize("length", [1.75, 2.0])
def test_a_close_top_is_not(length):
    assert top(length).looseness == 1


def test_a_cropped_top_stays_one():
    assert top(0.68).looseness < 1.2


def test_a_longer_top_hangs_as_low_and_nothing_jumps():
    lengths = np.arange(0.7, 1.95, 0.1)
    loose = np.array([top(length).looseness for length in lengths])
    hems = lengths * loose
    assert hems[lengths > 1.3].min() > 1.65, "an ordinary top reaches the hips"
    assert np.diff(hems).min() > -0.08 and np.abs(np.diff(loose)).max() < 0.4


def test_a_neck_as_wide_as_the_shoulders_tells_that_it_is_close():
    assert top(1.1, neck=(0.85, 0.3, 0.1)).looseness < 1.1 < top(1.1).looseness
