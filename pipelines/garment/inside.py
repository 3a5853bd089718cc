"""What of a garment's front is not its front: the inside of its back, or its hood."""

from __future__ import annotations

import numpy as np

from ..maps.colours import to_lab
from .hood import WORDS, hood_edge
from .opening import above_edge, find_edge
from .outline import GarmentOutline
from .parts import INSIDE, TORSO
from .silhouette import Upright

STANDS = 0.15  # of the neck's width that a collar stands above the shoulders, at least
CORNER = 0.17  # of its edge at either end that goes straight to its corner


def mark_inside(
    labels: np.ndarray, upright: Upright, shape: GarmentOutline, picture: np.ndarray
) -> tuple[str, ...]:
    """Marks it in the label map (rows, columns) and puts the front's middle point below it; says
    what is to be doubted. picture: the reduced photo, uint8 (height, width, 3)."""
    edge, words = hood_edge(upright.mask, shape), (WORDS,)
    if edge is None:
        words = ()
        if not (labels == INSIDE).any():
            edge = front_edge(upright, shape, picture)
    if edge is not None:
        labels[above_edge(labels == TORSO, edge)] = INSIDE
        name = "waist_center" if shape.category == "lower" else "neck_bottom"
        shape.points[name] = edge[len(edge) // 2]
    return words


def front_edge(upright: Upright, shape: GarmentOutline, picture: np.ndarray) -> np.ndarray | None:
    """The front edge of the neckline or waistband, where the inside of the back shows above it."""
    lab = to_lab(upright.sample(picture))
    lower = shape.category == "lower"
    ends = [shape.rims[side] for side in ("right", "left")]
    deepest = 0.5 if lower else 2.2
    edge = find_edge(lab, upright.mask, ends[0], ends[1], deepest, labelled=not lower)
    if edge is not None and lower and is_band(lab, upright.mask, edge, ends):
        return None
    if edge is None or not has_collar(shape):
        return edge
    # A collar's edge begins at its upper corners, wherever the curve that was found does.
    cut = round(CORNER * len(edge))
    return np.concatenate([[ends[0]], edge[cut:-cut], [ends[1]]])


def is_band(lab: np.ndarray, mask: np.ndarray, edge: np.ndarray, ends: list[np.ndarray]) -> bool:
    """Whether what lies above an edge (n, 2) is a waistband of another colour, which goes on beside
    it to both ends of the waist: beside an opening is the front."""
    middle, half = (ends[0] + ends[1]) / 2, (ends[1] - ends[0]) / 2
    depth = float((edge - middle)[:, 1].max())
    colours = []
    for way, down in ((0.0, 0.5), (0.0, 1.6), (-0.92, 0.6), (0.92, 0.6)):
        x, y = np.round(middle + way * half + [0, down * depth]).astype(int)
        place = (slice(max(0, y - 1), y + 2), slice(max(0, x - 2), x + 3))
        if not mask[place].any():
            return False
        colours.append(np.median(lab[place][mask[place]], axis=0))
    above, below, *beside = colours
    return all(np.linalg.norm(one - above) < np.linalg.norm(one - below) for one in beside)


def has_collar(shape: GarmentOutline) -> bool:
    """Whether the opening ends above the shoulders, as that of a collar does."""
    if shape.category == "lower":
        return False
    necks = {side: shape.points[f"neck_{side}"] for side in ("right", "left")}
    width = float(np.hypot(*(necks["left"] - necks["right"])))
    return all(shape.rims[side][1] < neck[1] - STANDS * width for side, neck in necks.items())
