"""A lively background continued behind the person: pieces of it, chosen so that they fit.

Every place of a hole is filled with what lies around the source place whose surroundings are most
like its own (Wexler, Shechtman and Irani 2007), from coarse to fine: the coarse size compares all
places, the finer one what its neighbours and the coarse one found (as PatchMatch does).
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from .averaging import parts
from .edges import blur, resized_map
from .grids import each, narrowest, taken, widest
from .spreading import spread

SIDES = (45, 90)  # pixels of the longer side, from coarse to fine
ROUNDS = (4, 1)  # of choosing and joining pieces, at each
RADIUS = 2  # of a piece
REACH = np.arange(-RADIUS, RADIUS + 1)
LEAST_SOURCES = 100  # pieces of background that must be there to choose from
NEARNESS = 1.0  # a piece as far away as the longer side costs this, in squares of brightness
MOST_EVENED = 0.1  # of the brightness


class Level:
    """One size. colours (h, w, 3); source (h, w) bool: whole pieces of background around here;
    wanted (h, w) bool: to be filled; targets (N, 2): rows and columns of pieces that reach into
    that; weights (N, pixels of a piece): how much each pixel counts in comparing, they add up to 1;
    by how sure its colour is."""

    def __init__(
        self, picture: np.ndarray, known: np.ndarray, wanted: np.ndarray, side: int
    ) -> None:
        scale = side / max(known.shape)
        size = max(8, round(known.shape[0] * scale)), max(8, round(known.shape[1] * scale))
        known = known.astype(np.float32)
        share = resized_map(known, *size)
        sums = resized_map(picture * each(known), *size)
        sure = share > 0.4
        self.size = size
        self.wanted = (resized_map(wanted.astype(np.float32), *size) > 0.02) & ~sure
        self.padded = np.zeros((size[0] + 2 * RADIUS, size[1] + 2 * RADIUS, 3), np.float32)
        self.colours = self.padded[RADIUS:-RADIUS, RADIUS:-RADIUS]
        self.colours[:] = spread(sums / each(np.maximum(share, 1e-3)), sure)
        self.source = widest((share < 0.9).astype(np.float32), RADIUS) < 0.5
        self.source[:RADIUS] = self.source[-RADIUS:] = False
        self.source[:, :RADIUS] = self.source[:, -RADIUS:] = False
        near = widest(self.wanted.astype(np.float32), RADIUS) > 0.5
        self.targets = np.argwhere(near & ~self.source)
        unsure = (~sure).astype(np.float32)
        depth = np.sum([narrowest(unsure, k) for k in range(1, 7)], 0)
        trust = np.where(sure, 1.0, np.where(self.wanted, 0.7**depth, 0.0)).astype(np.float32)
        weights = pieces(np.pad(trust, RADIUS), self.targets)
        self.weights = weights / np.maximum(weights.sum(1, keepdims=True), 1e-6)

    def search(self, rounds: int) -> np.ndarray:
        """The best source place (N, 2) of each target, of all there are; so often chosen and
        joined."""
        sources = np.argwhere(self.source)
        alike, apart = pieces(self.padded, sources), self.distant(self.targets[:, None], sources)
        own = product(self.weights, colours_sum(alike * alike).T)
        weights = self.weights.repeat(3, axis=1)
        found = self.targets
        for _ in range(rounds):
            costs = pieces(self.padded, self.targets)
            costs *= weights
            costs *= -2
            costs = product(costs, alike.T)
            costs += own
            costs += apart
            found = sources[costs.argmin(1)]
            self.join(found)
        return found

    def improve(self, chosen: np.ndarray) -> np.ndarray:
        """The best source place (N, 2) of each target, from what is chosen (h, w, 2) here and
        beside, or a pixel from it; joined."""
        height, width = self.size
        usable, last = self.source.ravel(), np.array(self.size) - 1
        seen = pieces(self.padded, self.targets)
        best, result = np.full(len(seen), np.inf), self.targets.copy()
        numbers = np.full(len(seen), -1)  # of the best places
        around = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)]
        steps = [((0, 0), step) for step in around] + [((y, x), (-y, -x)) for y, x in around[1:]]
        for beside, step in steps:
            rows, columns = (self.targets + beside).clip(0, last).T
            places = (chosen[rows, columns] + step).clip(0, last)
            number = places[:, 0] * width + places[:, 1]
            new = np.flatnonzero(usable[number] & (number != numbers))
            places = places[new]
            strange = pieces(self.padded, places)
            strange -= seen[new]
            strange *= strange
            costs = (self.weights[new] * colours_sum(strange)).sum(1)
            costs += self.distant(self.targets[new], places)
            better = costs < best[new]
            new = new[better]
            best[new], result[new], numbers[new] = costs[better], places[better], number[new]
        self.join(result)
        return result

    def distant(self, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
        """What it costs that places (..., 2) are far from each other."""
        down, across = (
            (targets[..., k] - sources[..., k]).astype(np.float32) / max(self.size) for k in (0, 1)
        )
        return NEARNESS * (down * down + across * across)

    @cached_property
    def overlaps(self) -> tuple[np.ndarray, ...]:
        """Of each pixel of each target's piece (P,) that is wanted: whose piece it is, how far on
        in `padded` it lies than its middle, its number among the wanted, and how much it counts."""
        rows, columns = (self.targets + RADIUS).T
        numbers = np.full(self.padded.shape[:2], -1)
        inner = numbers[RADIUS:-RADIUS, RADIUS:-RADIUS]
        inner[self.wanted] = np.arange(int(self.wanted.sum()))
        width = self.padded.shape[1]
        inside = (REACH[:, None] * width + REACH).ravel()
        found = numbers.ravel()[(rows * width + columns)[:, None] + inside]
        piece, pixel = np.nonzero(found >= 0)
        weights = 1.0 / (1 + (REACH[:, None] ** 2 + REACH**2).ravel())
        return piece, inside[pixel], found[piece, pixel], weights[pixel]

    def join(self, sources: np.ndarray) -> None:
        """Lays the pieces around the sources (N, 2) on the targets; overlapping ones are mixed."""
        piece, beside, numbers, shares = self.overlaps
        first = (sources[:, 0] + RADIUS) * self.padded.shape[1] + sources[:, 1] + RADIUS
        colours = self.padded.reshape(-1, 3).take(first[piece] + beside, 0)
        count = int(self.wanted.sum())
        total = np.bincount(numbers, shares, count)
        sums = [np.bincount(numbers, shares * colours[:, k], count) for k in range(3)]
        self.colours[self.wanted] = np.stack(sums, 1) / np.maximum(total, 1e-6)[:, None]


def pieces(padded: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(N, pixels x channels) of a map (h, w, ...), padded by RADIUS, around places (N, 2) of it."""
    height, width = padded.shape[:2]
    channels = padded.size // (height * width)
    side = len(REACH)
    shape = (height - side + 1, width - side + 1, side, side * channels)
    down, across = padded.strides[:2]
    windows = np.lib.stride_tricks.as_strided(
        padded, shape, (down, across, down, padded.itemsize), writeable=False
    )
    return windows[places[:, 0], places[:, 1]].reshape(len(places), shape[2] * shape[3])


