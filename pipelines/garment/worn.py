"""Reads a garment from the photo of somebody who wears it.

The wearer's joints tell its parts, the regions of the photo its cloth: head, hair, hands, skin and
other clothes stay behind, and what they hide is continued. All maps are of a reduced photo (h, w).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..errors import InputError
from ..maps.colours import to_lab
from ..maps.edges import blur, in_bytes
from ..maps.grids import closed, narrowest, pieces, sizes_of, within
from ..maps.patches import continue_background
from ..maps.spreading import spread
from ..masking.body import Body
from ..masking.figure import (
    Figure,
    Limb,
    build_figure,
    capsule,
    face_distance,
    limb_frame,
    pixel_grid,
    projected,
)
from ..masking.regions import HAIR, LOWER, SKIN, UPPER, Regions, fine_regions, hand_discs

LEAST_TURN = 0.62  # shoulders seen so narrow, of what the torso's length lets expect: side view
TURNED = 0.8
MOST_LEAN, LEAN = 25.0, 10.0  # degrees of the trunk
MOST_HIDDEN, HIDDEN = 0.45, 0.12  # of the garment, behind arms, hands and hair
SEATED = 0.45  # shoulder widths the knees are below the hips of somebody seated, at most
ALIKE = 9.0  # Lab units between the two parts of a dress
LEAST_SLEEVE = 0.12  # of the arm
LEAST_GARMENT = 0.12  # of the square of the shoulder width
BELOW_HIPS = 0.15  # shoulder widths that a lower garment or a dress must go on below the hips
ADVICE = (
    "Use a photo of the whole garment, seen from the front, with nothing in front of it; a photo "
    "of the garment laid flat is best."
)


@dataclass(frozen=True)
class WornCloth:
    """category: which garment was taken. figure: of the wearer. torso, hidden bool (h, w): the
    garment without its sleeves as it would be without what is in front of it, and the part of it
    that is hidden. sleeves: by side of the wearer ("right", "left") the sleeve, bool (h, w).
    reaches: by side the share of the arm it covers. words: what there is to doubt about it."""

    category: str
    figure: Figure
    torso: np.ndarray
    hidden: np.ndarray
    sleeves: dict[str, np.ndarray]
    reaches: dict[str, float]
    words: tuple[str, ...]

    @property
    def whole(self) -> np.ndarray:
        """With its sleeves."""
        return np.logical_or.reduce([self.torso, *self.sleeves.values()])


def refused(why: str) -> InputError:
    return InputError(f"The garment cannot be read from its wearer: {why}. {ADVICE}")


def find_cloth(
    small: np.ndarray, body: Body, category: str, given: np.ndarray | None = None
) -> WornCloth:
    """The garment on its wearer.

    small: uint8 (h, w, 3) RGB; body: found in it; category: "auto", "upper", "lower" or "dress";
    given: bool (h, w), where the user has marked it: what of that is not the head is the garment,
    or, of a whole person that was cut out, the garment on them. Raises InputError, with advice,
    for what cannot be read.
    """
    figure = build_figure(body, (0.0, 0.0), 1.0)
    words = list(check_view(body, figure))
    regions = fine_regions(small.astype(np.float32) / 255, body.mask, figure)
    taken, said = choose(small, category, regions, figure)
    words += said
    points = pixel_grid(*small.shape[:2])
    seen = cloth_seen(regions.kinds, taken, figure, points)
    seen &= ~bare_limbs(small, seen, regions.kinds[SKIN], figure, points)
    if given is not None:
        person = shows_face(given, figure)
        seen = seen & given if person else given & off_the_head(figure, points)
    if seen.sum() < LEAST_GARMENT * figure.unit**2:
        raise refused(f"hardly anything of a garment of the category {taken} shows")
    check_ends(seen, taken, figure)
    sleeves, reaches = {}, {}
    # The view of one arm may mislead: sleeves are as long as the shorter of both.
    covered = min(regions.covered)
    if taken != "lower" and covered > LEAST_SLEEVE:
        for side in ("right", "left"):
            sleeves[side], reaches[side] = find_sleeve(seen, figure, side, covered, points)
    elif taken != "lower" and max(regions.covered) > LEAST_SLEEVE:
        for side, share in zip(("right", "left"), regions.covered, strict=True):
            seen &= ~find_sleeve(seen, figure, side, max(share, LEAST_SLEEVE), points)[0]
        words.append("Only one sleeve shows, so both were left out.")
    rest = seen & ~np.logical_or.reduce([np.zeros_like(seen), *sleeves.values()])
    radius = max(1, round(0.025 * figure.unit))
    rest = within(narrowest(np.pad(rest, radius + 1), radius), radius) & np.pad(rest, radius + 1)
    rest = largest(rest[radius + 1 : -radius - 1, radius + 1 : -radius - 1])
    torso = without_gaps(rest, regions.kinds, figure, points, taken)
    for side, sleeve in sleeves.items():
        sleeves[side] = largest(closed(sleeve & ~torso, 2) & ~torso)
    if taken != "lower":
        check_front(torso, figure, points)
    hidden = torso & ~seen & in_front(regions.kinds, figure, points)
    share = float(hidden.sum() / max(torso.sum(), 1))
    if share > MOST_HIDDEN:
        raise refused("arms, hair or a bag hide too much of it")
    if share > HIDDEN:
        words.append("What arms, hands or hair hide of the garment was guessed.")
    words.append(f"The {taken} garment was taken off the person who wears it in its photo.")
    return WornCloth(taken, figure, torso, hidden, sleeves, reaches, tuple(words))


def check_view(body: Body, figure: Figure) -> list[str]:
    """What makes the wearer's view doubtful; raises InputError where nothing can be read."""
    if figure.facing < 0:
        raise refused("the wearer is seen from behind")
    shoulders = float(np.linalg.norm(figure.right_shoulder - figure.left_shoulder))
    front = shoulders / (0.66 * figure.torso)
    across, down = figure.down
    lean = float(np.degrees(np.arctan2(abs(across), down)))
    if front < LEAST_TURN:
        raise refused("the wearer is seen from the side")
    if lean > MOST_LEAN:
        raise refused("the wearer leans")
    words = []
    if front < TURNED or lean > LEAN:
        words.append("The wearer is turned or leans, so the garment's shape is a guess.")
    return words


