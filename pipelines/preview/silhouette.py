"""Finds a garment's landmarks on its silhouette.

The silhouette is brought upright and to one size first. Its outer contour is then cut at its
corners and notches: an armpit is the deepest point of the notch between sleeve and hem, a sleeve's
end is the far side of the largest quadrilateral between shoulder and armpit, and so on. Here
`side` is +1 for the wearer's left (picture right) and -1 for the wearer's right; u is the distance
from the axis of symmetry towards that side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LONG_SIDE = 360  # pixels of the upright silhouette that is measured
MARGIN = 12
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

    def to_picture(self, points: np.ndarray) -> np.ndarray:
        return np.asarray(points, np.float64) @ self.turn.T + self.origin

    def sample(self, values: np.ndarray, order: int = 1) -> np.ndarray:
        """A (height, width) map of the picture in upright coordinates."""
        from scipy import ndimage

        swapped = self.turn[::-1, ::-1]
        return ndimage.affine_transform(
            values, swapped, self.origin[::-1], output_shape=self.mask.shape, order=order,
            mode="constant",
        )  # fmt: skip


def stand_upright(mask: np.ndarray) -> Upright:
    """Turns a boolean silhouette (height, width) so that it is symmetric left to right."""
    rows, columns = np.nonzero(mask)
    points = np.stack([columns, rows], -1).astype(np.float64)
    centre = points.mean(0)
    some = points[:: max(1, len(points) // 6000)] - centre
    extent = np.abs(some).max()
    angle = symmetry_angle(some / extent)
    cos, sin = np.cos(angle), np.sin(angle)
    turned = (points - centre) @ np.array([[cos, -sin], [sin, cos]])
    low, high = turned.min(0), turned.max(0)
    scale = LONG_SIDE / max(high - low)
    turn = np.array([[cos, -sin], [sin, cos]]) / scale
    origin = centre + np.array([[cos, -sin], [sin, cos]]) @ (low - MARGIN / scale)
    size = np.ceil((high - low) * scale + 2 * MARGIN).astype(int)
    upright = Upright(np.zeros((size[1], size[0]), bool), 0.0, turn, origin)
    soft = upright.sample(mask.astype(np.float32)) > 0.5
    return Upright(soft, symmetry_axis(soft), turn, origin)


def symmetry_angle(points: np.ndarray) -> float:
    """The small rotation (radians) after which points (n, 2) in -1..1 mirror themselves best."""
    angles = np.radians(np.arange(-12, 12.1, 1.0))
    scores = np.array([mirror_score(points, angle) for angle in angles])
    scores -= 0.0025 * np.abs(np.degrees(angles))
    best = int(scores.argmax())
    fine = angles[best] + np.radians(np.arange(-0.75, 0.76, 0.25))
    finer = np.array([mirror_score(points, angle) for angle in fine])
    found = fine[int((finer - 0.0025 * np.abs(np.degrees(fine))).argmax())]
    return float(found)


def mirror_score(points: np.ndarray, angle: float) -> float:
    cos, sin = np.cos(angle), np.sin(angle)
    turned = points @ np.array([[cos, -sin], [sin, cos]])
    size = 64
    index = ((turned + 1.5) * size / 3).astype(int).clip(0, size - 1)
    flat = np.bincount(index[:, 1] * 2 * size + index[:, 0], minlength=2 * size * size)
    grid = flat.reshape(size, 2 * size).astype(np.float64)
    grid = np.minimum(grid, np.median(grid[grid > 0]))
    spectrum = np.fft.rfft(grid, axis=1)
    matched = np.fft.irfft((spectrum**2).sum(0), n=2 * size)
    return float(matched.max() / (grid**2).sum())


def symmetry_axis(mask: np.ndarray) -> float:
    width = mask.shape[1]
    spectrum = np.fft.rfft(mask.astype(np.float32), n=2 * width, axis=1)
    matched = np.fft.irfft((spectrum**2).sum(0), n=2 * width)
    return float(matched.argmax()) / 2


def trace(mask: np.ndarray) -> np.ndarray:
    """The outer contour of the largest piece, clockwise from its top, (n, 2) x and y."""
    from scipy import ndimage

    labels, _ = ndimage.label(mask)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    rows = np.pad(labels == sizes.argmax(), 1).tolist()
    top = next(y for y, row in enumerate(rows) if any(row))
    start = (rows[top].index(True), top)
    # Walk along pixel corners with the garment on the right hand: ahead lie one pixel on each hand.
    ahead = {
        (1, 0): ((0, 0), (0, -1)),
        (0, 1): ((-1, 0), (0, 0)),
        (-1, 0): ((-1, -1), (-1, 0)),
        (0, -1): ((0, -1), (-1, -1)),
    }
    (x, y), (dx, dy) = start, (1, 0)
    walked = []
    while not walked or (x, y) != start:
        walked.append((x, y))
        x, y = x + dx, y + dy
        (rx, ry), (lx, ly) = ahead[dx, dy]
        if not rows[y + ry][x + rx]:
            dx, dy = -dy, dx
        elif rows[y + ly][x + lx]:
            dx, dy = dy, -dx
    return np.array(walked, np.float64) - 1.5


def cut_open(mask: np.ndarray, axis: float) -> np.ndarray:
    """Joins holes between sleeve and body, or between legs, to the outside by a thin cut down."""
    from scipy import ndimage

    holes = ndimage.binary_fill_holes(mask) & ~mask
    labels, count = ndimage.label(holes)
    opened = mask.copy()
    for number, place in enumerate(ndimage.find_objects(labels), start=1):
        tall = place[0].stop - place[0].start
        if tall < 0.06 * LONG_SIDE:
            continue
        bottom = place[0].stop - 1
        column = int(np.median(np.nonzero(labels[bottom] == number)[0]))
        blocked = np.nonzero(~mask[bottom + 1 :, column])[0]
        # Only through a contact (cuff on hip, hem on hem), never through the body of a garment.
        if len(blocked) and blocked[0] < 0.2 * LONG_SIDE:
            opened[bottom : bottom + 1 + blocked[0], column - 1 : column + 1] = False
    return opened


def resample(line: np.ndarray, step: float = 1.0) -> np.ndarray:
    """The same polyline with points every `step` pixels."""
    along = np.r_[0, np.cumsum(np.hypot(*np.diff(line, axis=0).T))]
    wanted = np.linspace(0, along[-1], max(2, round(along[-1] / step) + 1))
    return np.stack([np.interp(wanted, along, line[:, i]) for i in (0, 1)], -1)


def smoothed(closed: np.ndarray, sigma: float = 1.5) -> np.ndarray:
    from scipy import ndimage

    return ndimage.gaussian_filter1d(closed, sigma, axis=0, mode="wrap")


def half_outline(contour: np.ndarray, axis: float, side: int) -> np.ndarray:
    """One side's contour from the top on the axis to the bottom on the axis, as (u, y)."""
    u = side * (contour[:, 0] - axis)
    crossing = np.nonzero((u >= 0) != (np.roll(u, -1) >= 0))[0]
    if len(crossing) < 2:
        crossing = np.array([contour[:, 1].argmin(), contour[:, 1].argmax()])
    heights = contour[crossing, 1]
    # From the lowest top crossing (the neckline) to the last bottom one (crotch or hem).
    top, bottom = crossing[heights.argmin()], crossing[heights.argmax()]
    if side > 0:
        span = np.arange(top + 1, bottom + 1 + (len(u) if bottom <= top else 0)) % len(u)
    else:
        span = np.arange(bottom + 1, top + 1 + (len(u) if top <= bottom else 0))[::-1] % len(u)
    return np.stack([u[span], contour[span, 1]], -1)


