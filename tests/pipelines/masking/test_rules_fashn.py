"""FASHN VTON's masks on maps of other networks. Its own maps: golden case fashn_vton/units."""

import numpy as np
import pytest
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.masking.keypoints import KeyPoints
from fitting_room.pipelines.masking.rules_common import ATR
from fitting_room.pipelines.masking.rules_fashn import (
    FASHN,
    GARMENTS,
    KEPT,
    LIMBS,
    OF_ATR,
    fashn,
    fashn_steps,
    of_atr,
    with_hands,
    worn_garment,
)


def test_every_label_has_a_meaning():
    assert set(OF_ATR) == set(ATR) - {"background"} and set(OF_ATR.values()) <= set(FASHN)
    numbers = np.arange(20, dtype=np.uint8)[None].repeat(20, axis=0)
    found = of_atr(numbers)[0]
    assert found[ATR["trousers"]] == FASHN["pants"] and found[ATR["neck"]] == FASHN["torso"]
    assert found[0] == found[19] == FASHN["background"]


def test_hands_are_what_lies_beyond_the_wrist():
    labels = np.zeros((100, 40), dtype=np.uint8)
    labels[20:90, 10:20] = FASHN["arms"]
    points = np.zeros((18, 3), dtype=np.float32)
    points[3], points[4] = (15, 40, 1), (15, 70, 1)
    found = with_hands(labels, KeyPoints(points, 40, 100))
    assert (found[70:90, 10:20] == FASHN["hands"]).all()
    assert (found[20:69, 10:20] == FASHN["arms"]).all() and labels.max() == FASHN["arms"]
    points[3] = 0  # no elbow
    assert np.array_equal(with_hands(labels, KeyPoints(points, 40, 100)), labels)


@pytest.mark.parametrize("category", ["upper", "lower", "dress"])
def test_garment_goes_and_face_and_others_stay(category):
    labels = np.zeros((864, 576), dtype=np.uint8)
    for row, name in enumerate(FASHN):  # one band a label
        labels[row * 48 : row * 48 + 48, 200:300] = FASHN[name]
    mask = fashn(labels, category) > 0
    gone = [FASHN[name] for name in GARMENTS[category] + LIMBS[category]]
    assert mask[np.isin(labels, gone)].all()
    inner = fashn_steps(labels, category).buffer
    for name in KEPT[category] + ("face", "hair"):
        assert not (mask & ~inner)[labels == FASHN[name]].any()
    worn = worn_garment(labels, category)
    assert set(np.unique(labels[worn])) == {FASHN[name] for name in GARMENTS[category]}


def test_nothing_worn_is_an_empty_mask():
    assert not fashn(np.zeros((200, 100), dtype=np.uint8), "upper").any()


def test_unknown_category():
    with pytest.raises(InputError, match="upper, lower, dress"):
        fashn(np.zeros((100, 100), dtype=np.uint8), "shoes")
