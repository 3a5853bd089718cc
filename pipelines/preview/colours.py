"""Colours of a photo: Lab, a palette of rounded colours, and mixtures learnt from places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def to_lab(picture: np.ndarray) -> np.ndarray:
    """sRGB (..., 3) in 0..1 to CIE Lab (D65), L 0..100."""
    picture = np.asarray(picture, dtype=np.float32)
    linear = np.where(picture > 0.04045, ((picture + 0.055) / 1.055) ** 2.4, picture / 12.92)
    matrix = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], np.float32
    )
    xyz = linear @ (matrix / np.array([[0.9505], [1.0], [1.089]], np.float32)).T
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1
    )


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
    owner = np.zeros(len(colours), dtype=int)
    for _ in range(8):
        owner = distances(means).argmin(1)
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
