"""CatVTON, arXiv 2407.15886: one stock UNet draws the person and the garment side by side.

The garment's latents stand below the person's (mask-free: to the right), self-attention carries the
garment over. No text anywhere, no second network. The garment's half feeds every layer, GroupNorm
and the next step, so none of its work can be left out. What is left out, with the same result:
- without guidance the unconditional half of the batch;
- the VAE's work on a person or garment that was encoded before (`encode_person`,
  `encode_garment`);
- the cross-attention's weights and those of a text encoder, which nothing reads (`load.prepare`).
Import this module at run time only: it imports diffusers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import Tensor
from torch.nn import functional

from ...diffusion.guidance import guide
from ...diffusion.latents import (
    Posterior,
    check_same_size,
    check_size,
    decode,
    encode,
    preview,
    start_latents,
)
from ...diffusion.noise import Noise, SeededNoise, seeds_for
from ...diffusion.run import Pair, Place, Progress, Step, pair_rows, silent, stay
from ...diffusion.schedulers import Schedule
from ...errors import InputError

ETA = 1.0
"""Noise that every DDIM step adds, the last one too. Golden stage: scheduler.std."""


@dataclass(frozen=True)
class GarmentEncoding:
    """Garments as the model takes them, for any number of runs."""

    latents: Tensor  # (garments, 4, h, w) float32, scaled

    def to(self, device: torch.device | str) -> GarmentEncoding:
        """The same on another device, to keep many at hand."""
        return GarmentEncoding(self.latents.to(device))


@dataclass(frozen=True)
class PersonEncoding:
    """People as the model takes them."""

    photo: Posterior  # of the photos without what the mask covers; mask-free: of the whole photos
    mask: Tensor | None  # (people, 1, h, w) float32, exactly 0 or 1; None: mask-free


@dataclass(frozen=True)
class BesideStep(Step):
    """Both halves, person and garment, along `axis`; the preview shows the person's."""

    axis: int

    def preview(self) -> Tensor:
        return preview(self.clean.chunk(2, self.axis)[0], self.kind)


