"""What of a garment's front is not its front: the inside of its back, or its hood."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..maps.colours import to_lab
from ..maps.edges import to_planes
from ..maps.ranking import median
from .hood import WORDS, hood_edge
from .matting import ANALYSIS_SIDE, reduced
from .opening import above_edge, find_edge
from .outline import GarmentOutline
from .parts import INSIDE, TORSO
from .silhouette import Upright

STANDS = 0.15  # of the neck's width that a collar stands above the shoulders, at least
LOWEST = 0.8  # half distances of a waistband's ends below it, where it is compared with its front
BESIDE = 8  # upright pixels around it: blurred and compared
CORNER = 0.17  # of its edge at either end that goes straight to its corner


def mark_inside(
    labels: np.ndarray, upright: Upright, shape: GarmentOutline, picture: np.ndarray
) -> tuple[str, ...]:
    """Marks it in the label map (rows, columns) and puts the front's middle point below it; says
    what is to be doubted. picture: the photo, uint8 (height, width, 3), to whose reduced copy
    upright belongs."""
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
    lower = shape.category == "lower"
    ends = [shape.rims[name] for name in ("right", "left")]
    deepest = 0.5 if lower else 2.2
    box = opening_box(ends, max(deepest, LOWEST), upright.mask.shape)
    corner = np.array([box[1].start, box[0].start])
    near = upright.part(box)
    lab = to_planes(to_lab(seen_upright(near, picture)))
    right, left = (end - corner for end in ends)
    edge = find_edge(lab, near.mask, right, left, deepest, labelled=not lower)
    if edge is not None and lower and is_band(lab, near.mask, edge, [right, left]):
        return None
    edge = None if edge is None else edge + corner
    if edge is None or not has_collar(shape):
        return edge
    # A collar's edge begins at its upper corners, wherever the curve that was found does.
    cut = round(CORNER * len(edge))
    return np.concatenate([[ends[0]], edge[cut:-cut], [ends[1]]])


def opening_box(
    ends: list[np.ndarray], deepest: float, size: tuple[int, ...]
) -> tuple[slice, slice]:
    """The rows and columns of an upright map in which an opening between two ends (x, y) and what
    is to be compared with it lie. deepest: in half distances of its ends."""
    middle, half = (ends[0] + ends[1]) / 2, np.abs(ends[1] - ends[0]) / 2
    length = float(np.hypot(*half))
    above = middle - np.maximum(half, [0.7 * length, 0.3 * length]) - BESIDE
    below = middle + np.maximum(half + [0, deepest * length], 0.7 * length) + BESIDE
    columns, rows = (
        slice(int(min(max(first, 0), most - 1)), int(min(max(last, 0), most - 1)) + 1)
        for first, last, most in zip(above, below, size[::-1], strict=True)
    )
    return rows, columns


def seen_upright(upright: Upright, picture: np.ndarray) -> np.ndarray:
    """The colours of a picture's reduced copy in upright coordinates, uint8 (rows, columns, 3)."""
    height, width = upright.mask.shape
    corners = [[x, y] for x in (0, width - 1) for y in (0, height - 1)]
    places = upright.to_picture(np.array(corners))
    first = np.maximum(np.floor(places.min(0)).astype(int) - 1, 0)
    last = np.maximum(np.ceil(places.max(0)).astype(int) + 2, first + 1)
    part = slice(first[1], last[1]), slice(first[0], last[0])
    moved = replace(upright, origin=upright.origin - first)
    return moved.sample(reduced(picture, ANALYSIS_SIDE, part))


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
        colours.append(np.array([median(plane[place][mask[place]]) for plane in lab]))
    above, below, *beside = colours
    return all(np.linalg.norm(one - above) < np.linalg.norm(one - below) for one in beside)


def has_collar(shape: GarmentOutline) -> bool:
    """Whether the opening ends above the shoulders, as that of a collar does."""
    if shape.category == "lower":
        return False
    necks = {side: shape.points[f"neck_{side}"] for side in ("right", "left")}
    width = float(np.hypot(*(necks["left"] - necks["right"])))
    return all(shape.rims[side][1] < neck[1] - STANDS * width for side, neck in necks.items())