def hull(points: np.ndarray) -> np.ndarray:
    """Indices of the convex hull's corners, in the order of the points."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        return np.sort(ConvexHull(points).vertices)
    except QhullError:
        return np.array([0, len(points) - 1])


def notches(line: np.ndarray, least: float) -> list[tuple[int, int, int, float]]:
    """Where a polyline falls back from its hull: (start, deepest, end, depth) by index."""
    found = []
    corners = hull(line)
    for start, end in zip(corners[:-1], corners[1:], strict=True):
        if end - start < 3:
            continue
        depth = np.abs(offset(line[start : end + 1], line[start], line[end]))
        deepest = int(depth.argmax())
        if depth[deepest] >= least:
            found.append((int(start), int(start) + deepest, int(end), float(depth[deepest])))
    return found


def offset(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Signed distance of points from the line start-end."""
    way = end - start
    length = max(float(np.hypot(*way)), 1e-6)
    return ((points[:, 0] - start[0]) * way[1] - (points[:, 1] - start[1]) * way[0]) / length


def largest_quad(line: np.ndarray, step: int = 3) -> tuple[int, int]:
    """The two points of a polyline that span the largest area with its ends: its far corners."""
    index = np.arange(0, len(line), step)
    p = line[index]
    a, d = line[0], line[-1]

    def cross(one: np.ndarray, two: np.ndarray) -> np.ndarray:
        return one[..., 0] * two[..., 1] - one[..., 1] * two[..., 0]

    area = np.abs(
        (cross(a, p))[:, None] + cross(p[:, None], p[None]) + cross(p, d)[None] + cross(d, a)
    )
    area[np.tril_indices(len(index))] = -1
    first, second = np.unravel_index(int(area.argmax()), area.shape)
    return int(index[first]), int(index[second])


