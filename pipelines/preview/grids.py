"""Windows over maps and the pieces of maps, typed and quick."""

from __future__ import annotations

import numpy as np


def widest(values: np.ndarray, radius: int) -> np.ndarray:
    """The largest value within `radius` pixels of each of a (height, width) map, in squares.

    Windows of 1, 2, 4, ... pixels are joined: a few passes, however large the radius.
    """
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
                values = np.maximum(values[first], values[second])
            else:
                values = np.maximum(values[:, first], values[:, second])
            span += step
    return values


def within(region: np.ndarray, radius: int) -> np.ndarray:
    """The region (bool) and everything up to that many pixels from it, in squares."""
    return widest(region, radius)


def closed(region: np.ndarray, radius: int) -> np.ndarray:
    """Without the notches and holes that are narrower than two radii."""
    return ~within(~within(region, radius), radius)


def average(values: np.ndarray, size: int) -> np.ndarray:
    """Means over squares of `size` pixels of (height, width) or (height, width, channels)."""
    from scipy import ndimage

    sizes = (size, size, 1)[: values.ndim]
    return np.asarray(ndimage.uniform_filter(values, sizes))


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


def distance_to(region: np.ndarray) -> np.ndarray:
    """Chessboard distance in pixels to the nearest pixel of a bool map, int32."""
    from scipy import ndimage

    return np.asarray(ndimage.distance_transform_cdt(~region, "chessboard"))


def nearest_known(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """A (height, width) map where what is not known has the value of the nearest pixel that is."""
    from scipy import ndimage

    places = ndimage.distance_transform_cdt(
        ~known, "chessboard", return_distances=False, return_indices=True
    )
    rows, columns = np.asarray(places)
    return values[rows, columns]
