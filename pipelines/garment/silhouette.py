"""A garment's silhouette, upright and of one size, and the measures that lie on its outline.

`side` is +1 for the wearer's left (picture right) and -1 for the wearer's right. A half outline
runs from the neckline or waist on the axis of symmetry down one side to the hem or crotch; its
points are (u, y) with u the distance from the axis towards that side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..maps.grids import boxes, narrowest, pieces, within
from ..maps.ranking import median, percentile
from .contour import enclosed_area, resampled, smoothed, trace
from .symmetry import symmetry_angle, symmetry_axis, turning

LONG_SIDE = 360  # pixels of the upright silhouette that is measured
MARGIN = 12
STRAIGHT = 1e-9  # square pixels: a corner that spans no more with its neighbours is none
SIDES = (("right", -1), ("left", 1))


@dataclass(frozen=True)
class Upright:
    """The silhouette, turned upright and scaled.

    mask: bool (rows, columns). axis: x of the line of symmetry. An upright point p belongs to the
    picture point `turn @ p + origin`.
    """

    mask: np.ndarray
    axis: float
    turn: np.ndarray
    origin: np.ndarray

    @property
    def scale(self) -> float:
        """Picture pixels per upright pixel."""
        return float(np.hypot(*self.turn[0]))

    def to_picture(self, points: np.ndarray) -> np.ndarray:
        return np.asarray(points, np.float64) @ self.turn.T + self.origin

    def part(self, box: tuple[slice, slice]) -> Upright:
        """Its rows and columns in a box."""
        origin = self.to_picture(np.array([box[1].start, box[0].start]))
        return Upright(self.mask[box], self.axis - box[1].start, self.turn, origin)

    def sample(self, values: np.ndarray) -> np.ndarray:
        """A uint8 map or picture of the size of the silhouette in upright coordinates."""
        height, width = self.mask.shape
        matrix = np.column_stack([self.turn, self.origin])
        return affine(values, matrix, width, height, Image.Resampling.BILINEAR)


def affine(
    values: np.ndarray, matrix: np.ndarray, width: int, height: int, how: Image.Resampling
) -> np.ndarray:
    """A uint8 map or picture, drawn so that its point matrix @ (x, y, 1) comes to (x, y); 0 beyond
    its edge. Pixel centres have whole coordinates."""
    turn = matrix[:, :2]
    shift = matrix[:, 2] + 0.5 - 0.5 * turn.sum(1)  # Pillow counts from pixel corners
    data = np.column_stack([turn, shift]).ravel().tolist()
    flat = Image.fromarray(values)
    return np.asarray(flat.transform((width, height), Image.Transform.AFFINE, data, how))


def stand_upright(alpha: np.ndarray) -> Upright:
    """Turns a uint8 silhouette (height, width) so that it is symmetric left to right."""
    solid = alpha > 127
    width = solid.shape[1]
    places = np.flatnonzero(solid)
    counts = [np.count_nonzero(solid, axis=axis) for axis in (0, 1)]
    centre = np.array([count @ np.arange(len(count)) / len(places) for count in counts])
    # Spread over the whole by the golden ratio: a regular choice would have a pattern of its own.
    chosen = places[(np.arange(6000) * 0.6180339887 % 1 * len(places)).astype(int)]
    some = np.stack([chosen % width, chosen // width], -1) - centre
    angle = symmetry_angle(some / np.abs(some).max())
    rotation = turning(angle)
    # What lies furthest out is the end of a row.
    rows = np.flatnonzero(counts[1])
    ends = solid[rows].argmax(1), width - 1 - solid[rows, ::-1].argmax(1)
    x, y = np.concatenate(ends) - centre[0], np.concatenate([rows, rows]) - centre[1]
    across, down = (x * way[0] + y * way[1] for way in rotation.T)
    low, high = (np.array([part(across), part(down)]) for part in (np.min, np.max))
    scale = LONG_SIDE / max(1.0, *(high - low))
    origin = centre + rotation @ (low - MARGIN / scale)
    width, height = np.ceil((high - low) * scale + 2 * MARGIN + 1).astype(int)
    blank = Upright(np.zeros((height, width), bool), 0.0, rotation / scale, origin)
    standing = blank.sample(alpha) > 127
    return Upright(standing, symmetry_axis(standing), rotation / scale, origin)


@dataclass(frozen=True)
class Silhouette:
    """What is measured: half outlines by side name, half the body's width, top and bottom rows,
    and how far up the gap between the legs reaches (share of the height)."""

    mask: np.ndarray
    axis: float
    halves: dict[str, np.ndarray]
    body: float
    top: float
    bottom: float
    legs: float

    @property
    def tall(self) -> float:
        return self.bottom - self.top


def measure(mask: np.ndarray, axis: float) -> Silhouette:
    opened = without_ties(cut_open(mask))
    outline = max(trace(opened), key=enclosed_area)
    outline = smoothed(resampled(outline, 1.0, around=True), 1.5)
    body = body_half_width(opened, axis)
    top, bottom = float(outline[:, 1].min()), float(outline[:, 1].max())
    below, depth = lower_gap(opened, axis, body)
    halves = split(outline, axis, below)
    return Silhouette(opened, axis, halves, body, top, bottom, depth / max(1.0, bottom - top))


def without_ties(mask: np.ndarray) -> np.ndarray:
    """Without the narrow ends of belts and ribbons that hang from the lower part."""
    radius = round(0.014 * LONG_SIDE)
    labels, _ = pieces(mask & ~within(narrowest(np.pad(mask, 1), radius), radius)[1:-1, 1:-1])
    kept = mask.copy()
    for number, place in boxes(labels):
        tall = place[0].stop - place[0].start
        if tall > 0.08 * LONG_SIDE and place[0].start > 0.4 * len(mask):
            kept[labels == number] = False
    return kept


def cut_open(mask: np.ndarray) -> np.ndarray:
    """Joins gaps beside sleeves or between legs, closed by a cuff or hem, to the outside."""
    labels, _ = pieces(~mask)  # a margin joins everything outside
    opened = mask.copy()
    for number, place in boxes(np.where(labels == labels[0, 0], 0, labels)):
        if place[0].stop - place[0].start < 0.06 * LONG_SIDE:
            continue
        bottom = place[0].stop - 1
        column = int(median(np.nonzero(labels[bottom] == number)[0]))
        free = np.nonzero(~mask[bottom + 1 :, column])[0]
        # Only through a contact (cuff on hip, hem on hem), never down through a body.
        if len(free) and free[0] < 0.2 * LONG_SIDE:
            opened[bottom : bottom + 1 + free[0], max(0, column - 1) : column + 1] = False
    return opened


def body_half_width(mask: np.ndarray, axis: float) -> float:
    """Half the usual width of what lies on the axis, or to both sides of it, in the lower part."""
    rows = np.nonzero(mask.any(1))[0]
    some = mask[rows[int(0.35 * len(rows)) : int(0.8 * len(rows)) + 1]]
    centre = int(np.clip(round(axis), 0, mask.shape[1] - 1))
    ways = []
    for half in (some[:, centre::-1], some[:, centre:]):
        begin = half.argmax(1)  # the axis may lie between the legs
        beyond = np.arange(half.shape[1])[None] > begin[:, None]
        gap = np.pad(~half & beyond, ((0, 0), (0, 1)), constant_values=True)
        ways.append(gap.argmax(1) - 1)
    return float(percentile((ways[0] + ways[1] + 1) / 2, 40))


def lower_gap(mask: np.ndarray, axis: float, body: float) -> tuple[np.ndarray, float]:
    """The lowest point of the garment about its axis, and how much lower both legs reach."""
    height, width = mask.shape
    lowest = np.where(mask.any(0), height - 1 - mask[::-1].argmax(0), -1)
    columns = np.arange(width)
    inner = columns[(np.abs(columns - axis) <= 0.3 * body) & (lowest >= 0)]
    if not len(inner):
        return np.array([axis, float(lowest.max())]), 0.0
    least = lowest[inner].min()
    crotch = int(median(inner[lowest[inner] <= least + 1]))
    near = np.abs(columns - axis) <= 1.2 * body
    sides = [lowest[near & (columns < crotch)], lowest[near & (columns > crotch)]]
    reach = min((int(side.max()) for side in sides if len(side)), default=0)
    depth = max(0.0, float(reach - least))
    row = mask[min(height - 1, int(least + 1 + 0.3 * depth))]
    solid = np.nonzero(row)[0]
    left, right = solid[solid < crotch], solid[solid > crotch]
    # Between the cuffs of hanging sleeves the gap is as wide as a body.
    if not len(left) or not len(right) or right[0] - left[-1] > 0.5 * (solid[-1] - solid[0]):
        depth = 0.0
    centre = int(np.clip(round(axis), 0, width - 1))
    about = lowest[np.abs(columns - axis) <= 0.1 * body]
    if len(about) and about.min() - least > 0.5 * depth:
        depth = 0.0
    if depth == 0:
        crotch, least = centre, lowest[centre]
    return np.array([float(crotch), least + 0.5]), depth


def split(outline: np.ndarray, axis: float, below: np.ndarray) -> dict[str, np.ndarray]:
    """A clockwise outline as half outlines, cut on the axis at the top and at `below`."""
    x = outline[:, 0] - axis
    crossings = np.nonzero((x >= 0) != (np.roll(x, -1) >= 0))[0]
    first = int(crossings[outline[crossings, 1].argmin()]) if len(crossings) else 0
    turned = np.roll(outline, -first - 1, axis=0)
    last = int(np.hypot(*(turned - below).T).argmin())
    left, right = turned[: last + 1], turned[last:][::-1]
    return {
        "left": resampled(np.stack([left[:, 0] - axis, left[:, 1]], -1), 1.0),
        "right": resampled(np.stack([axis - right[:, 0], right[:, 1]], -1), 1.0),
    }


def notches(line: np.ndarray, least: float) -> list[tuple[int, int, int, float]]:
    """Where a polyline falls back from its hull: (start, deepest, end, depth) by index."""
    found = []
    if len(line) < 4:
        return found
    corners = hull(line)
    for start, end in zip(corners[:-1], corners[1:], strict=True):
        if end - start < 3:
            continue
        depth = np.abs(offset(line[start : end + 1], line[start], line[end]))
        deepest = int(depth.argmax())
        if depth[deepest] >= least:
            found.append((start, start + deepest, end, float(depth[deepest])))
    return found


def hull(points: np.ndarray) -> list[int]:
    """The corners of the convex hull of points (n, 2), by index in rising order. (Andrew's monotone
    chain: the one in SciPy takes a third of a second to import.)"""
    order = np.lexsort((points[:, 1], points[:, 0])).tolist()
    x, y = points.T.tolist()
    corners = set()
    for way in (order, order[::-1]):
        chain: list[int] = []
        for each in way:
            while len(chain) > 1:
                last, before = chain[-1], chain[-2]
                turn = (x[last] - x[before]) * (y[each] - y[before])
                turn -= (y[last] - y[before]) * (x[each] - x[before])
                if turn > STRAIGHT:
                    break
                chain.pop()
            chain.append(each)
        corners.update(chain)
    return sorted(corners)


def offset(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Signed distance of points from the line start-end: positive outside, on the way down."""
    way = end - start
    length = max(float(np.hypot(*way)), 1e-6)
    return ((points[:, 0] - start[0]) * way[1] - (points[:, 1] - start[1]) * way[0]) / length