def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """left @ right, so few rows at once that it wakes no threads of BLAS."""
    result = np.empty((len(left), right.shape[1]), np.float32)
    for rows in parts(len(left), right.size):
        np.matmul(left[rows], right, out=result[rows])
    return result


def colours_sum(values: np.ndarray) -> np.ndarray:
    """(N, pixels x 3) added up over the three colours, (N, pixels)."""
    return values[:, 0::3] + values[:, 1::3] + values[:, 2::3]


def continue_background(
    picture: np.ndarray, known: np.ndarray, wanted: np.ndarray
) -> np.ndarray | None:
    """The picture float32 (h, w, 3) in 0..1 with what is wanted (h, w), bool, filled in from what
    is known (h, w), bool, to be background. None where too little is known."""
    steps = None
    for side, rounds in zip(SIDES, ROUNDS, strict=True):
        level = Level(picture, known, wanted, min(side, max(known.shape)))
        if level.source.sum() < LEAST_SOURCES or not level.wanted.any():
            return None
        rows, columns = level.targets.T
        places = np.moveaxis(np.indices(level.size), 0, -1)
        chosen = places.copy() if steps is None else moved(places, steps)
        if steps is None:
            chosen[rows, columns] = level.search(rounds)
        else:
            level.join(chosen[rows, columns])
            for _ in range(rounds):
                chosen[rows, columns] = level.improve(chosen)
        steps = (chosen - places) / level.size
    return None if steps is None else evened(laid(picture, known, wanted, steps), known, wanted)


