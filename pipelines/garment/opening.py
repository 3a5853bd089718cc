"""Finds the inside of a garment's back that is seen through its neckline or waistband.

A garment photographed without a wearer shows, above the front edge of its neckline, the inside of
its back. That edge is searched as one of a family of curves hanging between the two ends of the
opening, from a V to a square: the one across which the colour changes most evenly. The V of a
buttoned cardigan goes deeper than any neckline; there it must be the same cloth, in the shade.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..maps.colours import lengths, products
from ..maps.grids import boxes, closed, narrowest, pieces
from ..maps.ranking import median
from .back import both_sides, is_shaded_cloth, likeness

SHAPES = (1.0, 1.4, 2.0, 3.0, 5.0)  # of the curve 1 - |t|^p: V, between, round, wide, square
WIDTHS = (0.8, 0.9, 1.0)  # of the opening, against the distance of its ends
BAND = 2.5  # upright pixels above and below the edge that are compared
DEEPEST = 2.2  # of a neckline, in half distances of its ends; a waistband's sags less
WAISTBAND = 0.5
POINTED, TIP = (1.0, 1.2, 1.4), 4.6  # the V of a buttoned cardigan: its shapes, how deep it goes
LEAST_SCORE = 0.45  # of a shallow edge; deeper ones need more, below a label less is enough
SURE_SCORE = 0.9
DEEP_SCORE = 1.0  # of a V that goes deeper than a neckline, where none is clear
CLEAR_SCORE = 2.0
BACK = 0.35  # half distances of the ends: an edge that is so high may be a seam of the back
COLLAR = 0.5  # half distances of the ends: no collar is as wide
LEAST_SHARE = 0.75  # of the edge that shows the change


@dataclass(frozen=True)
class Found:
    """An edge (n, 2), how clear it is, and which of the depths it has."""

    edge: np.ndarray
    score: float
    place: int


@dataclass(frozen=True)
class Rated:
    """Curves (kinds, depths, n, 2), how clear an edge each is (kinds, depths), and whether it is
    darker above."""

    edges: np.ndarray
    scores: np.ndarray
    shaded: np.ndarray

    def best(self, asked: np.ndarray | float, shaded: bool = False, start: int = 0) -> Found | None:
        """The clearest of those that are as clear as is asked, from a depth on. shaded: only those
        that are darker above."""
        scores = np.where(self.scores < asked, 0, self.scores)[:, start:]
        if shaded:
            scores[~self.shaded[:, start:]] = 0
        if not scores.any():
            return None
        # Below the edge the seams of a collar may be as clear: the upper one of equals.
        kind, depth = scores.argmax(0), scores.max(0)
        first = int((depth >= 0.8 * depth.max()).argmax())
        end = first + 4
        best = first + int(depth[first:end].argmax())
        return Found(self.edges[kind[best], start + best], float(depth[best]), start + best)


def find_edge(
    lab: np.ndarray,
    mask: np.ndarray,
    right: np.ndarray,
    left: np.ndarray,
    lower: bool = False,
) -> np.ndarray | None:
    """The front edge between two points (x, y), (n, 2) from right to left, or None.

    lab: float32 (3, height, width); mask: bool (height, width); lower: whether it is a waistband. A
    small patch in a neckline is a label of the back, below which the edge must lie; on a waistband
    it is a buckle or a button.
    """
    from scipy import ndimage

    half = (left - right) / 2
    length = float(np.hypot(*half))
    if length < 4:
        return None
    soft = np.stack([ndimage.gaussian_filter(plane, 0.8) for plane in lab])
    middle = (left + right) / 2
    along = np.linspace(-0.92, 0.92, 35)

    def rate(depths: np.ndarray, shapes: tuple[float, ...]) -> Rated:
        edges = np.stack(
            [hang(middle, w * half, along, depths, power) for w in WIDTHS for power in shapes]
        )
        scores, shaded = score_edges(soft, mask, edges.reshape(-1, *edges.shape[2:]))
        shape = edges.shape[:2]
        return Rated(edges, scores.reshape(shape), shaded.reshape(shape))

    deepest = WAISTBAND if lower else DEEPEST
    depths = np.arange(max(0.08, 3.0 / length), deepest, 1.5 / length) * length
    rated = rate(depths, SHAPES)
    found = rated.best(LEAST_SCORE + 0.15 * depths / length)
    if not lower and (below := below_seam(lab, mask, rated, found, depths, length)) is not None:
        return below
    front = found is not None and depths[found.place] > BACK * length
    clear = found.score if found is not None and front else 0.0
    if not lower and clear < CLEAR_SCORE:
        pointed = rate(np.arange(DEEPEST, TIP, 3.0 / length) * length, POINTED)
        deep = pointed.best(max(DEEP_SCORE, clear), shaded=True)
        sides = None if deep is None else both_sides(lab, mask, deep.edge, length)
        if deep is not None and sides is not None and is_shaded_cloth(sides):
            return deep.edge
    if found is not None and found.score > SURE_SCORE:
        return found.edge
    column = np.flatnonzero(mask[:, int(np.clip(middle[0], 0, mask.shape[1] - 1))])
    is_open = not len(column) or column[0] - middle[1] > 0.35 * length
    label = None if is_open or lower else find_label(soft, mask, middle, length)
    if label is None:
        return found.edge if found is not None else None
    low = label - middle[1]
    found = rate(np.linspace(low + 1.0, low + 0.5 * length, 16), SHAPES).best(0.3)
    if found is not None:
        return found.edge
    return hang(middle, 0.9 * half, along, np.array([low + 0.15 * length]), 2.0)[0]


def below_seam(
    lab: np.ndarray, mask: np.ndarray, rated: Rated, found: Found | None,
    depths: np.ndarray, length: float,
) -> np.ndarray | None:  # fmt: skip
    """The front edge (n, 2), where what was found is a seam or a tape of the back high above it; no
    collar is as wide as that."""
    if found is None:
        return None
    start = int(np.searchsorted(depths, depths[found.place] + COLLAR * length))
    if start >= len(depths):
        return None
    below = rated.best(SURE_SCORE, shaded=True, start=start)
    sides = None if below is None else both_sides(lab, mask, below.edge, length)
    if below is None or sides is None or not is_shaded_cloth(sides):
        return None
    return below.edge if likeness(lab, mask, sides) is not None else None


def hang(
    middle: np.ndarray, half: np.ndarray, along: np.ndarray, depths: np.ndarray, power: float
) -> np.ndarray:
    """Curves (depths, points, 2) between the two ends middle - half and middle + half."""
    fall = depths[:, None] * (1 - np.abs(along) ** power)
    base = middle + along[:, None] * half
    return np.stack([base[:, 0] + 0 * fall, base[:, 1] + fall], -1)


def find_label(
    lab: np.ndarray, mask: np.ndarray, middle: np.ndarray, length: float
) -> float | None:
    """The lower end (y) of a label sewn into the back of the neck: that is always inside."""
    left, right = round(middle[0] - 0.7 * length), round(middle[0] + 0.7 * length)
    top, bottom = max(0, round(middle[1] - 0.3 * length)), round(middle[1] + 1.5 * length)
    zone = np.s_[top:bottom, max(0, left) : right]
    inside = narrowest(mask[zone], 2)
    if inside.sum() < 40:
        return None
    strange = [plane[zone] - median(plane[zone][inside]) for plane in lab]
    other = inside & (lengths(np.stack(strange)) > 14)
    labels, _ = pieces(closed(other, 1))
    for number, place in boxes(labels):
        tall, wide = (part.stop - part.start for part in place)
        aside = abs((place[1].start + place[1].stop) / 2 + max(0, left) - middle[0])
        filled = (labels[place] == number).mean()
        sized = 0.15 * length < wide < 1.0 * length and 0.1 * length < tall < 0.8 * length
        column = inside[:, (place[1].start + place[1].stop) // 2]
        hangs = place[0].start - int(column.argmax()) < 0.5 * length
        if sized and hangs and filled > 0.7 and aside < 0.3 * length and tall * wide > 20:
            return float(top + place[0].stop)
    return None


def score_edges(
    lab: np.ndarray, mask: np.ndarray, edges: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How evenly the colour changes across each edge (count, points, 2), and whether it is darker
    above."""
    x, y = np.ascontiguousarray(edges[..., 0]), np.ascontiguousarray(edges[..., 1])
    along, down = np.gradient(x, axis=1), np.gradient(y, axis=1)
    length = np.maximum(np.hypot(along, down), 1e-6) * np.where(along < 0, -1.0, 1.0)
    over, up = BAND * (down / length), BAND * (along / length)
    height, width = mask.shape
    colours, solid = lab.reshape(3, -1), mask.reshape(-1)

    def look(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        columns = (x + 0.5).astype(int).clip(0, width - 1)
        return (y + 0.5).astype(int).clip(0, height - 1) * width + columns

    above, below = look(x + over, y - up), look(x - over, y + up)
    seen = solid.take(above) & solid.take(below)
    count = seen.sum(1, dtype=np.float32)
    change = (colours.take(above, 1) - colours.take(below, 1)) * seen
    mean = change.sum(2) / np.maximum(count, 1)
    size = lengths(mean)
    strange = change - mean[..., None]
    spread = products(strange, strange) * seen
    deviation = np.sqrt(spread.sum(1) / np.maximum(count, 1))
    towards = products(change, mean[..., None]) / np.maximum(size, 1e-6)[:, None]
    share = ((towards > 0.25 * size[:, None]) & seen).mean(1)
    # The inside of the back lies in the shade.
    shaded = mean[0] < 0
    score = np.where(shaded, 1.3, 0.7) * size * share / (deviation + 4)
    even = (count > 0.6 * seen.shape[1]) & (share > LEAST_SHARE)
    return np.where(even, score, 0.0), shaded
