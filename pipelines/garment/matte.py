"""The antialiased matte of a garment at its photo's full size, from the silhouette of a copy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..images import resize
from ..maps.colours import length
from ..maps.grids import narrowest, within
from ..maps.spreading import spread

SHADE = 6.0  # of 0..255: colours so far from that of a shadow may be one
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
    front, back = (fill_colours(small, part, band) for part in (inside > 0.99, inside < 0.01))
    close = closest(small, core, back, band)
    height, width = picture.shape[:2]
    # A nearest pixel's own place is 0.5 of a small pixel off at most: the band is wider.
    sure = resize(core.view(np.uint8), width, height, "nearest")
    unsure = resize((~(core | outer)).view(np.uint8), width, height, "nearest")
    places = np.flatnonzero(unsure.view(bool))
    rows, columns = np.divmod(places, width)
    rough = sample(inside[..., None], rows, columns, (height, width))[:, 0]
    known = sample(np.dstack([front, back, close]), rows, columns, (height, width))
    ahead, behind, least = known[:, :3], known[:, 3:6], known[:, 6]
    seen = picture.reshape(-1, 3)[places].astype(np.float32)
    share = matte_share(seen, ahead, behind, least, rough, not like_shadow(small, core, back))
    alpha = sure.astype(np.float32)
    alpha.reshape(-1)[places] = share
    share = share[:, None]
    clean = ((seen - behind * (1 - share)) / np.maximum(share, 0.3)).clip(0, 255)
    mix = ((share - 0.4) / 0.5).clip(0, 1)
    colours = np.where(share > 0.97, seen, mix * clean + (1 - mix) * ahead)
    beyond = resize(front.clip(0, 255).astype(np.uint8), width, height, "bilinear")
    result = cv2.copyTo(picture, sure, beyond)
    result.reshape(-1, 3)[places] = (colours + 0.5).astype(np.uint8)
    return CutOut(result, alpha)


def fill_colours(small: np.ndarray, likely: np.ndarray, band: int) -> np.ndarray:
    """Colours of a region (bool), carried on over everything else, at half the size: those of what
    lies more than `band` pixels inside. Straps and gaps too narrow for that have at least their own
    middle."""
    core = narrowest(likely, band)
    known = core | (narrowest(likely, 1) & ~within(core, 2 * band + 1))
    whole = at_half_size(known)
    half = np.asarray(Image.fromarray(small).reduce(2))
    return spread(half, whole if whole.any() else within(known, 1)[::2, ::2])


def closest(small: np.ndarray, core: np.ndarray, back: np.ndarray, band: int) -> np.ndarray:
    """How close the garment's colours come to the background's around each pixel, at half the size
    (height, width), of 0..255: those of its core (bool) that lead there through colours as close.
    """
    distance = length(np.asarray(Image.fromarray(small).reduce(2), np.float32) - back)
    known = at_half_size(core)
    least = np.where(known, distance, np.float32(255))
    for _ in range(band + 1):
        near = narrowest(least, 1)
        least = np.where(known | (distance < 2 * near + 15), near, np.float32(255))
    return narrowest(least, 1)


def at_half_size(region: np.ndarray) -> np.ndarray:
    """Which pixels lie wholly in a region (bool)."""
    known = np.pad(region, [(0, side % 2) for side in region.shape], mode="edge")
    return known[::2, ::2] & known[1::2, ::2] & known[::2, 1::2] & known[1::2, 1::2]


def sample(
    maps: np.ndarray, rows: np.ndarray, columns: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """Small maps (h, w, channels) at pixels of the large picture, (n, channels), interpolated.

    size: (height, width) of the large picture.
    """
    corners, shares = [], []
    for place, small, large in ((rows, maps.shape[0], size[0]), (columns, maps.shape[1], size[1])):
        exact = ((place + 0.5) * (small / large) - 0.5).clip(0, small - 1).astype(np.float32)
        first = np.minimum(exact.astype(np.int32), max(small - 2, 0))
        corners.append((first, np.minimum(first + 1, small - 1)))
        shares.append((exact - first)[:, None])
    flat, width = maps.reshape(-1, maps.shape[2]), maps.shape[1]
    (top, bottom), (left, right) = corners
    down, across = shares
    upper, lower = (
        flat.take(row * width + left, 0) * (1 - across) + flat.take(row * width + right, 0) * across
        for row in (top, bottom)
    )
    return upper * (1 - down) + lower * down


def like_shadow(small: np.ndarray, core: np.ndarray, back: np.ndarray) -> bool:
    """Whether the garment's core (bool) itself has the colours of a shadow on the background: more
    than a few of them. back: the background's colours at half the size."""
    inside = at_half_size(core)
    seen, behind = np.asarray(Image.fromarray(small).reduce(2), np.float32)[inside], back[inside]
    shade, away = from_shade(seen, behind)
    return bool(((shade > DEEPEST) & (away < 2 * SHADE)).sum() > 0.01 * len(seen))


def from_shade(seen: np.ndarray, behind: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How bright (n,) the shade on the background's colours (n, 3) is that comes nearest to those
    seen (n, 3), 1 = as bright, and how far (n,) they are from it."""
    shade = np.einsum("nc,nc->n", seen, behind) / np.maximum(length(behind) ** 2, 1)
    return shade, length(seen - shade.clip(0, 1)[:, None] * behind)


def matte_share(
    seen: np.ndarray, ahead: np.ndarray, behind: np.ndarray, least: np.ndarray, rough: np.ndarray,
    shadowed: bool,
) -> np.ndarray:  # fmt: skip
    """Share (n,) of the garment in pixels seen (n, 3), whose garment's colour would be `ahead` and
    background's `behind`; least (n,): how close to `behind` the garment comes nearby; rough (n,):
    what the silhouette says; shadowed: what has the colour of a shadow is one."""
    span, change = ahead - behind, seen - behind
    power = length(span) ** 2
    measured = (np.einsum("nc,nc->n", change, span) / np.maximum(power, 1)).clip(0, 1)
    # `ahead` is a mean: what looks like the background may be the garment's palest colour as well.
    power = np.minimum(power, np.maximum(least, length(change) - 2 * least) ** 2)
    # A colour that is neither a mixture of the two nor the background in the shade is another one
    # of the garment's: then it tells nothing.
    mixed = length(change - measured[:, None] * span) ** 2
    shade, away = from_shade(seen, behind)
    shaded = away**2
    strange = np.minimum(mixed, shaded)
    if shadowed:  # what is rather the background in the shade is the garment's shadow
        shadow = 1 - np.minimum((shaded + SHADE**2) / (mixed + SHADE**2), 1)
        measured = measured * (1 - shadow * (shade > DEEPEST))
    trust = power / (power + 30.0**2) / (1 + strange / 30.0**2)
    geometric = (rough - 0.5) * 1.5 + 0.5
    share = trust * measured + (1 - trust) * geometric.clip(0, 1)
    return ((share - 0.04) / 0.92).clip(0, 1)