def choose(
    small: np.ndarray, category: str, regions: Regions, figure: Figure
) -> tuple[str, list[str]]:
    """Which garment to take, and what to say about it."""
    kinds = regions.kinds
    knees = (figure.right_leg.joints[1] + figure.left_leg.joints[1])[1] / 2
    seated = knees - figure.hips[1] < SEATED * figure.unit
    if category != "auto":
        if seated and category != "upper":
            raise refused("the wearer is seated or lifts a leg")
        return category, []
    if seated:
        return "upper", ["The wearer is seated, so the upper garment was taken."]
    height = kinds.shape[1]
    shows_legs = figure.hips[1] + 0.4 * figure.unit < height
    alike = regions.one_piece or same_cloth(small, kinds)
    if alike and shows_legs and not legs_apart(kinds[LOWER] > 0.5, figure):
        return "dress", []
    if kinds[LOWER].sum() > 0.3 * kinds[UPPER].sum():
        return "upper", ["Of the wearer's clothes the upper one was taken; choose lower or dress."]
    return "upper", []


def same_cloth(small: np.ndarray, kinds: np.ndarray) -> bool:
    """Whether upper and lower garment are of one colour, as a dress is."""
    lab = to_lab(small)
    parts = [kinds[kind] > 0.8 for kind in (UPPER, LOWER)]
    if min(part.sum() for part in parts) < 50:
        return False
    upper, lower = (np.median(lab[part], axis=0) for part in parts)
    return float(np.linalg.norm(upper - lower)) < ALIKE


def legs_apart(lower: np.ndarray, figure: Figure) -> bool:
    """Whether a lower garment (h, w), bool, ends in two legs."""
    labels, count = pieces(lower)
    if not count:
        return False
    rows = np.flatnonzero((labels == sizes_of(labels, count).argmax()).any(1))
    rows = rows[rows > figure.hips[1] + 0.3 * figure.unit]
    if len(rows) < 0.2 * figure.unit:
        return False
    last = rows[-max(3, round(0.3 * len(rows))) : -1]
    return float(np.mean([runs_of(row) > 1 for row in lower[last]])) > 0.6


def runs_of(row: np.ndarray) -> int:
    """How many runs a row of bools has."""
    return int((np.diff(row.astype(np.int8), prepend=0) == 1).sum())


def cloth_seen(kinds: np.ndarray, category: str, figure: Figure, points: np.ndarray) -> np.ndarray:
    """Where the photo shows the garment (h, w), bool: never the head."""
    share = {"upper": kinds[UPPER], "lower": kinds[LOWER], "dress": kinds[UPPER] + kinds[LOWER]}
    seen = (share[category] > 0.5) & off_the_head(figure, points)
    seen &= (kinds[SKIN] < 0.3) & (kinds[HAIR] < 0.3)
    labels, count = pieces(seen)
    sizes = sizes_of(labels, count)
    return (sizes >= max(1.0, 0.04 * sizes.max()))[labels] & seen


