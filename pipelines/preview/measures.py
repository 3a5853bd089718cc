"""A garment's measures for the fit, from its parts and named points."""

from __future__ import annotations

import numpy as np

from .fit import Outline
from .garment import INSIDE, LEFT_LEG, RIGHT_LEG, TORSO, Garment

SIDES = ("right", "left")  # the wearer's; the right is at the viewer's left


def pair(garment: Garment, name: str) -> np.ndarray:
    """The points name_right and name_left (2, 2)."""
    return np.array([garment.points[f"{name}_{side}"] for side in SIDES], dtype=np.float64)


def edges_by_row(inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows (N,) of a map that have something, and its left and right edge there (2, N)."""
    rows = np.nonzero(inside.any(1))[0]
    left = inside[rows].argmax(1).astype(np.float64)
    right = inside.shape[1] - 1.0 - inside[rows, ::-1].argmax(1)
    return rows.astype(np.float64), np.stack([left, right])


def upper_outline(garment: Garment) -> Outline:
    """Measures of an upper garment or dress."""
    trunk = (garment.parts == TORSO) | (garment.parts == INSIDE)
    rows, sides = edges_by_row(trunk & (garment.alpha > 0.5))
    return Outline(
        rows, sides, pair(garment, "neck"), pair(garment, "shoulder"), pair(garment, "armpit")
    )


def lower_outline(garment: Garment) -> Outline:
    """Measures of trousers or a skirt: the neck is the waistband."""
    whole = np.isin(garment.parts, (TORSO, RIGHT_LEG, LEFT_LEG)) & (garment.alpha > 0.5)
    rows, sides = edges_by_row(whole)
    waist = pair(garment, "waist")
    return Outline(rows, sides, waist, waist, waist)


def limb_line(garment: Garment, part: int, count: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """Centre line (count, 2) and half widths (count,) of a sleeve or trouser leg."""
    limb = garment.limbs[part]
    given = np.linspace(0, 1, len(limb.line))
    places = np.linspace(0, 1, count)
    line = np.stack([np.interp(places, given, limb.line[:, k]) for k in (0, 1)], 1)
    return line, np.interp(places, given, limb.half_widths)
