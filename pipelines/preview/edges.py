"""Edge-preserving refinement: soft maps made at a small size are drawn along a photo's edges."""

from __future__ import annotations

from contextlib import ContextDecorator

import numpy as np
import torch
import torch.nn.functional as F

BAND = 2**20  # pixels that are worked on at once at a photo's own size


def resize(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Float map (H, W) or (H, W, C) at another size: averaged smaller, interpolated larger."""
    channels = values if values.ndim == 3 else values[..., None]
    tensor = torch.from_numpy(np.ascontiguousarray(channels, dtype=np.float32)).permute(2, 0, 1)
    shrink = height < values.shape[0] or width < values.shape[1]
    resized = F.interpolate(
        tensor[None], (height, width), mode="bilinear", antialias=shrink, align_corners=False
    )[0].permute(1, 2, 0)
    array = resized.numpy()
    return array if values.ndim == 3 else array[..., 0]


def box(values: torch.Tensor, radius: int) -> torch.Tensor:
    """Mean over (2 radius + 1) squares of (C, H, W), counting only pixels inside."""
    for axis in (-1, -2):
        length = values.shape[axis]
        sums = values.cumsum(axis)
        before = torch.zeros_like(sums.narrow(axis, 0, 1))
        after = sums.narrow(axis, length - 1, 1)
        repeats = [1, 1, 1]
        repeats[axis] = radius + 1
        padded = torch.cat([before.repeat(repeats), sums, after.repeat(repeats)], axis)
        total = padded.narrow(axis, 2 * radius + 1, length) - padded.narrow(axis, 0, length)
        places = torch.arange(length)
        count = (places + radius + 1).clamp(max=length) - (places - radius).clamp(min=0)
        values = total / (count if axis == -1 else count[:, None])
    return values


def guided_coefficients(
    guide: torch.Tensor, values: torch.Tensor, radius: int, softness: float
) -> torch.Tensor:
    """Local linear models value = a . colour + b of the colour guided filter (He et al. 2013).

    guide (3, H, W) in 0..1, values (C, H, W). Returns (4, C, H, W): a for each colour, then b.
    """
    mean_guide, mean_values = box(guide, radius), box(values, radius)
    pairs = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
    products = torch.stack([guide[i] * guide[j] for i, j in pairs])
    expected = torch.stack([mean_guide[i] * mean_guide[j] for i, j in pairs])
    rr, rg, rb, gg, gb, bb = box(products, radius) - expected
    rr, gg, bb = rr + softness, gg + softness, bb + softness
    inverse_rr, inverse_rg, inverse_rb = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    inverse_gg, inverse_gb, inverse_bb = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    determinant = rr * inverse_rr + rg * inverse_rg + rb * inverse_rb
    cross = torch.stack(
        [box(guide[i] * values, radius) - mean_guide[i] * mean_values for i in range(3)]
    )  # (3, C, H, W)
    a = torch.stack(
        [
            inverse_rr * cross[0] + inverse_rg * cross[1] + inverse_rb * cross[2],
            inverse_rg * cross[0] + inverse_gg * cross[1] + inverse_gb * cross[2],
            inverse_rb * cross[0] + inverse_gb * cross[1] + inverse_bb * cross[2],
        ]
    ) / determinant.clamp_min(1e-12)
    b = mean_values - (a * mean_guide[:, None]).sum(0)
    coefficients = torch.cat([a, b[None]])
    flat = coefficients.flatten(0, 1)
    return box(flat, radius).unflatten(0, coefficients.shape[:2])


class SingleThread(ContextDecorator):
    """Lets torch work on one thread inside: on small pictures, handing work over takes longer than
    the work, by far so on a busy machine."""

    def __enter__(self) -> None:
        self.threads = torch.get_num_threads()
        torch.set_num_threads(1)

    def __exit__(self, *error: object) -> None:
        torch.set_num_threads(self.threads)


class Enlarged:
    """A small map (h, w) or (h, w, C) at a larger size. For a photo of many megapixels rows are
    made where they are needed, so that it takes little memory."""

    def __init__(self, values: np.ndarray, height: int, width: int):
        self.flat = values.ndim == 2
        self.height = height
        channels = values[..., None] if self.flat else values
        rows = height if height * width <= BAND else values.shape[0]
        self.wide = resize(channels, rows, width)

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Rows start to stop of the enlarged map."""
        small = len(self.wide)
        if small == self.height:
            result = self.wide[start:stop].copy()
            return result[..., 0] if self.flat else result
        first, second, share = between_rows(small, self.height, start, stop)
        share = share[:, None, None]
        result = self.wide[first] * (1 - share) + self.wide[second] * share
        return result[..., 0] if self.flat else result


def bands(height: int, width: int) -> list[tuple[int, int]]:
    """Row ranges of a picture, each of at most BAND pixels or one row."""
    step = max(1, BAND // width)
    return [(start, min(start + step, height)) for start in range(0, height, step)]


def refine(
    values: np.ndarray, small: np.ndarray, large: np.ndarray, radius: int, softness: float
) -> np.ndarray:
    """Soft maps drawn along the edges of a picture.

    values (h, w, C) in 0..1; small float32 (h, w, 3) in 0..1 is the picture at their size; large
    (H, W, 3) the same picture at the wanted size. Returns float32 (H, W, C).
    """

    def to_tensor(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).permute(2, 0, 1)

    coefficients = guided_coefficients(to_tensor(small), to_tensor(values), radius, softness)
    height, width = large.shape[:2]
    count = values.shape[2]
    wide = F.interpolate(
        coefficients.flatten(0, 1)[None], (small.shape[0], width), mode="bilinear"
    )[0]
    result = np.empty((height, width, count), np.float32)
    for start, stop in bands(height, width):
        first, second, share = between_rows(small.shape[0], height, start, stop)
        weight = torch.from_numpy(share)[:, None]
        models = torch.lerp(wide[:, first], wide[:, second], weight).unflatten(0, (4, count))
        band = models[3]
        for k in range(3):
            guide = torch.from_numpy(np.ascontiguousarray(large[start:stop, :, k]))
            band = band.addcmul_(models[k], guide)
        result[start:stop] = band.clamp_(0, 1).permute(1, 2, 0).numpy()
    return result


def between_rows(
    small: int, large: int, start: int, stop: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For rows start to stop of a picture of `large` rows: the two rows of one of `small` rows that
    they lie between, and the share of the second."""
    place = (np.arange(start, stop) + 0.5) * small / large - 0.5
    place = np.clip(place, 0, small - 1).astype(np.float32)
    first = np.minimum(place.astype(int), max(small - 2, 0))
    return first, np.minimum(first + 1, small - 1), (place - first).astype(np.float32)


def blur(values: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of (H, W) or (H, W, C) float maps; sigma in pixels.

    Wide blurs are made at a smaller size, where they look the same.
    """
    from scipy.ndimage import gaussian_filter

    factor = int(sigma / 2.5)
    height, width = values.shape[:2]
    if factor > 1 and min(height, width) > 4 * factor:
        small = resize(values, -(-height // factor), -(-width // factor))
        return resize(blur(small, sigma / factor), height, width)
    values = np.asarray(values, dtype=np.float32)
    sigmas = (sigma, sigma, 0) if values.ndim == 3 else sigma
    return gaussian_filter(values, sigmas, mode="nearest", truncate=3.0)