def bare_limbs(
    small: np.ndarray, seen: np.ndarray, skin: np.ndarray, figure: Figure, points: np.ndarray
) -> np.ndarray:
    """Where arms and legs have the colour of the wearer's skin (h, w), bool, if the cloth seen
    (h, w) has another: before a pale background legs may pass for a pale garment."""
    lab = to_lab(small)
    sure = (skin > 0.85) & ~seen
    if sure.sum() < 30 or seen.sum() < 30:
        return np.zeros_like(seen)
    own, cloth = np.median(lab[sure], axis=0), np.median(lab[seen], axis=0)
    if np.linalg.norm((own - cloth) / [1.5, 1, 1]) < 14:
        return np.zeros_like(seen)
    strange = np.abs(lab - own)
    alike = (np.hypot(strange[..., 1], strange[..., 2]) < 10) & (strange[..., 0] < 22)
    limbs = (figure.right_arm, figure.left_arm, figure.right_leg, figure.left_leg)
    beside = np.minimum.reduce([capsule(points, limb) for limb in limbs])
    return within(alike & (beside < 0.1 * figure.unit), 1) & seen


def off_the_head(figure: Figure, points: np.ndarray) -> np.ndarray:
    """Where no face is (h, w), bool: below the chin."""
    below = projected(points, figure.chin, figure.face_up) < 0.12 * figure.unit
    return below & (face_distance(points, figure) > 1.2)


def shows_face(region: np.ndarray, figure: Figure) -> bool:
    """Whether a region (h, w), bool, takes in the middle of the face."""
    column, row = (round(float(value)) for value in figure.face_centre)
    height, width = region.shape
    return 0 <= row < height and 0 <= column < width and bool(region[row, column])


def check_front(torso: np.ndarray, figure: Figure, points: np.ndarray) -> None:
    """Raises InputError for a garment of which much of the breast is hidden by something else."""
    level = figure.level(points) / figure.torso
    breast = (np.abs(figure.side(points)) < 0.3 * figure.unit) & (level > 0.3) & (level < 0.5)
    if breast.any() and torso[breast].mean() < 0.6:
        raise refused("something in front of the breast hides it, or it is open")


def check_ends(seen: np.ndarray, category: str, figure: Figure) -> None:
    """Raises InputError for a garment that the photo's edge cuts off."""
    wide = seen.any(0).sum()
    level = (len(seen) - figure.neck[1]) / figure.torso
    if seen[-2:].any(0).sum() > 0.3 * wide and (category != "upper" or level < 0.85):
        raise refused("the edge of the photo cuts it off")
    if category != "upper":
        lowest = float(np.flatnonzero(seen.any(1))[-1])
        if lowest < figure.hips[1] + BELOW_HIPS * figure.unit:
            raise refused(f"no garment of the category {category} shows below the hips")


def find_sleeve(
    seen: np.ndarray, figure: Figure, side: str, covered: float, points: np.ndarray
) -> tuple[np.ndarray, float]:
    """The sleeve (h, w), bool, of one side, and the share of the arm that it covers. covered: the
    same with the elbow at 0.5, as Regions have it."""
    limb = figure.right_arm if side == "right" else figure.left_arm
    frame = limb_frame(limb, *seen.shape)
    tip, pit = armhole(figure, side)
    way = pit - tip
    across = (points[..., 0] - tip[0]) * way[1] - (points[..., 1] - tip[1]) * way[0]
    out = np.sign((limb.joints[0] - figure.neck)[0])
    beyond = (across * out > 0) & (frame.place < covered + 0.02)
    near = frame.beyond < 0.06 * figure.unit
    loose = frame.beyond < np.where(points[..., 1] < pit[1], 0.45, 0.2) * figure.unit
    outside = frame.offset * inner_side(limb, figure) < 0.5
    upper = float(np.linalg.norm(limb.joints[1] - limb.joints[0])) / max(limb.length, 1e-6)
    reach = float(np.interp(covered, [0, 0.5, 1], [0, np.clip(upper, 0.01, 0.99), 1]))
    return seen & beyond & (near | loose & (outside | (points[..., 1] < pit[1]))), reach


def inner_side(limb: Limb, figure: Figure) -> float:
    """The sign of a LimbFrame's offset on the side of the trunk."""
    start, end = limb.joints[0], limb.joints[1]
    way, trunk = end - start, figure.neck + 0.5 * (figure.hips - figure.neck) - start
    return float(np.sign(way[0] * trunk[1] - way[1] * trunk[0]))


def armhole(figure: Figure, side: str) -> tuple[np.ndarray, np.ndarray]:
    """Where the seam between trunk and sleeve begins on the shoulder and where it ends under the
    arm, (2,) each."""
    joint = figure.right_shoulder if side == "right" else figure.left_shoulder
    out = np.sign((joint - figure.neck)[0]) * figure.across
    unit = figure.unit
    tip = joint + 0.03 * unit * out - 0.13 * unit * figure.down
    return tip, joint - 0.05 * unit * out + 0.38 * unit * figure.down


