"""Cuts a garment out of a product photo on a plain background of any colour.

No network: the background is a smooth colour field fitted to the photo's border; everything that
can be reached from the border without crossing an edge or a colour that the field does not have is
background. A last step at full size gives the antialiased matte and takes the background's colour
out of the edge pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..errors import NoGarmentFound
from .background import (
    Backdrop,
    border_noise,
    carry_field,
    distance_from,
    reach_from_border,
    strip_shadow,
)
from .contour import fill
from .grids import average, closed, pieces, sizes_of, within
from .holes import (
    all_holes,
    flat_patches,
    open_gaps,
    pale_zone,
    small_pieces,
    spikes,
    true_holes,
)
from .snap import snap_outline
from .spreading import spread

ANALYSIS_SIDE = 640  # long side of the copy that is looked at, pixels
LEAST_SHARE = 0.004  # of the picture that a garment covers


@dataclass(frozen=True)
class CutOut:
    """A garment without its background.

    picture: uint8 (height, width, 3) RGB; beyond the garment its edge colours run on, so that
        resampling never picks up background.
    alpha: float32 (height, width), 0..1.
    """

    picture: np.ndarray
    alpha: np.ndarray


def cut_out(picture: np.ndarray) -> CutOut:
    """The garment of an RGB uint8 (height, width, 3) photo. Raises NoGarmentFound."""
    small = reduced(picture, ANALYSIS_SIDE)
    block = 16 * small.shape[0] / picture.shape[0]
    return matte(picture, small, find_foreground(small, block))


def reduced(picture: np.ndarray, side: int) -> np.ndarray:
    """The picture with its long side at most `side` pixels, averaged."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))


