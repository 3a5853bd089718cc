"""The antialiased matte of a garment at its photo's full size, from the silhouette of a copy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..maps.colours import lengths, products
from ..maps.edges import to_planes
from ..maps.grids import narrowest, within
from ..maps.spreading import spread

SHADE = 6.0  # of 0..255: colours so far from that of a shadow may be one
UNSURE, SURE = np.uint8(0), np.uint8(2)  # what a pixel is; 1 is background
BLOCK = 2**13  # pixels at once: no more than one core's cache holds
DEEPEST = 0.6  # brightness of a garment's shadow on its background, at least


@dataclass(frozen=True)
class CutOut:
    """A garment without its background.

    picture: uint8 (height, width, 3) RGB; beyond the garment its edge colours run on, so that
        resampling never picks up background.
    alpha: float32 (height, width), 0..1.
    """

    picture: np.ndarray
    alpha: np.ndarray


def matte(picture: np.ndarray, small: np.ndarray, inside: np.ndarray) -> CutOut:
    """The cut-out of a picture; small: its reduced copy, inside: that one's silhouette, 0..1.

    Along the silhouette's outline a pixel's share of the garment is read from its colour, between
    the garment's and the background's colours nearby; where these are alike, from the silhouette.
    """
    import cv2

    band = max(2, round(max(inside.shape) / 170))
    core = ~within(inside < 0.99, band)
    outer = ~within(inside > 0.01, band)
    half = to_planes(np.asarray(Image.fromarray(small).reduce(2)))
    front, back = (fill_colours(half, part, band) for part in (inside > 0.99, inside < 0.01))
    close = closest(half, core, back, band)
    height, width = picture.shape[:2]
    # A nearest pixel's own place is 0.5 of a small pixel off at most: the band is wider.
    kind = np.where(core, SURE, outer)
    kind = cv2.resize(kind, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    sure = kind == SURE
    alpha = sure.astype(np.float32)
    beyond = cv2.resize(cv2.merge(list(front.clip(0, 255).astype(np.uint8))), (width, height))
    result = cv2.copyTo(picture, sure.view(np.uint8), beyond)
    maps = np.concatenate([front, back, close[None]])
    shadowed = not like_shadow(half, core, back)
    unsure = np.flatnonzero(kind == UNSURE)
    for start in range(0, len(unsure), BLOCK):
        places = unsure[start : start + BLOCK]
        (rough,) = sample(inside[None], places, (height, width))
        known = sample(maps, places, (height, width))
        ahead, behind, least = known[:3], known[3:6], known[6]
        seen = np.ascontiguousarray(picture.reshape(-1, 3).take(places, 0).T, np.float32)
        share = matte_share(seen, ahead, behind, least, rough, shadowed)
        alpha.reshape(-1)[places] = share
        clean = ((seen - behind * (1 - share)) / np.maximum(share, 0.3)).clip(0, 255)
        mix = ((share - 0.4) / 0.5).clip(0, 1)
        colours = np.where(share > 0.97, seen, mix * clean + (1 - mix) * ahead)
        result.reshape(-1, 3)[places] = (colours + 0.5).astype(np.uint8).T
    return CutOut(result, alpha)


def fill_colours(half: np.ndarray, likely: np.ndarray, band: int) -> np.ndarray:
    """Colours (3, h, w) of a region (bool, twice as large), carried on over everything else: those
    of what lies more than `band` pixels inside. Straps and gaps too narrow for that have at least
    their own middle."""
    core = narrowest(likely, band)
    known = core | (narrowest(likely, 1) & ~within(core, 2 * band + 1))
    whole = at_half_size(known)
    return to_planes(
        spread(half.transpose(1, 2, 0), whole if whole.any() else within(known, 1)[::2, ::2])
    )


def closest(half: np.ndarray, core: np.ndarray, back: np.ndarray, band: int) -> np.ndarray:
    """How close the garment's colours (3, h, w) come to the background's around each pixel, (h, w),
    of 0..255: those of its core (bool, twice as large) that lead there through colours as close.
    """
    distance = lengths(half - back)
    known = at_half_size(core)
    least = np.where(known, distance, np.float32(255))
    for _ in range(band + 1):
        near = narrowest(least, 1)
        least = np.where(known | (distance < 2 * near + 15), near, np.float32(255))
    return narrowest(least, 1)


def at_half_size(region: np.ndarray) -> np.ndarray:
    """Which pixels lie wholly in a region (bool)."""
    import cv2

    square = np.ones((2, 2), np.uint8)
    known = cv2.erode(region.view(np.uint8), square, anchor=(0, 0), borderType=1)  # replicated
    return known[::2, ::2].astype(bool)


def sample(maps: np.ndarray, places: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Small maps (channels, h, w) at places (n,) of the large picture, (channels, n), interpolated.

    size: (height, width) of the large picture; places: numbered row by row.
    """
    (top, bottom, down), (left, right, across) = (
        [part.take(place) for part in neighbours(small, large)]
        for place, small, large in zip(
            np.divmod(places, size[1]), maps.shape[1:], size, strict=True
        )
    )
    flat, width = maps.reshape(len(maps), -1), maps.shape[2]
    upper, lower = (
        flat.take(row * width + left, 1) * (1 - across) + flat.take(row * width + right, 1) * across
        for row in (top, bottom)
    )
    return upper * (1 - down) + lower * down