def largest(region: np.ndarray) -> np.ndarray:
    """The largest piece and those at least a tenth as large, of a region (h, w), bool."""
    labels, count = pieces(region)
    sizes = sizes_of(labels, count)
    return (sizes >= max(1.0, 0.1 * sizes.max()))[labels] & region


def without_gaps(
    seen: np.ndarray, kinds: np.ndarray, figure: Figure, points: np.ndarray, category: str
) -> np.ndarray:
    """The trunk of the garment (h, w), bool, with what hands, arms and hair hide of it: gaps in its
    rows that are neither the neckline nor between legs, and hair that hangs over its shoulders."""
    columns = np.arange(seen.shape[1])[None]
    found = seen.any(1)[:, None]
    first = np.where(found, seen.argmax(1)[:, None], seen.shape[1])
    last = np.where(found, seen.shape[1] - 1 - seen[:, ::-1].argmax(1)[:, None], -1)
    hull = (columns >= first) & (columns <= last)
    gaps = hull & ~seen
    if category == "lower" and legs_apart(seen, figure):
        gaps &= points[..., 1] < figure.hips[1] + 0.25 * figure.unit
    if category != "lower":
        open_skin = (kinds[SKIN] > 0.4) & ~seen & (points[..., 1] < figure.hips[1])
        labels, _ = pieces(open_skin | (face_distance(points, figure) < 1))
        x, y = (figure.chin + 0.4 * (figure.neck - figure.chin)).round().astype(int)
        rows, wide = slice(max(0, y - 3), y + 4), slice(max(0, x - 3), x + 4)
        numbers = np.unique(labels[rows, wide])
        neck = np.isin(labels, numbers[numbers > 0])
        arms = np.minimum(capsule(points, figure.right_arm), capsule(points, figure.left_arm)) < 0
        gaps &= ~(neck & ~(arms & (points[..., 1] > figure.neck[1] + 0.5 * figure.unit)))
        gaps |= hair_over_shoulders(seen, kinds, figure, points)
    return closed(seen | gaps, 1) | seen


def in_front(kinds: np.ndarray, figure: Figure, points: np.ndarray) -> np.ndarray:
    """What may hide a garment (h, w), bool: arms and hands, and the hair of the head. Anything else
    within it is a print."""
    arms = np.minimum(capsule(points, figure.right_arm), capsule(points, figure.left_arm))
    near = (arms < 0.08 * figure.unit) | (hand_discs(points, figure) < 1)
    labels, _ = pieces(kinds[HAIR] > 0.3)
    head = np.unique(labels[face_distance(points, figure) < 1.6])
    return (near & (kinds[SKIN] > 0.2)) | np.isin(labels, head[head > 0])


def hair_over_shoulders(
    seen: np.ndarray, kinds: np.ndarray, figure: Figure, points: np.ndarray
) -> np.ndarray:
    """Hair between the shoulder line and the garment (h, w), bool, where it goes on below."""
    side = np.abs(figure.side(points)) / figure.unit
    rise = np.interp(side, [0.2, 0.32, 0.42, 0.52], [0.25, 0.195, 0.165, 0.11]) * figure.unit
    under = figure.level(points) > -rise
    hair = (kinds[HAIR] > 0.4) & under & (side > 0.2) & (side < 0.53)
    goes_on = np.flip(np.maximum.accumulate(np.flip(seen, 0), axis=0), 0)
    return hair & goes_on


def filled(photo: np.ndarray, small: np.ndarray, cloth: WornCloth) -> tuple[np.ndarray, np.ndarray]:
    """The photo uint8 (H, W, 3) and its reduced copy, with the garment continued where it is hidden
    and its edge free of what lies before it."""
    hole = within(cloth.hidden, 2) & cloth.torso
    if not hole.any():
        return photo, small
    known = narrowest(cloth.torso & ~within(cloth.hidden, 2), 1)
    picture = small.astype(np.float32) / 255
    rows, columns = np.flatnonzero(cloth.torso.any(1)), np.flatnonzero(cloth.torso.any(0))
    cut = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    made = continue_background(picture[cut], known[cut], hole[cut])
    if made is None:
        made = spread(picture[cut], known[cut])
    result = picture.copy()
    result[cut] = np.where(hole[cut][..., None], made, picture[cut])
    size = photo.shape[1::-1]
    share = blur(hole.astype(np.float32), 0.7)
    mask = Image.fromarray(in_bytes(share)).resize(size, Image.Resampling.BILINEAR)
    large = Image.fromarray(in_bytes(result)).resize(size, Image.Resampling.BICUBIC)
    return np.array(Image.composite(large, Image.fromarray(photo), mask)), in_bytes(result)
