"""Reads a garment from the photo of somebody who wears it.

The wearer's joints tell its parts, the regions of the photo its cloth: head, hair, hands, skin and
other clothes stay behind, and what they hide is continued. All maps are of a reduced photo (h, w).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..maps.colours import to_lab
from ..maps.edges import to_planes
from ..maps.grids import closed, narrowest, pieces, sizes_of, within
from ..masking.body import Body
from ..masking.figure import (
    Coordinates,
    Figure,
    Limb,
    build_figure,
    capsule,
    face_distance,
    limb_frame,
    pixel_grid,
    projected,
)
from ..masking.hands import hand_discs
from ..masking.kinds import HAIR, LOWER, SKIN, UPPER
from ..masking.regions import fine_regions
from .worn_parsed import parsed_regions
from .worn_view import check_ends, check_front, check_torn, check_view, choose, legs_apart, refused

MOST_HIDDEN, HIDDEN = 0.45, 0.12  # of the garment, behind arms, hands and hair
SIDES = ("right", "left")
LEAST_SLEEVE = 0.12  # of the arm
STRAPS = 0.3  # torso lengths below the shoulders
LEAST_GARMENT = 0.12  # of the square of the shoulder width


@dataclass(frozen=True)
class WornSleeve:
    """side: of the wearer, "right" or "left". region bool (h, w): where it is. reach: the share of
    the arm it covers, 0..1."""

    side: str
    region: np.ndarray
    reach: float


@dataclass(frozen=True)
class WornCloth:
    """category: which garment was taken. figure: of the wearer. torso, hidden bool (h, w): the
    garment without its sleeves as it would be without what is in front of it, and the part of it
    that is hidden. sleeves: both or none. words: what there is to doubt about it."""

    category: str
    figure: Figure
    torso: np.ndarray
    hidden: np.ndarray
    sleeves: tuple[WornSleeve, ...]
    words: tuple[str, ...]

    @property
    def whole(self) -> np.ndarray:
        """With its sleeves."""
        return np.logical_or.reduce([self.torso, *(sleeve.region for sleeve in self.sleeves)])


def find_cloth(
    small: np.ndarray,
    body: Body,
    category: str,
    given: np.ndarray | None = None,
    labels: np.ndarray | None = None,
) -> WornCloth:
    """The garment on its wearer.

    small: uint8 (h, w, 3) RGB; body: found in it; category: "auto", "upper", "lower" or "dress";
    given: bool (h, w), where the user has marked it: what of that is not the head is the garment,
    or, of a whole person that was cut out, the garment on them; labels: ATR's, of a parsing
    network, which then tells what is where if it saw this person. Raises InputError, with advice,
    for what cannot be read.
    """
    figure = build_figure(body, (0.0, 0.0), 1.0)
    words = list(check_view(figure))
    parsed = parsed_regions(labels, body, figure)
    regions = parsed or fine_regions(small.astype(np.float32) / 255, body.mask, figure)
    taken, said = choose(small, category, regions, figure)
    words += said
    points = pixel_grid(*small.shape[:2])
    seen = cloth_seen(regions.kinds, taken, figure, points)
    if parsed is None:
        seen &= ~bare_limbs(small, seen, regions.kinds[SKIN], figure, points)
    if given is not None:
        person = shows_face(given, figure)
        seen = seen & given if person else given & off_the_head(figure, points)
    if seen.sum() < LEAST_GARMENT * figure.unit**2:
        raise refused(f"hardly anything of a garment of the category {taken} shows")
    check_ends(seen, taken, figure)
    # The view of one arm may mislead: sleeves are as long as the shorter of both.
    covered = min(regions.covered)
    sleeves: tuple[WornSleeve, ...] = ()
    if taken != "lower" and covered > LEAST_SLEEVE:
        sleeves = tuple(find_sleeve(seen, figure, side, covered, points) for side in SIDES)
    elif taken != "lower" and max(regions.covered) > LEAST_SLEEVE:
        for side, share in zip(SIDES, regions.covered, strict=True):
            seen &= ~find_sleeve(seen, figure, side, max(share, LEAST_SLEEVE), points).region
        words.append("Only one sleeve shows, so both were left out.")
    rest = seen & ~np.logical_or.reduce([np.zeros_like(seen), *(one.region for one in sleeves)])
    # Narrow things are threads and shadows, but for straps over the shoulders.
    over = figure.level(points) < STRAPS * figure.torso
    straps = rest & over & (np.abs(figure.side(points)) < 0.5 * figure.unit)
    rest = largest(without_threads(rest, round(0.025 * figure.unit)) | straps, 0.1)
    torso = largest(without_gaps(rest, regions.kinds, figure, points, taken))
    sleeves = tuple(
        replace(one, region=largest(closed(one.region & ~torso, 2) & ~torso)) for one in sleeves
    )
    check_torn(torso, figure)
    check_sleeves(torso, sleeves, figure)
    if taken != "lower":
        check_front(torso, figure, points)
    before = in_front(regions.kinds, taken, figure, points)
    hidden = torso & ~seen & (before if parsed is None else before | parsed.before)
    words += check_hidden(torso, hidden)
    words.append(f"The {taken} garment was taken off the person who wears it in its photo.")
    return WornCloth(taken, figure, torso, hidden, sleeves, tuple(words))


def check_sleeves(torso: np.ndarray, sleeves: tuple[WornSleeve, ...], figure: Figure) -> None:
    """Raises InputError for sleeves that do not reach the trunk (h, w), bool."""
    near = within(torso, max(2, round(0.06 * figure.unit)))
    if not all((near & sleeve.region).any() for sleeve in sleeves):
        raise refused("something hides where its sleeve meets the trunk")


def check_hidden(torso: np.ndarray, hidden: np.ndarray) -> list[str]:
    """Doubts about a trunk (h, w), bool, of which so much is hidden; raises InputError for more."""
    share = float(hidden.sum() / max(torso.sum(), 1))
    if share > MOST_HIDDEN:
        raise refused("arms, hair or a bag hide too much of it")
    return ["What arms, hands or hair hide of the garment was guessed."] if share > HIDDEN else []


def without_threads(region: np.ndarray, radius: int) -> np.ndarray:
    """A region (h, w), bool, without what is narrower than two radii."""
    radius = max(1, radius)
    padded = np.pad(region, radius + 1)
    opened = within(narrowest(padded, radius), radius) & padded
    return opened[radius + 1 : -radius - 1, radius + 1 : -radius - 1]


def cloth_seen(kinds: np.ndarray, category: str, figure: Figure, points: Coordinates) -> np.ndarray:
    """Where the photo shows the garment (h, w), bool: never the head."""
    share = {"upper": kinds[UPPER], "lower": kinds[LOWER], "dress": kinds[UPPER] + kinds[LOWER]}
    seen = (share[category] > 0.5) & off_the_head(figure, points)
    seen &= (kinds[SKIN] < 0.3) & (kinds[HAIR] < 0.3)
    return largest(seen, 0.04)


def bare_limbs(
    small: np.ndarray, seen: np.ndarray, skin: np.ndarray, figure: Figure, points: Coordinates
) -> np.ndarray:
    """Where arms and legs have the colour of the wearer's skin (h, w), bool, if the cloth seen
    (h, w) has another: before a pale background legs may pass for a pale garment."""
    lab = to_planes(to_lab(small))
    sure = (skin > 0.85) & ~seen
    if sure.sum() < 30 or seen.sum() < 30:
        return np.zeros_like(seen)
    own, cloth = (np.array([np.median(part[where]) for part in lab]) for where in (sure, seen))
    if np.linalg.norm((own - cloth) / [1.5, 1, 1]) < 14:
        return np.zeros_like(seen)
    light, red, yellow = (part - usual for part, usual in zip(lab, own, strict=True))
    alike = (np.hypot(red, yellow) < 10) & (np.abs(light) < 22)
    limbs = (figure.right_arm, figure.left_arm, figure.right_leg, figure.left_leg)
    near = 0.1 * figure.unit
    beside = np.logical_or.reduce([capsule(points, limb, most=near) < near for limb in limbs])
    return within(alike & beside, 1) & seen


def off_the_head(figure: Figure, points: Coordinates) -> np.ndarray:
    """Where no face is (h, w), bool: below the chin."""
    below = projected(points, figure.chin, figure.face_up) < 0.12 * figure.unit
    return below & (face_distance(points, figure) > 1.2)


def shows_face(region: np.ndarray, figure: Figure) -> bool:
    """Whether a region (h, w), bool, takes in the middle of the face."""
    column, row = (round(float(value)) for value in figure.face_centre)
    height, width = region.shape
    return 0 <= row < height and 0 <= column < width and bool(region[row, column])


def find_sleeve(
    seen: np.ndarray, figure: Figure, side: str, covered: float, points: Coordinates
) -> WornSleeve:
    """The sleeve of one side. covered: the share of the arm that it covers, with the elbow at 0.5,
    as Regions have it."""
    limb = figure.right_arm if side == "right" else figure.left_arm
    frame = limb_frame(limb, *seen.shape)
    tip, pit = armhole(figure, side)
    way = pit - tip
    across = (points[0] - tip[0]) * way[1] - (points[1] - tip[1]) * way[0]
    out = np.sign((limb.joints[0] - figure.neck)[0])
    beyond = (across * out > 0) & (frame.place < covered + 0.02)
    near = frame.beyond < 0.06 * figure.unit
    loose = frame.beyond < np.where(points[1] < pit[1], 0.45, 0.2) * figure.unit
    outside = frame.offset * inner_side(limb, figure) < 0.5
    upper = float(np.linalg.norm(limb.joints[1] - limb.joints[0])) / max(limb.length, 1e-6)
    reach = float(np.interp(covered, [0, 0.5, 1], [0, np.clip(upper, 0.01, 0.99), 1]))
    region = seen & beyond & (near | loose & (outside | (points[1] < pit[1])))
    return WornSleeve(side, region, reach)


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


def largest(region: np.ndarray, least: float = 1.0) -> np.ndarray:
    """The largest piece and those at least such a share of it, of a region (h, w), bool."""
    labels, count = pieces(region)
    sizes = sizes_of(labels, count)
    return np.asarray((sizes >= max(1.0, least * sizes.max()))[labels]) & region


def without_gaps(
    seen: np.ndarray, kinds: np.ndarray, figure: Figure, points: Coordinates, category: str
) -> np.ndarray:
    """The trunk of the garment (h, w), bool, with what hands, arms and hair hide of it: gaps in its
    rows that are neither the neckline nor between legs, and hair that hangs over its shoulders."""
    columns = np.arange(seen.shape[1])[None]
    found = np.atleast_1d(seen.any(1))[:, None]
    first = np.where(found, seen.argmax(1)[:, None], seen.shape[1])
    last = np.where(found, seen.shape[1] - 1 - seen[:, ::-1].argmax(1)[:, None], -1)
    hull = (columns >= first) & (columns <= last)
    gaps = hull & ~seen
    if category == "lower" and legs_apart(seen, figure):
        gaps &= points[1] < figure.hips[1] + 0.25 * figure.unit
    if category != "lower":
        open_skin = ~seen & (kinds[SKIN] > 0.4) & (points[1] < figure.hips[1])
        labels, _ = pieces(open_skin | (face_distance(points, figure) < 1))
        x, y = (figure.chin + 0.4 * (figure.neck - figure.chin)).round().astype(int)
        rows, wide = slice(max(0, y - 3), y + 4), slice(max(0, x - 3), x + 4)
        numbers = np.unique(labels[rows, wide])
        neck = np.isin(labels, numbers[numbers > 0])
        arms = near_arms(points, figure, 0.0)
        gaps &= ~(neck & ~(arms & (points[1] > figure.neck[1] + 0.5 * figure.unit)))
        gaps |= hair_over_shoulders(seen, kinds, figure, points)
    return closed(seen | gaps, 1) | seen


def near_arms(points: Coordinates, figure: Figure, reach: float) -> np.ndarray:
    """Where it is less than so many pixels to an arm (h, w), bool."""
    arms = figure.right_arm, figure.left_arm
    return np.logical_or.reduce([capsule(points, arm, most=reach) < reach for arm in arms])


def in_front(kinds: np.ndarray, category: str, figure: Figure, points: Coordinates) -> np.ndarray:
    """What may hide a garment (h, w), bool: arms and hands, the hair of the head, and a top that
    hangs over a lower garment. Anything else within it is a print."""
    near = near_arms(points, figure, 0.08 * figure.unit) | (hand_discs(points, figure) < 1)
    labels, _ = pieces(kinds[HAIR] > 0.3)
    head = np.unique(labels[face_distance(points, figure) < 1.6])
    top = (kinds[UPPER] > 0.4) & (category == "lower")
    return top | (near & (kinds[SKIN] > 0.2)) | np.isin(labels, head[head > 0])


def hair_over_shoulders(
    seen: np.ndarray, kinds: np.ndarray, figure: Figure, points: Coordinates
) -> np.ndarray:
    """Hair between the shoulder line and the garment (h, w), bool, where it goes on below."""
    side = np.abs(figure.side(points)) / figure.unit
    rise = np.interp(side, [0.2, 0.32, 0.42, 0.52], [0.25, 0.195, 0.165, 0.11]) * figure.unit
    under = figure.level(points) > -rise
    hair = (kinds[HAIR] > 0.4) & under & (side > 0.2) & (side < 0.53)
    goes_on = np.maximum.accumulate(seen[::-1], axis=0)[::-1]
    return hair & goes_on
