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
from .contour import fill
from .snap import snap_outline

ANALYSIS_SIDE = 768  # long side of the copy that is looked at, pixels
LEAST_SHARE = 0.004  # of the picture that a garment covers
BORDER_SHARE = 0.45  # of the border that has to look like one smooth background


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
    field, noise = fit_background(lab)
    background = reach_from_border(distance_from(lab, field) < 0.45 + noise, radius)[0]
    frame = filled_frame(~background)
    if frame is not None:
        inside = np.zeros(background.shape, np.float32)
        inside[frame] = find_foreground(picture[frame], block)
        return inside
    field = smooth_field(lab, background)
    difference = lab - field
    distance = distance_from(lab, field)
    background, enclosed = reach_from_border(distance < 0.45 + noise, radius)
    background |= flat_patches(difference, distance, noise, unit)
    reach = max(2, round(min(block, 4 * unit)))
    if is_pale(distance, background, noise, reach):
        background |= true_holes(enclosed, difference, noise, background)
        background |= strip_shadow(lab, field, background, noise, unit)
        alike = distance < 0.8 + noise
        background |= open_gaps(difference, distance, alike, background, noise, unit)
        inside = closed(keep_garment(~background), round(1.7 * unit))
        inside &= ~spikes(inside, reach // 2)
        return fill(snap_outline(inside, distance, noise, reach), *inside.shape)
    background |= all_holes(distance, noise, unit, background)
    background |= strip_shadow(lab, field, background, noise, unit)
    return keep_garment(~background).astype(np.float32)


def is_pale(distance: np.ndarray, background: np.ndarray, noise: float, reach: int) -> bool:
    """Has the garment itself colours that are close to the background's?"""
    deep = ~within(background | (distance < 1.5 + noise), max(2, reach // 3))
    close = deep & (distance < 10 + noise)
    return bool(close.sum() > 0.006 * (~background).sum())


def all_holes(
    distance: np.ndarray, noise: float, unit: float, background: np.ndarray
) -> np.ndarray:
    """Whatever looks like the background, where nothing of the garment does."""
    from scipy import ndimage

    labels, count = ndimage.label((distance < 3 + noise) | background)
    flat = labels.ravel()
    sizes = np.maximum(np.bincount(flat, minlength=count + 1), 1)
    keep = np.bincount(flat, distance.ravel(), minlength=count + 1) < (1.2 + noise) * sizes
    keep &= sizes > 3 * unit**2
    keep &= plausible_holes(labels, count, background, strict=False)
    keep |= np.bincount(labels[background], minlength=count + 1) > 0
    keep[0] = False
    return keep[labels]


def spikes(region: np.ndarray, radius: int) -> np.ndarray:
    """What sticks out, narrower than two radii and not much longer."""
    from scipy import ndimage

    labels, count = ndimage.label(region & closed(~region, radius))
    keep = np.bincount(labels.ravel(), minlength=count + 1) < (2 * radius + 1) ** 2
    keep[0] = False
    return keep[labels]


def flat_patches(
    difference: np.ndarray, distance: np.ndarray, noise: float, unit: float
) -> np.ndarray:
    """Pieces a shade darker than the background and perfectly even: where a shop has pasted its
    cut-out with some of another background."""
    from scipy import ndimage

    light = difference[..., 0]
    patch = (distance < 2.0) & (light < 0.1) & (distance > 0.45 + noise)
    size = 2 * max(1, round(unit)) + 1
    level = ndimage.uniform_filter(light, size)
    change = ndimage.uniform_filter(light**2, size) - level**2
    even = patch & (change < (0.04 + 0.3 * noise) ** 2)
    labels, count = ndimage.label(even)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    return within((sizes > 0.004 * even.size)[labels], size // 2) & (distance < 2.0)


def closed(region: np.ndarray, radius: int) -> np.ndarray:
    """Without the notches and holes that are narrower than two radii."""
    return ~within(~within(region, radius), radius)


def filled_frame(inside: np.ndarray) -> tuple[slice, slice] | None:
    """The rectangle that is all "garment": a picture within a frame of another plain colour."""
    rows, columns = np.nonzero(inside.any(1))[0], np.nonzero(inside.any(0))[0]
    if len(rows) < 16 or len(columns) < 16:
        return None
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    if inside[box].mean() < 0.985 or inside.mean() > 0.985:
        return None
    return slice(rows[0] + 2, rows[-1] - 1), slice(columns[0] + 2, columns[-1] - 1)


def smooth_field(lab: np.ndarray, background: np.ndarray) -> np.ndarray:
    """The background's colours carried on behind the garment, at a quarter of the size."""
    height, width = background.shape
    known = background.astype(np.float32)[..., None]
    colours, weights = lab * known, known
    for _ in range(2):
        colours, weights = halved(colours), halved(weights)
    small = spread(colours / np.maximum(weights, 1e-6), weights[..., 0] > 0.5)
    return doubled(doubled(small, (height, width)), (height, width))


def distance_from(lab: np.ndarray, field: np.ndarray) -> np.ndarray:
    return np.sqrt(((lab - field) ** 2).sum(-1))


def fit_background(lab: np.ndarray) -> tuple[np.ndarray, float]:
    """A quadratic colour surface through the border: ((height, width, 3) Lab, its noise).

    Every corner and the middle of the border is tried as a start, so that a garment may touch
    some of the border. The noise is the distance that 9 of 10 background pixels keep, times 1.5.
    Raises NoGarmentFound when no surface explains enough of the border.
    """
    height, width = lab.shape[:2]
    rim = max(2, round(0.012 * max(height, width)))
    border = np.zeros((height, width), bool)
    border[:rim] = border[-rim:] = border[:, :rim] = border[:, -rim:] = True
    rows, columns = np.nonzero(border)
    some = slice(None, None, max(1, len(rows) // 3000))
    rows, columns = rows[some], columns[some]
    colours = lab[rows, columns].astype(np.float64)
    terms = surface_terms(rows / height, columns / width)
    corner = 4 * rim
    starts = [np.median(colours, axis=0)] + [
        np.median(lab[ys, xs].reshape(-1, 3), axis=0)
        for ys in (slice(0, corner), slice(-corner, None))
        for xs in (slice(0, corner), slice(-corner, None))
    ]
    best, most = None, 0.0
    for start in starts:
        for reach in (4.0, 14.0):
            coefficients, score = fit_surface(terms, colours, start, reach)
            if score > most * 1.02:
                best, most = coefficients, score
    residual = np.sqrt(((colours - terms @ best) ** 2).sum(-1)) if best is not None else colours
    if best is None or (residual < 6).mean() < BORDER_SHARE:
        raise NoGarmentFound(
            "A garment on a plain background was wanted, but the edge of this picture shows no "
            "plain background. Use a product photo (laid flat or on a ghost mannequin), or give a "
            "mask of the garment."
        )
    noise = min(1.5 * float(np.percentile(residual[residual < 5], 90)), 5.0)
    ys, xs = np.mgrid[0:height, 0:width]
    field = surface_terms(ys.ravel() / height, xs.ravel() / width) @ best
    return field.reshape(height, width, 3).astype(np.float32), noise


def surface_terms(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    y, x = 2 * y - 1, 2 * x - 1
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)


def fit_surface(
    terms: np.ndarray, colours: np.ndarray, start: np.ndarray, reach: float
) -> tuple[np.ndarray, float]:
    """Least squares on what lies near, from a flat start to the full surface, and its score.

    The score counts the pixels on the surface, those nearer to it more.
    """
    coefficients = np.zeros((6, 3))
    coefficients[0] = start
    for count, share in ((1, 1.0), (3, 1.0), (3, 0.7), (6, 0.7), (6, 0.5), (6, 0.4)):
        near = ((colours - terms @ coefficients) ** 2).sum(-1) < max(reach * share, 2.5) ** 2
        if near.sum() < 24:
            return coefficients, 0.0
        used = terms[near][:, :count]
        solved = np.linalg.solve(used.T @ used + 1e-6 * np.eye(count), used.T @ colours[near])
        coefficients = np.zeros((6, 3))
        coefficients[:count] = solved
    squared = ((colours - terms @ coefficients) ** 2).sum(-1)
    return coefficients, float(np.maximum(0, 1 - squared / 4).sum())


def steepness(lab: np.ndarray) -> np.ndarray:
    """Colour change per pixel."""
    down, across = np.gradient(lab, axis=(0, 1))
    return np.sqrt((down**2 + across**2).sum(-1))


def strip_shadow(
    lab: np.ndarray, field: np.ndarray, background: np.ndarray, noise: float, unit: float
) -> np.ndarray:
    """The soft shadow around a garment: it fades out, where a garment's edge does not.

    Grown from the background through pixels that are darker, of the same hue and no steeper than
    a fading shadow; then the line between it and the garment is put on the steepest place.
    """
    from scipy import ndimage

    difference = lab - field
    light = difference[..., 0]
    tint = np.sqrt(difference[..., 1] ** 2 + difference[..., 2] ** 2)
    slope = steepness(lab) * unit / 3
    steepest = ndimage.maximum_filter(slope, 3)
    likely = (light < 0.3 + noise) & (light > -45) & (tint < 1.0 + noise + 0.08 * -light)
    fading = likely & (steepest < 0.5 + noise + 0.8 * np.abs(light))
    depth = ndimage.distance_transform_cdt(~background, "chessboard")
    near = depth <= round(14 * unit)
    grown = reach_from_border((fading & near) | background, max(1, round(0.7 * unit)))[0]
    zone = open_towards_background(grown & ~background, light, depth, unit)
    if not zone.any():
        return zone
    rim = within(zone, round(1.5 * unit)) & ~background & near
    markers = np.zeros(background.shape, np.int16)
    markers[background] = 1
    markers[~background & ~rim] = 2
    cost = np.clip(slope * 12, 0, 255).astype(np.uint8)
    return (ndimage.watershed_ift(cost, markers) == 1) & ~background


def open_towards_background(
    zone: np.ndarray, light: np.ndarray, depth: np.ndarray, unit: float
) -> np.ndarray:
    """The pieces of a zone that lie open to the background, not behind an edge with a gap in it.

    Behind an edge there are many pixels some way in and few that touch the background.
    """
    from scipy import ndimage

    labels, count = ndimage.label(zone)
    if not count:
        return zone
    touching = np.bincount(labels[depth == 1], minlength=count + 1)
    further = np.bincount(labels[depth == 1 + max(2, round(1.3 * unit))], minlength=count + 1)
    keep = touching > 0.75 * further
    # A shadow is darker than the background, not only of about its colour.
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    keep &= np.bincount(labels.ravel(), light.ravel(), minlength=count + 1) < -1.0 * sizes
    keep[0] = False
    return keep[labels]


def within(region: np.ndarray, radius: int) -> np.ndarray:
    """The region and everything up to that many pixels from it."""
    from scipy import ndimage

    if not region.any():
        return region
    return ndimage.distance_transform_cdt(~region, "chessboard") <= radius


def reach_from_border(passable: np.ndarray, radius: int) -> tuple[np.ndarray, np.ndarray]:
    """What a square of that radius reaches from outside, and what else it fits into, labelled.

    It does not slip through small gaps.
    """
    from scipy import ndimage

    pad = 2 * radius + 1
    free = np.pad(passable, pad, constant_values=True)
    labels, _ = ndimage.label(~within(~free, radius))
    outside = within(labels == labels[0, 0], radius)
    others = np.where(labels == labels[0, 0], 0, labels)
    enclosed = ndimage.maximum_filter(others, 2 * radius + 1) * ~outside
    inner = slice(pad, -pad)
    return outside[inner, inner], enclosed[inner, inner]


def true_holes(
    labels: np.ndarray, difference: np.ndarray, noise: float, background: np.ndarray
) -> np.ndarray:
    """Of the labelled pieces inside the garment those that have the background's colour and lie
    where the background can show: beside sleeves, between legs, in straps."""

    count = int(labels.max())
    flat = labels.ravel()
    sizes = np.maximum(np.bincount(flat, minlength=count + 1), 1)
    squared = sum(
        (np.bincount(flat, difference[..., c].ravel(), minlength=count + 1) / sizes) ** 2
        for c in range(3)
    )
    spread_out = np.bincount(flat, (difference**2).sum(-1).ravel(), minlength=count + 1) / sizes
    keep = (squared < (0.35 + 0.25 * noise) ** 2) & (spread_out < (0.5 + 0.7 * noise) ** 2)
    keep[0] = False
    keep &= plausible_holes(labels, count, background, strict=True)
    return keep[labels]


def plausible_holes(
    labels: np.ndarray, count: int, background: np.ndarray, strict: bool
) -> np.ndarray:
    """By label number: does the piece lie where a garment lets the background show?

    Not strict: anywhere but on the breast and belly, where a print is more likely.
    """
    from scipy import ndimage

    keep = np.zeros(count + 1, bool)
    rows, columns = np.nonzero(~background.all(1))[0], np.nonzero(~background.all(0))[0]
    if not len(rows):
        return keep
    tall, wide = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    away = ndimage.distance_transform_cdt(~background, "chessboard")
    for number, place in enumerate(ndimage.find_objects(labels), start=1):
        if place is None:
            continue
        height, width = (part.stop - part.start for part in place)
        low = ((place[0].start + place[0].stop) / 2 - rows[0]) / tall
        aside = abs((place[1].start + place[1].stop) / 2 - columns[0] - wide / 2) / wide
        piece = labels[place] == number
        bridge = away[place][piece].min()
        strap = bridge < 0.015 * max(tall, wide) and piece.sum() > 0.005 * tall * wide
        beside_sleeve = low > 0.4 and aside > 0.12 and height > 1.3 * width
        between_legs = low > 0.5 and aside < 0.15 and place[0].stop > rows[0] + 0.85 * tall
        keep[number] = strap or beside_sleeve or between_legs
        if not strict:
            keep[number] |= aside > 0.2 or low < 0.2 or bridge < 0.04 * max(tall, wide)
    return keep


def spread(colours: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Carries float (height, width, channels) colours on from where they are known, smoothly.

    A pyramid of averages of the known pixels, filled in from coarse to fine.
    """
    known = known.astype(np.float32)[..., None]
    levels = [(colours * known, known)]
    while not levels[-1][1].all() and min(levels[-1][1].shape[:2]) > 1:
        value, weight = (halved(part) for part in levels[-1])
        weight = np.maximum(weight, 1e-6)
        levels.append((value / weight, (weight > 1e-3).astype(np.float32)))
    filled = levels[-1][0]
    for value, weight in reversed(levels[:-1]):
        filled = value + doubled(filled, value.shape[:2]) * (1 - weight)
    return filled


def halved(values: np.ndarray) -> np.ndarray:
    """Averages of 2x2 pixels, (height, width, channels)."""
    height, width = values.shape[:2]
    if height % 2 or width % 2:
        values = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return 0.25 * (values[::2, ::2] + values[1::2, ::2] + values[::2, 1::2] + values[1::2, 1::2])


def doubled(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Enlarged to size (height, width), linearly."""
    for axis in (0, 1):
        count = values.shape[axis]
        before = np.take(values, np.r_[0, 0 : count - 1], axis=axis)
        after = np.take(values, np.r_[1:count, count - 1], axis=axis)
        pair = np.stack([0.75 * values + 0.25 * before, 0.75 * values + 0.25 * after], axis + 1)
        shape = list(values.shape)
        shape[axis] = 2 * count
        values = pair.reshape(shape)
    return values[: size[0], : size[1]]


def open_gaps(
    difference: np.ndarray,
    distance: np.ndarray,
    alike: np.ndarray,
    background: np.ndarray,
    noise: float,
    unit: float,
) -> np.ndarray:
    """Background that was not reached: between arm and body, between legs, in straps.

    A piece counts when it has the background's colour and something clearly different around it.
    """
    from scipy import ndimage

    alike = alike & ~background
    labels, count = ndimage.label(alike)
    if not count:
        return alike
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    keep = sizes >= 5 * unit**2
    keep[0] = False
    labels = np.where(keep[labels], labels, 0)
    squared = sum(
        (np.bincount(labels.ravel(), difference[..., c].ravel(), minlength=count + 1) / sizes) ** 2
        for c in range(3)
    )
    keep &= squared < (0.4 + 0.5 * noise) ** 2
    size = 2 * max(1, round(0.8 * unit)) + 1
    around = np.where(alike | background, 0, ndimage.maximum_filter(labels, size))
    clear = np.bincount(around.ravel(), (distance > 4 + 2 * noise).ravel(), minlength=count + 1)
    keep &= clear > 0.8 * np.bincount(around.ravel(), minlength=count + 1)
    keep &= plausible_holes(labels, count, background, strict=True)
    # More than a few are the stripes of a garment in the background's colour.
    return keep[labels] if keep.sum() <= 4 else np.zeros_like(alike)


def keep_garment(inside: np.ndarray) -> np.ndarray:
    """The largest piece and those that are not small beside it; without hanger wires and dust."""
    from scipy import ndimage

    labels, count = ndimage.label(inside)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    largest = int(sizes.max())
    if largest < LEAST_SHARE * inside.size:
        raise NoGarmentFound(
            "A garment on a plain background was wanted, but nothing stands out from the "
            "background of this picture. Use a photo in which the garment is larger or differs "
            "from the background, or give a mask of the garment."
        )
    return (sizes >= 0.04 * largest)[labels]


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
