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


def lengths(planes: np.ndarray) -> np.ndarray:
    """Of the vectors along the first axis of (n, ...)."""
    total = products(planes, planes)
    return np.sqrt(total, out=total)


def products(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Of the vectors along the first axis of (n, ...), two and two."""
    total = one[0] * other[0]
    for first, second in zip(one[1:], other[1:], strict=True):
        total += first * second
    return total


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

    def scores(
        self, weights: np.ndarray, count: int, shade: float = 3.0, least: float = 0.0
    ) -> np.ndarray:
        """How likely the colours are where they have such weights (N,), by learn_mixture: natural
        logarithms, float32 (N,)."""
        return learn_mixture(self.colours, weights, count, shade, least).log_likelihood(
            self.colours
        )

    def evidence(self, scores: np.ndarray) -> np.ndarray:
        """What the colours of the pixels say, by the scores (K, N) of K kinds: how likely they are
        in each (K, H * W), as a share of where they are likeliest."""
        return np.exp(scores - scores.max(0)).take(self.index, 1)

    def count(self, region: np.ndarray) -> np.ndarray:
        """Pixels of a region (H, W), bool, per colour (N,)."""
        return np.bincount(self.index[region.ravel()], minlength=len(self.colours))


def read_palette(lab: np.ndarray, step: float = 3.0) -> Palette:
    """Palette of colours float32 (H, W, 3) in Lab, in cells of step units."""
    lab = lab.reshape(-1, 3).T.astype(np.float64, "C")
    codes = np.zeros(lab.shape[1], np.int64)
    for cells in np.floor(lab / step).astype(np.int64):
        cells -= cells.min()
        codes *= cells.max() + 1
        codes += cells
    counts = np.bincount(codes)
    there = counts > 0
    index, counts = (there.cumsum() - 1)[codes], counts[there]
    sums = [np.bincount(index, plane) for plane in lab]
    return Palette(np.stack(sums, axis=1) / counts[:, None], index)


@dataclass(frozen=True)
class Mixture:
    """Gaussian mixture over Lab colours."""

    means: np.ndarray
    inverses: np.ndarray
    offsets: np.ndarray

    def log_likelihood(self, colours: np.ndarray) -> np.ndarray:
        """(N, 3) -> float32 (N,): natural logarithm of the density, with a floor for outliers."""
        origins = (self.inverses @ self.means[..., None]).astype(np.float32)
        shifted = self.inverses.astype(np.float32) @ colours.T.astype(np.float32) - origins
        shifted *= shifted
        terms = self.offsets[:, None].astype(np.float32) - np.float32(0.5) * shifted.sum(1)
        return np.log(np.exp(terms).sum(0) + np.float32(np.exp(-17.0)))


def learn_mixture(
    colours: np.ndarray, weights: np.ndarray, count: int, shade: float = 3.0, least: float = 0.0
) -> Mixture:
    """Mixture of count Gaussians for weighted colours (N, 3), the same for the same input.

    shade: standard deviation that lightness L has at least; skin seen in one light also appears
    in others. least: share of the weight below which a component is dropped (lips in a face).
    """
    weights = weights / max(weights.sum(), 1e-9) + 1e-9
    planes = np.ascontiguousarray(np.column_stack([colours, np.ones(len(colours))]).T)
    weighed, lengths = planes * weights, (planes * planes)[:3].sum(0)
    means = [colours.T @ weights / weights.sum()]
    nearest = np.full(len(colours), np.inf)  # squared distances
    while len(means) < count:  # far and frequent colours first
        mean = means[-1]
        nearest = np.minimum(nearest, lengths - (2 * mean) @ planes[:3] + mean @ mean)
        if nearest.max() < 1e-6:
            break  # there are no more
        means.append(colours[np.argmax(nearest * weights)])
    means, owned = np.stack(means), np.zeros((len(means), len(colours)), bool)
    for _ in range(8):
        # Squared, but for what is the same for all means.
        distances = np.column_stack([-2 * means, (means * means).sum(1)]) @ planes
        before, owned = owned, distances == distances.min(0)
        if np.array_equal(before, owned):
            break  # the means would stay where they are
        totals = owned.astype(float) @ weighed.T
        filled = totals[:, 3] > 0
        means[filled] = totals[filled, :3] / totals[filled, 3:]
    shares = (owned.astype(float) @ weights)[:, None, None]
    squares = (planes[:3, None] * weighed[:3]).reshape(9, -1)
    squares = (owned.astype(float) @ squares.T).reshape(-1, 3, 3)
    spreads = (squares - shares * means[:, :, None] * means[:, None]) / (shares + 1e-6)
    # No colour is known better than the first term.
    inverses = np.linalg.inv(np.linalg.cholesky(np.diag([shade**2, 4.0, 4.0]) + spreads))
    offsets = np.log(np.where(shares >= least, shares, 0).ravel() + 1e-9)
    return Mixture(means, inverses, offsets + np.log(np.abs(np.linalg.det(inverses))))
