"""Windows over maps and the pieces of maps, typed and quick."""

from __future__ import annotations

import numpy as np


def widest(values: np.ndarray, radius: int) -> np.ndarray:
    """The largest value within `radius` pixels of each of a (height, width) map, in squares."""
    return _joined(values, radius, np.maximum)


def narrowest(values: np.ndarray, radius: int) -> np.ndarray:
    """The smallest value within `radius` pixels of each of a (height, width) map, in squares."""
    return _joined(values, radius, np.minimum)


def _joined(values: np.ndarray, radius: int, join: np.ufunc) -> np.ndarray:
    """Windows of 1, 2, 4, ... pixels are joined: a few passes, however large the radius."""
    for axis in (0, 1):
        edges = [(0, 0), (0, 0)]
        edges[axis] = (radius, radius)
        values = np.pad(values, edges, mode="edge")
        span, wanted = 1, 2 * radius + 1
        while span < wanted:
            step = min(span, wanted - span)
            end = values.shape[axis] - step
            first, second = (slice(0, end), slice(step, None))
            if axis == 0:
                values = join(values[first], values[second])
            else:
                values = join(values[:, first], values[:, second])
            span += step
    return values


def within(region: np.ndarray, radius: int) -> np.ndarray:
    """The region (bool) and everything up to that many pixels from it, in squares."""
    return widest(region, radius)


def closed(region: np.ndarray, radius: int) -> np.ndarray:
    """A region, bool or soft, without the notches and holes narrower than two radii."""
    return narrowest(widest(region, radius), radius)


def average(values: np.ndarray, size: int) -> np.ndarray:
    """Means over squares of `size` pixels (odd) of float (height, width) or (height, width,
    channels); beyond the edge its values go on. Windows of 1, 2, 4, ... pixels are added up."""
    for axis in (0, 1):
        length = values.shape[axis]
        edges = [(0, 0)] * values.ndim
        edges[axis] = (size // 2, size // 2)
        window = np.moveaxis(np.pad(values, edges, mode="edge"), axis, 0)
        total, start, width = np.zeros_like(window[:length]), 0, 1
        while True:
            if size & width:
                total += window[start : start + length]
                start += width
            if 2 * width > size:
                break
            window = window[:-width] + window[width:]
            width *= 2
        values = np.moveaxis(total / size, 0, axis)
    return values


def pieces(region: np.ndarray) -> tuple[np.ndarray, int]:
    """Numbers the connected pieces of a bool map: int32 (height, width), 0 elsewhere; how many."""
    from scipy import ndimage

    labels = np.empty(region.shape, np.int32)
    count = ndimage.label(region, output=labels)
    return labels, int(np.asarray(count).item())


def boxes(labels: np.ndarray) -> list[tuple[int, tuple[slice, slice]]]:
    """The number and the rows and columns of each numbered piece that there is."""
    from scipy import ndimage

    return [
        (number, (place[0], place[1]))
        for number, place in enumerate(ndimage.find_objects(labels), start=1)
        if place is not None
    ]


def sizes_of(labels: np.ndarray, count: int) -> np.ndarray:
    """Pixels of each piece, (count + 1,); 0 for what belongs to none."""
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    return sizes


def means_of(values: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """Of a (height, width) map over each piece, (count + 1,); 0 for what belongs to none."""
    places = np.flatnonzero(labels)
    numbers = labels.ravel()[places]
    sums = np.bincount(numbers, values.ravel()[places], minlength=count + 1)
    return sums / np.maximum(np.bincount(numbers, minlength=count + 1), 1)


def nearest_known(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """A map (height, width, ...) where what is not known has the value of the nearest pixel that
    is."""
    from scipy import ndimage

    places = ndimage.distance_transform_cdt(
        ~known, "chessboard", return_distances=False, return_indices=True
    )
    rows, columns = np.asarray(places)
    return values[rows, columns]