def gap_tip(one: np.ndarray, other: np.ndarray, tip: np.ndarray, most: float) -> np.ndarray:
    """Where two edges meet that run towards the tip of a narrow gap.

    A cut-out closes a gap before its end; one and other (n, 2) are its edges near the tip that is
    seen, which is moved by at most `most`.
    """
    if min(len(one), len(other)) < 12:
        return tip
    ways = []
    for edge in (one, other):
        centred = edge - edge.mean(0)
        way = np.linalg.svd(centred, full_matrices=False)[2][0]
        ways.append(way * np.sign(way @ (tip - edge.mean(0)) + 1e-9))
    turn = ways[0][0] * ways[1][1] - ways[0][1] * ways[1][0]
    if not 0.02 < abs(turn) < 0.9 or ways[0] @ ways[1] < 0:
        return tip
    start = other.mean(0) - one.mean(0)
    along = (start[0] * ways[1][1] - start[1] * ways[1][0]) / turn
    met = one.mean(0) + along * ways[0]
    further = (met - tip) @ (ways[0] + ways[1]) / 2
    return met if 0 < further < most else tip


def largest_quad(line: np.ndarray) -> tuple[int, int]:
    """The two points of a polyline that span the largest area with its ends: its far corners."""
    index = np.unique(np.linspace(0, len(line) - 1, min(len(line), 160)).astype(int))
    points = line[index] - line[0]
    end = line[-1] - line[0]
    x, y = points.T
    area = np.abs(np.outer(x, y) - np.outer(y, x) + (x * end[1] - y * end[0])[None])
    area[np.tril_indices(len(index))] = -1
    first, second = np.unravel_index(int(area.argmax()), area.shape)
    return int(index[first]), int(index[second])


def widths(mask: np.ndarray) -> np.ndarray:
    """From the first to the last pixel of each row, in pixels; 0 in an empty one."""
    ends = mask.shape[1] - mask[:, ::-1].argmax(1)
    return np.where(mask.any(1), ends - mask.argmax(1), 0)
