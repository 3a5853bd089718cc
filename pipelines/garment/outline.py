"""A garment's category and landmarks from the outline of its silhouette.

An armpit is the deepest point of the notch between sleeve and hem; a sleeve's end is the far side
of the largest quadrilateral between shoulder and armpit; a hem's corner stands out furthest
between armpit and the middle of the hem; and so on. All lengths are in upright pixels, all points
(u, y) of one side until the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .hanger import without_clips
from .kind import guess_category, hangs_from_clips
from .lower_outline import Armpit, Edges, read_bottom, read_lower
from .silhouette import SIDES, Silhouette, gap_tip, notches, offset

NECK = 0.42  # body half widths from the axis, where an outline does not tell


@dataclass(frozen=True)
class GarmentOutline:
    """What an outline shows, in upright coordinates (x, y).

    limbs: by "sleeve_left", "leg_right" and so on the outer and the inner edge from the body to
    the end, two polylines. rims: by side where the opening for neck or waist ends.
    """

    category: str
    points: dict[str, np.ndarray]
    limbs: dict[str, tuple[np.ndarray, np.ndarray]]
    rims: dict[str, np.ndarray]

    @property
    def sleeves(self) -> list[str]:
        return [name for name, _ in SIDES if f"sleeve_{name}" in self.limbs]

    @property
    def legs(self) -> bool:
        return "leg_left" in self.limbs


def read_shape(
    silhouette: Silhouette, armpits: dict[str, Armpit], category: str, sleeves: bool = True
) -> GarmentOutline:
    """armpits: of find_armpits. category: "auto", "upper", "lower" or "dress"; sleeves: False where
    it is known that there are none."""
    if not sleeves:
        armpits = {
            name: without_sleeve(silhouette, line) for name, line in silhouette.halves.items()
        }
    if category == "auto":
        category = guess_category(silhouette, armpits)
        bare = without_clips(silhouette, armpits) if category != "lower" else silhouette
        if bare is not silhouette and hangs_from_clips(bare, find_armpits(bare)):
            category, silhouette = "lower", bare
    if category == "lower":
        points, limbs = read_lower(silhouette)
        rims = {name: points[f"waist_{name}"] for name, _ in SIDES}
    else:
        points, limbs, rims = read_top(silhouette, armpits)
        below, legs = read_bottom(silhouette, armpits)
        points |= below
        limbs |= legs
    axis, sides = silhouette.axis, dict(SIDES)

    def placed(point: np.ndarray, name: str) -> np.ndarray:
        side = sides.get(name.rsplit("_", 1)[-1], 1)
        return np.stack([axis + side * point[..., 0], point[..., 1]], -1)

    return GarmentOutline(
        category,
        {name: placed(point, name) for name, point in points.items()},
        {name: (placed(a, name), placed(b, name)) for name, (a, b) in limbs.items()},
        {name: placed(point, name) for name, point in rims.items()},
    )


def find_armpits(silhouette: Silhouette) -> dict[str, Armpit]:
    """Both armpits; where the sides differ much, the plainer one decides where to look."""
    found = {name: find_notch(silhouette, line) for name, line in silhouette.halves.items()}
    halves = silhouette.halves
    for one, other in (("left", "right"), ("right", "left")):
        guide = found[other]
        if guide is None:
            continue
        mine = found[one]
        if mine is None or mine > 1.4 * guide + 0.2 * silhouette.body:
            found[one] = notch_like(halves[one], halves[other], guide, silhouette.body, mine)
    return {
        name: with_sleeve(line, index)
        if (index := found[name]) is not None
        else without_sleeve(silhouette, line)
        for name, line in halves.items()
    }


def find_notch(silhouette: Silhouette, line: np.ndarray) -> int | None:
    """Index of the deepest point between sleeve end and hem."""
    body, tall, top = silhouette.body, silhouette.tall, silhouette.top
    best, most = None, 0.0
    for start, deepest, end, depth in notches(line, 0.04 * body):
        # The deepest point may be the waist: the armpit is the upper inner corner before it.
        above = -offset(line[start : deepest + 1], line[start], line[deepest])
        corner = start + int(above.argmax()) if above.max() > 0.08 * body else deepest
        u, y = line[corner]
        out, up = line[start, 0] - u, y - line[start, 1]
        if u < 0.42 * body or y < top + 0.05 * tall:
            continue
        if silhouette.legs > 0.12 and y > top + 0.6 * tall:
            continue
        hangs = depth > 0.12 * body and -up > 0.09 * tall and out > -0.2 * body
        stands_off = out > 0.1 * body and out > 0.5 * up and line[end, 1] - y > 0.12 * tall
        if not hangs and not stands_off:
            continue  # an armhole, or a wave or a round corner of the hem
        if depth > most:
            best, most = corner, depth
    return best


def notch_like(
    line: np.ndarray, other: np.ndarray, guide: int, body: float, mine: int | None
) -> int | None:
    """The notch of one side where the other side has its own, if the outline passes there."""
    near = np.hypot(*(line - other[guide]).T)
    index = int(near.argmin())
    end = other[int(other[:guide, 0].argmax())]
    reaches = np.hypot(*(line - end).T).min() < 0.4 * body
    return index if near[index] < 0.3 * body and reaches else mine


def with_sleeve(line: np.ndarray, index: int) -> Armpit:
    """An armhole is about as deep as the body is wide on one side of the axis. Where the notch
    lies lower and right at the end of the sleeve, the sleeve touches the body above it."""
    u, y = line[index]
    shoulder = line[int((line[:index, 0] > 0.85 * u).argmax()), 1]
    outer, inner = sleeve_end(line[: index + 1])
    visible = np.hypot(*(line[inner] - line[index]))
    length = np.hypot(*(line[outer] - [u, shoulder]))
    depth = (y - shoulder) / u
    if depth > 1.9 or (depth > 1.3 and visible < 0.3 * length):
        return Armpit(index, np.array([u, shoulder + 1.05 * u]), True, True)
    before, after = line[max(inner, index - 45) : index - 6], line[index + 7 : index + 40]
    tip = gap_tip(before, after, line[index], 0.6 * u)
    return Armpit(index, tip, True, bool(np.hypot(*(tip - line[index])) > 2))


def without_sleeve(silhouette: Silhouette, line: np.ndarray) -> Armpit:
    body, tall, top = silhouette.body, silhouette.tall, silhouette.top
    armholes = []
    for start, deepest, end, depth in notches(line, 0.04 * body):
        way = line[end] - line[deepest]
        if way[1] < 0:  # up to the top of a strap: the neckline
            continue
        collar = way[0] > abs(way[1]) and line[end, 1] < top + 0.5 * body
        high = line[deepest, 1] < top + 1.6 * body or line[end, 1] < top + 0.45 * tall
        if line[start, 1] < top + 0.25 * tall and high:
            armholes.append((not collar, depth, deepest, end))
    if armholes and max(armholes)[0]:
        _, _, deepest, end = max(armholes)
        section = line[deepest : end + 1]
        away = offset(section, section[0], section[-1])
        index = deepest + int(away.argmax()) if away.max() > 1.5 else end
        return Armpit(index, line[index], False)
    halter = below_halter(silhouette, line)
    if halter is not None:
        return Armpit(halter, line[halter], False)
    level = top + min(1.0 * body, 0.45 * tall)
    below = np.nonzero((line[:, 1] >= level) & (line[:, 0] > 0.4 * body))[0]
    below = below[below >= line[:, 1].argmin()]  # not on the neckline
    index = int(below[0]) if len(below) else len(line) // 2
    return Armpit(index, line[index], False)


def below_halter(silhouette: Silhouette, line: np.ndarray) -> int | None:
    """Index of the corner under the arm of a garment that is held at the neck: its outline runs
    from the neck slantwise to the side, and down from there."""
    body, top, tall = silhouette.body, silhouette.top, silhouette.tall
    first = int(line[:, 1].argmin())
    last = int((line[:, 0] + line[:, 1]).argmax())
    if last - first < 8 or line[first, 0] > 0.45 * body:
        return None
    away = offset(line[first : last + 1], line[first], line[last])
    corner = first + int(away.argmax())
    u, y = line[corner]
    stands_out = away.max() > 0.15 * body and u > 0.8 * body and y < top + 0.5 * tall
    slants = 0.35 * (u - line[first, 0]) < y - line[first, 1] < 3.5 * (u - line[first, 0])
    return corner if stands_out and slants else None


def read_top(
    silhouette: Silhouette, armpits: dict[str, Armpit]
) -> tuple[dict[str, np.ndarray], dict[str, Edges], dict[str, np.ndarray]]:
    """Neck, shoulders, armpits and sleeve ends; sleeves; the ends of the neck's opening."""
    points: dict[str, np.ndarray] = {}
    rims: dict[str, np.ndarray] = {}
    limbs: dict[str, Edges] = {}
    for name, line in silhouette.halves.items():
        armpit = armpits[name]
        above = line[: max(armpit.index, 3) + 1]
        neck, rim = find_neck(above, silhouette.body)
        rims[name] = above[rim]
        points[f"neck_{name}"] = above[neck]
        points[f"armpit_{name}"] = armpit.point
        section = above[neck:]
        if not armpit.sleeve:
            away = offset(section, section[0], section[-1])
            # Where it is held at the neck alone there is no corner.
            tip = int(away.argmax()) if away.max() > 0.04 * silhouette.body else 0
            points[f"shoulder_{name}"] = section[tip]
            continue
        if armpit.touching:
            section = np.concatenate([section, armpit.point[None]])
        outer, inner = sleeve_end(section)
        tip = shoulder_tip(section[: outer + 1], armpit.point[0])
        points[f"shoulder_{name}"] = section[tip]
        points[f"sleeve_end_outer_{name}"] = section[outer]
        points[f"sleeve_end_inner_{name}"] = section[inner]
        limbs[f"sleeve_{name}"] = section[tip : outer + 1], section[inner:][::-1]
    level = float(np.mean([line[0, 1] for line in silhouette.halves.values()]))
    points["neck_bottom"] = np.array([0.0, level])
    return points, limbs, rims


