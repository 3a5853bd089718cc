"""Holes, gaps and pale zones of a cut-out: which are background, which are garment."""

from __future__ import annotations

import numpy as np

from ..maps.colours import lengths
from ..maps.grids import (
    average,
    boxes,
    closed,
    means_of,
    narrowest,
    pieces,
    selected,
    sizes_of,
    widest,
    within,
)
from .background import Backdrop, up_to_edge

BESIDE = 0.15  # of its rim that a pasted patch has along the background
MANY = 6  # pieces that look like holes: more of them are letters or a pattern


def pale_zone(back: Backdrop, plain: np.ndarray) -> np.ndarray:
    """Where the garment itself has colours that are close to the background's, and around.

    Near what is plainly background, compression makes such colours; those do not count.
    """
    close = (back.distance > 1.5 + back.noise) & (back.distance < 10 + back.noise)
    close &= ~within(plain, back.reach)
    if np.count_nonzero(close) <= 0.01 * np.count_nonzero(~plain):
        return np.zeros_like(plain)
    density = average(close.astype(np.float32), 2 * round(6 * back.unit) + 1)
    return within(density > 0.06, round(30 * back.unit))


def small_pieces(region: np.ndarray, most: float) -> np.ndarray:
    labels, count = pieces(region)
    return selected(labels, sizes_of(labels, count) <= most)


def spikes(region: np.ndarray, radius: int) -> np.ndarray:
    """What sticks out, narrower than two radii and not much longer."""
    return small_pieces(region & closed(~region, radius), (2 * radius + 1) ** 2 - 1)


def flat_patches(back: Backdrop, background: np.ndarray) -> np.ndarray:
    """Pieces a shade darker than the background (bool) beside them and perfectly even: where a shop
    has pasted its cut-out with some of another background."""
    light, distance, noise = back.difference[0], back.distance, back.noise
    none, least = np.zeros_like(background), 0.004 * background.size
    faint = distance < 2.0
    patch = faint & (light < 0.1) & (distance > 0.45 + noise)
    if np.count_nonzero(patch) <= least:
        return none
    radius = max(1, round(back.unit))
    patch &= widest(light, radius) - narrowest(light, radius) < 0.14 + 1.0 * noise
    if np.count_nonzero(patch) <= least:
        return none
    labels, count = pieces(patch)
    large = sizes_of(labels, count) > least
    if not large.any():
        return none
    # Not what compression has flattened of a pale garment, behind its edge.
    beside = np.bincount(labels[within(background, 1)], minlength=count + 1)
    rims = sizes_of(np.where(narrowest(labels > 0, 1), 0, labels), count)
    large &= beside > BESIDE * rims
    return within(selected(labels, large), radius) & faint


def all_holes(back: Backdrop, background: np.ndarray) -> np.ndarray:
    """Whatever looks like the background, where nothing of the garment does.

    Near strong edges, where compression leaves ripples, more is allowed.
    """
    distance, noise, unit = back.distance, back.noise, back.unit
    labels, count = pieces((distance < 3 + noise + back.ripple) | background)
    reached = np.zeros(count + 1, bool)
    reached[labels[background]] = True
    sizes = sizes_of(labels, count)
    keep = ~reached & (sizes > 3 * unit**2)
    if keep.any():
        inner = np.where(reached[labels], 0, labels)
        keep &= means_of(distance, inner, count) < 1.2 + noise
    if keep.sum() > MANY:
        keep &= sizes > 0.02 * np.count_nonzero(~background)
    keep &= plausible_holes(labels, keep, background, strict=False)
    if keep.any():  # around a piece of a print there are its other, paler colours
        held = np.where(selected(labels, keep), labels, 0)
        near, far = (widest(held, round(k * unit)) for k in (0.8, 2.0))
        ring = np.where((near > 0) | background, 0, far).ravel()
        clear = np.bincount(ring, (distance > 20 + noise).ravel(), minlength=count + 1)
        keep &= clear > 0.85 * np.bincount(ring, minlength=count + 1)
    keep |= reached
    keep[0] = False
    return keep[labels]


