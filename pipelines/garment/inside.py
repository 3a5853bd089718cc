"""What of a garment's front is not its front: the inside of its back, or its hood."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..maps.colours import to_lab
from ..maps.edges import to_planes
from ..maps.ranking import median
from .back import ASIDE, above_edge, wide_opening
from .hood import WORDS, hood_edge
from .matting import ANALYSIS_SIDE, reduced
from .opening import TIP, find_edge
from .outline import GarmentOutline
from .parts import INSIDE, TORSO
from .silhouette import Upright

STANDS = 0.15  # of the neck's width that a collar stands above the shoulders, at least
LOWEST = 0.8  # half distances of a waistband's ends below it, where it is compared with its front
BESIDE = 8  # upright pixels around it: blurred and compared
CORNER = 0.17  # of its edge at either end that goes straight to its corner
WIDEST = 0.8  # of the distance of the shoulders, that a neckline which lies on them is wide


def mark_inside(
    labels: np.ndarray, upright: Upright, shape: GarmentOutline, picture: np.ndarray
) -> tuple[str, ...]:
    """Marks it in the label map (rows, columns) and puts the front's middle point below it; says
    what is to be doubted. picture: the photo, uint8 (height, width, 3), to whose reduced copy
    upright belongs."""
    edge = hood_edge(upright.mask, shape)
    if edge is not None:
        mark(labels, shape, Opening(edge))
        return (WORDS,)
    if not (labels == INSIDE).any():
        opening = find_opening(upright, shape, picture)
        if opening is not None:
            mark(labels, shape, opening)
    return ()


@dataclass(frozen=True)
class Opening:
    """The front edge (n, 2) of a neckline or waistband, above which the inside of the back shows;
    around: where that shows beside what lies above the edge, bool (rows, columns), or None."""

    edge: np.ndarray
    around: np.ndarray | None = None


def mark(labels: np.ndarray, shape: GarmentOutline, opening: Opening) -> None:
    """Marks what shows in an opening, and puts the front's middle point on its edge."""
    labels[above_edge(labels == TORSO, opening.edge)] = INSIDE
    if opening.around is not None:
        labels[opening.around] = INSIDE
    name = "waist_center" if shape.category == "lower" else "neck_bottom"
    shape.points[name] = opening.edge[len(opening.edge) // 2]


def find_opening(upright: Upright, shape: GarmentOutline, picture: np.ndarray) -> Opening | None:
    """The neckline or waistband that shows the inside of the back."""
    lower = shape.category == "lower"
    ends = [shape.rims[name] for name in ("right", "left")]
    box = opening_box(ends, LOWEST if lower else TIP, upright.mask.shape)
    corner = np.array([box[1].start, box[0].start])
    near = upright.part(box)
    lab = to_planes(to_lab(seen_upright(near, picture)))
    right, left = (end - corner for end in ends)
    edge = find_edge(lab, near.mask, right, left, lower)
    if edge is None or (lower and is_band(lab, near.mask, edge, [right, left])):
        return None
    if has_collar(shape):
        # A collar's edge begins at its upper corners, wherever the curve that was found does.
        cut = round(CORNER * len(edge))
        return Opening(np.concatenate([[ends[0]], (edge + corner)[cut:-cut], [ends[1]]]))
    wide = None
    if not lower and lies_on_shoulders(shape, ends):
        wide = wide_opening(lab, near.mask, edge, [right, left])
    if wide is None:
        return Opening(edge + corner)
    around = np.zeros_like(upright.mask)
    around[box] = wide
    return Opening(edge + corner, around)


def lies_on_shoulders(shape: GarmentOutline, ends: list[np.ndarray]) -> bool:
    """Whether some cloth beside a neckline with these ends holds it there."""
    right, left = (shape.points[f"shoulder_{side}"] for side in ("right", "left"))
    return bool(np.hypot(*(ends[1] - ends[0])) < WIDEST * np.hypot(*(left - right)))


def opening_box(
    ends: list[np.ndarray], deepest: float, size: tuple[int, ...]
) -> tuple[slice, slice]:
    """The rows and columns of an upright map in which an opening between two ends (x, y) and what
    is to be compared with it lie. deepest: in half distances of its ends."""
    middle, half = (ends[0] + ends[1]) / 2, np.abs(ends[1] - ends[0]) / 2
    length = float(np.hypot(*half))
    aside = half + [ASIDE * length, 0]
    above = middle - np.maximum(aside, [0.7 * length, 0.3 * length]) - BESIDE
    below = middle + np.maximum(aside + [0, deepest * length], 0.7 * length) + BESIDE
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