@dataclass(frozen=True)
class Shape:
    """What the silhouette shows: category, points in upright coordinates, which sleeves and legs
    there are, and how the sleeves' ends lie."""

    category: str
    points: dict[str, np.ndarray]
    sleeves: tuple[str, ...]
    legs: bool


def read_shape(upright: Upright, category: str = "auto") -> Shape:
    mask = cut_open(upright.mask, upright.axis)
    contour = smoothed(trace(mask))
    halves = {name: resample(half_outline(contour, upright.axis, s)) for name, s in SIDES}
    bottom = max(line[:, 1].max() for line in halves.values())
    top = min(line[:, 1].min() for line in halves.values())
    rise = bottom - np.mean([line[-1, 1] for line in halves.values()])
    legs = rise > 0.12 * (bottom - top)
    body = body_half_width(mask, upright.axis)
    pits = {name: find_armpit(line, body, legs) for name, line in halves.items()}
    if category == "auto":
        category = guess_category(mask, halves, pits, body, legs)
    if category == "lower":
        points = read_lower(halves, legs)
        sleeves: tuple[str, ...] = ()
    else:
        points, sleeves = read_top(halves, pits, body)
        read_hem(halves, points, legs)
    axis = upright.axis
    placed = {}
    for name, point in points.items():
        side = -1 if name.endswith("_right") else 1
        placed[name] = np.array([axis + side * point[0], point[1]])
    return Shape(category, placed, sleeves, legs)


def body_half_width(mask: np.ndarray, axis: float) -> float:
    """Half the usual width of the piece on the axis."""
    rows = np.nonzero(mask.any(1))[0]
    low, high = rows[0] + 0.35 * len(rows), rows[0] + 0.8 * len(rows)
    widths = []
    for y in range(int(low), int(high)):
        filled = np.nonzero(~mask[y])[0]
        left = filled[filled < axis].max(initial=0)
        right = filled[filled > axis].min(initial=mask.shape[1])
        widths.append((right - left) / 2)
    return float(np.percentile(widths, 40))


@dataclass(frozen=True)
class Pit:
    """An armpit on one half outline: its index, the sleeve end before it (or -1) and its depth."""

    index: int
    sleeve: bool
    start: int
    depth: float