def neighbours(small: int, large: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each of `large` pixels along one side: the two of `small` pixels that it lies between, and
    the second one's share."""
    exact = (np.arange(large) + 0.5) * (small / large) - 0.5
    exact = exact.clip(0, small - 1).astype(np.float32)
    first = np.minimum(exact.astype(np.int32), max(small - 2, 0))
    return first, np.minimum(first + 1, small - 1), exact - first


def like_shadow(half: np.ndarray, core: np.ndarray, back: np.ndarray) -> bool:
    """Whether the garment's core (bool) itself has the colours of a shadow on the background: more
    than a few of them. half, back: its colours and the background's (3, h, w), at half the size."""
    inside = np.flatnonzero(at_half_size(core))
    seen, behind = (planes.reshape(3, -1).take(inside, 1) for planes in (half, back))
    shade, away = from_shade(seen, behind)
    alike = np.count_nonzero((shade > DEEPEST) & (away < (2 * SHADE) ** 2))
    return bool(alike > 0.01 * len(inside))


def from_shade(seen: np.ndarray, behind: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How bright (n,) the shade on the background's colours (3, n) is that comes nearest to those
    seen (3, n), 1 = as bright, and how far (n,) they are from it, squared."""
    shade = products(seen, behind) / np.maximum(products(behind, behind), 1)
    rest = seen - shade.clip(0, 1) * behind
    return shade, products(rest, rest)


def matte_share(
    seen: np.ndarray, ahead: np.ndarray, behind: np.ndarray, least: np.ndarray, rough: np.ndarray,
    shadowed: bool,
) -> np.ndarray:  # fmt: skip
    """Share (n,) of the garment in pixels seen (3, n), whose garment's colour would be `ahead` and
    background's `behind`; least (n,): how close to `behind` the garment comes nearby; rough (n,):
    what the silhouette says; shadowed: what has the colour of a shadow is one."""
    span, change = ahead - behind, seen - behind
    power = products(span, span)
    measured = (products(change, span) / np.maximum(power, 1)).clip(0, 1)
    # `ahead` is a mean: what looks like the background may be the garment's palest colour as well.
    power = np.minimum(power, np.maximum(least, lengths(change) - 2 * least) ** 2)
    # A colour that is neither a mixture of the two nor the background in the shade is another one
    # of the garment's: then it tells nothing.
    rest = change - measured * span
    mixed = products(rest, rest)
    shade, shaded = from_shade(seen, behind)
    strange = np.minimum(mixed, shaded)
    if shadowed:  # what is rather the background in the shade is the garment's shadow
        shadow = 1 - np.minimum((shaded + SHADE**2) / (mixed + SHADE**2), 1)
        measured = measured * (1 - shadow * (shade > DEEPEST))
    trust = power / (power + 30.0**2) / (1 + strange / 30.0**2)
    geometric = (rough - 0.5) * 1.5 + 0.5
    share = trust * measured + (1 - trust) * geometric.clip(0, 1)
    return ((share - 0.04) / 0.92).clip(0, 1)
