"""What stands out from the ground of a garment's photo: from a plain one by its field of colour,
from a rough one, as sheets, quilts, wood and rails are, by whatever tells it best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import NoGarmentFound
from ..maps.grids import narrowest, pieces, selected, sizes_of, within
from .background import carry_field
from .by_colours import find_by_colours
from .by_edges import LEAST_CONTRAST, contrast, find_by_edges
from .matting import find_foreground
from .stray import FAINTEST, SAME_SIZE, check_border, clear_outline, common_at_border

ROUGH = 1.8  # Lab units that a ground strays from one field; a studio's keeps within 1.4
LITTLE = 0.3  # of the photo: a garment that covers less is a small one
SURE = 20.0  # Lab units across nearly all of an outline: no other is looked for
AS_CLEAR = 0.95  # times as clear an outline is as clear
CLEARER = 1.25  # times as clear an outline decides against the one by colours
DETAIL = 3.0  # times as large a cut-out shows what the one by colours is a detail of
SMALL = 0.05  # of the photo, at most such a detail
UNCLEAR = 5.0  # Lab units across nearly all of an outline: less is a guess
OTHER_PART = 0.02, 0.2  # of a garment: a piece of it that has the ground's colours
STRANGE = 0.3  # of such a piece may have colours that are common at the border
GUESS = (
    "The ground is rough and the garment has colours of it, so its outline is a guess. A plain "
    "background, or a mask, tells it better."
)


@dataclass(frozen=True)
class StandsOut:
    """inside: share (height, width), 0..1, of what stands out; None where there is no such thing,
    and problem tells why. rough: whether the ground is. words: what there is to doubt about it."""

    inside: np.ndarray | None
    problem: NoGarmentFound | None = None
    rough: bool = False
    words: tuple[str, ...] = ()


def stands_out(small: np.ndarray, lab: np.ndarray, block: float) -> StandsOut:
    """What stands out in a reduced photo uint8 (height, width, 3) RGB; lab: its colours, float32
    (3, height, width); block: the size of a JPEG macroblock in it, pixels."""
    inside, problem, noise = None, None, np.inf
    try:
        field, noise = carry_field(lab)
        inside = find_foreground(lab, block, field, noise)
    except NoGarmentFound as error:
        problem = error
    if noise > ROUGH:
        try:
            return on_rough_ground(small, lab, inside)
        except NoGarmentFound as error:
            problem = problem or error
    return StandsOut(inside, problem, noise > ROUGH)


def on_rough_ground(small: np.ndarray, lab: np.ndarray, inside: np.ndarray | None) -> StandsOut:
    """The clearest of what stands out by the field of the ground (height, width), 0..1, if there is
    one, by colours and by edges. Raises NoGarmentFound where nothing does by colours."""
    chosen = find_by_colours(small)
    check_border(chosen > 0.5)
    chosen, _ = clear_outline(chosen, lab)
    clear = contrast(chosen, lab, FAINTEST)
    chosen, clear = nearer(small, lab, chosen, clear)
    others = [inside] if inside is not None else []
    try:
        others.append(find_by_edges(lab))
        chosen = with_other_parts(chosen, others[-1], lab)
    except NoGarmentFound:
        pass
    for other in others:
        size = np.sum(other > 0.5) / np.sum(chosen > 0.5)
        if not passes(other) or size < SAME_SIZE:
            continue
        clearness = contrast(other, lab, FAINTEST)
        # A hanger may differ from the wall much more than what hangs on it.
        detail = size > DETAIL and np.mean(chosen > 0.5) < SMALL
        if detail or clearness > CLEARER * clear + LEAST_CONTRAST:
            chosen, clear = other, clearness
    return StandsOut(chosen, None, True, (GUESS,) if clear < UNCLEAR else ())


def nearer(
    small: np.ndarray, lab: np.ndarray, chosen: np.ndarray, clear: float
) -> tuple[np.ndarray, float]:
    """A cut-out by colours and how clear its outline is, or those of what has stranger colours,
    where that is as clear: around a small garment whole tiles and planks may come along."""
    little = np.mean(chosen > 0.5) < LITTLE
    if clear > SURE and not little:
        return chosen, clear
    try:
        part, _ = clear_outline(find_by_colours(small, strange=True), lab)
    except NoGarmentFound:
        return chosen, clear
    clearness = contrast(part, lab, FAINTEST)
    wanted = AS_CLEAR * clear if little else CLEARER * clear + LEAST_CONTRAST
    if clearness > wanted and passes(part) and 2 * np.sum(part > 0.5) > np.sum(chosen > 0.5):
        return part, clearness
    return chosen, clear


def passes(inside: np.ndarray) -> bool:
    try:
        check_border(inside > 0.5)
    except NoGarmentFound:
        return False
    return True


def with_other_parts(chosen: np.ndarray, by_edges: np.ndarray, lab: np.ndarray) -> np.ndarray:
    """A cut-out by colours with the pieces of the one by edges that have none of the border's: a
    cuff may be nearer to wood than to its shirt."""
    solid, wider = chosen > 0.5, by_edges > 0.5
    if np.sum(solid & wider) < SAME_SIZE * np.sum(solid) or not passes(by_edges):
        return chosen
    radius = max(1, round(0.01 * max(solid.shape)))
    more = wider & ~solid
    more &= within(narrowest(more, radius), 2 * radius)
    labels, count = pieces(more)
    sizes = sizes_of(labels, count)
    common = common_at_border(lab)
    alike = np.bincount(labels.ravel(), common.ravel(), minlength=count + 1)[1:]
    keep = np.zeros(count + 1, bool)
    share = sizes[1:] / solid.sum()
    keep[1:] = (OTHER_PART[0] < share) & (share < OTHER_PART[1]) & (alike < STRANGE * sizes[1:])
    return np.maximum(chosen, selected(labels, keep))
