"""Holes, gaps and pale zones of a cut-out: which are background, which are garment."""

from __future__ import annotations

import numpy as np

from .background import shadow_like, within


def pale_zone(
    distance: np.ndarray, plain: np.ndarray, noise: float, unit: float, reach: int
) -> np.ndarray:
    """Where the garment itself has colours that are close to the background's, and around.

    Near what is plainly background, compression makes such colours; those do not count.
    """
    from scipy import ndimage

    close = (distance > 1.5 + noise) & (distance < 10 + noise)
    close &= ~within(plain, reach)
    density = ndimage.uniform_filter(close.astype(np.float32), round(12 * unit))
    many = close.sum() > 0.01 * (~plain).sum()
    return within((density > 0.06) & many, round(30 * unit))


def small_pieces(region: np.ndarray, most: float) -> np.ndarray:
    from scipy import ndimage

    labels, count = ndimage.label(region)
    keep = np.bincount(labels.ravel(), minlength=count + 1) <= most
    keep[0] = False
    return keep[labels]


def all_holes(
    distance: np.ndarray, noise: float, unit: float, background: np.ndarray, reach: int
) -> np.ndarray:
    """Whatever looks like the background, where nothing of the garment does.

    Up to `reach` pixels from strong edges compression leaves ripples: more is allowed there.
    """
    from scipy import ndimage

    ripple = 0.08 * ndimage.maximum_filter(distance, 2 * reach + 1)
    labels, count = ndimage.label((distance < 3 + noise + ripple.clip(0, 6)) | background)
    flat = labels.ravel()
    sizes = np.maximum(np.bincount(flat, minlength=count + 1), 1)
    keep = np.bincount(flat, distance.ravel(), minlength=count + 1) < (1.2 + noise) * sizes
    keep &= sizes > 3 * unit**2
    keep[np.unique(labels[background])] = False
    if keep.sum() > 6:  # so many are letters or a pattern
        keep &= sizes > 0.02 * (~background).sum()
    keep &= plausible_holes(labels, count, background, strict=False)
    # Around a piece of a print there are its other, paler colours.
    held = np.where(keep[labels], labels, 0)
    near, far = (ndimage.maximum_filter(held, 2 * round(k * unit) + 1) for k in (0.8, 2.0))
    ring = np.where((near > 0) | background, 0, far).ravel()
    clear = np.bincount(ring, (distance > 20 + noise).ravel(), minlength=count + 1)
    keep &= clear > 0.85 * np.bincount(ring, minlength=count + 1)
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
    # Where so much of the garment looks like the background, its colour says nothing.
    return keep[labels] if sizes[keep].sum() < 0.12 * (~background).sum() else labels < 0


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
        size = max(tall, wide)
        # A gap's narrow end, where its wide part was reached already, may lie higher.
        end = bridge <= 2
        strap = bridge < 0.015 * size and min(height, width) > 0.04 * size
        beside_sleeve = low > (0.2 if end else 0.4) and aside > 0.12 and height > 1.3 * width
        between_legs = aside < 0.15 and (
            (end and low > 0.25 and height > 1.5 * width)
            or (low > 0.5 and place[0].stop > rows[0] + 0.85 * tall)
        )
        keep[number] = strap or beside_sleeve or between_legs
        if not strict:
            keep[number] |= aside > 0.2 or low < 0.2 or bridge < 0.04 * size
    return keep


def open_gaps(
    lab: np.ndarray, field: np.ndarray, background: np.ndarray, noise: float, unit: float
) -> np.ndarray:
    """Background that was not reached: between arm and body, between legs, in straps.

    A piece counts when it has the background's colour, or that of its shadow, something clearly
    different around it, and a place where a garment lets the background show.
    """
    from scipy import ndimage

    difference = lab - field
    distance = np.sqrt((difference**2).sum(-1))
    alike = ((distance < 0.8 + noise) | shadow_like(lab, field, noise)) & ~background
    labels, count = ndimage.label(alike)
    if not count:
        return alike
    flat = labels.ravel()
    sizes = np.maximum(np.bincount(flat, minlength=count + 1), 1)
    keep = sizes >= 5 * unit**2
    keep[0] = False
    labels = np.where(keep[labels], labels, 0)
    light = np.bincount(flat, difference[..., 0].ravel(), minlength=count + 1) / sizes
    size = 2 * max(1, round(0.8 * unit)) + 1
    around = np.where(alike | background, 0, ndimage.maximum_filter(labels, size))
    share = 1 + light[around] / (field[..., 0] + 16)
    shade = np.array([16, 0, 0], np.float32)
    other = ((lab + shade - share[..., None] * (field + shade)) ** 2).sum(-1)
    clear = other > (np.where(light < -1 - noise, 15, 4) + 2 * noise)[around] ** 2
    counts = np.bincount(around.ravel(), minlength=count + 1)
    keep &= np.bincount(around.ravel(), clear.ravel(), minlength=count + 1) > 0.8 * counts
    if keep.sum() > 6:  # so many are letters or a pattern
        keep &= sizes > 0.01 * (~background).sum()
    keep &= plausible_holes(labels, count, background, strict=True)
    # More than a few are the stripes of a garment in the background's colour, much of it the
    # garment itself.
    much = sizes[keep].sum() > 0.12 * (~background).sum()
    return np.zeros_like(alike) if much or keep.sum() > 6 else keep[labels]
