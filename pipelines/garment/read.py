"""Reads a garment from its product photo: cut-out, category, landmarks and parts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..errors import InputError, NoGarmentFound
from ..fit import FitReport, doubtful
from ..images import resize
from ..maps.colours import to_lab
from ..maps.edges import blur, in_bytes, to_planes
from ..maps.grids import nearest_known
from ..maps.spreading import spread
from ..masking.body import BodyModel, embedded_body_model
from .ground import stands_out
from .inside import mark_inside
from .kind import EITHER, near_the_line
from .looseness import looseness
from .matte import CutOut, matte
from .matting import ANALYSIS_SIDE, block_of, reduced
from .open_front import WORDS as OPEN
from .open_front import is_open, read_open
from .outline import find_armpits, read_shape
from .pale import in_own_shadow
from .parts import NUMBERS, TORSO, GarmentLimb, at_full_size, centre_lines, divide
from .resemblance import check_resemblance, straps
from .silhouette import Upright, measure, stand_upright
from .sleeves import HIDDEN, may_hide_sleeves, sleeve_length, sleeve_name
from .stray import only_the_garment
from .wearer import find_wearer
from .worn import WornCloth, find_cloth
from .worn_hidden import filled
from .worn_parsed import Parse
from .worn_shape import lower_points, sleeve_limb, upper_points

CATEGORIES = ("upper", "lower", "dress")


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
    looseness: how many times as wide it lies as it looks when it is worn, 1 or more.
    open_front: open all the way down, so that it is worn over the old clothes.
    fit: how far the reading can be trusted.
    """

    picture: np.ndarray
    alpha: np.ndarray
    category: str
    sleeves: str
    reach: float
    points: dict[str, tuple[float, float]]
    parts: np.ndarray
    limbs: dict[int, GarmentLimb]
    looseness: float = 1.0
    open_front: bool = False
    fit: FitReport = FitReport()

    def distance(self, one: str, other: str) -> float:
        """Between two named points, in pixels."""
        (x1, y1), (x2, y2) = self.points[one], self.points[other]
        return float(np.hypot(x2 - x1, y2 - y1))

    @property
    def shoulder_width(self) -> float:
        """Between the shoulder tips (upper, dress), pixels."""
        return self.distance("shoulder_left", "shoulder_right")


def read_garment(
    picture: np.ndarray,
    category: str = "auto",
    mask: np.ndarray | None = None,
    model: BodyModel | None = None,
    removed: np.ndarray | None = None,
    parse: Parse | None = None,
) -> Garment:
    """Cuts out and measures a garment, photographed flat, on a ghost mannequin or worn.

    picture: uint8 (height, width, 3) RGB, or (height, width, 4) RGBA, whose alpha then wins.
    category: "auto", "upper", "lower" or "dress"; of a wearer also which garment is taken.
    mask: float (height, width), 1 = garment; wins over everything. model: finds a wearer; by
    default the networks of this package. removed: float (height, width), 1 = no garment, whatever
    it looks like. parse: tells what is where in the photo of a wearer. Raises NoGarmentFound and
    InputError.
    """
    if category not in ("auto", *CATEGORIES):
        raise InputError(
            f"The garment category must be auto, upper, lower or dress, not {category!r}."
        )
    photo = np.ascontiguousarray(picture[..., :3])
    cut = given_cut(picture, mask, removed)
    model = model or embedded_body_model()
    small = reduced(photo, ANALYSIS_SIDE)
    lab = to_planes(to_lab(small))
    if cut is not None:
        return marked(photo, small, lab, cut, category, model, parse)
    seen = stands_out(small, lab, block_of(photo))
    inside = seen.inside
    left_out = None if removed is None else reduced(in_bytes(removed), ANALYSIS_SIDE) > 127
    wearer = find_wearer(model, small, lab, inside)
    if wearer is not None:
        kept = None if left_out is None else ~left_out
        labels = None if parse is None else parse(photo)
        return taken_off(photo, small, find_cloth(small, wearer, category, kept, labels))
    if left_out is not None and inside is not None:
        inside = np.where(left_out, 0, inside)
    inside, words = only_the_garment(inside, lab, seen.problem)
    words = (*seen.words, *words)
    if not seen.rough:
        words = (*words, *in_own_shadow(inside, lab))
    return measured(matte(photo, small, inside), category, words)


def marked(
    photo: np.ndarray,
    small: np.ndarray,
    lab: np.ndarray,
    cut: CutOut,
    category: str,
    model: BodyModel,
    parse: Parse | None,
) -> Garment:
    """The garment that the user has marked: as it is, but for the head and skin of a wearer."""
    given = reduced(in_bytes(cut.alpha), ANALYSIS_SIDE) > 127
    try:
        wearer = find_wearer(model, small, lab, given)
    except InputError as doubt:
        return measured(cut, category, (str(doubt),), given=True)
    if wearer is None:
        return measured(cut, category, given=True)
    labels = None if parse is None else parse(photo)
    return taken_off(photo, small, find_cloth(small, wearer, category, given, labels))


