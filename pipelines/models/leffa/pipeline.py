"""Leffa, arXiv 2412.08486: a person in a garment, or an appearance in another pose.

The reference UNet looks at the garment (or at the person whose appearance is wanted), the denoiser
repaints the photo under the mask with the body given as a DensePose picture. No text anywhere.
Import this module at run time only: it imports diffusers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from torch import Tensor
from torch.nn import functional

from ...diffusion.guidance import guide, rescale
from ...diffusion.latents import (
    Posterior,
    check_same_size,
    check_size,
    decode,
    encode,
    start_latents,
)
from ...diffusion.noise import Noise, SeededNoise, seeds_for
from ...diffusion.reference import Tokens, project_reference, read_tokens
from ...diffusion.run import Pair, Place, Progress, Step, pair_rows, silent, stay
from ...diffusion.schedulers import Schedule
from ...diffusion.token_store import TokenStore, check_room


@dataclass(frozen=True)
class GarmentEncoding:
    """Garments (pose transfer: appearances) as the model takes them, for any number of runs."""

    latents: Tensor  # (garments, 4, h, w) float32, scaled
    # Reference tokens of the garments by timestep, in main memory, where they were read ahead
    # (`LeffaPipeline.read_ahead`).
    tokens: dict[float, Tokens] = field(default_factory=dict)

    def to(self, device: torch.device | str) -> GarmentEncoding:
        """The same on another device, to keep many at hand; tokens read ahead stay where they are,
        in main memory."""
        return replace(self, latents=self.latents.to(device))


@dataclass(frozen=True)
class PersonEncoding:
    """People as the model takes them."""

    masked: Posterior  # of the photos without what the mask covers
    mask: Tensor  # (people, 1, h, w) float32, exactly 0 or 1
    body: Tensor  # (people, 3, h, w) float32 in -1..1, DensePose


class LeffaPipeline:
    """Holds networks that it never moves; may be used for any number of runs, one at a time."""

    STAGES = {
        "encode": ("vae",),
        "read": ("reference",),
        "denoise": ("denoiser",),
        "read_and_denoise": ("reference", "denoiser"),
        "decode": ("vae",),
    }
    """What `place` is called with, and the attributes whose networks that stage runs."""

    def __init__(
        self,
        vae: AutoencoderKL,
        reference: UNet2DConditionModel,
        denoiser: UNet2DConditionModel,
        scheduler: DDPMScheduler,
        *,
        variant: str,
        kind: str,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        place: Place = stay,
    ) -> None:
        """kind: "sd15" or "sdxl". dtype: of what the UNets are given and compute in.
        device: where the networks of a stage are once `place` was called for it."""
        self.vae = vae
        self.reference = reference
        self.denoiser = denoiser
        self.scheduler = scheduler
        self.variant = variant
        self.kind = kind
        self.dtype = dtype
        self.device = torch.device(device)
        self.place = place
        # The unconditional half looks at a zero latent: its tokens depend on the checkpoint, the
        # size and the timestep alone, so every garment after the first runs without that row.
        self.unconditional = TokenStore()

    @torch.no_grad()
    def __call__(
        self,
        person: PersonEncoding,
        garment: GarmentEncoding,
        *,
        steps: int = 30,
        guidance: float = 2.5,
        seed: int | Sequence[int] = 42,
        scheduler: str = "published",
        accelerated: bool = False,
        strength: float = 1.0,
        start: Tensor | None = None,
        pairs: Sequence[Pair] | None = None,
        noise: Noise | None = None,
        progress: Progress = silent,
    ) -> Tensor:
        """Pictures of every pair, (pairs, 3, height, width) float32 in 0..1.

        guidance: 1 is none, and runs half the work. seed: of the first picture, the next take
        seed + 1, …; or one for each. accelerated: looks at the garment once, at the middle
        timestep, instead of at every step; faster and slightly different. strength: below 1 begins
        from `start`, pictures (people or pairs, 3, height, width) in 0..1, with that share of the
        steps. noise: instead of seeds. Drawn in the order: masked photo, start, each step.
        """
        schedule = Schedule.make(scheduler, self.scheduler, steps, strength)
        people, garments = pair_rows(pairs, len(person.mask), len(garment.latents))
        noise = noise or SeededNoise(seeds_for(seed, len(people)))
        begin = None
        if strength < 1:
            begin = start_latents(self.vae, start, people, self.place, self.device)
        guided = guidance != 1
        moments = _moments(schedule, accelerated)
        if accelerated:  # before the denoiser is needed
            garment = self._read(garment, moments[:1], guided)
        ahead = not any(self._unread(garment, float(moment), guided) for moment in moments)
        self.place("denoise" if ahead else "read_and_denoise")
        conditions = self._conditions(person, people, noise)  # (pairs, 8, h, w)
        latents = schedule.start(noise.draw(conditions[0, :4].shape), begin).to(self.device)
        # The unconditional half differs only in what the reference UNet saw: a zero latent. Its
        # tokens are one row, whatever the batch.
        nothing = torch.full_like(garments, len(garment.latents))
        rows = (torch.cat([nothing, garments]) if guided else garments).to(self.device)
        reference = None
        for index, (timestep, moment) in enumerate(zip(schedule.timesteps, moments, strict=True)):
            if reference is None or moment != moments[index - 1]:
                tokens = self._tokens(garment, float(moment), guided)
                reference = project_reference(self.denoiser, tokens, rows=rows)
            seen = torch.cat([schedule.scaled(latents, index).to(self.dtype), conditions], dim=1)
            prediction = self.denoiser(
                torch.cat([seen, seen]) if guided else seen, timestep, None,
                cross_attention_kwargs={"reference": reference},
            ).sample.float()  # fmt: skip
            if guided:
                unconditional, conditional = prediction.chunk(2)
                prediction = guide(unconditional, conditional, guidance)
                prediction = rescale(prediction, conditional, share=guidance)
            clean = schedule.clean(prediction, index, latents)
            latents = schedule.step(prediction, index, latents, noise)
            progress(index + 1, len(schedule), Step(latents, prediction, clean, self.kind, latents))
        self.place("decode")
        return decode(self.vae, latents, self.device)

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
    def read_ahead(
        self, garment: GarmentEncoding, *, steps: int = 30, scheduler: str = "published",
        accelerated: bool = True, strength: float = 1.0, most_bytes: float = 8e9,
    ) -> GarmentEncoding:  # fmt: skip
        """The encoding with its reference tokens for runs of these settings.

        Such runs do not use the reference UNet at all, as long as the unconditional half's tokens
        are kept too. They lie in main memory: at 768x1024 in 16 bits, 69 MB of each garment for one
        timestep (SDXL 157 MB); accelerated runs need one timestep, others one for each step.
        Raises InputError where they would take more than `most_bytes`.
        """
        schedule = Schedule.make(scheduler, self.scheduler, steps, strength)
        return self._read(garment, _moments(schedule, accelerated), True, most_bytes)

    @torch.no_grad()
    def encode_person(self, photos: Tensor, mask: Tensor, body: Tensor) -> PersonEncoding:
        """photos and body (the DensePose picture): (people, 3, height, width) in 0..1; mask:
        (people, 1, height, width), from 0.5 up is repainted. Sides are multiples of 8."""
        check_size(photos, "photo")
        check_same_size(photos, {"mask": mask, "DensePose picture": body})
        self.place("encode")
        repainted = (mask >= 0.5).float()
        visible = (photos * 2 - 1) * (1 - repainted)
        # Pose transfer hides everything: then all photos are the same grey and are encoded once.
        rows = len(photos) if visible.any() else 1
        moments = encode(self.vae, visible[:rows], self.device).moments
        posterior = Posterior(moments.expand(len(photos), -1, -1, -1))
        size = moments.shape[-2:]
        return PersonEncoding(
            posterior,
            functional.interpolate(repainted, size, mode="nearest"),
            functional.interpolate(body.float() * 2 - 1, size, mode="nearest"),
        )

    def _conditions(self, person: PersonEncoding, people: Tensor, noise: Noise) -> Tensor:
        """Input channels that stay the same at every step, (pairs, 8, h, w)."""
        posterior = person.masked.rows(people)
        masked = posterior.sample(noise.draw(posterior.mean.shape[1:]))
        channels = [person.mask[people], masked * self.vae.config["scaling_factor"],
                    person.body[people]]  # fmt: skip
        return torch.cat([each.to(self.device, self.dtype) for each in channels], dim=1)

    def _read(
        self, garment: GarmentEncoding, timesteps: Tensor, guided: bool, most_bytes: float = 8e9
    ) -> GarmentEncoding:
        """The encoding with tokens of at least these timesteps."""
        moments = sorted({float(each) for each in timesteps})
        missing = [each for each in moments if self._unread(garment, each, guided)]
        if not missing:
            return garment
        self.place("read")
        kept = dict(garment.tokens)
        for moment in missing:
            tokens, _ = self._both(garment, moment, guided)
            check_room(tokens, len(moments), most_bytes)
            kept[moment] = {name: each.cpu() for name, each in tokens.items()}
        return replace(garment, tokens=kept)

    def _unread(self, garment: GarmentEncoding, timestep: float, guided: bool) -> bool:
        """Whether a step at this time needs the reference UNet."""
        nothing = self.unconditional.get(garment.latents.shape[-2:], timestep) if guided else {}
        return timestep not in garment.tokens or nothing is None

    def _tokens(self, garment: GarmentEncoding, timestep: float, guided: bool) -> Tokens:
        """Of the garments and, if guided, of a zero latent as one more row."""
        tokens, nothing = self._both(garment, timestep, guided)
        if nothing is None:
            return tokens
        return {name: torch.cat([each, nothing[name]]) for name, each in tokens.items()}

    def _both(
        self, garment: GarmentEncoding, timestep: float, guided: bool
    ) -> tuple[Tokens, Tokens | None]:
        """Tokens of the garments, and of the zero latent: what is kept, the rest read now.

        In two calls, so that a garment's tokens are the same to the bit whether or not those of the
        zero latent were kept.
        """
        own = self._here(garment.tokens.get(timestep)) or self._look(garment.latents, timestep)
        if not guided:
            return own, None
        size = garment.latents.shape[-2:]
        nothing = self._here(self.unconditional.get(size, timestep))
        if nothing is None:
            nothing = self._look(torch.zeros_like(garment.latents[:1]), timestep)
            self.unconditional.put(size, timestep, nothing)
        return own, nothing

    def _look(self, latents: Tensor, timestep: float) -> Tokens:
        latents = latents.to(self.device, self.dtype)
        return read_tokens(self.reference, latents, torch.tensor(timestep), normalised=True)

    def _here(self, tokens: Tokens | None) -> Tokens | None:
        return tokens and {name: each.to(self.device) for name, each in tokens.items()}


def _moments(schedule: Schedule, accelerated: bool) -> Tensor:
    """The timestep at which the garment is looked at, for each step."""
    if not accelerated:
        return schedule.timesteps
    middle = schedule.timesteps[len(schedule) // 2]
    return torch.full_like(schedule.timesteps, float(middle))
