"""Edge-preserving refinement: soft maps made at a small size are drawn along a photo's edges."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .averaging import averaged


def resized_map(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Float map (H, W) or (H, W, C) at another size: averaged smaller, interpolated larger."""
    if height >= values.shape[0] and width >= values.shape[1]:
        return enlarged(values, height, width)
    return averaged(values, height, width)


def enlarged(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """A float map (H, W) or (H, W, C) interpolated linearly to a size that is nowhere smaller, as
    float32; corners are aligned with corners."""
    import cv2

    large = cv2.resize(np.asarray(values, np.float32), (width, height))
    return large.reshape(height, width, *values.shape[2:])


def in_bytes(picture: np.ndarray) -> np.ndarray:
    """A float picture in 0..1 as uint8."""
    return np.clip(np.round(picture * 255), 0, 255).astype(np.uint8)


def box(planes: np.ndarray, radius: int) -> np.ndarray:
    """Mean over (2 radius + 1) squares of float32 (C, H, W), counting only pixels inside."""
    import cv2

    places = [np.arange(length) for length in planes.shape[1:]]
    down, across = (
        np.minimum(place + radius + 1, len(place)) - np.maximum(place - radius, 0)
        for place in places
    )
    share = (1 / (down[:, None] * across)).astype(np.float32)
    ones, result = np.ones(2 * radius + 1), np.empty(planes.shape, np.float32)
    for plane, mean in zip(planes, result, strict=True):
        cv2.sepFilter2D(plane, -1, ones, ones, dst=mean, borderType=cv2.BORDER_CONSTANT)
    result *= share
    return result


def guided_coefficients(
    guide: np.ndarray, values: np.ndarray, radius: int, softness: float
) -> np.ndarray:
    """Local linear models value = a . colour + b of the colour guided filter (He et al. 2013).

    guide float32 (3, H, W) in 0..1, values (C, H, W). Returns (4, C, H, W): a for each colour,
    then b.
    """
    values = np.ascontiguousarray(values, np.float32)
    mean_guide, mean_values = box(guide, radius), box(values, radius)
    pairs = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
    covariance = box(np.stack([guide[i] * guide[j] for i, j in pairs]), radius)
    for plane, (i, j) in zip(covariance, pairs, strict=True):
        plane -= mean_guide[i] * mean_guide[j]
        if i == j:
            plane += np.float32(softness)
    rr, rg, rb, gg, gb, bb = covariance
    inverse_rr, inverse_rg, inverse_rb = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    inverse_gg, inverse_gb, inverse_bb = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    determinant = rr * inverse_rr + rg * inverse_rg + rb * inverse_rb
    determinant = np.maximum(determinant, np.float32(1e-12))
    rows = (
        (inverse_rr, inverse_rg, inverse_rb),
        (inverse_rg, inverse_gg, inverse_gb),
        (inverse_rb, inverse_gb, inverse_bb),
    )
    result = np.empty((4, *values.shape), np.float32)
    cross = [box(guide[i] * values, radius) - mean_guide[i] * mean_values for i in range(3)]
    for k, row in enumerate(rows):
        result[k] = row[0] * cross[0]
        result[k] += row[1] * cross[1]
        result[k] += row[2] * cross[2]
        result[k] /= determinant
    result[3] = mean_values - (result[:3] * mean_guide[:, None]).sum(0)
    flat = result.reshape(-1, *values.shape[1:])
    return box(flat, radius).reshape(result.shape)


def guided_models(
    values: np.ndarray, picture: np.ndarray, radius: int, softness: float
) -> np.ndarray:
    """How soft maps follow the colours of a picture: value = red r + green g + blue b + offset.

    values (C, h, w) in 0..1; picture float32 (h, w, 3) in 0..1. Returns float32 (4 C, h, w): the
    factors r of all maps, then g, b and the offsets. Smooth, so that they can be enlarged.
    """
    count, height, width = values.shape
    models = np.zeros((4, count, height, width), np.float32)
    there = np.asarray(values.any(0))
    rows, columns = np.flatnonzero(there.any(1)), np.flatnonzero(there.any(0))
    if len(rows):  # further from what is marked they are 0
        reach = 4 * radius
        cut = tuple(
            slice(max(0, places[0] - reach), places[-1] + reach + 1) for places in (rows, columns)
        )
        part = to_planes(picture[cut]), values[(..., *cut)], radius, softness
        models[(..., *cut)] = guided_coefficients(*part)
    return models.reshape(-1, height, width)


def refine(
    values: np.ndarray, small: np.ndarray, large: np.ndarray, radius: int, softness: float
) -> np.ndarray:
    """Soft maps drawn along the edges of a picture.

    values (C, h, w) in 0..1; small float32 (h, w, 3) in 0..1 is the picture at their size; large
    (H, W, 3) the same picture at the wanted size. Returns float32 (C, H, W).
    """
    models = guided_coefficients(to_planes(small), values, radius, softness)
    height, width = large.shape[:2]
    colours = to_planes(large)
    result = np.empty((len(values), height, width), np.float32)
    for k, plane in enumerate(result):
        plane[...] = enlarged(models[3, k], height, width)
        for factor, colour in zip(models[:3, k], colours, strict=True):
            plane += enlarged(factor, height, width) * colour
    return np.clip(result, 0, 1, out=result)


def to_planes(array: np.ndarray) -> np.ndarray:
    """(H, W, C) to float32 (C, H, W)."""
    return np.ascontiguousarray(np.moveaxis(array, -1, 0), dtype=np.float32)


def blur(values: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of (H, W) or (H, W, C) float maps; sigma in pixels.

    Wide blurs are made at a smaller size, where they look the same.
    """
    import cv2

    factor = int(sigma / 1.6)
    height, width = values.shape[:2]
    if factor > 1 and min(height, width) > 4 * factor:
        small = resized_map(values, -(-height // factor), -(-width // factor))
        return resized_map(blur(small, sigma / factor), height, width)
    bell = gaussian(sigma)
    values = np.ascontiguousarray(values, dtype=np.float32)
    soft = cv2.sepFilter2D(values, -1, bell, bell, borderType=cv2.BORDER_REPLICATE)
    return soft.reshape(values.shape)


@lru_cache(maxsize=256)
def gaussian(sigma: float) -> np.ndarray:
    """Weights of a Gaussian up to three standard deviations; they add up to 1."""
    places = np.arange(-int(3 * sigma + 0.5), int(3 * sigma + 0.5) + 1)
    weights = np.exp(places**2 * (-0.5 / (sigma * sigma)))
    return weights / weights.sum()


def outline(values: np.ndarray, sigma: float) -> np.ndarray:
    """About the signed distance (h, w) in pixels, negative inside, to where a map that was rounded
    by a blur is 0.5."""
    return (0.5 - blur(values, sigma)) * np.float32(2.5 * sigma)
