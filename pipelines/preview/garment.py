"""Reads a garment from its product photo: cut-out, category, landmarks and parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError, NoGarmentFound
from .matting import ANALYSIS_SIDE, CutOut, cut_out, reduced
from .silhouette import SIDES, Shape, Upright, read_shape, stand_upright

CATEGORIES = ("upper", "lower", "dress")
TORSO, RIGHT_SLEEVE, LEFT_SLEEVE, RIGHT_LEG, LEFT_LEG, INSIDE = 1, 2, 3, 4, 5, 6


@dataclass(frozen=True)
class Limb:
    """A sleeve or trouser leg: its centre line from the body to its end, (n, 2) float pixels, and
    half its width at each of these points, (n,)."""

    line: np.ndarray
    half_widths: np.ndarray


@dataclass(frozen=True)
class Garment:
    """A garment cut out of its photo, with its landmarks. Right and left are the wearer's.

    picture: uint8 (height, width, 3) RGB; beyond the garment its edge colours run on.
    alpha: float32 (height, width), 0..1.
    category: "upper", "lower" or "dress" (with legs: a jumpsuit).
    sleeves: "none", "short" or "long"; reach: the share of the arm that they cover, 0..1.
    points: float pixels (x, y).
        upper, dress: neck_left/right (neckline meets shoulder), neck_bottom (lowest point of the
        front neckline), shoulder_*, armpit_*, waist_* (narrowest), hem_* and hem_center; with
        sleeves sleeve_end_outer_*, sleeve_end_inner_*.
        lower: waist_*, waist_center, hip_*; skirts: hem_*, hem_center.
        with legs, in place of hem_*: crotch, hem_outer_*, hem_inner_*.
    parts: uint8 (height, width): 0 none, 1 body or skirt, 2 right sleeve, 3 left sleeve, 4 right
        leg, 5 left leg, 6 inside of the back that is seen through the neckline or waistband.
    limbs: by part number, the centre lines of sleeves and legs.
    """

    picture: np.ndarray
    alpha: np.ndarray
    category: str
    sleeves: str
    reach: float
    points: dict[str, tuple[float, float]]
    parts: np.ndarray
    limbs: dict[int, Limb]

    def distance(self, one: str, other: str) -> float:
        """Between two named points, in pixels."""
        (x1, y1), (x2, y2) = self.points[one], self.points[other]
        return float(np.hypot(x2 - x1, y2 - y1))

    @property
    def shoulder_width(self) -> float:
        """Between the shoulder tips (upper, dress), pixels."""
        return self.distance("shoulder_left", "shoulder_right")


def read_garment(
    picture: np.ndarray, category: str = "auto", mask: np.ndarray | None = None
) -> Garment:
    """Cuts out and measures a garment that was photographed flat or on a ghost mannequin.

    picture: uint8 (height, width, 3) RGB, or (height, width, 4) RGBA, whose alpha then wins.
    category: "auto", "upper", "lower" or "dress". mask: float (height, width), 1 = garment;
    wins over everything. Raises NoGarmentFound and InputError.
    """
    if category not in ("auto", *CATEGORIES):
        raise InputError(
            f"The garment category must be auto, upper, lower or dress, not {category!r}."
        )
    cut = given_cut(picture, mask) or cut_out(np.ascontiguousarray(picture[..., :3]))
    small = reduced((cut.alpha * 255).astype(np.uint8), ANALYSIS_SIDE) > 127
    upright = stand_upright(small)
    shape = read_shape(upright, category)
    scale = cut.alpha.shape[0] / small.shape[0]
    points = {}
    for name, point in shape.points.items():
        x, y = (upright.to_picture(point) + 0.5) * scale - 0.5
        points[name] = (float(x), float(y))
    labels, limbs = find_parts(upright, shape)
    parts = parts_at_full_size(labels, upright, cut.alpha, scale)
    limbs = {
        part: Limb((upright.to_picture(limb.line) + 0.5) * scale - 0.5, limb.half_widths
                   * scale * float(np.hypot(*upright.turn[0])))
        for part, limb in limbs.items()
    }  # fmt: skip
    sleeves, reach = sleeve_length(shape)
    return Garment(cut.picture, cut.alpha, shape.category, sleeves, reach, points, parts, limbs)


def given_cut(picture: np.ndarray, mask: np.ndarray | None) -> CutOut | None:
    """The cut-out that came with the picture: a mask, or an alpha channel that is not all one."""
    height, width = picture.shape[:2]
    if mask is not None:
        if mask.shape != (height, width):
            raise InputError(
                f"The garment mask must have the picture's size, {width}x{height} pixels, but it "
                f"has {mask.shape[1]}x{mask.shape[0]}. Resize the mask or leave it out."
            )
        alpha = mask.astype(np.float32).clip(0, 1)
    elif picture.shape[2] == 4 and picture[..., 3].min() < 250:
        alpha = picture[..., 3].astype(np.float32) / 255
    else:
        return None
    if (alpha > 0.5).sum() < 0.002 * alpha.size:
        raise NoGarmentFound(
            "The garment's mask or alpha channel is (nearly) empty. Mark the garment in it, or "
            "leave it out to have the garment cut out from its background."
        )
    from .matting import spread

    bled = spread(picture[..., :3].astype(np.float32), alpha > 0.97)
    rgb = np.where((alpha > 0.5)[..., None], picture[..., :3], bled + 0.5).astype(np.uint8)
    return CutOut(rgb, alpha)


def sleeve_length(shape: Shape) -> tuple[str, float]:
    """("none" | "short" | "long", share of the arm): against shoulders and chest.

    An arm is about 1.45 times as long as shoulders are wide.
    """
    reaches = []
    for name in shape.sleeves:
        p = shape.points
        end = (p[f"sleeve_end_outer_{name}"] + p[f"sleeve_end_inner_{name}"]) / 2
        length = np.hypot(*(end - p[f"shoulder_{name}"]))
        shoulders = np.hypot(*(p["shoulder_left"] - p["shoulder_right"]))
        chest = np.hypot(*(p["armpit_left"] - p["armpit_right"]))
        reaches.append(length / (1.45 * (shoulders + chest) / 2))
    reach = float(np.clip(np.mean(reaches), 0, 1)) if reaches else 0.0
    if reach < 0.08:
        return "none", 0.0
    return ("short" if reach < 0.6 else "long"), reach


def find_parts(upright: Upright, shape: Shape) -> tuple[np.ndarray, dict[int, Limb]]:
    """Label map in upright coordinates and the limbs' centre lines there."""
    from scipy import ndimage

    mask, p = upright.mask, shape.points
    labels = mask.astype(np.uint8)
    ys, xs = np.mgrid[0 : mask.shape[0], 0 : mask.shape[1]]
    limbs: dict[int, Limb] = {}

    def beyond(start: np.ndarray, end: np.ndarray, side: int) -> np.ndarray:
        way = end - start
        return side * ((xs - start[0]) * way[1] - (ys - start[1]) * way[0]) > 0

    for name, side in SIDES:
        part = RIGHT_SLEEVE if side < 0 else LEFT_SLEEVE
        if name in shape.sleeves:
            tip, pit = p[f"shoulder_{name}"], p[f"armpit_{name}"]
            region = mask & beyond(tip, pit, side)
            pieces, _ = ndimage.label(region)
            end = (p[f"sleeve_end_outer_{name}"] + p[f"sleeve_end_inner_{name}"]) / 2
            number = nearest_label(pieces, 0.7 * end + 0.3 * (tip + pit) / 2)
            labels[pieces == number] = part
            limbs[part] = Limb(np.stack([(tip + pit) / 2, end]), np.array([
                np.hypot(*(tip - pit)) / 2,
                np.hypot(*(p[f"sleeve_end_outer_{name}"] - p[f"sleeve_end_inner_{name}"])) / 2,
            ]))  # fmt: skip
        if shape.legs:
            part = RIGHT_LEG if side < 0 else LEFT_LEG
            crotch = p["crotch"]
            region = (labels == TORSO) & (ys > crotch[1]) & (side * (xs - crotch[0]) > 0)
            labels[region] = part
            outer, inner = p[f"hem_outer_{name}"], p[f"hem_inner_{name}"]
            row = np.nonzero(mask[int(crotch[1])] & (side * (xs[0] - crotch[0]) > 0))[0]
            edge = float(row[0] if side < 0 else row[-1]) if len(row) else crotch[0]
            start = np.array([(edge + crotch[0]) / 2, crotch[1]])
            limbs[part] = Limb(np.stack([start, (outer + inner) / 2]), np.array([
                abs(edge - crotch[0]) / 2, np.hypot(*(outer - inner)) / 2]))  # fmt: skip
    return labels, limbs


def nearest_label(labels: np.ndarray, point: np.ndarray) -> int:
    ys, xs = np.nonzero(labels)
    if not len(xs):
        return 0
    nearest = ((xs - point[0]) ** 2 + (ys - point[1]) ** 2).argmin()
    return int(labels[ys[nearest], xs[nearest]])


def parts_at_full_size(
    labels: np.ndarray, upright: Upright, alpha: np.ndarray, scale: float
) -> np.ndarray:
    from scipy import ndimage

    filled = labels[tuple(ndimage.distance_transform_edt(labels == 0, return_indices=True)[1])]
    back = np.linalg.inv(upright.turn)
    matrix = (back / scale)[::-1, ::-1]
    shift = back @ (np.full(2, 0.5 / scale - 0.5) - upright.origin)
    spread_out = ndimage.affine_transform(
        filled, matrix, shift[::-1], output_shape=alpha.shape, order=0, mode="nearest"
    )
    return np.where(alpha > 0, spread_out, 0).astype(np.uint8)
