"""Cuts a garment out of a product photo on a plain background of any colour.

No network: the background is a smooth colour field fitted to the photo's border; everything that
can be reached from the border without crossing an edge or a colour that the field does not have is
background. A last step at full size gives the antialiased matte and takes the background's colour
out of the edge pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from ..errors import NoGarmentFound
from ..images import resize
from ..maps.grids import average, closed, pieces, selected, sizes_of
from .background import Backdrop, border_noise, carry_field, strip_shadow
from .contour import fill
from .holes import (
    all_holes,
    flat_patches,
    gap_ends,
    open_gaps,
    pale_zone,
    small_pieces,
    spikes,
    strap_holes,
    thin_gaps,
    true_holes,
)
from .reach import enclosed_in, enclosed_pieces, reach_from_border
from .snap import snap_outline

ANALYSIS_SIDE = 640  # long side of the copy that is looked at, pixels
LEAST_SHARE = 0.004  # of the picture that a garment covers


def block_of(picture: np.ndarray) -> float:
    """The size of a JPEG macroblock in the copy of a picture that is looked at, pixels."""
    return 16 * min(1.0, ANALYSIS_SIDE / max(picture.shape[:2]))


def reduced(picture: np.ndarray, side: int, part: tuple[slice, slice] | None = None) -> np.ndarray:
    """The picture with its long side at most `side` pixels, averaged. part: only these of its rows
    and columns."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return picture if part is None else picture[part]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Whole blocks first, down to twice the size: as exact as needed, and far cheaper.
    across, down = max(1, int(width / size[0] / 2)), max(1, int(height / size[1] / 2))
    rows, columns = part or (slice(0, size[1]), slice(0, size[0]))
    left, right, x = needed(columns, size[0], width / across, across)
    top, bottom, y = needed(rows, size[1], height / down, down)
    blocks = picture[y, x]
    if across > 1 or down > 1:
        blocks = np.asarray(Image.fromarray(blocks).reduce((across, down)))
    wanted = min(columns.stop, size[0]) - columns.start, min(rows.stop, size[1]) - rows.start
    return resize(blocks, *wanted, "box", (left, top, right, bottom))


def needed(part: slice, size: int, blocks: float, block: int) -> tuple[float, float, slice]:
    """Along one side of a picture that is so many blocks long, each of so many pixels, and becomes
    `size` pixels long: where a part of that begins and ends, in blocks of the pixels that are
    needed for it, and these pixels."""
    first, last = part.start * blocks / size, min(part.stop, size) * blocks / size
    start = max(0, int(first) - 1)
    return first - start, last - start, slice(start * block, (int(last) + 2) * block)


def find_foreground(
    lab: np.ndarray, block: float, field: np.ndarray, noise: float
) -> np.ndarray:  # fmt: skip
    """Share (height, width), 0..1, of what is not the plain background. Raises NoGarmentFound.

    lab: float32 (3, height, width), Lab colours of the reduced photo; block: the size of a JPEG
    macroblock in it, pixels; field, noise: of `carry_field`.
    """
    unit = max(1.0, max(lab.shape[1:]) / 256)  # 3 pixels of a 768 pixel picture
    radius = max(1, round(unit))
    smooth = lab
    if noise > 1.2:
        smooth = np.stack([average(plane, 3) for plane in lab])
        noise = border_noise(smooth, field)
    back = Backdrop(smooth, field, noise, unit, max(2, round(min(block, 4 * unit))))
    inside = np.zeros(lab.shape[1:], np.float32)
    frame = filled_frame(back.distance > 0.45 + noise)
    if frame is not None:
        rows, columns = frame
        framed = lab[:, rows, columns]
        inside[frame] = find_foreground(framed, block, *carry_field(framed))
        return inside
    passable = back.distance < 0.45 + noise
    outside = reach_from_border(passable, radius)
    background = outside | flat_patches(back, outside)
    box = surroundings(~background, round(6 * unit) + 2 * back.reach)
    enclosed = enclosed_in(passable, outside, radius)[box]

    def numbered() -> np.ndarray:
        return enclosed_pieces(passable, outside, radius)[box]

    inside[box] = garment_share(back.part(box), background[box], enclosed, numbered)
    if inside.mean() < LEAST_SHARE:
        raise NoGarmentFound(
            "A garment on a plain background was wanted, but nothing stands out from the "
            "background of this picture. Use a photo in which the garment is larger or differs "
            "from the background, or give a mask of the garment."
        )
    return inside


def surroundings(region: np.ndarray, margin: int) -> tuple[slice, slice]:
    """Rows and columns of the larger pieces of a region (bool) and so many pixels around them."""
    region = main_pieces(region, 0.01)
    rows, columns = np.nonzero(region.any(1))[0], np.nonzero(region.any(0))[0]
    if not len(rows):
        return slice(0, 1), slice(0, 1)
    top, left = max(0, rows[0] - margin), max(0, columns[0] - margin)
    return slice(top, rows[-1] + 1 + margin), slice(left, columns[-1] + 1 + margin)


def garment_share(
    back: Backdrop,
    background: np.ndarray,
    enclosed: np.ndarray,
    numbered: Callable[[], np.ndarray],
) -> np.ndarray:
    """Of each pixel, 0..1. background: what can be reached from the border (bool); enclosed: the
    other pieces that look like it (bool); numbered: tells them apart."""
    shadow = strip_shadow(back, background)
    shadow |= gap_ends(back, background | shadow)
    shadow |= strap_holes(back, background | shadow)
    plain = background | shadow
    zone = pale_zone(back, plain | enclosed)
    pale = pale_garment(back, background, shadow, numbered()) if zone.any() else zone
    if (zone | plain).all():
        return np.where(zone, pale, 0)
    plain |= all_holes(back, plain)
    plain |= open_gaps(back, plain)
    return np.where(zone, pale, main_pieces(~plain))


def pale_garment(
    back: Backdrop, background: np.ndarray, shadow: np.ndarray, enclosed: np.ndarray
) -> np.ndarray:
    """The share of a garment whose colours are close to the background's: what no ball reaches,
    its ragged outline put on the edge that it should follow. enclosed: numbered pieces."""
    plain = background | shadow
    plain |= true_holes(enclosed, back, plain)
    plain |= open_gaps(back, plain)
    if plain.mean() - background.mean() > 0.4 * (1 - background.mean()):
        plain = background  # most of the garment went the way of its shadow
    careful = main_pieces(~plain)
    notch = closed(careful, round(1.7 * back.unit)) & plain
    careful |= small_pieces(notch, (1.2 * back.reach) ** 2)
    careful &= ~spikes(careful, back.reach // 2)
    careful = main_pieces(careful & ~thin_gaps(back, careful))
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


def main_pieces(inside: np.ndarray, least: float = 0.04) -> np.ndarray:
    """The largest piece and those that are not small beside it; without hanger wires and dust."""
    labels, count = pieces(inside)
    sizes = sizes_of(labels, count)
    return selected(labels, sizes >= max(1.0, least * sizes.max()))
