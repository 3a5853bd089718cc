"""The background of a product photo: its colour field, its shadows, its reach from the border."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain

import numpy as np

from ..errors import NoGarmentFound
from ..maps.colours import lengths
from ..maps.grids import narrowest, pieces, selected, widest, within
from ..maps.spreading import enlarged, halved, spread

BORDER_SHARE = 0.45  # of the border that has to look like one smooth background


@dataclass(frozen=True)
class Backdrop:
    """A reduced photo and the background that would be seen without the garment.

    lab, field: float32 (3, height, width), the photo and its background. noise: how far the
    background strays from its field, Lab units. unit: pixels to 1/256 of the long side. reach: how
    far compression spreads an edge, pixels.
    """

    lab: np.ndarray
    field: np.ndarray
    noise: float
    unit: float
    reach: int

    def part(self, box: tuple[slice, slice]) -> Backdrop:
        """Its rows and columns in a box."""
        rows, columns = box
        return replace(self, lab=self.lab[:, rows, columns], field=self.field[:, rows, columns])

    @cached_property
    def difference(self) -> np.ndarray:
        return self.lab - self.field

    @cached_property
    def distance(self) -> np.ndarray:
        return lengths(self.difference)

    @cached_property
    def ripple(self) -> np.ndarray:
        """What compression may add to the distance up to `reach` pixels from strong edges."""
        return (0.08 * widest(self.distance, self.reach)).clip(0, 6)

    @cached_property
    def slope(self) -> np.ndarray:
        """Colour change per 1/768 of the long side."""
        return steepness(self.lab) * self.unit / 3

    @cached_property
    def neutral(self) -> np.ndarray:
        """Of the background's hue, in less or more light: that scales L* + 16, a* and b* alike."""
        lab, field = self.lab, self.field
        share = (lab[0] + 16) / (field[0] + 16)
        first, second = (lab[k] - share * field[k] for k in (1, 2))
        most = 1.0 + self.noise + 0.08 * np.abs(self.difference[0])
        return first * first + second * second < most * most

    @cached_property
    def shaded(self) -> np.ndarray:
        """Darker than the background and of its hue, as its shadows are."""
        light = self.difference[0]
        return self.neutral & (light < 0.3 + self.noise) & (light > -45)


def carry_field(lab: np.ndarray) -> tuple[np.ndarray, float]:
    """The background's colour at every pixel of float32 (3, height, width), carried on behind the
    garment, and its noise.

    Found on a half-size copy: what fits the border's colours gives a better field, which fits
    more. Not further: it would creep into a garment of nearly the background's colour.
    """
    small = np.stack([halved(plane) for plane in lab])
    field = fit_background(small)
    noise = border_noise(small, field)
    radius = max(1, round(max(small.shape[1:]) / 256))
    background = reach_from_border(lengths(small - field) < 0.45 + noise, radius)
    coarse, factor = smooth_field(small, background)
    distance = lengths(small - carried(coarse, factor, background.shape))
    background = reach_from_border(distance < 0.45 + noise, radius)
    coarse, factor = smooth_field(small, background)
    field = carried(coarse, 2 * factor, lab.shape[1:])
    return field, border_noise(lab, field)


def carried(coarse: np.ndarray, factor: int, size: tuple[int, ...]) -> np.ndarray:
    """A coarse field (h, w, 3) so many times larger, (3, height, width)."""
    field = np.empty((3, *size), np.float32)
    for k, plane in enumerate(field):
        plane[...] = enlarged(np.ascontiguousarray(coarse[..., k]), factor, size)
    return field


def border_noise(lab: np.ndarray, field: np.ndarray) -> float:
    """What 9 of 10 background pixels at the border keep within, times 1.5."""
    border = lengths(border_of(lab) - border_of(field))
    near = border[border < 6]
    return min(1.5 * float(np.percentile(near, 90)), 5.0) if len(near) else 5.0


