"""A lively background continued behind the person: pieces of it, chosen so that they fit.

Every place of a hole is filled with what lies around the source place whose surroundings are most
like its own (Wexler, Shechtman and Irani 2007), from coarse to fine: the coarse size compares all
places, the finer one what its neighbours and the coarse one found (as PatchMatch does).
"""

from __future__ import annotations

import numpy as np

from .edges import blur, resized_map
from .grids import narrowest, widest
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
        share = resized_map(known.astype(np.float32), *size)
        sums = resized_map(picture * known[..., None], *size)
        sure = share > 0.4
        self.size = size
        self.wanted = (resized_map(wanted.astype(np.float32), *size) > 0.02) & ~sure
        self.colours = spread(sums / np.maximum(share, 1e-3)[..., None], sure)
        self.source = widest((share < 0.9).astype(np.float32), RADIUS) < 0.5
        self.source[:RADIUS] = self.source[-RADIUS:] = False
        self.source[:, :RADIUS] = self.source[:, -RADIUS:] = False
        near = widest(self.wanted.astype(np.float32), RADIUS) > 0.5
        self.targets = np.argwhere(near & ~self.source)
        unsure = (~sure).astype(np.float32)
        depth = np.sum([narrowest(unsure, k) for k in range(1, 7)], 0)
        trust = np.where(sure, 1.0, np.where(self.wanted, 0.7**depth, 0.0)).astype(np.float32)
        weights = self.pieces(trust, self.targets)
        self.weights = weights / np.maximum(weights.sum(1, keepdims=True), 1e-6)

    def pieces(self, values: np.ndarray, places: np.ndarray) -> np.ndarray:
        """(N, pixels, ...) of a map around places (N, 2); beyond the edge 0."""
        margins = [(RADIUS, RADIUS)] * 2 + [(0, 0)] * (values.ndim - 2)
        padded = np.pad(values, margins)
        width = padded.shape[1]
        first = (places[:, 0] + RADIUS) * width + places[:, 1] + RADIUS
        inside = (REACH[:, None] * width + REACH).ravel()
        return padded.reshape(-1, *values.shape[2:])[first[:, None] + inside]

    def search(self) -> np.ndarray:
        """The best source place (N, 2) of each target, of all there are."""
        sources = np.argwhere(self.source)
        pieces, seen = self.pieces(self.colours, sources), self.pieces(self.colours, self.targets)
        costs = self.weights @ (pieces * pieces).sum(-1).T
        shares = (self.weights[..., None] * seen).reshape(len(seen), -1)
        costs -= 2 * shares @ pieces.reshape(len(pieces), -1).T
        costs += self.distant(self.targets[:, None], sources)
        return sources[costs.argmin(1)]

    def improve(self, chosen: np.ndarray) -> np.ndarray:
        """The same from what is chosen (h, w, 2) here and beside, or a pixel from it."""
        last = np.array(self.size) - 1
        seen = self.pieces(self.colours, self.targets)
        best, result = np.full(len(seen), np.inf), self.targets.copy()
        around = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)]
        steps = [((0, 0), step) for step in around] + [((y, x), (-y, -x)) for y, x in around[1:]]
        for beside, step in steps:
            rows, columns = (self.targets + beside).clip(0, last).T
            places = (chosen[rows, columns] + step).clip(0, last)
            strange = self.pieces(self.colours, places) - seen
            costs = (self.weights * (strange * strange).sum(-1)).sum(1)
            costs += self.distant(self.targets, places)
            better = self.source[places[:, 0], places[:, 1]] & (costs < best)
            best[better], result[better] = costs[better], places[better]
        return result

    def distant(self, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
        """What it costs that places (..., 2) are far from each other."""
        steps = (targets - sources).astype(np.float32) / max(self.size)
        return NEARNESS * (steps * steps).sum(-1)

    def join(self, sources: np.ndarray) -> None:
        """Lays the pieces around the sources (N, 2) on the targets; overlapping ones are mixed."""
        height, width = self.size
        inside = np.stack(np.meshgrid(REACH, REACH, indexing="ij"), -1).reshape(-1, 2)
        weights = 1.0 / (1 + (inside**2).sum(1))
        places = self.targets[:, None] + inside
        fits = ((places >= 0) & (places < self.size)).all(-1)
        index = (places[..., 0] * width + places[..., 1])[fits]
        colours = self.pieces(self.colours, sources)[fits]
        shares = np.broadcast_to(weights, fits.shape)[fits]
        total = np.bincount(index, shares, height * width)
        sums = [np.bincount(index, shares * colours[:, k], height * width) for k in range(3)]
        mean = np.stack(sums, 1) / np.maximum(total, 1e-6)[:, None]
        self.colours[self.wanted] = mean.reshape(height, width, 3)[self.wanted]


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
        if steps is not None:
            level.join(chosen[rows, columns])
        for _ in range(rounds):
            found = level.search() if steps is None else level.improve(chosen)
            level.join(found)
            chosen[rows, columns] = found
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
    size, count = np.array(known.shape), np.array(steps.shape[:2])
    places = np.argwhere(wanted)
    cells = (places + 0.5) / size * count - 0.5
    sums, total = np.zeros((len(places), 3)), np.full((len(places), 1), 1e-6)
    for beside in ((0, 0), (0, 1), (1, 0), (1, 1)):
        cell = np.floor(cells).astype(int) + beside
        weight = (1 - np.abs(cells - cell)).prod(1)
        rows, columns = cell.clip(0, count - 1).T
        source = (places + np.round(steps[rows, columns] * size).astype(int)).clip(0, size - 1)
        rows, columns = source.T
        weight = (weight * np.where(known[rows, columns], 1.0, 1e-4))[:, None]
        sums += weight * picture[rows, columns]
        total += weight
    result = picture.copy()
    result[wanted] = sums / total
    return result


def evened(picture: np.ndarray, known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The picture with what is wanted made a little lighter or darker, so that it meets what is
    known without a step."""
    size = -(-known.shape[0] // 2), -(-known.shape[1] // 2)
    sigma = 0.012 * max(size)

    def around(region: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        inside = resized_map(region.astype(np.float32), *size)
        sums = blur(resized_map(picture * region[..., None], *size), sigma)
        share = blur(inside, sigma)
        return sums / np.maximum(share, 1e-3)[..., None], share

    (outer, beside), (inner, filled) = around(known), around(wanted)
    step = np.clip(outer - inner, -MOST_EVENED, MOST_EVENED)
    step = spread(step, (filled > 0.25) & (beside > 0.25))
    step = resized_map(step * np.minimum(3 * blur(beside, 4 * sigma), 1)[..., None], *known.shape)
    return np.where(wanted[..., None], np.clip(picture + step, 0, 1), picture)
