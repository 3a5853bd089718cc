"""Limbs as a photo shows them."""

import numpy as np
import pytest
from fitting_room.pipelines.masking.figure import Limb
from fitting_room.pipelines.preview.shape import measure_limb

HEIGHT, WIDTH, RADIUS = 160, 120, 9


def arm(wrist):
    joints = np.array([[60.0, 20.0], [60.0, 90.0], wrist])
    return Limb(joints, np.zeros(3), joints[-1], np.ones(3), joints, np.full(3, float(RADIUS)))


def bends(line):
    ways = np.diff(line, axis=0)
    angles = np.arctan2(ways[:, 1], ways[:, 0])
    return np.abs(np.degrees(np.diff(np.unwrap(angles))))


@pytest.mark.parametrize("drawn", [True, False], ids=["bare arm", "nothing seen"])
def test_a_forearm_towards_the_camera_has_no_bend(drawn):
    skin = np.zeros((HEIGHT, WIDTH))
    if drawn:  # the arm lies beside its joints
        skin[10:110, 66 - RADIUS : 66 + RADIUS] = 1
    measured = measure_limb(arm([74.0, 86.0]), skin, 1 - skin)
    assert bends(measured.line).max() < 15
    if drawn:
        np.testing.assert_allclose(measured.line[4:, 0], 65.5, atol=1.5)


def test_a_bent_arm_keeps_its_bend():
    measured = measure_limb(arm([110.0, 90.0]), np.zeros((HEIGHT, WIDTH)), np.ones((HEIGHT, WIDTH)))
    np.testing.assert_allclose(measured.line[-1], [110, 90])
    assert bends(measured.line).sum() == pytest.approx(90, abs=1)
