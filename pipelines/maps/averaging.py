"""Pictures and maps at other sizes, smaller above all: each pixel a weighted mean of those around.

The weights are those of Pillow and torch with antialiasing; the means are products of matrices, in
blocks of few rows, because a row depends on its neighbours alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

Kernel = Callable[[np.ndarray], np.ndarray]
ROWS = 8  # in a block: more waste products with zeros, fewer calls
PRODUCTS = 2**19  # at once


def linear(distance: np.ndarray) -> np.ndarray:
    """Weight at a distance in pixels of the smaller picture."""
    return np.maximum(1 - np.abs(distance), 0)


def cubic(distance: np.ndarray) -> np.ndarray:
    """The same, up to two pixels away: sharper, and negative beyond the first."""
    x = np.abs(distance)
    near, far = (1.5 * x - 2.5) * x * x + 1, ((2.5 - 0.5 * x) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def averaged(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Float maps (H, W) or (H, W, C) at another size, float32."""
    return along(turned(along(turned(np.asarray(values, np.float32)), width)), height)


def averaged_layer(layer: np.ndarray, height: int, width: int) -> np.ndarray:
    """The same of a picture float32 (H, W, C), with cubic weights; rows first, so that it is small
    when it is turned."""
    return turned(along(turned(along(layer, height, cubic)), width, cubic))


def along(values: np.ndarray, size: int, kernel: Kernel = linear) -> np.ndarray:
    """Float32 (H, ...) as means of rows, (size, ...)."""
    means = np.empty((size, *values.shape[1:]), np.float32)
    source, flat = values.reshape(len(values), -1), means.reshape(size, -1)
    for rows, first, last, share in weights(len(values), size, kernel):
        for part in parts(source.shape[1], share.size):
            np.matmul(share, source[first:last, part], out=flat[rows, part])
    return means


def reduced(photo: np.ndarray, height: int, width: int) -> np.ndarray:
    """A photo uint8 (H, W, 3) as uint8 (height, width, 3), rounded after each axis, width first."""
    for size in (width, height):
        photo = turned(photo)
        means = np.empty((size, *photo.shape[1:]), np.uint8)
        source, flat = photo.reshape(len(photo), -1), means.reshape(size, -1)
        for rows, first, last, share in whole_weights(len(photo), size):
            for part in parts(source.shape[1], share.size):
                sums = share @ source[first:last, part].astype(np.float32)
                sums += 0.5
                flat[rows, part] = sums  # cut off
        photo = means
    return photo


@lru_cache(maxsize=256)
def parts(columns: int, weights: int) -> list[slice]:
    """So few columns at once that their product with so many weights wakes no threads of BLAS."""
    most = max(1, PRODUCTS // weights)
    return [slice(start, min(start + most, columns)) for start in range(0, columns, most)]


def turned(values: np.ndarray) -> np.ndarray:
    """A map (H, W, ...) with rows and columns exchanged."""
    import cv2

    if values.ndim == 2 or values.shape[2] in (3, 4):  # OpenCV does not know every number
        return cv2.transpose(values)
    return np.ascontiguousarray(values.swapaxes(0, 1))


Block = tuple[slice, int, int, np.ndarray]
"""Which rows; the first and the last that they are a mean of; the weights."""


@lru_cache(maxsize=64)
def weights(count: int, size: int, kernel: Kernel = linear, kind: type = np.float32) -> list[Block]:
    """How each of `size` rows is a mean of `count`, in blocks. kind: of the numbers that the
    weights are worked out in; they are torch's to the last bit."""
    scale = kind(count) / kind(size)
    wide = max(scale, kind(1))  # of one pixel of the kernel
    reach, half = wide * kind(1 if kernel is linear else 2), kind(0.5)
    blocks = []
    for start in range(0, size, ROWS):
        rows = slice(start, min(start + ROWS, size))
        middle = scale * (np.arange(rows.start, rows.stop).astype(kind) + half)
        first = np.maximum((middle - reach + half).astype(int), 0)
        last = np.minimum((middle + reach + half).astype(int), count)
        places = np.arange(first[0], last[-1])
        inside = (places >= first[:, None]) & (places < last[:, None])
        shares = kernel((places.astype(kind) - middle[:, None] + half) * (1 / wide)) * inside
        shares /= np.add.accumulate(shares, 1)[:, -1:]
        blocks.append((rows, int(first[0]), int(last[-1]), shares))
    return blocks


@lru_cache(maxsize=64)
def whole_weights(count: int, size: int) -> list[Block]:
    """The same with the weights that whole numbers of 16 bits leave."""
    blocks = weights(count, size, kind=np.float64)
    largest = max(float(share.max()) for *_, share in blocks)
    unit = 2.0 ** np.floor(np.log2((2**15 - 0.5) / largest))
    return [
        (rows, first, last, (np.floor(share * unit + 0.5) / unit).astype(np.float32))
        for rows, first, last, share in blocks
    ]
