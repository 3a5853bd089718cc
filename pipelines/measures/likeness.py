"""How much of a garment is found again on the person: its colour, and its lettering and prints.

No weights but those of this package. Pictures: uint8 (height, width, 3); regions: bool (height,
width) of the garment in its own photo and as it is worn.
"""

from __future__ import annotations

import numpy as np

from ..errors import InputError, NoGarmentFound
from ..images import resize
from ..maps.colours import to_lab
from ..masking.body import BodyModel, find_body
from ..masking.figure import build_figure
from ..masking.kinds import LOWER, UPPER
from ..masking.regions import fine_regions
from ..masking.rules_common import opencv

WORN = {"upper": [UPPER], "lower": [LOWER], "dress": [UPPER, LOWER]}
LEAST_PIXELS = 64
"""Of a region: fewer say nothing of a garment."""

READ_SIDE = 640
"""Pixels of a photo's longer side at which the worn garment is looked for."""

LEAST_FEATURES = 12
"""A garment with fewer has no lettering or print that could be followed."""

DISTINCT = 0.8
"""A feature counts as found where its likeness is so much nearer than the next one (Lowe 2004)."""

BENT = 0.06
"""Of the square root of the garment's area: how far a feature may lie beside its place on a flat
sheet seen from anywhere, as cloth is bent."""

RIM = 0.03
"""Likewise: so near to the garment's outline no feature counts; the outline is no lettering."""

RANSAC_SEED = 7


def worn_region(
    picture: np.ndarray, category: str, model: BodyModel, mask: np.ndarray | None = None
) -> np.ndarray:
    """Where a person wears a garment of a category, within what was repainted (mask, float32).

    Raises NobodyFound, and NoGarmentFound where hardly a pixel of it can be seen.
    """
    height, width = picture.shape[:2]
    scale = max(1.0, max(height, width) / READ_SIDE)
    size = max(1, round(width / scale)), max(1, round(height / scale))
    body = find_body(model, picture)
    small = resize(picture, *size).astype(np.float32) / 255
    person = resize(body.mask, *size, "bilinear").clip(0, 1)
    kinds = fine_regions(small, person, build_figure(body, (0, 0), 1 / scale)).kinds
    share = kinds[WORN[category]].sum(0).astype(np.float32)
    region = resize(share, width, height, "bilinear") > 0.5
    if mask is not None:
        region &= mask > 0.5
    if region.sum() < LEAST_PIXELS:
        raise NoGarmentFound(f"No garment ({category}) was found on the person in this picture.")
    return region


def colour_difference(
    garment: np.ndarray, cloth: np.ndarray, picture: np.ndarray, worn: np.ndarray
) -> float:
    """CIEDE2000 between the mean colours of a garment and of what is worn: 0 is equal, about 1 is
    just seen side by side, above 5 is another colour. Needs scikit-image."""
    from skimage.color import deltaE_ciede2000

    one, other = (
        to_lab(pixels[_enough(region)]).mean(axis=0, dtype=np.float64)
        for pixels, region in ((garment, cloth), (picture, worn))
    )
    return float(deltaE_ciede2000(one, other))


def lettering_kept(
    garment: np.ndarray, cloth: np.ndarray, picture: np.ndarray, worn: np.ndarray
) -> float | None:
    """The share, 0..1, of a garment's features (SIFT) that are found on the person at the places
    where a flat print seen from there has them. None for a garment that has next to none."""
    cv2 = opencv()
    scale = min(1.0, float(np.sqrt(_enough(worn).sum() / _enough(cloth).sum())))
    height, width = garment.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    shown = resize(garment, *size, "lanczos") if scale < 1 else garment
    cloth = resize(cloth.astype(np.uint8), *size, "nearest") > 0
    side = float(np.sqrt(cloth.sum()))
    points, words = _features(shown, _without_rim(cloth, RIM * side))
    if len(points) < LEAST_FEATURES:
        return None
    found, others = _features(picture, worn)
    if len(found) < LEAST_FEATURES:
        return 0.0
    matches = cv2.BFMatcher(cv2.NORM_L2).knnMatch(words, others, k=2)
    near = [one for one, next_one in matches if one.distance < DISTINCT * next_one.distance]
    if len(near) < 4:
        return 0.0
    places = [np.array([kept[getattr(each, name)].pt for each in near], np.float32)
              for kept, name in ((points, "queryIdx"), (found, "trainIdx"))]  # fmt: skip
    cv2.setRNGSeed(RANSAC_SEED)
    _, inside = cv2.findHomography(*places, cv2.RANSAC, BENT * side)
    # Of matches at random any four fit a sheet.
    kept = 0 if inside is None else int(inside.sum())
    return kept / len(points) if kept > 4 else 0.0


def _features(picture: np.ndarray, region: np.ndarray) -> tuple[list, np.ndarray]:
    cv2 = opencv()
    grey = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY)
    points, words = cv2.SIFT_create().detectAndCompute(grey, region.astype(np.uint8) * 255)
    return list(points), words


def _without_rim(region: np.ndarray, pixels: float) -> np.ndarray:
    cv2 = opencv()
    size = 2 * max(1, round(pixels)) + 1
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    padded = np.pad(region.astype(np.uint8), 1)
    return cv2.erode(padded, brush)[1:-1, 1:-1] > 0


def _enough(region: np.ndarray) -> np.ndarray:
    if region.sum() < LEAST_PIXELS:
        raise InputError("A region of a garment was wanted, and it has hardly a pixel.")
    return region
