"""Whether a garment can be read from its wearer, and which of the wearer's garments is meant."""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from ..maps.colours import to_lab
from ..maps.grids import pieces, sizes_of
from ..maps.ranking import medians
from ..masking.figure import Coordinates, Figure
from ..masking.kinds import LOWER, UPPER
from ..masking.regions import Regions

LEAST_TURN = 0.62  # shoulders seen so narrow, of what the torso's length lets expect: side view
TURNED = 0.8
MOST_LEAN, LEAN = 25.0, 10.0  # degrees of the trunk
SEATED = 0.45  # shoulder widths the knees are below the hips of somebody seated, at most
LEAST_SIDE = 0.22  # shoulder widths from the axis that both sides of a top reach at least
STEP = 0.09  # shoulder widths by which the edge of a whole garment does not jump from row to row
MOST_STEPS = 3
ALIKE = 9.0  # Lab units between the two parts of a dress
BELOW_HIPS = 0.15  # shoulder widths that a lower garment or a dress must go on below the hips
ADVICE = (
    "Use a photo of the whole garment, seen from the front, with nothing in front of it; a photo "
    "of the garment laid flat is best."
)


def refused(why: str) -> InputError:
    return InputError(f"The garment cannot be read from its wearer: {why}. {ADVICE}")


def check_view(figure: Figure) -> list[str]:
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
    if figure.face_centre[1] < 0:
        words.append("The wearer's face is not in the photo, so where the garment ends is a guess.")
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
    upper, lower = (medians(lab[part].T) for part in parts)
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


def check_front(torso: np.ndarray, figure: Figure, points: Coordinates) -> None:
    """Raises InputError for a garment of which much of the breast is hidden by something else."""
    level = figure.level(points) / figure.torso
    breast = (np.abs(figure.side(points)) < 0.3 * figure.unit) & (level > 0.3) & (level < 0.5)
    if breast.any() and torso[breast].mean() < 0.6:
        raise refused("something in front of the breast hides it, or it is open")
    side = figure.side(points)
    band = torso & (level > 0.3) & (level < 0.5)
    reaches = [float((way * side)[band].max(initial=0)) for way in (-1, 1)]
    if min(reaches) < LEAST_SIDE * figure.unit:
        raise refused("something hides one side of it")


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


def check_torn(torso: np.ndarray, figure: Figure) -> None:
    """Raises InputError for a trunk (h, w), bool, whose sides jump to and fro: its pattern was in
    places taken for something else."""
    level = (np.arange(len(torso)) - figure.neck[1]) / figure.torso
    rows = np.flatnonzero(torso.any(1) & (level > 0.2))
    rows = rows[: max(1, round(0.95 * len(rows)))]
    if len(rows) < 8:
        return
    ends = np.stack([torso[rows].argmax(1), torso.shape[1] - torso[rows][:, ::-1].argmax(1)], 1)
    reach = max(1, round(0.02 * figure.unit))
    jumps = np.abs(ends[reach:] - ends[:-reach]) > STEP * figure.unit
    count = int((np.diff(jumps.astype(np.int8), axis=0, prepend=0) == 1).sum())
    if count > MOST_STEPS:
        raise refused("its pattern hides where it ends")
