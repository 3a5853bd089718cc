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
    border_noise,
    carry_field,
    distance_from,
    reach_from_border,
    strip_shadow,
    within,
)
from .contour import fill
from .holes import (
    all_holes,
    closed,
    flat_patches,
    open_gaps,
    pale_zone,
    small_pieces,
    spikes,
    true_holes,
)
from .snap import snap_outline
from .spreading import spread

ANALYSIS_SIDE = 768  # long side of the copy that is looked at, pixels
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
    return matte(picture, find_foreground(small, block))


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
    xyz = linear.astype(np.float32)[picture] @ (to_xyz.T * 4096)
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
        lab = smoothed(lab)
        noise = border_noise(distance_from(lab, field))
    frame = filled_frame(distance_from(lab, field) > 0.45 + noise)
    if frame is not None:
        inside = np.zeros(lab.shape[:2], np.float32)
        inside[frame] = find_foreground(picture[frame], block)
        return inside
    difference = lab - field
    distance = distance_from(lab, field)
    background, enclosed = reach_from_border(distance < 0.45 + noise, radius)
    background |= flat_patches(difference, distance, noise, unit)
    reach = max(2, round(min(block, 4 * unit)))
    shadow = strip_shadow(lab, field, background, noise, unit)
    plain = background | shadow
    plain |= all_holes(distance, noise, unit, plain, reach)
    plain |= open_gaps(lab, field, plain, noise, unit)
    inside = main_pieces(~plain)
    zone = pale_zone(distance, background | shadow | (enclosed > 0), noise, unit, reach)
    if zone.any():
        careful = pale_garment(lab, field, background, shadow, enclosed, noise, unit, reach)
        inside = np.where(zone, careful, inside)
    if inside.mean() < LEAST_SHARE:
        raise NoGarmentFound(
            "A garment on a plain background was wanted, but nothing stands out from the "
            "background of this picture. Use a photo in which the garment is larger or differs "
            "from the background, or give a mask of the garment."
        )
    return inside.astype(np.float32)


def pale_garment(
    lab: np.ndarray,
    field: np.ndarray,
    background: np.ndarray,
    shadow: np.ndarray,
    enclosed: np.ndarray,
    noise: float,
    unit: float,
    reach: int,
) -> np.ndarray:
    """The share of a garment whose colours are close to the background's: what no ball reaches,
    its ragged outline put on the edge that it should follow."""
    distance = distance_from(lab, field)
    plain = background | shadow
    plain |= true_holes(enclosed, lab - field, noise, plain)
    plain |= open_gaps(lab, field, plain, noise, unit)
    if plain.mean() - background.mean() > 0.4 * (1 - background.mean()):
        plain = background  # most of the garment went the way of its shadow
    careful = main_pieces(~plain)
    careful |= small_pieces(closed(careful, round(1.7 * unit)) & plain, (1.2 * reach) ** 2)
    careful &= ~spikes(careful, reach // 2)
    distance[plain & ~careful] = 0
    return fill(snap_outline(careful, distance, noise, reach), *careful.shape)


def smoothed(lab: np.ndarray) -> np.ndarray:
    """Averages over 3x3 pixels: less noise."""
    from scipy import ndimage

    return ndimage.uniform_filter(lab, (3, 3, 1))


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
    from scipy import ndimage

    labels, count = ndimage.label(inside)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    return (sizes >= max(1.0, 0.04 * sizes.max()))[labels]


def matte(picture: np.ndarray, inside: np.ndarray) -> CutOut:
    """The antialiased matte at full size from the silhouette (0..1) of a reduced copy."""
    height, width = picture.shape[:2]
    flat = Image.fromarray((inside * 255 + 0.5).astype(np.uint8))
    rough = np.asarray(flat.resize((width, height), Image.Resampling.BILINEAR), np.float32) / 255
    band = max(2, round(max(height, width) / 220))
    core = ~within(rough < 0.99, band)
    outer = ~within(rough > 0.01, band)
    seen = picture.astype(np.float32)
    front, back = spread(seen, core), spread(seen, outer)
    span = front - back
    power = (span**2).sum(-1)
    measured = ((seen - back) * span).sum(-1) / np.maximum(power, 1)
    trust = power / (power + 30.0**2)
    geometric = (rough - 0.5) * 1.5 + 0.5
    alpha = trust * measured.clip(0, 1) + (1 - trust) * geometric.clip(0, 1)
    alpha = ((alpha - 0.04) / 0.92).clip(0, 1)
    alpha[core] = 1
    alpha[outer] = 0
    solid = alpha > 0.97
    bled = spread(seen, solid)
    share = alpha[..., None]
    clean = ((seen - back * (1 - share)) / np.maximum(share, 0.3)).clip(0, 255)
    mix = ((share - 0.4) / 0.5).clip(0, 1)
    result = np.where(solid[..., None], seen, mix * clean + (1 - mix) * bled)
    return CutOut((result + 0.5).astype(np.uint8), alpha.astype(np.float32))