def moved(places: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Where the steps (h, w, 2), shares of a picture's sides, lead from the places (H, W, 2)."""
    height, width = places.shape[:2]
    rows = places[..., 0] * steps.shape[0] // height
    columns = places[..., 1] * steps.shape[1] // width
    target = places + np.round(steps[rows, columns] * (height, width)).astype(int)
    return target.clip(0, (height - 1, width - 1))


def laid(
    picture: np.ndarray, known: np.ndarray, wanted: np.ndarray, steps: np.ndarray
) -> np.ndarray:
    """The picture with what the steps lead to; where pieces meet one goes over into the next."""
    places = np.nonzero(wanted)
    sums, total = np.zeros((3, len(places[0]))), np.full(len(places[0]), 1e-6)
    moves = [np.round(steps[..., k] * side).astype(int) for k, side in enumerate(known.shape)]
    trust = np.where(known, 1.0, 1e-4)
    cells = [between(*sides) for sides in zip(known.shape, moves[0].shape, strict=True)]
    for down, across in ((0, 0), (0, 1), (1, 0), (1, 1)):
        (cell, share), (beside, part) = cells[0][down], cells[1][across]
        cell, beside = cell[places[0]], beside[places[1]]
        rows, columns = (
            (place + taken(move, cell, beside)).clip(0, side - 1)
            for place, move, side in zip(places, moves, known.shape, strict=True)
        )
        weight = share[places[0]] * part[places[1]] * taken(trust, rows, columns)
        for plane, colour in zip(sums, taken(picture, rows, columns).T, strict=True):
            plane += weight * colour
        total += weight
    result = picture.copy()
    result[wanted] = (sums / total).T
    return result


def between(size: int, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The two of `count` cells that each of `size` pixels (size,) lies between, with their
    shares."""
    places = (np.arange(size) + 0.5) / size * count - 0.5
    first = np.floor(places)
    return [
        ((first + k).astype(int).clip(0, count - 1), 1 - np.abs(places - first - k)) for k in (0, 1)
    ]


def evened(picture: np.ndarray, known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The picture with what is wanted made a little lighter or darker, so that it meets what is
    known without a step."""
    size = -(-known.shape[0] // 2), -(-known.shape[1] // 2)
    sigma = 0.012 * max(size)

    def around(region: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        region = region.astype(np.float32)
        sums = blur(resized_map(picture * each(region), *size), sigma)
        share = blur(resized_map(region, *size), sigma)
        return sums / each(np.maximum(share, 1e-3)), share

    (outer, beside), (inner, filled) = around(known), around(wanted)
    step = np.clip(outer - inner, -MOST_EVENED, MOST_EVENED)
    step = spread(step, (filled > 0.25) & (beside > 0.25))
    step = resized_map(step * each(np.minimum(3 * blur(beside, 4 * sigma), 1)), *known.shape)
    return np.where(each(wanted), np.clip(picture + step, 0, 1), picture)
