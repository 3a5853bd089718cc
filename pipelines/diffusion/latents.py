"""Between pictures and latents: the VAE, its posterior, and previews without it.

Pictures here are (batch, 3, height, width) float32 in 0..1, RGB, as in `images.py`; sides are
multiples of 8. Latents are (batch, 4, height / 8, width / 8).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError

SHRINK = 8
"""Pixels per latent, of every VAE used here."""

PIXELS_AT_ONCE = 1024 * 1024
"""Of all pictures that go through the VAE together; one larger picture goes alone."""

# Linear maps from the four latent channels to R, G, B in -1..1, and their offset: the fits that
# ComfyUI's own previews use for these two latent spaces.
PREVIEW = {
    "sd15": (
        (0.3512, 0.2297, 0.3227), (0.3250, 0.4974, 0.2350),
        (-0.2829, 0.1762, 0.2721), (-0.2120, -0.2616, -0.7177),
    ),
    "sdxl": (
        (0.3651, 0.4232, 0.4341), (-0.2533, -0.0042, 0.1068),
        (0.1076, 0.1111, -0.0362), (-0.3165, -0.2492, -0.2188),
    ),
}  # fmt: skip
PREVIEW_OFFSET = {"sd15": (0.0, 0.0, 0.0), "sdxl": (0.1084, -0.0175, -0.0011)}


@dataclass(frozen=True)
class Posterior:
    """What the VAE's encoder tells about a picture's latents, unscaled.

    moments: (batch, 8, height / 8, width / 8): four means, four log-variances.
    """

    moments: Tensor

    @property
    def mean(self) -> Tensor:
        return self.moments.chunk(2, dim=1)[0]

    def sample(self, noise: Tensor) -> Tensor:
        """mean + standard deviation * noise; log-variances are clamped to -30..20."""
        mean, log_variance = self.moments.chunk(2, dim=1)
        return mean + (0.5 * log_variance.clamp(-30, 20)).exp() * noise.to(mean)

    def rows(self, rows: Tensor) -> Posterior:
        return Posterior(self.moments[rows.to(self.moments.device)])


def encode(vae: Any, pictures: Tensor, device: torch.device | str) -> Posterior:
    """Runs an AutoencoderKL's encoder on pictures in -1..1. The moments are float32."""
    # Pictures that come as (batch, height, width, 3) keep that order in memory when they are
    # permuted, and PyTorch's GroupNorm for it is off by up to a tenth of its output in flat areas
    # on a CPU (golden stage latent.densepose of IDM-VTON).
    moments = [
        vae.encode(part.to(device, vae.dtype).contiguous()).latent_dist.parameters.float()
        for part in pictures.split(_at_once(pictures.shape[-2:], pixels=1))
    ]
    return Posterior(torch.cat(moments))


def decode(vae: Any, latents: Tensor, device: torch.device | str) -> Tensor:
    """Pictures in 0..1 of scaled latents, float32."""
    unscaled = latents / vae.config["scaling_factor"]
    decoded = [
        vae.decode(part.to(device, vae.dtype)).sample.float()
        for part in unscaled.split(_at_once(latents.shape[-2:], pixels=SHRINK**2))
    ]
    return (torch.cat(decoded) / 2 + 0.5).clamp(0, 1)


def start_latents(
    vae: Any, start: Tensor | None, people: Tensor, place: Callable[[str], None],
    device: torch.device | str,
) -> Tensor:  # fmt: skip
    """Scaled latents of the pictures that a run below strength 1 begins from, one for each row.

    start: (rows or people in all, 3, height, width) in 0..1. people: the person of each row.
    Raises InputError where there is no picture, or one of a wrong size.
    """
    if start is None:
        raise InputError("A strength below 1 needs a picture to start from.")
    check_size(start, "picture to start from")
    place("encode")
    latents = encode(vae, start * 2 - 1, device).mean * vae.config["scaling_factor"]
    return latents if len(start) == len(people) else latents[people.to(latents.device)]


def _at_once(size: tuple[int, ...], pixels: int) -> int:
    """How many pictures the VAE takes at a time: its activations are the largest of a run, so
    large pictures go through one after the other."""
    return max(1, PIXELS_AT_ONCE // (size[0] * size[1] * pixels))


def to_bytes(pictures: Tensor) -> np.ndarray:
    """uint8 (batch, height, width, 3) of pictures in 0..1, rounded half to even."""
    return (pictures.float() * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def preview(latents: Tensor, kind: str) -> Tensor:
    """Rough pictures of scaled latents, (batch, 3, height / 8, width / 8) float32 in 0..1.

    kind: "sd15" or "sdxl", by the VAE's latent space.
    """
    factors = torch.tensor(PREVIEW[kind], device=latents.device)
    offset = torch.tensor(PREVIEW_OFFSET[kind], device=latents.device)
    picture = torch.einsum("bchw,cr->brhw", latents.float(), factors) + offset[:, None, None]
    return ((picture + 1) / 2).clamp(0, 1)


def check_same_size(photos: Tensor, others: Mapping[str, Tensor]) -> None:
    """Raises InputError unless there is one picture of each kind for every photo, of its size."""
    for name, pictures in others.items():
        if pictures.shape[-2:] != photos.shape[-2:] or len(pictures) != len(photos):
            raise InputError(
                f"The {name} must be as many pictures of the same size as the photo, "
                f"{in_words(photos)}; {in_words(pictures)} came."
            )


def in_words(pictures: Tensor) -> str:
    """How many pictures of which size."""
    return f"{len(pictures)} of {pictures.shape[-1]}x{pictures.shape[-2]}"


def check_size(picture: Tensor, what: str) -> None:
    """Raises InputError unless both sides are multiples of 8 pixels."""
    height, width = picture.shape[-2:]
    if height % SHRINK or width % SHRINK or not height or not width:
        fitting = f"{max(width // SHRINK, 1) * SHRINK}x{max(height // SHRINK, 1) * SHRINK}"
        raise InputError(
            f"The {what} must have sides that are multiples of {SHRINK} pixels; {width}x{height} "
            f"came. Resize or crop it, to {fitting} for example."
        )