def taken_off(photo: np.ndarray, small: np.ndarray, cloth: WornCloth) -> Garment:
    """The garment that was found on its wearer, free of whatever hides it. photo: uint8 (height,
    width, 3); small: its reduced copy, in whose pixels cloth is."""
    points: dict[str, np.ndarray]
    if cloth.category == "lower":
        points, limbs, labels = lower_points(cloth)
    else:
        points = upper_points(cloth)
        labels = cloth.torso.astype(np.uint8) * TORSO
        limbs = {}
        for sleeve in cloth.sleeves:
            number = NUMBERS[f"sleeve_{sleeve.side}"]
            limbs[number] = sleeve_limb(cloth.figure, sleeve, points)
            labels[sleeve.region] = number
    photo, small = filled(photo, small, cloth)
    inside = blur(cloth.whole.astype(np.float32), 0.8)
    cut = matte(photo, small, inside)
    scale = photo.shape[0] / small.shape[0]
    known = nearest_known(labels, labels > 0)
    whole = resize(known, photo.shape[1], photo.shape[0], "nearest")
    reach = float(np.mean([sleeve.reach for sleeve in cloth.sleeves])) if cloth.sleeves else 0.0
    return Garment(
        picture=cut.picture,
        alpha=cut.alpha,
        category=cloth.category,
        sleeves=sleeve_name(reach),
        reach=reach,
        points={
            name: tuple(((point + 0.5) * scale - 0.5).tolist()) for name, point in points.items()
        },
        parts=whole * (cut.alpha > 0),
        limbs={
            part: GarmentLimb((limb.line + 0.5) * scale - 0.5, limb.half_widths * scale)
            for part, limb in limbs.items()
        },
        fit=doubtful(cloth.words),
    )


def measured(
    cut: CutOut,
    category: str,
    words: tuple[str, ...] = (),
    given: bool = False,
    sleeved: bool = True,
) -> Garment:
    """A garment that was cut out flat, from its outline. words: what there is to doubt about it;
    given: the user cut it out, so that it is one; sleeved: whether it may have sleeves. Raises
    NoGarmentFound and InputError."""
    small = reduced((cut.alpha * 255).astype(np.uint8), ANALYSIS_SIDE)
    upright = stand_upright(small)
    silhouette = measure(upright.mask, upright.axis)
    armpits = find_armpits(silhouette)
    if not given:
        words += tuple(check_resemblance(upright, silhouette, armpits, small))
    shape = read_shape(silhouette, armpits, category, sleeved)
    scale = cut.alpha.shape[0] / small.shape[0]
    labels = divide(upright, shape)
    hanging = straps(shape, labels, silhouette.body)
    if hanging:
        gone = np.isin(at_full_size(labels, upright, cut.alpha, scale), hanging)
        rest = replace(cut, alpha=np.where(gone, np.float32(0), cut.alpha))
        words = (*words, "Straps that hang down were left out.")
        return measured(rest, category, words, given, sleeved=False)
    opened = is_open(shape, silhouette)
    if opened:
        words = (*words, OPEN)
        upright, shape, labels = read_open(upright, shape, category, sleeved)
    elif category == "auto" and shape.category != "lower" and near_the_line(silhouette, armpits):
        words = (*words, EITHER)
    words += mark_inside(labels, upright, shape, cut.picture)
    loose = looseness(shape)
    sleeves, reach = sleeve_length(shape, loose)
    hidden = sleeves == "none" and shape.category == "upper" and may_hide_sleeves(upright.mask)
    if hidden and not given and sleeved:
        words = (*words, HIDDEN)
    return Garment(
        picture=cut.picture,
        alpha=cut.alpha,
        category=shape.category,
        sleeves=sleeves,
        reach=reach,
        points={
            name: tuple(to_picture(upright, point, scale).tolist())
            for name, point in shape.points.items()
        },
        parts=at_full_size(labels, upright, cut.alpha, scale),
        limbs={
            part: GarmentLimb(
                to_picture(upright, limb.line, scale), limb.half_widths * upright.scale * scale
            )
            for part, limb in centre_lines(shape).items()
        },
        looseness=loose,
        open_front=opened,
        fit=doubtful(words),
    )


def to_picture(upright: Upright, points: np.ndarray, scale: float) -> np.ndarray:
    return (upright.to_picture(points) + 0.5) * scale - 0.5


def given_cut(
    picture: np.ndarray, mask: np.ndarray | None, removed: np.ndarray | None = None
) -> CutOut | None:
    """The cut-out that came with the picture: a mask, or an alpha channel that is not all one,
    without what is to be removed."""
    height, width = picture.shape[:2]
    for marks in (mask, removed):
        if marks is not None and marks.shape != (height, width):
            raise InputError(
                f"The garment mask must have the picture's size, {width}x{height} pixels, but it "
                f"has {marks.shape[1]}x{marks.shape[0]}. Resize the mask or leave it out."
            )
    if mask is not None:
        alpha = mask.astype(np.float32).clip(0, 1)
        if border_share(alpha) > 0.6 and border_share(1 - alpha) < 0.4:
            alpha = 1 - alpha  # ComfyUI's LoadImage gives what is transparent, not what is left
    elif picture.shape[2] == 4 and picture[..., 3].min() < 250:
        alpha = picture[..., 3].astype(np.float32) / 255
    else:
        return None
    if removed is not None:
        alpha = alpha * (1 - removed.astype(np.float32).clip(0, 1))
    if (alpha > 0.5).sum() < 0.002 * alpha.size:
        raise NoGarmentFound(
            "The garment's mask or alpha channel is (nearly) empty. Mark the garment in it, or "
            "leave it out to have the garment cut out from its background."
        )
    bled = spread(picture[..., :3].astype(np.float32), alpha > 0.97)
    rgb = np.where((alpha > 0.5)[..., None], picture[..., :3], bled + 0.5).astype(np.uint8)
    return CutOut(rgb, alpha)


def border_share(alpha: np.ndarray) -> float:
    """How much of the picture's border a mask (height, width) covers."""
    border = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
    return float((border > 0.5).mean())
