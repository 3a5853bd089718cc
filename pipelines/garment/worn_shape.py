"""Landmarks and parts of a garment that was read from its wearer, from its silhouette and the
wearer's joints. All points are (x, y) in pixels of the reduced photo."""

from __future__ import annotations

import numpy as np

from ..masking.figure import Figure, unit_vector
from .parts import LINE_POINTS, NUMBERS, TORSO, GarmentLimb
from .worn import WornCloth, WornSleeve, armhole
from .worn_view import legs_apart, refused

Points = dict[str, np.ndarray]
HEM = 0.03  # of the height, above the lowest row, where a hem's ends are looked for


def sides_of(figure: Figure) -> tuple[tuple[str, int], tuple[str, int]]:
    """The wearer's sides and on which side of the picture they are, -1 left or 1 right."""
    return ("right", -figure.facing), ("left", figure.facing)


def upper_points(cloth: WornCloth) -> Points:
    """Of tops and dresses, as Garment has them."""
    figure, torso = cloth.figure, cloth.torso
    points: Points = {}
    axis = axis_at(figure, torso)
    columns = np.arange(torso.shape[1])
    tops = np.where(torso.any(0), torso.argmax(0), len(torso)).astype(float)
    x = round(float(figure.neck[0]))
    front = float(np.median(tops[max(0, x - 2) : x + 3]))
    if front >= len(torso):
        raise refused("its front is hidden")
    points["neck_bottom"] = np.array([float(x), front])
    sleeves = {sleeve.side: sleeve.region for sleeve in cloth.sleeves}
    for side, sign in sides_of(figure):
        tip, pit = armhole(figure, side)
        away = sign * (columns - x) / figure.unit
        most = 0.5 if side in sleeves else 0.62
        near = (away > 0.05) & (away < most) & (tops < pit[1])
        if not near.any():
            raise refused("its shoulders are hidden")
        is_open = front - tops[near].min() > 0.05 * figure.unit
        score = np.where(near, (0.0 if is_open else 0.18) * away * figure.unit - tops, -np.inf)
        neck = np.array([float(score.argmax()), tops[score.argmax()]])
        points[f"neck_{side}"] = neck
        if side in sleeves:
            joined = torso | sleeves[side]
            column = joined[:, int(np.clip(round(tip[0]), 0, torso.shape[1] - 1))]
            seam = float(column.argmax()) if column.any() else tip[1]
            points[f"shoulder_{side}"] = np.array([tip[0], min(seam, pit[1] - 2)])
            points[f"armpit_{side}"] = pit
        else:
            row = int(np.clip(round(pit[1]), 0, len(torso) - 1))
            end = row_end(torso, row, sign)
            points[f"armpit_{side}"] = np.array([end, float(row)])
            beyond = near & (away > abs(neck[0] - x) / figure.unit)
            outline = np.stack([columns[beyond], tops[beyond]], 1) if beyond.any() else neck[None]
            chord = unit_vector(points[f"armpit_{side}"] - neck)
            offsets = (outline - neck) @ np.array([chord[1], -chord[0]]) * sign
            points[f"shoulder_{side}"] = outline[int(offsets.argmax())].astype(float)
    lower_edge(points, cloth, axis)
    return points


def axis_at(figure: Figure, torso: np.ndarray) -> np.ndarray:
    """The column of the trunk's middle in each row (h,)."""
    rows = np.arange(len(torso))
    ends = figure.neck, figure.hips
    return np.interp(rows, [ends[0][1], ends[1][1]], [ends[0][0], ends[1][0]])


def row_end(region: np.ndarray, row: int, sign: int) -> float:
    """The last column of a region (h, w) in the nearest row that has any, towards one side."""
    rows = np.flatnonzero(region.any(1))
    found = np.flatnonzero(region[rows[np.abs(rows - row).argmin()]])
    return float(found[-1] if sign > 0 else found[0])


def lower_edge(points: Points, cloth: WornCloth, axis: np.ndarray) -> None:
    """Adds waist and hem."""
    torso, figure = cloth.torso, cloth.figure
    rows = np.flatnonzero(torso.any(1))
    hem = rows[-1] - max(1, round(HEM * len(rows)))
    below = torso[:, int(np.clip(axis[hem], 0, torso.shape[1] - 1))]
    last = np.flatnonzero(below)
    points["hem_center"] = np.array([axis[hem], float(last[-1] if len(last) else rows[-1])])
    for side, sign in sides_of(figure):
        points[f"hem_{side}"] = np.array([row_end(torso, int(hem), sign), float(hem)])
        start = points[f"armpit_{side}"][1]
        between = rows[(rows > start + 0.2 * (hem - start)) & (rows < start + 0.9 * (hem - start))]
        between = between if len(between) else rows[-1:]
        some = torso[between]
        ends = some.argmax(1) if sign < 0 else some.shape[1] - 1 - some[:, ::-1].argmax(1)
        at = int((sign * (ends - axis[between])).argmin())
        points[f"waist_{side}"] = np.array([ends[at], float(between[at])])


