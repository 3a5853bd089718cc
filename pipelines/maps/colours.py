"""Colours of a photo: Lab, a palette of rounded colours, and mixtures learnt from places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TO_XYZ = np.array(
    [
        [0.412453 / 0.950456, 0.357580 / 0.950456, 0.180423 / 0.950456],
        [0.212671, 0.715160, 0.072169],
        [0.019334 / 1.088754, 0.119193 / 1.088754, 0.950227 / 1.088754],
    ],
    dtype=np.float32,
)
BLOCK = 2**14  # pixels at once: no more than one core's cache holds, and BLAS starts no threads
FROM_ROOT = np.array([[0, 116, 0], [500, -500, 0], [0, 200, -200]], np.float32)


def to_lab(picture: np.ndarray) -> np.ndarray:
    """CIE L*a*b* (D65), float32 (..., 3), of sRGB: uint8, or float in 0..1."""
    import cv2

    pixels = np.ascontiguousarray(picture).reshape(-1, 1, 3)
    lab = np.empty(pixels.shape, np.float32)
    step = -(-len(pixels) // max(1, -(-len(pixels) // BLOCK)))  # blocks of one size
    for start in range(0, len(pixels), max(1, step)):
        block = slice(start, start + step)
        # Plane by plane: products of matrices of three columns are slow.
        planes = np.concatenate(cv2.split(pixels[block].reshape(1, -1, 3)))
        if picture.dtype == np.uint8:
            linear = cv2.LUT(planes, LINEAR)
        else:
            linear = to_linear(planes.astype(np.float32))
        root = np.cbrt(xyz := TO_XYZ @ linear)
        if (dark := xyz < 0.008856).any():
            root[dark] = 7.787 * xyz[dark] + np.float32(16 / 116)
        mixed = FROM_ROOT @ root
        mixed[0] -= 16
        lab[block] = cv2.merge(list(mixed)).reshape(-1, 1, 3)
    return lab.reshape(picture.shape)


def length(vectors: np.ndarray) -> np.ndarray:
    """Of the vectors (..., n) along the last axis."""
    total = vectors[..., 0] * vectors[..., 0]
    for axis in range(1, vectors.shape[-1]):
        total += vectors[..., axis] * vectors[..., axis]
    return np.sqrt(total)


def distance(planes: np.ndarray, middle: np.ndarray, scale: np.ndarray | None = None) -> np.ndarray:
    """How far the colours (3, ...) are from one (3,), each number as a multiple of the scale's."""
    total = None
    for k, plane in enumerate(planes):
        step = plane - middle[k]
        if scale is not None:
            step /= scale[k]
        step *= step
        total = step if total is None else np.add(total, step, out=total)
    assert total is not None
    return np.sqrt(total, out=total)


def to_linear(values: np.ndarray) -> np.ndarray:
    """Light of sRGB values in 0..1."""
    bright = ((values + 0.055) / 1.055).clip(0) ** 2.4
    return np.where(values > 0.04045, bright, values / 12.92).astype(np.float32)


LINEAR = to_linear(np.arange(256, dtype=np.float32) / 255)  # of each byte


@dataclass(frozen=True)
class Palette:
    """A picture's colours, rounded: colours (N, 3) Lab, index (H * W,) which one each pixel has.

    A photo has a few thousand rounded colours, so that what depends on colour alone is cheap.
    """

    colours: np.ndarray
    index: np.ndarray

    def weigh(self, weights: np.ndarray) -> np.ndarray:
        """Sum of pixel weights per colour (N,)."""
        return np.bincount(self.index, weights.ravel(), len(self.colours))


def read_palette(picture: np.ndarray, step: float = 3.0) -> Palette:
    """Palette of a float picture (H, W, 3) in 0..1, in cells of step Lab units."""
    lab = to_lab(picture).reshape(-1, 3).astype(np.float64)
    cells = np.floor(lab / step).astype(np.int64) + 64
    codes = (cells[:, 0] * 256 + cells[:, 1]) * 256 + cells[:, 2]
    _, index, counts = np.unique(codes, return_inverse=True, return_counts=True)
    sums = [np.bincount(index, lab[:, k], len(counts)) for k in range(3)]
    return Palette(np.stack(sums, axis=1) / counts[:, None], index)


@dataclass(frozen=True)
class Mixture:
    """Gaussian mixture over Lab colours."""

    means: np.ndarray
    inverses: np.ndarray
    offsets: np.ndarray

    def log_likelihood(self, colours: np.ndarray) -> np.ndarray:
        """(N, 3) -> (N,): natural logarithm of the density, with a floor for outliers."""
        shifted = colours @ self.inverses - (self.means[:, None] @ self.inverses)
        terms = self.offsets[:, None] - 0.5 * (shifted * shifted).sum(-1)
        return np.log(np.exp(terms).sum(0) + np.exp(-17.0))


def learn_mixture(
    colours: np.ndarray, weights: np.ndarray, count: int, shade: float = 3.0, least: float = 0.0
) -> Mixture:
    """Mixture of count Gaussians for weighted colours (N, 3), the same for the same input.

    shade: standard deviation that lightness L has at least; skin seen in one light also appears
    in others. least: share of the weight below which a component is dropped (lips in a face).
    """
    weights = weights / max(weights.sum(), 1e-9) + 1e-9
    lengths = (colours * colours).sum(1)

    def distances(means: np.ndarray) -> np.ndarray:
        """Squared, (N, means)."""
        return lengths[:, None] - 2 * colours @ means.T + (means * means).sum(1)

    means = (weights @ colours / weights.sum())[None]
    nearest = distances(means)[:, 0]
    for _ in range(count - 1):  # far and frequent colours first
        means = np.vstack([means, colours[np.argmax(nearest * weights)]])
        nearest = np.minimum(nearest, distances(means[-1:])[:, 0])
    owner = np.full(len(colours), -1)
    for _ in range(8):
        before, owner = owner, distances(means).argmin(1)
        if (owner == before).all():
            break  # the means would stay where they are
        totals = np.bincount(owner, weights, count)
        sums = [np.bincount(owner, weights * colours[:, k], count) for k in range(3)]
        filled = totals > 0
        means[filled] = (np.stack(sums, 1) / np.maximum(totals, 1e-12)[:, None])[filled]
    inverses, offsets = [], []
    for k in range(count):
        mine = owner == k
        share = weights[mine].sum()
        centred = colours[mine] - means[k]
        # No colour is known better than the first term.
        spread = np.diag([shade**2, 4.0, 4.0]) + (centred * weights[mine, None]).T @ centred / (
            share + 1e-6
        )
        inverse = np.linalg.inv(np.linalg.cholesky(spread)).T
        inverses.append(inverse)
        weight = share if share >= least else 0.0
        offsets.append(np.log(weight + 1e-9) + np.log(np.abs(np.linalg.det(inverse))))
    return Mixture(means, np.stack(inverses), np.array(offsets))
