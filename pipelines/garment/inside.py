"""What of a garment's front is not its front: the inside of its back, or its hood."""

from __future__ import annotations

import numpy as np

from ..maps.colours import to_lab
from .hood import WORDS, hood_edge
from .opening import above_edge, find_edge
from .outline import GarmentOutline
from .parts import INSIDE, TORSO
from .silhouette import Upright


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
        shape.points[name] = edge[edge[:, 1].argmax()]
    return words


def front_edge(upright: Upright, shape: GarmentOutline, picture: np.ndarray) -> np.ndarray | None:
    """The front edge of the neckline or waistband, where the inside of the back shows above it."""
    lab = to_lab(upright.sample(picture))
    deepest = 0.5 if shape.category == "lower" else 2.2
    return find_edge(lab, upright.mask, shape.rims["right"], shape.rims["left"], deepest)
