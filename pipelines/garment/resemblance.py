"""Whether a silhouette resembles a garment that can be worn: else it says what it looks like."""

from __future__ import annotations

import numpy as np

from ..errors import InputError, NoGarmentFound
from ..maps.grids import boxes, pieces
from ..maps.ranking import median
from .lower_outline import Armpit
from .outline import GarmentOutline, find_armpits
from .parts import NUMBERS
from .silhouette import Silhouette, Upright, measure, stand_upright, widths
from .symmetry import symmetry_axis

THINNEST = 4.4  # times as long as wide: scarves, ties, belts, unless it has legs
WIDEST = 3.2
LEAST_SYMMETRY, SYMMETRY = 0.55, 0.72  # overlap of a silhouette with its mirror image
SIDEWAYS = 0.88, 0.08  # symmetry below which a garment may lie on its side, by so much less
TURNED = 0.88  # symmetry of a garment that lies on its side, once it is turned
HEM = 0.06, 0.6  # of the height: how far a straight edge is looked for, and its least width
HANDLE = 0.3  # of the width, the narrowest gap under the handle of a bag
BOXY = 0.93  # of its bounding box that a bag fills
STRAP = 0.15  # body half widths: what hangs from the shoulders and is as narrow is a strap


def check_resemblance(
    upright: Upright, silhouette: Silhouette, armpits: dict[str, Armpit], alpha: np.ndarray
) -> list[str]:
    """Doubts about a silhouette. armpits: of find_armpits. alpha: uint8 (height, width), before it
    was stood upright.

    Raises NoGarmentFound or InputError for what cannot be worn as it is.
    """
    mask = upright.mask
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    tall, wide = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    own = symmetry(mask, upright.axis)
    if own < SIDEWAYS[0]:
        turned = stand_upright(np.ascontiguousarray(np.rot90(alpha)))
        if symmetry(turned.mask, turned.axis) > max(own + SIDEWAYS[1], TURNED):
            raise InputError(
                "A garment that stands upright was wanted, but this one lies on its side. Turn the "
                "photo by 90 degrees."
            )
    if tall > THINNEST * wide and silhouette.legs < 0.3 or wide > WIDEST * tall:
        raise NoGarmentFound(
            "A garment was wanted, but this is long and narrow as a scarf, tie or belt. Use a "
            "photo of a top, trousers, a skirt or a dress."
        )
    if is_bag(mask, upright.axis):
        raise NoGarmentFound(
            "A garment was wanted, but this looks like a bag: a box with a handle. Use a photo of "
            "a top, trousers, a skirt or a dress, or give a mask of the garment."
        )
    if is_upside_down(silhouette, armpits, mask):
        raise InputError(
            "A garment that stands upright was wanted, but this one is upside down. Turn the photo "
            "by 180 degrees."
        )
    low = silhouette.top + 0.6 * silhouette.tall
    begins_low = any(line[0, 1] > low for line in silhouette.halves.values())
    if own < LEAST_SYMMETRY or begins_low:
        raise NoGarmentFound(
            "A garment seen from the front was wanted, but this shape is not alike on both sides: "
            "folded, seen from the side, or no garment. Use a photo of the garment spread out."
        )
    if own < SYMMETRY:
        return ["The garment is not alike on both sides, so its parts are a guess."]
    return []


def symmetry(mask: np.ndarray, axis: float) -> float:
    """The overlap of a silhouette (rows, columns), bool, with its mirror image, 0..1."""
    width = mask.shape[1]
    mirrored = np.zeros_like(mask)
    places = np.round(2 * axis - np.arange(width)).astype(int)
    inside = (places >= 0) & (places < width)
    mirrored[:, inside] = mask[:, places[inside]]
    return float((mask & mirrored).sum() / max((mask | mirrored).sum(), 1))


def is_bag(mask: np.ndarray, axis: float) -> bool:
    """A box under one closed arch about its middle."""
    labels, _ = pieces(~mask)
    rows = np.flatnonzero(mask.any(1))
    tall = len(rows)
    for _, place in boxes(np.where(labels == labels[0, 0], 0, labels)):
        top, bottom = place[0].start, place[0].stop
        left, right = place[1].start, place[1].stop
        if top > rows[0] + 0.3 * tall or bottom - top < 0.08 * tall or not left < axis < right:
            continue
        below = mask[bottom + 2 : rows[-1] + 1]
        columns = np.flatnonzero(below.any(0))
        if not len(columns) or right - left < HANDLE * len(columns):
            continue
        box = below[:, columns[0] : columns[-1] + 1]
        widths = mask.sum(1)
        begins, spreads = ((widths > part * box.shape[1]).argmax() for part in (0.35, 0.95))
        if spreads - begins > 0.06 * tall:  # cups: a neckholder top
            continue
        if box.mean() > BOXY and 0.3 < box.shape[0] / box.shape[1] < 1.6:
            return True
    return False


def is_upside_down(silhouette: Silhouette, armpits: dict[str, Armpit], mask: np.ndarray) -> bool:
    """Neither sleeves nor legs, but both sleeves or two legs when it is turned over."""
    if silhouette.legs > 0.1 or any(pit.sleeve for pit in armpits.values()):
        return False
    solid = mask[mask.any(1)]
    extents = widths(solid)
    quarter = slice(0, max(1, len(solid) // 4))
    filled = float((solid.sum(1) / extents)[quarter].mean())
    wide = extents[quarter].mean() > 0.85 * median(extents)
    turned = np.ascontiguousarray(mask[::-1, ::-1])
    other = measure(turned, symmetry_axis(turned))
    if filled > 0.55 and wide and other.legs > 0.3:  # legs, not straps
        return True
    # Above sleeves that point up lies a hem: no collar, and no straps.
    first = slice(0, max(1, round(HEM[0] * len(solid))))
    if solid[first].sum(1).mean() < HEM[1] * median(extents):
        return False
    return filled > 0.9 and all(pit.sleeve for pit in find_armpits(other).values())


def straps(outline: GarmentOutline, labels: np.ndarray, body: float) -> list[int]:
    """The parts that were taken for sleeves and are straps that hang down, by number.

    labels: uint8 (rows, columns), the parts; body: half the width of the trunk, pixels.
    """
    found = []
    for name in outline.sleeves:
        number = NUMBERS[f"sleeve_{name}"]
        outer, inner = outline.limbs[f"sleeve_{name}"]
        length = float(np.hypot(*((outer[-1] + inner[-1]) / 2 - outer[0])))
        if length > body and (labels == number).sum() / length < STRAP * body:
            found.append(number)
    return found