def find_armpit(line: np.ndarray, body: float, legs: bool) -> Pit:
    top = line[:, 1].min()
    tall = line[:, 1].max() - top
    found = []
    for start, deepest, end, depth in notches(line, 0.05 * body):
        u, y = line[deepest]
        if u < 0.3 * body or y > top + 0.85 * tall or (legs and u < 0.45 * body):
            continue
        out, up = line[start, 0] - u, y - line[start, 1]
        sleeve = out > 0.1 * body and out > 0.6 * up
        found.append((sleeve, depth, start, deepest, end))
    with_sleeve = [entry for entry in found if entry[0]]
    if with_sleeve:
        _, depth, start, deepest, _ = max(with_sleeve, key=lambda entry: entry[1])
        return Pit(deepest, True, start, depth)
    armholes = [
        e for e in found if line[e[3], 1] < top + 0.55 * tall and line[e[2], 1] < top + 0.25 * tall
    ]
    if armholes:
        _, depth, start, deepest, end = max(armholes, key=lambda entry: entry[1])
        hem = int((line[deepest:, 0] * 0.5 + line[deepest:, 1]).argmax()) + deepest
        section = line[deepest : hem + 1]
        away = offset(section, line[deepest], line[hem])
        return Pit(deepest + int(away.argmax()), False, start, depth)
    level = top + min(1.1 * body, 0.4 * tall)
    outer = int(line[:, 0].argmax())
    index = int(np.abs(line[: max(outer, 2), 1] - level).argmin())
    return Pit(index, False, 0, 0.0)


def guess_category(mask: np.ndarray, halves: dict, pits: dict, body: float, legs: bool) -> str:
    rows = np.nonzero(mask.any(1))[0]
    tall = len(rows)
    counts = mask[rows].sum(1)
    spans = np.array([np.ptp(np.nonzero(mask[y])[0]) + 1 for y in rows])
    sleeves = sum(pit.sleeve for pit in pits.values())
    first, later = int(0.025 * tall), int(0.12 * tall)
    head = counts[first] / max(1, counts[later])
    solid = counts[first] / spans[first]
    flat = head > 0.72 and solid > 0.85
    if sleeves < 2 and flat and (legs or counts[later] < 0.98 * counts.max()):
        return "lower"
    if legs and sleeves < 2 and flat:
        return "lower"
    length = tall / (2 * body)
    return "dress" if length > 2.2 or legs else "upper"


def read_top(halves: dict, pits: dict, body: float) -> tuple[dict, tuple[str, ...]]:
    points: dict[str, np.ndarray] = {}
    sleeves = []
    for name, line in halves.items():
        pit = pits[name]
        neck = find_neck(line[: max(pit.index, 3)], body, pit.sleeve)
        points[f"neck_{name}"] = line[neck]
        points[f"armpit_{name}"] = line[pit.index]
        if pit.sleeve:
            section = line[neck : pit.index + 1]
            outer, inner = sleeve_end(section)
            tip = shoulder_tip(section[: outer + 1], line[pit.index, 0])
            points[f"sleeve_end_outer_{name}"] = section[outer]
            points[f"sleeve_end_inner_{name}"] = section[inner]
            points[f"shoulder_{name}"] = section[tip]
            sleeves.append(name)
        else:
            section = line[neck : pit.index + 1]
            away = offset(section, section[0], section[-1])
            points[f"shoulder_{name}"] = section[int(away.argmax())]
    points["neck_bottom"] = np.array([0.0, np.mean([line[0, 1] for line in halves.values()])])
    return points, tuple(sleeves)


