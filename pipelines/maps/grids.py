"""Windows over maps and the pieces of maps, typed and quick."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def widest(values: np.ndarray, radius: int) -> np.ndarray:
    """The largest value within `radius` pixels of each of a (height, width) map, in squares."""
    import cv2

    return _in_squares(cv2.dilate, values, radius)


def narrowest(values: np.ndarray, radius: int) -> np.ndarray:
    """The smallest value within `radius` pixels of each of a (height, width) map, in squares."""
    import cv2

    return _in_squares(cv2.erode, values, radius)


def _in_squares(change: Callable[..., np.ndarray], values: np.ndarray, radius: int) -> np.ndarray:
    """OpenCV's `change` by squares; beyond the edge its values go on."""
    if not values.size or radius < 1:
        return values.copy()
    kind = values.dtype
    # OpenCV knows neither bool nor large integers; few maps have more than 65535 pieces.
    known = values.view(np.uint8) if kind.kind == "b" else values
    if kind.kind == "i" and kind.itemsize > 2:
        small = values.min() >= 0 and values.max() < 2**16
        known = values.astype(np.uint16 if small else np.float64)
    squares = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    result = change(known, squares, borderType=1)  # cv2.BORDER_REPLICATE
    return result.view(bool) if kind.kind == "b" else result.astype(kind, copy=False)


def each(values: np.ndarray, channels: int = 3) -> np.ndarray:
    """A map (height, width) as (height, width, channels), alike in all: with a last axis of length
    one numpy would go through it three numbers at a time."""
    import cv2

    if values.dtype.kind == "b":
        return cv2.merge([values.view(np.uint8)] * channels).view(bool)
    return cv2.merge([values] * channels)


def taken(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """values[rows, columns] of a small map (height, width) or (height, width, channels)."""
    height, width = values.shape[:2]
    return values.reshape(height * width, *values.shape[2:]).take(rows * width + columns, 0)


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


def box_of(region: np.ndarray) -> tuple[slice, slice]:
    """The rows and columns of a bool map outside of which nothing is set."""
    import cv2

    left, top, width, height = cv2.boundingRect(region.view(np.uint8))
    return slice(top, top + height), slice(left, left + width)


def pieces(region: np.ndarray) -> tuple[np.ndarray, int]:
    """Numbers the connected pieces of a bool map: int32 (height, width), 0 elsewhere; how many.
    They are numbered by their first pixel, row by row; corners do not connect."""
    import cv2

    if not region.size:
        return np.zeros(region.shape, np.int32), 0
    count, labels = cv2.connectedComponents(region.view(np.uint8), connectivity=4)
    return labels, count - 1


def boxes(labels: np.ndarray) -> list[tuple[int, tuple[slice, slice]]]:
    """The number and the rows and columns of each numbered piece that there is."""
    from scipy import ndimage

    return [
        (number, (place[0], place[1]))
        for number, place in enumerate(ndimage.find_objects(labels), start=1)
        if place is not None
    ]


def selected(labels: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """The numbered pieces that are to be kept, bool; keep: by number, bool. What belongs to none is
    never kept."""
    result = np.zeros(labels.shape, bool)
    if keep[1:].any():
        places = np.flatnonzero(labels)
        result.reshape(-1)[places] = keep[labels.reshape(-1)[places]]
    return result


def sizes_of(labels: np.ndarray, count: int) -> np.ndarray:
    """Pixels of each piece, (count + 1,); 0 for what belongs to none."""
    flat = labels.ravel()
    # By runs of one number: there are far fewer than pixels.
    starts = np.r_[0, np.flatnonzero(flat[1:] != flat[:-1]) + 1][: flat.size]
    lengths = np.diff(starts, append=flat.size)
    sizes = np.bincount(flat[starts], lengths, count + 1).astype(np.int64)
    sizes[0] = 0
    return sizes


def means_of(values: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """Of a (height, width) map over each piece, (count + 1,); 0 for what belongs to none."""
    places = np.flatnonzero(labels != 0)
    numbers = labels.ravel()[places]
    sums = np.bincount(numbers, values.ravel()[places], minlength=count + 1)
    return sums / np.maximum(np.bincount(numbers, minlength=count + 1), 1)


def nearest_known(
    values: np.ndarray, known: np.ndarray, asked: np.ndarray | None = None
) -> np.ndarray:
    """A map (height, width) where what is not known has the value of the nearest pixel that is.
    asked (height, width), bool: only where that is wanted, and quick where it is little."""
    import cv2
    from scipy import ndimage

    if asked is not None:
        asked = asked & ~known
        if not asked.any():
            return values
        away = cv2.distanceTransform((~known).view(np.uint8), cv2.DIST_C, 3)
        near = within(asked, int(away.max(where=asked, initial=0)))
        some = np.ix_(near.any(1), near.any(0))  # with whatever decides, side by side as before
        result = values.copy()
        result[some] = np.where(asked[some], nearest_known(values[some], known[some]), values[some])
        return result

    places = ndimage.distance_transform_cdt(
        ~known, "chessboard", return_distances=False, return_indices=True
    )
    rows, columns = np.asarray(places)
    return values[rows, columns]
