"""The photo's own grain and texture, for what is painted anew: no flat patches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..maps.edges import blur
from ..maps.enlarging import Cut
from ..maps.ranking import median

RADII = (24, 16, 11, 8, 5, 3)  # small pixels: half sides of a square of one material, largest first
LARGEST = 72  # photo pixels of its side
SIZE = 128  # photo pixels of a tile
COARSEST = 0.9  # small pixels: what is coarser than this stands in the small maps already
CANDIDATES = 7
STRONGEST = 2.0  # standard deviations


@dataclass(frozen=True)
class Grain:
    """tile (3, SIZE, SIZE): what a photo shows on one material beside its mean; it goes on without
    a seam."""

    tile: np.ndarray

    def cut(self, cut: Cut) -> np.ndarray:
        """(3, rows, columns) of a cut of the photo."""
        left, right = cut.left % SIZE, cut.left % SIZE + cut.right - cut.left
        rows = self.tile.take(np.arange(cut.top, cut.bottom) % SIZE, 1)
        return np.tile(rows, (1, 1, -(-right // SIZE)))[:, :, left:right]


@dataclass(frozen=True)
class Grains:
    """Of skin and background, where the photo shows enough of them."""

    skin: Grain | None = None
    background: Grain | None = None


NO_GRAINS = Grains()


def textured(sample: np.ndarray) -> np.ndarray:
    """Noise float32 (3, SIZE, SIZE) of the spectrum and colours of a sample (3, n, n), without its
    repetition: white noise convolved with it (Galerne, Gousseau and Morel 2011, "Random phase
    textures"). The same every time."""
    sample = sample - sample.mean((1, 2), keepdims=True)
    spectrum = np.fft.rfft2(sample, (SIZE, SIZE)) * (white(1) / sample.shape[-1])
    return np.fft.irfft2(spectrum, (SIZE, SIZE)).astype(np.float32)


def mottled(sample: np.ndarray) -> np.ndarray:
    """As `textured`, and alike in all directions, as skin is: a hair or a wrinkle that lies in the
    sample would be combed over whole arms.

    Of a ring of frequencies the median counts, which a few directions do not move; for noise it is
    ln 2 of the mean.
    """
    side = sample.shape[-1]
    sample = sample - sample.mean((1, 2), keepdims=True)
    power = (np.abs(np.fft.rfft2(sample, (SIZE, SIZE))) ** 2).sum(0)
    rings = rings_of(side)
    spectrum = white(3) * (np.sqrt(medians_of(power, rings) / np.log(2)) / side)[rings]
    values, vectors = np.linalg.eigh(np.cov(sample.reshape(3, -1)))  # how its colours go together
    values = np.clip(values, 0, None)
    colours = vectors * np.sqrt(values / max(float(values.sum()), 1e-12))
    noise = np.fft.irfft2(spectrum, (SIZE, SIZE)).reshape(3, -1)
    return (colours @ noise).reshape(3, SIZE, SIZE).astype(np.float32)


@lru_cache(maxsize=2)
def white(count: int) -> np.ndarray:
    """The spectra (count, SIZE, SIZE / 2 + 1) of white noise, the same every time."""
    return np.fft.rfft2(np.random.default_rng(0).normal(size=(count, SIZE, SIZE)))


@lru_cache(maxsize=8)
def rings_of(side: int) -> np.ndarray:
    """Which ring (SIZE, SIZE / 2 + 1) a frequency belongs to, from 0 on: each is as wide as one
    step of frequencies of a sample of that side."""
    frequencies = np.hypot(np.fft.fftfreq(SIZE)[:, None], np.fft.rfftfreq(SIZE))
    return np.round(frequencies * side).astype(int)


def medians_of(values: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Medians of the values of each number 0, 1, ..., of which there is none without any."""
    values, numbers = values.ravel(), numbers.ravel()
    order = np.lexsort((values, numbers))
    counts = np.bincount(numbers)
    first = np.cumsum(counts) - counts
    return (values[order[first + (counts - 1) // 2]] + values[order[first + counts // 2]]) / 2


def read_grain(
    photo: np.ndarray,
    known: np.ndarray,
    made: Callable[[np.ndarray], np.ndarray] = textured,
) -> Grain | None:
    """The grain of a material in a photo uint8 (H, W, 3); known (h, w), small, 0..1: where it is
    seen. made: a tile of a sample (`textured`, `mottled`). Of several places a calm one, which has
    no edges. None where no square of it is seen."""
    import cv2

    scale = photo.shape[0] / known.shape[0]
    sure = cv2.copyMakeBorder(
        (known > 0.9).view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0
    )
    inside = cv2.distanceTransform(sure, cv2.DIST_C, 3)[1:-1, 1:-1]  # squares around that are sure
    for radius in RADII:
        places = np.flatnonzero(inside > radius + 0.5)
        if not len(places):
            continue
        side = min(LARGEST, int(2 * radius * scale))
        chosen = places[np.linspace(0, len(places) - 1, min(CANDIDATES, len(places))).astype(int)]
        chosen = np.stack(np.unravel_index(chosen, inside.shape), 1)
        tiles = [_residual(photo, np.round(place * scale).astype(int), side, scale)
                 for place in chosen]  # fmt: skip
        tiles = sorted((tile for tile in tiles if tile is not None), key=lambda tile: tile.std())
        if tiles:
            return Grain(made(tiles[len(tiles) // 4]))
    return None


def _residual(photo: np.ndarray, place: np.ndarray, side: int, scale: float) -> np.ndarray | None:
    """float32 (3, side, side) around a place (row, column), beside its soft mean, in 0..1."""
    top, left = place - side // 2
    patch = photo[max(top, 0) : max(top, 0) + side, max(left, 0) : max(left, 0) + side]
    if patch.shape[:2] != (side, side):
        return None
    patch = patch.astype(np.float32) / 255
    rest = patch - blur(patch, COARSEST * max(scale, 1.0))
    # Edges of fingers and folds are no grain: what stands out of the rest is cut off.
    limit = min(0.025, STRONGEST * 1.48 * float(median(np.abs(rest))))
    return np.moveaxis(np.clip(rest, -limit, limit), -1, 0)