def border_of(planes: np.ndarray) -> np.ndarray:
    """The colours (3, n) along the four sides of (3, height, width); those of its corners twice."""
    rim = rim_width(planes.shape[1:])
    sides = planes[:, :rim], planes[:, -rim:], planes[..., :rim], planes[..., -rim:]
    return np.concatenate([side.reshape(3, -1) for side in sides], 1)


def rim_width(size: tuple[int, ...]) -> int:
    return max(2, round(0.012 * max(size)))


def smooth_field(lab: np.ndarray, background: np.ndarray) -> tuple[np.ndarray, int]:
    """The background's colours carried on behind the garment, too coarse to follow its shadow:
    float32 (h, w, 3), and how many times smaller than (3, height, width)."""
    import cv2
    from scipy import ndimage

    weights = background.astype(np.float32)
    colours = cv2.merge([plane * weights for plane in lab])
    factor = 1
    while max(weights.shape) > 64:
        colours, weights = halved(colours), halved(weights)
        factor *= 2
    coarse = colours / np.maximum(weights, np.float32(1e-6))[..., None]
    coarse = spread(coarse, weights > 0.4)
    return np.asarray(ndimage.gaussian_filter(coarse, (1.5, 1.5, 0), mode="nearest")), factor


def fit_background(lab: np.ndarray) -> np.ndarray:
    """A quadratic colour surface through the border of Lab (3, height, width), of its size.

    Every corner and the middle of the border is tried as a start, so that a garment may touch
    some of the border. Raises NoGarmentFound when no surface explains enough of the border.
    """
    height, width = lab.shape[1:]
    rim = rim_width(lab.shape[1:])
    border = np.zeros((height, width), bool)
    border[:rim] = border[-rim:] = border[:, :rim] = border[:, -rim:] = True
    rows, columns = np.nonzero(border)
    some = slice(None, None, max(1, len(rows) // 1200))
    rows, columns = rows[some], columns[some]
    colours = lab[:, rows, columns].T.astype(np.float64, order="C")
    terms = surface_terms(rows / height, columns / width)
    corner = 4 * rim
    ends = slice(0, corner), slice(-corner, None)
    corners = (np.median(lab[:, ys, xs].reshape(3, -1), axis=1) for ys in ends for xs in ends)
    starts = chain([np.median(colours, axis=0)], corners)
    best, most = None, 0.0
    for start, reach in ((start, reach) for start in starts for reach in (4.0, 14.0)):
        coefficients, score = fit_surface(terms, colours, start, reach)
        if score > most * 1.02:
            best, most = coefficients, score
        if most > 0.9 * len(colours):
            break
    residual = np.sqrt(((colours - terms @ best) ** 2).sum(-1)) if best is not None else colours
    if best is None or (residual < 6).mean() < BORDER_SHARE:
        raise NoGarmentFound(
            "A garment on a plain background was wanted, but the edge of this picture shows no "
            "plain background. Use a product photo (laid flat or on a ghost mannequin), or give a "
            "mask of the garment."
        )
    y, x = 2 * np.arange(height)[:, None] / height - 1, 2 * np.arange(width) / width - 1
    field = np.empty((3, height, width), np.float32)
    for plane, (level, across, down, bent, twist, sag) in zip(field, best.T, strict=True):
        plane[...] = (x * (across + bent * x) + level) + y * (twist * x + (down + sag * y))
    return field


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
    """Colour change per pixel of (3, height, width), (height, width)."""
    squared = np.zeros(lab.shape[1:], np.float32)
    for after, before, inner in (
        (np.s_[2:], np.s_[:-2], np.s_[1:-1]),
        (np.s_[:, 2:], np.s_[:, :-2], np.s_[:, 1:-1]),
    ):
        total = 0
        for plane in lab:  # a map at once: three do not fit into a core's cache
            change = plane[after] - plane[before]
            change *= change
            total = total + change
        squared[inner] += total
    return np.sqrt(squared, out=squared) / 2


def strip_shadow(back: Backdrop, background: np.ndarray) -> np.ndarray:
    """The soft shadow around a garment: it fades out, where a garment's edge does not.

    Grown from the background through pixels that are darker, of the same hue and no steeper than
    a fading shadow; then the line between it and the garment is put on the steepest place.
    """
    unit = back.unit
    steepest = widest(back.slope, 1)
    fading = steepest < 0.5 + back.noise + 0.5 * np.abs(back.difference[0])
    fading &= back.shaded
    grown = reach_from_border(fading | background, max(1, round(0.7 * unit)))
    zone = lies_outside(grown & ~background, background, steepest)
    for reach in (None, round(14 * unit)):
        near = zone if reach is None else zone & within(background, reach)
        shadow = up_to_edge(near, background, back.slope, round(1.5 * unit))
        if np.count_nonzero(shadow) < 0.4 * np.count_nonzero(~background):
            return shadow
    return np.zeros_like(background)  # it ran into the garment


def up_to_edge(
    zone: np.ndarray, background: np.ndarray, slope: np.ndarray, margin: int
) -> np.ndarray:
    """A zone between background and garment, moved to end on the steepest line near its end."""
    if not zone.any():
        return zone
    return before_edge(within(zone, margin) & ~background, background, slope)


def before_edge(unsure: np.ndarray, background: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """What of the unsure pixels (bool) lies on the background's side of the steepest line between
    background (bool) and all others."""
    from scipy import ndimage

    beside = within(unsure, 1)
    columns = np.atleast_1d(beside.any(0))
    columns[[0, -1]] = True  # SciPy takes the last one of a row for what is before the next row
    # Only rows and columns in which there is something to decide, in their order.
    some = np.ix_(beside.any(1), columns)
    markers = np.where(unsure[some], np.int16(0), np.int16(2))
    markers[background[some]] = 1
    cost = np.clip(slope[some] * 12, 0, 255).astype(np.uint8)
    before = np.zeros_like(unsure)
    before[some] = np.asarray(ndimage.watershed_ift(cost, markers)) == 1
    return before & unsure


def lies_outside(zone: np.ndarray, background: np.ndarray, steepest: np.ndarray) -> np.ndarray:
    """The pieces of a zone whose edge towards the garment is clearer than that towards the
    background: shadows. With a piece of the garment it is the other way round."""
    labels, count = pieces(zone)
    if not count:
        return zone
    around = widest(labels, 1)
    edges = []
    for rim in (zone & within(background, 1), (around > 0) & ~(zone | background)):
        places = np.nonzero(rim)
        numbers = around[places]
        sums = np.bincount(numbers, steepest[places], minlength=count + 1)
        edges.append(sums / np.maximum(np.bincount(numbers, minlength=count + 1), 1))
    keep = edges[1] > 1.5 * edges[0] + 0.5
    return selected(labels, keep)


def reach_from_border(passable: np.ndarray, radius: int) -> np.ndarray:
    """What a square of that radius reaches from outside (bool). It does not slip through small
    gaps."""
    labels, _ = pieces(middles(passable, radius))
    return covered(labels == labels[0, 0], radius)


def enclosed_in(passable: np.ndarray, outside: np.ndarray, radius: int) -> np.ndarray:
    """What else it fits into (bool) than what it reaches from outside (bool)."""
    return covered(middles(passable, radius), radius) & ~outside


def enclosed_pieces(passable: np.ndarray, outside: np.ndarray, radius: int) -> np.ndarray:
    """The same, numbered by what it reaches from there."""
    labels, _ = pieces(middles(passable, radius))
    return covered(np.where(labels == labels[0, 0], 0, labels), radius) * ~outside


def middles(passable: np.ndarray, radius: int) -> np.ndarray:
    """Where the middle of a square may be (bool), with a margin that is free."""
    import cv2

    pad = 2 * radius + 1
    free = passable.view(np.uint8)
    free = cv2.copyMakeBorder(free, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=1)
    return narrowest(free.view(bool), radius)


def covered(places: np.ndarray, radius: int) -> np.ndarray:
    """What the squares around middles (bool or numbered) cover, without the margin."""
    inner = slice(2 * radius + 1, -2 * radius - 1)
    return widest(places, radius)[inner, inner]