class CatVTONPipeline:
    """Holds networks that it never moves; may be used for any number of runs, one at a time."""

    STAGES = {"encode": ("vae",), "denoise": ("denoiser",), "decode": ("vae",)}
    """What `place` is called with, and the attributes whose networks that stage runs."""

    kind = "sd15"
    """The latent space."""

    def __init__(
        self,
        vae: AutoencoderKL,
        denoiser: UNet2DConditionModel,
        scheduler: DDIMScheduler,
        *,
        variant: str,
        axis: int,
        masked: bool,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        place: Place = stay,
    ) -> None:
        """axis: of (batch, channels, height, width) along which the garment stands beside the
        person. masked: whether the model takes a mask. dtype: of what the UNet is given and
        computes in. device: where the networks of a stage are once `place` was called for it."""
        self.vae = vae
        self.denoiser = denoiser
        self.scheduler = scheduler
        self.variant = variant
        self.axis = axis
        self.masked = masked
        self.dtype = dtype
        self.device = torch.device(device)
        self.place = place

    @torch.no_grad()
    def __call__(
        self,
        person: PersonEncoding,
        garment: GarmentEncoding,
        *,
        steps: int = 50,
        guidance: float = 2.5,
        seed: int | Sequence[int] = 42,
        scheduler: str = "published",
        strength: float = 1.0,
        start: Tensor | None = None,
        pairs: Sequence[Pair] | None = None,
        noise: Noise | None = None,
        progress: Progress = silent,
    ) -> Tensor:
        """Pictures of every pair, (pairs, 3, height, width) float32 in 0..1.

        guidance: up to 1 is none, and runs half the work. seed: of the first picture, the next
        take seed + 1, …; or one for each. strength: below 1 begins from `start`, pictures (people
        or pairs, 3, height, width) in 0..1, with that share of the steps. noise: instead of seeds.
        Drawn in the order: photo, start, each step; the last two for person and garment together.
        """
        schedule = Schedule.make(scheduler, self.scheduler, steps, strength, eta=ETA)
        people, garments = pair_rows(pairs, len(person.photo.moments), len(garment.latents))
        noise = noise or SeededNoise(seeds_for(seed, len(people)))
        worn = garment.latents[garments.to(garment.latents.device)].to(self.device)
        begin = None
        if strength < 1:
            begin = start_latents(self.vae, start, people, self.place, self.device)
            begin = torch.cat([begin, worn], dim=self.axis)
        self.place("denoise")
        guided = guidance > 1
        conditions = self._conditions(person, people, worn, noise, guided)
        both = (worn.shape[1], *conditions.shape[2:])  # (4, h, w) of the two halves together
        latents = schedule.start(noise.draw(both).to(self.device), begin)
        for index, timestep in enumerate(schedule.timesteps):
            noisy = schedule.scaled(latents, index).to(self.dtype)
            seen = torch.cat([torch.cat([noisy, noisy]) if guided else noisy, conditions], dim=1)
            prediction = self.denoiser(seen, timestep, None).sample.float()
            if guided:
                unconditional, conditional = prediction.chunk(2)
                prediction = guide(unconditional, conditional, guidance)
            clean = schedule.clean(prediction, index, latents)
            latents = schedule.step(prediction, index, latents, noise)
            step = BesideStep(latents, prediction, clean, self.kind, latents, self.axis)
            progress(index + 1, len(schedule), step)
        self.place("decode")
        return decode(self.vae, latents.chunk(2, self.axis)[0], self.device)

    @torch.no_grad()
    def encode_garment(
        self, pictures: Tensor, *, seed: int = 0, noise: Noise | None = None
    ) -> GarmentEncoding:
        """pictures: (garments, 3, height, width) in 0..1, sides multiples of 8.

        The VAE's posterior is sampled, as the authors do; every garment with the same `seed`, which
        is not the run's, so that an encoding serves any number of runs.
        """
        check_size(pictures, "garment picture")
        self.place("encode")
        posterior = encode(self.vae, pictures * 2 - 1, self.device)
        noise = noise or SeededNoise([seed] * len(pictures))
        sample = posterior.sample(noise.draw(posterior.mean.shape[1:]))
        return GarmentEncoding(sample * self.vae.config["scaling_factor"])

    @torch.no_grad()
    def encode_person(self, photos: Tensor, mask: Tensor | None = None) -> PersonEncoding:
        """photos: (people, 3, height, width) in 0..1; mask: (people, 1, height, width), from 0.5 up
        is repainted. Sides are multiples of 8.

        Raises InputError for a mask that is missing, or that a mask-free variant is given.
        """
        check_size(photos, "photo")
        if (mask is not None) != self.masked:
            raise InputError(
                f"CatVTON {self.variant} repaints under a mask, and none came. Connect one."
                if self.masked
                else f"CatVTON {self.variant} takes no mask, and one came. Leave it out, or choose "
                "a variant that repaints under a mask."
            )
        self.place("encode")
        if mask is None:
            return PersonEncoding(encode(self.vae, photos * 2 - 1, self.device), None)
        check_same_size(photos, {"mask": mask})
        repainted = (mask >= 0.5).float()
        posterior = encode(self.vae, (photos * 2 - 1) * (repainted < 0.5), self.device)
        size = posterior.moments.shape[-2:]
        return PersonEncoding(posterior, functional.interpolate(repainted, size, mode="nearest"))

    def _conditions(
        self, person: PersonEncoding, people: Tensor, worn: Tensor, noise: Noise, guided: bool
    ) -> Tensor:
        """Input channels that stay the same at every step: mask (of the masked variants) and
        pictures, both halves, (rows, 5 or 4, h, w).

        Rows: the pairs; guided, first as many without garment. They differ in nothing else.
        """
        posterior = person.photo.rows(people)
        photo = posterior.sample(noise.draw(posterior.mean.shape[1:])).to(self.device)
        photo = photo * self.vae.config["scaling_factor"]
        if photo.shape != worn.shape:
            raise InputError(
                "CatVTON draws person and garment side by side, so both must be of one size: the "
                f"photo's latents are {photo.shape[-1]}x{photo.shape[-2]}, the garment's "
                f"{worn.shape[-1]}x{worn.shape[-2]}. Encode the garment at the photo's size."
            )
        beside = [torch.zeros_like(worn), worn] if guided else [worn]
        pictures = torch.cat([torch.cat([photo, half], dim=self.axis) for half in beside])
        if person.mask is None:
            return pictures.to(self.dtype)
        mask = person.mask[people.to(person.mask.device)].to(self.device)
        mask = torch.cat([mask, torch.zeros_like(mask)], dim=self.axis)  # 0 over the garment
        return torch.cat([mask.repeat(len(beside), 1, 1, 1), pictures], dim=1).to(self.dtype)