def find_neck(line: np.ndarray, body: float, sleeve: bool) -> int:
    """Index of the point where neckline and shoulder meet; the line starts at the axis."""
    u, y = line.T
    near = (u < max(0.9 * body, u.min() + 1)) & (y < y.min() + 0.8 * body)
    near[0] = True
    dip = y[0] - y[near].min()
    if dip > 0.08 * body:
        score = -y
    else:
        score = -y + 0.18 * u
    neck = int(np.where(near, score, -np.inf).argmax())
    # A collar, a hood or a high neck stands on the shoulders: its foot is a notch.
    for start, deepest, end, _ in notches(line[neck:], 0.03 * body):
        foot, shoulder = line[neck + deepest], line[neck + end]
        way = shoulder - foot
        if start < 0.3 * body and foot[0] < 0.75 * body and way[0] > abs(way[1]):
            return neck + deepest
        break
    return neck


def sleeve_end(section: np.ndarray) -> tuple[int, int]:
    """The sleeve's two end corners on the outline from neck to armpit."""
    begin = int(0.25 * len(section)) if len(section) > 40 else 0
    pit = section[-1]
    above = np.nonzero(section[:, 0] > 0.85 * pit[0])[0]
    begin = int(above[0]) if len(above) else 0
    outer, inner = largest_quad(section[begin:])
    return begin + outer, begin + inner


def shoulder_tip(section: np.ndarray, pit_u: float) -> int:
    """Where the outline from neck to sleeve end bends down, about above the armpit."""
    away = offset(section, section[0], section[-1])
    u = section[:, 0]
    wanted = np.exp(-(((u - 0.95 * pit_u) / (0.3 * max(pit_u, 1))) ** 2))
    return int(((away.clip(0) + 0.02 * np.abs(section[-1, 0])) * wanted).argmax())


def read_hem(halves: dict, points: dict, legs: bool) -> None:
    for name, line in halves.items():
        pit = points[f"armpit_{name}"]
        start = int(np.hypot(*(line - pit).T).argmin())
        section = line[start:]
        if legs:
            outer, inner = largest_quad(section)
            points[f"hem_outer_{name}"] = section[outer]
            points[f"hem_inner_{name}"] = section[inner]
            hem = outer
        else:
            away = offset(section, section[0], section[-1])
            hem = int(away.argmax())
            points[f"hem_{name}"] = section[hem]
        side = section[: hem + 1]
        low, high = int(0.2 * len(side)), max(int(0.8 * len(side)), int(0.2 * len(side)) + 1)
        points[f"waist_{name}"] = (
            side[low + int(side[low:high, 0].argmin())] if len(side) > 4 else pit
        )
    level = np.mean([line[-1, 1] for line in halves.values()])
    points["crotch" if legs else "hem_center"] = np.array([0.0, level])


def read_lower(halves: dict, legs: bool) -> dict:
    points: dict[str, np.ndarray] = {}
    for name, line in halves.items():
        top, tall = line[:, 1].min(), np.ptp(line[:, 1])
        upper = np.nonzero(line[:, 1] < top + 0.3 * tall)[0]
        upper = upper[upper < len(line) * 0.5]
        waist = int(upper[(line[upper, 0] - line[upper, 1]).argmax()])
        section = line[waist:]
        points[f"waist_{name}"] = line[waist]
        if legs:
            outer, inner = largest_quad(section)
            points[f"hem_outer_{name}"] = section[outer]
            points[f"hem_inner_{name}"] = section[inner]
            level = line[waist, 1] + 0.7 * (line[-1, 1] - line[waist, 1])
            side = section[: outer + 1]
            points[f"hip_{name}"] = side[int(np.abs(side[:, 1] - level).argmin())]
        else:
            away = offset(section, section[0], section[-1])
            hem = int(away.argmax())
            points[f"hem_{name}"] = section[hem]
            points[f"hip_{name}"] = section[int(hem * 0.4)]
    points["waist_center"] = np.array([0.0, np.mean([line[0, 1] for line in halves.values()])])
    level = np.mean([line[-1, 1] for line in halves.values()])
    points["crotch" if legs else "hem_center"] = np.array([0.0, level])
    return points
