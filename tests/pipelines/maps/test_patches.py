"""A lively background goes on behind the person."""

import numpy as np
import pytest
from fitting_room.pipelines.maps.patches import continue_background


@pytest.fixture
def stripes() -> np.ndarray:
    """Slanted red and blue stripes over a grey wall."""
    rows, columns = np.mgrid[:180, :240]
    red = ((columns + rows // 3) // 20 % 2 == 0)[..., None]
    flag = np.where(red, [0.8, 0.1, 0.1], [0.1, 0.1, 0.7])
    return np.where((columns < 120)[..., None], flag, 0.6).astype(np.float32)


@pytest.fixture
def hole() -> np.ndarray:
    rows, columns = np.mgrid[:180, :240]
    return (np.abs(rows - 90) < 25) & (np.abs(columns - 70) < 25)


def test_stripes_go_on(stripes: np.ndarray, hole: np.ndarray):
    damaged = np.where(hole[..., None], np.float32(0), stripes)
    filled = continue_background(damaged, ~hole, hole)
    assert filled is not None
    assert np.abs(filled - stripes)[hole].mean() < 0.1
    plain = np.where(hole[..., None], stripes[~hole].mean(0), stripes)
    assert np.abs(filled - stripes)[hole].mean() < 0.5 * np.abs(plain - stripes)[hole].mean()


def test_what_is_known_stays(stripes: np.ndarray, hole: np.ndarray):
    filled = continue_background(stripes, ~hole, hole)
    assert filled is not None
    assert (filled[~hole] == stripes[~hole]).all()
    assert filled.min() >= 0 and filled.max() <= 1


def test_the_person_is_no_source(stripes: np.ndarray, hole: np.ndarray):
    """Only a part of the hole is wanted; the rest, bright green, must not be copied."""
    rows, _ = np.indices(hole.shape)
    wanted = hole & (rows < 90)
    green = np.where(hole[..., None], np.array([0, 1, 0], np.float32), stripes)
    filled = continue_background(green, ~hole, wanted)
    assert filled is not None
    assert filled[wanted][:, 1].max() < 0.75


def test_too_little_background(stripes: np.ndarray):
    known = np.zeros(stripes.shape[:2], bool)
    known[:6] = True
    assert continue_background(stripes, known, ~known) is None


def test_where_nothing_is_wanted_nothing_is_made(stripes: np.ndarray, hole: np.ndarray):
    assert continue_background(stripes, ~hole, np.zeros_like(hole)) is None