def strap_holes(back: Backdrop, background: np.ndarray) -> np.ndarray:
    """Narrow holes between the front and the back of straps, whose rim takes on the straps' colour
    in compression: upright, in the upper part, with background a little to the left and right."""
    labels, count = pieces((back.distance < 3 + back.noise + back.ripple) & ~background)
    keep = sizes_of(labels, count) > 3 * back.unit**2
    if keep.any():
        keep &= means_of(back.distance, labels, count) < 4 + back.noise
    if not keep.any():
        return np.zeros_like(background)
    rows, columns = extent(background)
    around = widest(np.where(selected(labels, keep), labels, 0), round(2 * back.unit))
    ring = np.where((labels > 0) | background, 0, around)
    keep &= means_of((back.distance > 20 + back.noise).astype(np.float32), ring, count) > 0.85
    for number, place in boxes(np.where(selected(labels, keep), labels, 0)):
        top, bottom, left, right = place[0].start, place[0].stop, place[1].start, place[1].stop
        reach = round(0.07 * max(len(rows), len(columns)))
        upper = (top + bottom) / 2 < rows[0] + 0.35 * len(rows)
        sides = background[top:bottom, max(0, left - reach) : left].any(1)
        sides = sides & background[top:bottom, right : right + reach].any(1)
        keep[number] = upper and bottom - top > 2 * (right - left) and sides.mean() > 0.6
    return selected(labels, keep)


def true_holes(labels: np.ndarray, back: Backdrop, background: np.ndarray) -> np.ndarray:
    """Of the labelled pieces inside the garment those that have the background's colour, a clear
    edge, and lie where the background can show: beside sleeves, between legs, in straps."""
    count = int(labels.max())
    if not count:
        return labels > 0
    noise, sizes = back.noise, sizes_of(labels, count)
    means = [means_of(back.difference[k], labels, count) for k in range(3)]
    keep = lengths(np.stack(means)) < 0.35 + 0.25 * noise
    keep &= means_of(back.distance**2, labels, count) < (0.5 + 0.7 * noise) ** 2
    ring = np.where(labels > 0, 0, widest(labels, 2))
    keep &= means_of(widest(back.distance.clip(0, 8), back.reach), ring, count) > 4 + noise
    keep[0] = False
    keep &= plausible_holes(labels, keep, background, strict=True)
    # Where so much of the garment looks like the background, its colour says nothing.
    much = sizes[keep].sum() >= 0.12 * (~background).sum()
    return labels < 0 if much else selected(labels, keep)


