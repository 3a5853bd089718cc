"""Outlines of silhouettes: all of them, in order, in time that grows with their length."""

import numpy as np
import pytest
from fitting_room.pipelines.garment.contour import enclosed_area, trace


def by_hand(mask):
    """The same outlines, each begun at the first upper edge that is left, found by looking at all
    of them."""
    solid = np.pad(mask, 1)
    left = {(int(y), int(x)) for y, x in zip(*np.nonzero(solid[1:] & ~solid[:-1]), strict=True)}
    begins = []
    for outline in trace(mask):
        x, y = (outline[0] + 1.5).astype(int)
        begins.append(((y - 1, x), min(left)))
        corners = (outline + 1.5).astype(int)
        steps = np.diff(corners, axis=0, append=corners[:1])
        for (cx, cy), (dx, _) in zip(corners, steps, strict=True):
            if dx == 1:
                left.discard((cy - 1, cx))
    return begins, left


@pytest.mark.parametrize("seed", range(5))
def test_every_outline_once_from_the_top(seed):
    mask = np.random.default_rng(seed).random((40, 50)) > 0.45
    begins, left = by_hand(mask)
    assert not left, "every upper edge belongs to an outline"
    assert all(begin == first for begin, first in begins)
    assert sum(enclosed_area(each) for each in trace(mask)) == pytest.approx(mask.sum())


def test_a_net_of_a_quarter_of_a_million_holes_is_traced():
    """For each hole, all that was left was looked at: it took hours."""
    mask = np.ones((2000, 2000), bool)
    mask[1::4, 1::4] = False
    assert len(trace(mask)) == 500 * 500 + 1


def test_nothing_has_no_outline():
    assert trace(np.zeros((5, 5), bool)) == []