def find_neck(line: np.ndarray, body: float) -> tuple[int, int]:
    """Indices of the point where neckline and shoulder meet, and of the opening's end, which a
    collar or a high neck holds higher. The line starts on the axis."""
    u, y = line.T
    near = (u < max(0.9 * body, u.min() + 1)) & (y < y.min() + 0.8 * body)
    near[0] = True
    # An open neckline (no back seen) ends at its highest point, a closed one where it bends down.
    opened = y[0] - y[near].min() > 0.08 * body
    bend = 0.0 if opened else 0.18
    if opened:  # off the shoulders it ends as far out as the body
        near |= (u < 1.15 * body) & (y < y[near].min())
    neck = int(np.where(near, bend * u - y, -np.inf).argmax())
    # A collar, a hood or a high neck stands on the shoulders: its foot is a notch.
    around = np.vstack([line[neck:], [0.0, y[-1]]])  # by way of the axis
    for start, deepest, end, _ in notches(around, 0.03 * body):
        foot, shoulder = around[deepest], around[end]
        way = shoulder - foot
        near = around[start, 0] < 0.75 * body and foot[0] < 0.75 * body
        # Of straps, the cloth between them lies no higher than their feet.
        if near and way[0] > abs(way[1]) and y[0] < foot[1] - 0.05 * body:
            return neck + deepest, neck
        break
    if u[neck] < 0.2 * body:  # the back of a collar peaks in the middle: no neck is as narrow
        neck = neck + int((u[neck:] > NECK * body).argmax())
    return neck, neck


