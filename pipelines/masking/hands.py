"""Where hands are."""

from __future__ import annotations

import numpy as np

from .figure import Coordinates, Figure, Limb, along, around

LENGTH, WIDTH = 1.6, 0.26  # from the wrist, of the way to the hand's middle; around it, in units


def hand_disc(points: Coordinates, arm: Limb, unit: float) -> np.ndarray:
    """Distance to an arm's hand as a part of its reach: below 1 around it."""
    wrist = arm.joints[2]
    return along(points, wrist, wrist + (arm.end - wrist) * LENGTH)[1] / (WIDTH * unit)


def hand_box(arm: Limb, unit: float, size: tuple[int, ...], reach: float) -> tuple[slice, slice]:
    """Rows and columns of a picture of this size (h, w) outside of which the hand_disc of an arm is
    above `reach`."""
    wrist = arm.joints[2]
    ends = np.stack([wrist, wrist + (arm.end - wrist) * LENGTH])
    return around(ends, reach * WIDTH * unit, *size[:2])


def hand_discs(points: Coordinates, figure: Figure) -> np.ndarray:
    """Distance to the nearer hand, see hand_disc."""
    unit = figure.unit
    return np.minimum(
        hand_disc(points, figure.right_arm, unit), hand_disc(points, figure.left_arm, unit)
    )
