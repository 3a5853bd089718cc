"""Edge-preserving refinement: soft maps made at a small size are drawn along a photo's edges."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F


def resized_map(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Float map (H, W) or (H, W, C) at another size: averaged smaller, interpolated larger."""
    channels = values if values.ndim == 3 else values[..., None]
    tensor = torch.from_numpy(np.array(channels, dtype=np.float32, order="C")).permute(2, 0, 1)
    shrink = height < values.shape[0] or width < values.shape[1]
    resized = F.interpolate(
        tensor[None], (height, width), mode="bilinear", antialias=shrink, align_corners=False
    )[0].permute(1, 2, 0)
    array = resized.numpy()
    return array if values.ndim == 3 else array[..., 0]


def reduced(photo: np.ndarray, height: int, width: int) -> np.ndarray:
    """A photo uint8 (H, W, 3) as uint8 (height, width, 3), averaged."""
    whole = torch.from_numpy(np.array(photo)).permute(2, 0, 1)[None]
    small = F.interpolate(whole, (height, width), mode="bilinear", antialias=True)[0]
    return small.permute(1, 2, 0).numpy()


def in_bytes(picture: np.ndarray) -> np.ndarray:
    """A float picture in 0..1 as uint8."""
    return np.clip(np.round(picture * 255), 0, 255).astype(np.uint8)


def box(values: torch.Tensor, radius: int) -> torch.Tensor:
    """Mean over (2 radius + 1) squares of (C, H, W), counting only pixels inside."""
    for axis in (1, 2):
        length = values.shape[axis]
        total = values.clone()
        for step in range(1, min(radius, length - 1) + 1):
            rest = length - step
            total.narrow(axis, 0, rest).add_(values.narrow(axis, step, rest))
            total.narrow(axis, step, rest).add_(values.narrow(axis, 0, rest))
        places = torch.arange(length)
        count = (places + radius + 1).clamp(max=length) - (places - radius).clamp(min=0)
        values = total.div_(count if axis == 2 else count[:, None])
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


def guided_models(
    values: np.ndarray, picture: np.ndarray, radius: int, softness: float
) -> np.ndarray:
    """How soft maps follow the colours of a picture: value = red r + green g + blue b + offset.

    values (h, w, C) in 0..1; picture float32 (h, w, 3) in 0..1. Returns float32 (h, w, 4 C): the
    factors r of all maps, then g, b and the offsets. Smooth, so that they can be enlarged.
    """
    models = guided_coefficients(to_tensor(picture), to_tensor(values), radius, softness)
    return models.flatten(0, 1).permute(1, 2, 0).numpy()


def refine(
    values: np.ndarray, small: np.ndarray, large: np.ndarray, radius: int, softness: float
) -> np.ndarray:
    """Soft maps drawn along the edges of a picture.

    values (C, h, w) in 0..1; small float32 (h, w, 3) in 0..1 is the picture at their size; large
    (H, W, 3) the same picture at the wanted size. Returns float32 (C, H, W).
    """
    models = guided_coefficients(
        to_tensor(small), torch.from_numpy(values.astype(np.float32)), radius, softness
    )
    size = list(large.shape[:2])
    *factors, result = (F.interpolate(model[None], size, mode="bilinear")[0] for model in models)
    for k, factor in enumerate(factors):
        result.addcmul_(factor, torch.from_numpy(np.ascontiguousarray(large[..., k])))
    return result.clamp_(0, 1).numpy()


def to_tensor(array: np.ndarray) -> torch.Tensor:
    """(H, W, C) to float32 (C, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(array, -1, 0), dtype=np.float32))


def blur(values: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of (H, W) or (H, W, C) float maps; sigma in pixels.

    Wide blurs are made at a smaller size, where they look the same.
    """
    from scipy.ndimage import gaussian_filter

    factor = int(sigma / 1.6)
    height, width = values.shape[:2]
    if factor > 1 and min(height, width) > 4 * factor:
        small = resized_map(values, -(-height // factor), -(-width // factor))
        return resized_map(blur(small, sigma / factor), height, width)
    values = np.asarray(values, dtype=np.float32)
    sigmas = (sigma, sigma, 0) if values.ndim == 3 else sigma
    return gaussian_filter(values, sigmas, mode="nearest", truncate=3.0)


def outline(values: np.ndarray, sigma: float) -> np.ndarray:
    """About the signed distance (h, w) in pixels, negative inside, to where a map that was rounded
    by a blur is 0.5."""
    return (0.5 - blur(values, sigma)) * np.float32(2.5 * sigma)
