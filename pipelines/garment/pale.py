"""A pale garment that lies in its own shadow: where one ends and the other begins is a guess."""

from __future__ import annotations

import numpy as np

from ..maps.colours import length, to_lab
from ..maps.grids import narrowest, within
from .background import carry_field, rim_width

PALE = 12.0  # Lab units between most of the garment and its background, at most
SHADOW = 0.5  # Lab units, beyond the noise, that a shadow darkens what is around the garment
NEAR, FAR, CORE = 1.5, 5.0, 2.0  # of 1/256 of the long side: around the garment, and its rim


def in_own_shadow(inside: np.ndarray, small: np.ndarray) -> tuple[str, ...]:
    """What to say of a garment (height, width), 0..1, in its photo uint8 (height, width, 3), if its
    outline cannot be told from its shadow."""
    solid = inside > 0.5
    unit = max(1.0, max(solid.shape) / 256)
    core = narrowest(solid, round(CORE * unit))
    if not core.any():
        return ()
    lab = to_lab(small)
    rim = rim_width(lab.shape)
    border = np.concatenate([
        part.reshape(-1, 3) for part in (lab[:rim], lab[-rim:], lab[:, :rim], lab[:, -rim:])
    ])  # fmt: skip
    if np.median(length(lab[core] - np.median(border, axis=0))) > 2 * PALE:
        return ()  # without the field, which takes longer
    field, noise = carry_field(lab)
    distance = length(lab - field)
    around = within(solid, round(FAR * unit)) & ~within(solid, round(NEAR * unit))
    if (
        not around.any()
        or np.median(distance[core]) > PALE
        or distance[around].mean() < SHADOW + noise
    ):
        return ()
    return (
        "The garment is nearly as pale as its background and lies in its own shadow, so its "
        "outline is a guess. A darker background, or a mask, tells it better.",
    )