def to_lab(picture: np.ndarray) -> np.ndarray:
    """CIE L*a*b* (D65), float32 (..., 3), of sRGB uint8, to 0.3 units."""
    steps = np.arange(256, dtype=np.float32) / 255
    linear = np.where(steps <= 0.04045, steps / 12.92, ((steps + 0.055) / 1.055) ** 2.4)
    levels = np.arange(4097, dtype=np.float32) / 4096
    root = np.where(levels > 0.008856, np.cbrt(levels), 7.787 * levels + 16 / 116)
    to_xyz = np.array(
        [
            [0.412453 / 0.950456, 0.357580 / 0.950456, 0.180423 / 0.950456],
            [0.212671, 0.715160, 0.072169],
            [0.019334 / 1.088754, 0.119193 / 1.088754, 0.950227 / 1.088754],
        ],
        dtype=np.float32,
    )
    xyz = linear.astype(np.float32).take(picture) @ (to_xyz.T * 4096)
    rooted = root.astype(np.float32)[(xyz + 0.5).astype(np.int16).clip(0, 4096)]
    x, y, z = rooted[..., 0], rooted[..., 1], rooted[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def find_foreground(picture: np.ndarray, block: float) -> np.ndarray:
    """Share (height, width), 0..1, of what is not the plain background. Raises NoGarmentFound.

    block: the size of a JPEG macroblock in this copy, pixels.
    """
    lab = to_lab(picture)
    unit = max(1.0, max(lab.shape[:2]) / 256)  # 3 pixels of a 768 pixel picture
    radius = max(1, round(unit))
    field, noise = carry_field(lab)
    if noise > 1.2:
        lab = average(lab, 3)
        noise = border_noise(distance_from(lab, field))
    frame = filled_frame(distance_from(lab, field) > 0.45 + noise)
    if frame is not None:
        inside = np.zeros(lab.shape[:2], np.float32)
        inside[frame] = find_foreground(picture[frame], block)
        return inside
    back = Backdrop(lab, field, noise, unit, max(2, round(min(block, 4 * unit))))
    background, enclosed = reach_from_border(back.distance < 0.45 + noise, radius)
    background |= flat_patches(back)
    shadow = strip_shadow(back, background)
    plain = background | shadow
    plain |= all_holes(back, plain)
    plain |= open_gaps(back, plain)
    inside = main_pieces(~plain)
    zone = pale_zone(back, background | shadow | (enclosed > 0))
    if zone.any():
        inside = np.where(zone, pale_garment(back, background, shadow, enclosed), inside)
    if inside.mean() < LEAST_SHARE:
        raise NoGarmentFound(
            "A garment on a plain background was wanted, but nothing stands out from the "
            "background of this picture. Use a photo in which the garment is larger or differs "
            "from the background, or give a mask of the garment."
        )
    return inside.astype(np.float32)


def pale_garment(
    back: Backdrop, background: np.ndarray, shadow: np.ndarray, enclosed: np.ndarray
) -> np.ndarray:
    """The share of a garment whose colours are close to the background's: what no ball reaches,
    its ragged outline put on the edge that it should follow."""
    plain = background | shadow
    plain |= true_holes(enclosed, back, plain)
    plain |= open_gaps(back, plain)
    if plain.mean() - background.mean() > 0.4 * (1 - background.mean()):
        plain = background  # most of the garment went the way of its shadow
    careful = main_pieces(~plain)
    notch = closed(careful, round(1.7 * back.unit)) & plain
    careful |= small_pieces(notch, (1.2 * back.reach) ** 2)
    careful &= ~spikes(careful, back.reach // 2)
    distance = np.where(plain & ~careful, 0, back.distance)
    return fill(snap_outline(careful, distance, back.noise, back.reach), *careful.shape)


def filled_frame(inside: np.ndarray) -> tuple[slice, slice] | None:
    """The rectangle that is all "garment": a picture within a frame of another plain colour."""
    rows, columns = np.nonzero(inside.any(1))[0], np.nonzero(inside.any(0))[0]
    if len(rows) < 16 or len(columns) < 16:
        return None
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    if inside[box].mean() < 0.985 or inside.mean() > 0.985:
        return None
    return slice(rows[0] + 2, rows[-1] - 1), slice(columns[0] + 2, columns[-1] - 1)


def main_pieces(inside: np.ndarray) -> np.ndarray:
    """The largest piece and those that are not small beside it; without hanger wires and dust."""
    labels, count = pieces(inside)
    sizes = sizes_of(labels, count)
    return (sizes >= max(1.0, 0.04 * sizes.max()))[labels]


def matte(picture: np.ndarray, small: np.ndarray, inside: np.ndarray) -> CutOut:
    """The antialiased matte at full size from the silhouette (0..1) of a reduced copy.

    Along the silhouette's outline a pixel's share of the garment is read from its colour, between
    the garment's and the background's colours nearby; where these are alike, from the silhouette.
    """
    band = max(2, round(max(inside.shape) / 170))
    core = ~within(inside < 0.99, band)
    outer = ~within(inside > 0.01, band)
    front, back = (fill_colours(small, part, band) for part in (inside > 0.99, inside < 0.01))
    maps = np.dstack([front, back, inside])
    height, width = picture.shape[:2]
    # A nearest pixel's own place is 0.5 of a small pixel off at most: the band is wider.
    sure = np.asarray(at_size(core * np.uint8(255), height, width, Image.Resampling.NEAREST))
    unsure = at_size(~(core | outer) * np.uint8(255), height, width, Image.Resampling.NEAREST)
    places = np.flatnonzero(unsure)
    known = sample(maps, places // width, places % width, (height, width))
    seen = picture.reshape(-1, 3)[places].astype(np.float32)
    ahead, behind = known[:, :3], known[:, 3:6]
    share = matte_share(seen, ahead, behind, known[:, 6])
    alpha = sure * np.float32(1 / 255)
    alpha.reshape(-1)[places] = share
    share = share[:, None]
    clean = ((seen - behind * (1 - share)) / np.maximum(share, 0.3)).clip(0, 255)
    mix = ((share - 0.4) / 0.5).clip(0, 1)
    colours = np.where(share > 0.97, seen, mix * clean + (1 - mix) * ahead)
    beyond = at_size(maps[..., :3].clip(0, 255).astype(np.uint8), height, width)
    whole = Image.composite(
        Image.fromarray(picture), Image.fromarray(beyond), Image.fromarray(sure)
    )
    result = np.array(whole)
    result.reshape(-1, 3)[places] = (colours + 0.5).astype(np.uint8)
    return CutOut(result, alpha)


def fill_colours(small: np.ndarray, likely: np.ndarray, band: int) -> np.ndarray:
    """Colours of a region (bool), carried on over everything else: those of what lies more than
    `band` pixels inside. Straps and gaps too narrow for that have at least their own middle."""
    core = ~within(~likely, band)
    lone = ~within(~likely, 1) & ~within(core, 2 * band + 1)
    return spread(small.astype(np.float32), core | lone)


def at_size(
    values: np.ndarray, height: int, width: int, how: Image.Resampling = Image.Resampling.BILINEAR
) -> np.ndarray:
    """A uint8 map or picture at another size."""
    return np.asarray(Image.fromarray(values).resize((width, height), how))


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
        flat[row * width + left] * (1 - across) + flat[row * width + right] * across
        for row in (top, bottom)
    )
    return upper * (1 - down) + lower * down


def matte_share(
    seen: np.ndarray, ahead: np.ndarray, behind: np.ndarray, rough: np.ndarray
) -> np.ndarray:
    """Share (n,) of the garment in pixels seen (n, 3), whose garment's colour would be `ahead` and
    background's `behind`; rough (n,): what the silhouette says."""
    span = ahead - behind
    power = (span**2).sum(-1)
    measured = ((seen - behind) * span).sum(-1) / np.maximum(power, 1)
    trust = power / (power + 30.0**2)
    geometric = (rough - 0.5) * 1.5 + 0.5
    share = trust * measured.clip(0, 1) + (1 - trust) * geometric.clip(0, 1)
    return ((share - 0.04) / 0.92).clip(0, 1)
