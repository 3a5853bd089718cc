"""A pale garment that lies in its own shadow: where one ends and the other begins is a guess."""

from __future__ import annotations

import numpy as np

from ..maps.colours import lengths
from ..maps.grids import narrowest, within
from ..maps.ranking import median, medians
from .background import border_of, carry_field

PALE = 12.0  # Lab units between most of the garment and its background, at most
SHADOW = 0.5  # Lab units, beyond the noise, that a shadow darkens what is around the garment
NEAR, FAR, CORE = 1.5, 5.0, 2.0  # of 1/256 of the long side: around the garment, and its rim


def in_own_shadow(inside: np.ndarray, lab: np.ndarray) -> tuple[str, ...]:
    """What to say of a garment (height, width), 0..1, in its photo float32 (3, height, width) Lab,
    if its outline cannot be told from its shadow."""
    solid = inside > 0.5
    unit = max(1.0, max(solid.shape) / 256)
    core = narrowest(solid, round(CORE * unit))
    if not core.any():
        return ()
    border = medians(border_of(lab))
    strange = [plane[core] - usual for plane, usual in zip(lab, border, strict=True)]
    if median(lengths(np.stack(strange))) > 2 * PALE:
        return ()  # without the field, which takes longer
    field, noise = carry_field(lab)
    distance = lengths(lab - field)
    around = within(solid, round(FAR * unit)) & ~within(solid, round(NEAR * unit))
    if (
        not around.any()
        or median(distance[core]) > PALE
        or distance[around].mean() < SHADOW + noise
    ):
        return ()
    return (
        "The garment is nearly as pale as its background and lies in its own shadow, so its "
        "outline is a guess. A darker background, or a mask, tells it better.",
    )