def sleeve_limb(figure: Figure, worn: WornSleeve, points: Points) -> GarmentLimb:
    """The centre line of a sleeve from its armhole to its end, and its half widths; adds the
    corners of its end to the points."""
    side, sleeve = worn.side, worn.region
    arm = figure.right_arm if side == "right" else figure.left_arm
    lengths = np.r_[0, np.cumsum(np.hypot(*np.diff(arm.joints, axis=0).T))]
    end = worn.reach * lengths[-1]
    places = np.linspace(0, end, LINE_POINTS)
    line = np.stack([np.interp(places, lengths, arm.joints[:, k]) for k in (0, 1)], 1)
    line[0] = (points[f"shoulder_{side}"] + points[f"armpit_{side}"]) / 2
    radii = np.interp(places, np.linspace(0, lengths[-1], len(arm.radii)), arm.radii)
    tangent = np.gradient(line, axis=0)
    tangent /= np.maximum(np.hypot(*tangent.T), 1e-6)[:, None]
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1)
    steps = np.linspace(-2.2, 2.2, 67)
    places = line[:, None] + (steps[None, :, None] * radii[:, None, None]) * normal[:, None]
    x, y = (places[..., k].round().astype(int).clip(0, sleeve.shape[1 - k] - 1) for k in (0, 1))
    inside = sleeve[y, x]
    count = inside.sum(1)
    enough = count > 6
    offset = np.where(enough, (inside * steps).sum(1) / np.maximum(count, 1), 0.0)
    half = np.where(enough, count * (steps[1] - steps[0]) / 2, 1.1).clip(0.7, 2.0)
    offset = np.interp(np.arange(LINE_POINTS), [0, 2, LINE_POINTS - 1], [0, 1, 1]) * offset
    line = line + (offset * radii)[:, None] * normal
    half_widths = half * radii
    outwards = np.sign(normal[-1] @ (line[-1] - (figure.neck + figure.hips) / 2)) or 1.0
    points[f"sleeve_end_outer_{side}"] = line[-1] + outwards * half_widths[-1] * normal[-1]
    points[f"sleeve_end_inner_{side}"] = line[-1] - outwards * half_widths[-1] * normal[-1]
    return GarmentLimb(line, half_widths)


def lower_points(cloth: WornCloth) -> tuple[Points, dict[int, GarmentLimb], np.ndarray]:
    """Of trousers and skirts: points and limbs as Garment has them, and the label map (h, w)."""
    figure, region = cloth.figure, cloth.torso
    rows = np.flatnonzero(region.any(1))
    waist = int(rows[0] + max(1, round(0.02 * len(rows))))
    hip = int(np.clip(figure.neck[1] + 1.05 * figure.torso, waist + 1, rows[-1]))
    points: Points = {"waist_center": np.array([figure.hips[0], float(waist)])}
    for side, sign in sides_of(figure):
        points[f"waist_{side}"] = np.array([row_end(region, waist, sign), float(waist)])
        points[f"hip_{side}"] = np.array([row_end(region, hip, sign), float(hip)])
    labels = region.astype(np.uint8) * TORSO
    limbs: dict[int, GarmentLimb] = {}
    if not legs_apart(region, figure):
        hem = rows[-1] - max(1, round(HEM * len(rows)))
        for side, sign in sides_of(figure):
            points[f"hem_{side}"] = np.array([row_end(region, int(hem), sign), float(hem)])
        points["hem_center"] = np.array([figure.hips[0], float(rows[-1])])
        return points, limbs, labels
    middle, crotch = between_legs(region, figure)
    points["crotch"] = np.array([middle[crotch], float(crotch)])
    columns = np.arange(region.shape[1])
    for side, sign in sides_of(figure):
        leg = region & ((columns[None] - middle[:, None]) * sign > 0)
        leg[: crotch + 1] = False
        found = np.flatnonzero(leg.any(1))
        if len(found) < 0.15 * figure.unit:
            raise refused("one of its legs is hidden")
        ends = np.array([np.flatnonzero(leg[row])[[0, -1]] for row in found], float)
        places = np.linspace(0, len(found) - 1, LINE_POINTS).round().astype(int)
        line = np.stack([ends[places].mean(1), found[places].astype(float)], 1)
        half = (np.diff(ends[places], axis=1)[:, 0] + 1) / 2
        limbs[NUMBERS[f"leg_{side}"]] = GarmentLimb(line, half)
        points[f"hem_outer_{side}"] = line[-1] + [sign * half[-1], 0]
        points[f"hem_inner_{side}"] = line[-1] - [sign * half[-1], 0]
        labels[leg] = NUMBERS[f"leg_{side}"]
    return points, limbs, labels


def between_legs(region: np.ndarray, figure: Figure) -> tuple[np.ndarray, int]:
    """The column between the legs in each row (h,), and the row of the crotch."""
    joints = (figure.right_leg.joints + figure.left_leg.joints) / 2
    middle = np.interp(np.arange(len(region)), joints[:, 1], joints[:, 0])
    least = round(figure.hips[1] + 0.2 * figure.unit)
    crotch = len(region) - 1
    for row in range(len(region) - 1, least, -1):
        found = np.flatnonzero(region[row])
        gaps = np.flatnonzero(np.diff(found) > 1) if len(found) else []
        if len(gaps):
            wide = gaps[np.diff(found)[gaps].argmax()]
            middle[row] = (found[wide] + found[wide + 1]) / 2
            crotch = row
        elif crotch < len(region) - 1 and len(found):
            break
    usual = figure.hips[1] + 0.34 * figure.unit
    crotch = int(np.clip(crotch, least, max(least, usual)))
    return middle, crotch