def extent(background: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows and the columns that are not all background (bool)."""
    return np.nonzero(~background.all(1))[0], np.nonzero(~background.all(0))[0]


def plausible_holes(
    labels: np.ndarray, asked: np.ndarray, background: np.ndarray, strict: bool
) -> np.ndarray:
    """By label number, of those asked for (bool): does the piece lie where a garment lets the
    background show?

    Not strict: anywhere but on the breast and belly, where a print is more likely.
    """
    keep = np.zeros(len(asked), bool)
    if not asked.any() or background.all():
        return keep
    rows, columns = extent(background)
    tall, wide = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    size = max(tall, wide)
    touching, near, close = (within(background, int(d)) for d in (2, 0.015 * size, 0.04 * size))
    for number, place in boxes(np.where(selected(labels, asked), labels, 0)):
        height, width = (part.stop - part.start for part in place)
        low = ((place[0].start + place[0].stop) / 2 - rows[0]) / tall
        aside = abs((place[1].start + place[1].stop) / 2 - columns[0] - wide / 2) / wide
        piece = labels[place] == number
        # A gap's narrow end, where its wide part was reached already, may lie higher.
        end = touching[place][piece].any()
        strap = near[place][piece].any() and min(height, width) > 0.04 * size
        beside_sleeve = low > (0.2 if end else 0.4) and aside > 0.12 and height > 1.3 * width
        between_legs = aside < 0.15 and (
            (end and low > 0.25 and height > 1.5 * width)
            or (low > 0.5 and place[0].stop > rows[0] + 0.85 * tall)
        )
        keep[number] = strap or beside_sleeve or between_legs
        if not strict:
            keep[number] |= aside > 0.2 or low < 0.2 or close[place][piece].any()
    return keep


def open_gaps(back: Backdrop, background: np.ndarray) -> np.ndarray:
    """Background that was not reached: between arm and body, between legs, in straps, and the hard
    part of shadows.

    A piece counts when it has the background's colour, or that of its shadow, something clearly
    different around it, and a place where a garment lets the background show.
    """
    noise, unit = back.noise, back.unit
    alike = ((back.distance < 0.8 + noise) | back.shaded) & ~background
    labels, count = pieces(alike)
    sizes = sizes_of(labels, count)
    keep = sizes >= 5 * unit**2
    rim = alike & within(~alike, 1)
    if keep.any():
        keep &= sizes > sizes_of(np.where(rim, labels, 0), count)
    if not keep.any():
        return np.zeros_like(alike)
    light = means_of(back.difference[0], labels, count)
    cast = beside(labels, count, rim, background) & ~usual(back, background, light)
    keep &= (light > -1 - noise) | cast
    around = widest(np.where(selected(labels, keep), labels, 0), max(1, round(0.8 * unit)))
    ring = np.nonzero((around > 0) & ~alike & ~background)
    piece = around[ring]
    # What lies around is compared with the background in the same light.
    shade = np.array([[16], [0], [0]], np.float32)
    field, lab = (planes[:, ring[0], ring[1]] for planes in (back.field, back.lab))
    share = 1 + light[piece] / (field[0] + 16)
    other = lengths(lab + shade - share * (field + shade))
    clear = other > np.where(light < -1 - noise, 15, 4)[piece] + 2 * noise
    counts = np.bincount(piece, minlength=count + 1)
    keep &= np.bincount(piece, clear, minlength=count + 1) > 0.8 * counts
    if keep.sum() > MANY:
        keep &= sizes > 0.01 * (~background).sum()
    keep &= plausible_holes(labels, keep, background, strict=True)
    # More than a few are the stripes of a garment in the background's colour, much of it the
    # garment itself.
    much = sizes[keep].sum() > 0.12 * (~background).sum()
    return np.zeros_like(alike) if much or keep.sum() > MANY else selected(labels, keep)


def gap_ends(back: Backdrop, background: np.ndarray) -> np.ndarray:
    """The narrow ends of gaps beside sleeves and between legs, where the garment's shadow lies:
    upright pieces of the background's hue between clear edges, on top of what was reached."""
    alike = ((back.distance < 3 + back.noise) | back.shaded) & ~background
    # A thin line of shadow along the outline joins pieces that have nothing to do with each other.
    labels, count = pieces(narrowest(alike, 1))
    labels = np.where(alike, widest(labels, 1), 0)
    sizes, garment = sizes_of(labels, count), np.count_nonzero(~background)
    keep = (sizes > 3 * back.unit**2) & (sizes < 0.02 * garment)
    if not keep.any():
        return np.zeros_like(alike)
    ring = np.where(alike, 0, widest(labels, 2)).ravel()
    places = np.flatnonzero(ring)
    # Right at the edge a pale garment's colour is mixed with what is behind.
    other = within(back.distance > 20 + back.noise, max(1, round(0.6 * back.unit)))
    numbers = ring[places]
    around = np.bincount(numbers, minlength=count + 1)
    open_to, clear = (
        np.bincount(numbers[part.ravel()[places]], minlength=count + 1)
        for part in (background, other)
    )
    keep &= (clear > 0.8 * (around - open_to)) & (open_to < 0.35 * around)
    keep &= means_of(back.difference[0], labels, count) > -15
    keep &= open_below(labels, keep, background, background, 1.2)
    return selected(labels, keep)


def thin_gaps(back: Backdrop, inside: np.ndarray) -> np.ndarray:
    """The parts of gaps in a pale garment's silhouette (bool) that no ball enters.

    What could be either is divided between background and garment on the steepest line. Where the
    background then reaches between solid parts of the garment that clearly differ is a gap.
    """
    unit, noise, distance = back.unit, back.noise, back.distance.clip(0, 8)
    deep = distance[inside & narrowest(inside, back.reach)]
    level = 0.5 * min(float(deep.mean()), 6.0) + noise if len(deep) else 0.0
    unsure = inside & (narrowest(distance, 1) < level)
    outside = ~inside | up_to_edge(unsure, ~inside, back.slope, 0)
    solid = ~outside & ~closed(outside, round(1.5 * unit))
    gap = outside & inside & closed(solid, round(5 * unit))
    labels, count = pieces(gap)
    ring = np.where(outside, 0, widest(labels, 2))
    middle = np.where(within(~gap, 1), 0, labels)
    own, around = (means_of(distance, part, count) for part in (middle, ring))
    # The ripples of compression cancel out, the colour of a garment does not.
    means = [means_of(back.difference[k], middle, count) for k in range(3)]
    means[0] = np.where(means[0] < 0, 0.7 * means[0], means[0])  # a little shadow lies in gaps
    keep = (lengths(np.stack(means)) < 1 + noise) & (own < 1.7 + noise)
    keep &= (around > 3 * own) & (around > 2 + 2 * noise)
    keep &= (sizes_of(middle, count) > 0) & (sizes_of(labels, count) > 4 * unit**2)
    keep &= open_below(labels, keep, ~inside, outside & ~gap, 0.8)
    # With its way to the open background.
    return inside & outside & within(selected(labels, keep), back.reach)


def open_below(
    labels: np.ndarray, asked: np.ndarray, background: np.ndarray, reached: np.ndarray, least: float
) -> np.ndarray:
    """By label number, of those asked for (bool): does the piece lie beside a sleeve or between
    legs, at least so high for its width, and just above what was reached?"""
    keep = np.zeros(len(asked), bool)
    if not asked.any():
        return keep
    rows, columns = extent(background)
    reached = within(reached, 2)
    for number, place in boxes(np.where(selected(labels, asked), labels, 0)):
        piece = labels[place] == number
        height, width = piece.shape
        low = (place[0].start - rows[0]) / len(rows)
        aside = abs((place[1].start + place[1].stop) / 2 - columns.mean()) / len(columns)
        below = reached[place][-3:][piece[-3:]].any()
        between_legs, beside_sleeve = aside < 0.08, aside > 0.14
        upright = height > least * width and low > 0.15
        keep[number] = below and upright and (between_legs or beside_sleeve)
    return keep


def usual(back: Backdrop, background: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Of greys that much lighter or darker than the background (n,): are they common in the garment
    itself, so that they tell nothing?"""
    deep = ~within(background, round(3 * back.unit))
    grey = -back.difference[0][back.neutral & deep]
    counts = np.bincount(grey.clip(0, 100).astype(np.int32), minlength=101)
    below = np.r_[0, np.cumsum(counts)]
    lowest, highest = ((-light + way).clip(0, 101).astype(int) for way in (-15, 15))
    return below[highest] - below[lowest] > 0.15 * deep.sum()


def beside(labels: np.ndarray, count: int, rim: np.ndarray, background: np.ndarray) -> np.ndarray:
    """By label number: does the piece lie along the background? rim (bool): the pieces' edges."""
    edges = sizes_of(np.where(rim, labels, 0), count)
    touching = sizes_of(np.where(rim & within(background, 1), labels, 0), count)
    return touching > 0.06 * edges