def sleeve_end(section: np.ndarray) -> tuple[int, int]:
    """Indices of a sleeve's two end corners on the outline from neck to armpit.

    The point farthest from the armhole is one of them, as a rule the outer one. The other stands
    out farthest from the straight way on to the armpit (or back to the shoulder).
    """
    begin = int((section[:, 0] > 0.9 * section[-1, 0]).argmax())
    sleeve = section[begin:]
    armhole = float(np.hypot(*(sleeve[0] - sleeve[-1])))
    far = int(np.hypot(*(sleeve - (sleeve[0] + sleeve[-1]) / 2).T).argmax())
    if np.hypot(*(sleeve[far] - sleeve[0])) < 0.15 * armhole:
        # Shorter than half the armhole: the shoulder is no end of it.
        far = int(np.abs(offset(sleeve, sleeve[0], sleeve[-1])).argmax())
    before = np.abs(offset(sleeve[: far + 1], sleeve[0], sleeve[far]))
    after = np.abs(offset(sleeve[far:], sleeve[far], sleeve[-1]))
    corner, reach = int(before.argmax()), round(0.4 * armhole)
    straight = after.max() < 0.05 * armhole  # the end runs straight into the armpit
    if before.max() > max(0.28 * armhole, after.max()):
        ways = sleeve[max(corner - reach, 0)], sleeve[corner], sleeve[min(corner + reach, far)]
        if far == len(sleeve) - 1:  # the armpit, and nothing would be left of the inner edge
            far = corner + int(0.85 * (far - corner))
        if straight or bends(*ways):
            return begin + corner, begin + far
    if straight:
        return begin + far, begin + far + int(0.85 * (len(sleeve) - 1 - far))
    return begin + far, begin + far + int(after.argmax())


def bends(before: np.ndarray, corner: np.ndarray, after: np.ndarray) -> bool:
    """Is there a corner between two points? A mere bow turns by less than 40 degrees."""
    before, after = corner - before, after - corner
    return float(before @ after) < 0.77 * float(np.hypot(*before) * np.hypot(*after))


def shoulder_tip(section: np.ndarray, armpit_u: float) -> int:
    """Where the outline from neck to sleeve end bends down, about above the armpit."""
    away = offset(section, section[0], section[-1]).clip(0)
    place = (section[:, 0] - 0.95 * armpit_u) / (0.3 * max(armpit_u, 1))
    return int(((away + 0.02 * abs(section[-1, 0])) * np.exp(-(place**2))).argmax())
