"""Where a garment's shoulders lie in its photo."""

from __future__ import annotations

import numpy as np

from ..garment.read import Garment

SIDES = ("right", "left")
BOW = 0.12  # of the shoulders' width that their edge leaves the straight way to the neck at most


def pair(garment: Garment, name: str) -> np.ndarray:
    """The points name_right and name_left (2, 2)."""
    return np.array([garment.points[f"{name}_{side}"] for side in SIDES], dtype=np.float64)


def shoulder_tips(garment: Garment) -> np.ndarray:
    """The shoulder points (2, 2), with sleeves never nearer to the axis than the armpits: a wide
    neckline makes the seam look narrower than it is."""
    tips, pits = pair(garment, "shoulder"), pair(garment, "armpit")
    middle = pits[:, 0].mean()
    for index, side in enumerate(SIDES):
        if f"sleeve_end_outer_{side}" not in garment.points:
            continue
        column = middle + 1.02 * (pits[index, 0] - middle)
        if abs(tips[index, 0] - middle) < abs(column - middle):
            cloth = garment.alpha[:, int(np.clip(column, 0, garment.alpha.shape[1] - 1))]
            rows = np.nonzero(cloth > 0.5)[0]
            if len(rows):
                tips[index] = column, rows[0]
    return tips


def shoulder_edge(
    garment: Garment, tips: np.ndarray, necks: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Columns (n,) from shoulder tip to shoulder tip, and the rows of the cloth's upper edge there;
    between the necks straight across. tips, necks: (2, 2), garment pixels."""
    corners = np.concatenate([tips, necks])
    x, y = corners[np.argsort(corners[:, 0])].T
    columns = np.sort(np.r_[x, np.linspace(x[0], x[3], 81)])
    straight = np.interp(columns, x, y)
    last = garment.alpha.shape[1] - 1
    cloth = garment.alpha[:, np.round(columns).astype(int).clip(0, last)] > 0.5
    top = np.where(cloth.any(0), cloth.argmax(0), straight)
    bow = np.clip(top - straight, *(np.array([-BOW, BOW]) * (x[3] - x[0])))
    outside = (columns < x[1]) | (columns > x[2])
    return columns, straight + np.where(outside, bow, 0)
