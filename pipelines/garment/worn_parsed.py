"""What of a wearer's photo is what, as a parsing network tells it, where one is installed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..maps.edges import blur
from ..masking.anatomy import WAIST
from ..masking.body import Body
from ..masking.figure import Coordinates, Figure, capsule, face_distance, pixel_grid
from ..masking.kinds import BACKGROUND, HAIR, LOWER, SHOES, SKIN, UPPER
from ..masking.limbs import limb_cover
from ..masking.regions import Regions, find_waist
from ..masking.rules_common import ATR, resized_labels

Parse = Callable[[np.ndarray], np.ndarray | None]
"""uint8 (height, width, 3) RGB -> ATR labels uint8 (height, width); None where no network is
installed."""

KINDS = {
    "background": BACKGROUND, "bag": BACKGROUND, "scarf": BACKGROUND, "hat": HAIR, "hair": HAIR,
    "sunglasses": SKIN, "face": SKIN, "neck": SKIN, "left_arm": SKIN, "right_arm": SKIN,
    "left_leg": SKIN, "right_leg": SKIN, "upper": UPPER, "skirt": LOWER, "trousers": LOWER,
    "left_shoe": SHOES, "right_shoe": SHOES,
}  # fmt: skip
ON_BOTH = ("dress", "belt")  # upper garment above the waist, lower one below
HEAD = ("hat", "hair", "sunglasses", "face")
BEFORE = ("bag", "scarf")
ALIKE = 0.7  # of what is the person to the labels or to the body, that is it to both
LEAST_HEAD = 0.6  # of the face that the labels call so
SOFT = 0.7  # pixels of the blur of the labels' edges


@dataclass(frozen=True)
class ParsedRegions(Regions):
    """before: bool (h, w), what hangs before the clothes."""

    before: np.ndarray


def parsed_regions(
    labels: np.ndarray | None, body: Body, figure: Figure
) -> ParsedRegions | None:  # fmt: skip
    """What is where by ATR labels of any size. None without labels, and for labels that do not show
    the person whom the body model found: the photo itself then tells more. body, figure: of the
    reduced photo (h, w)."""
    if labels is None:
        return None
    height, width = body.mask.shape
    labels = resized_labels(labels, width, height)
    points = pixel_grid(height, width)
    if not shows(labels, body, figure, points):
        return None
    kind_of = np.zeros(256, np.uint8)
    for name, kind in KINDS.items():
        kind_of[ATR[name]] = kind
    kinds = kind_of[labels]
    arms = np.minimum(capsule(points, figure.right_arm), capsule(points, figure.left_arm))
    above = (figure.level(points) < WAIST * figure.torso) | (arms < 0.05 * figure.unit)
    both = _of(labels, ON_BOTH)
    kinds[both] = np.where(above, UPPER, LOWER)[both]
    shares = np.stack([blur((kinds == kind).astype(np.float32), SOFT) for kind in range(6)])
    shares /= np.maximum(shares.sum(0), 1e-6)
    covered, legs = limb_cover(shares, figure)
    dress, parts = (labels == ATR["dress"]).sum(), _of(labels, ("upper", "skirt", "trousers")).sum()
    waist, one_piece = find_waist(shares, figure)[0], bool(dress > parts)
    return ParsedRegions(shares, covered, legs, waist, one_piece, _of(labels, BEFORE))


def shows(labels: np.ndarray, body: Body, figure: Figure, points: Coordinates) -> bool:
    """Whether ATR labels (h, w) show a person where the body is, and the head where its face is."""
    seen, person = labels > 0, body.mask > 0.5
    if (seen & person).sum() < ALIKE * (seen | person).sum():
        return False
    face = face_distance(points, figure) < 0.8
    return not face.any() or _of(labels, HEAD)[face].mean() > LEAST_HEAD


def _of(labels: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    return np.isin(labels, [ATR[name] for name in names])
