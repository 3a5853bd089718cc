"""IDM-VTON, arXiv 2403.05139: a person in a garment, with SDXL.

The garment UNet looks at the garment at every step; the denoiser repaints the photo under the mask
with the body given as a DensePose picture, and also sees the garment as an image prompt and in
words. Import this module at run time only: it imports diffusers.

What is not computed, beside what `reference.py` saves, with the same result: the garment UNet's
unconditional half (its tokens are zeros); everything unconditional where guidance is off; texts
and image tokens are projected once for a run. The garment's tokens depend on the timestep, so they
are read at every step, unless `read_ahead` did so for this garment and these settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional

from ...diffusion.guidance import guide
from ...diffusion.latents import (
    SHRINK,
    Posterior,
    check_same_size,
    check_size,
    decode,
    encode,
    start_latents,
    to_bytes,
)
from ...diffusion.noise import Noise, SeededNoise, seeds_for
from ...diffusion.reference import (
    Context,
    Tokens,
    project_context,
    project_reference,
    read_tokens,
)
from ...diffusion.run import Pair, Place, Progress, Step, pair_rows, silent, stay
from ...diffusion.schedulers import Schedule
from ...diffusion.token_store import check_room
from ...errors import InputError
from .prompts import NEGATIVE, Prompts, look_at, read_text


@dataclass(frozen=True)
class GarmentEncoding:
    """Garments as the model takes them, for any number of runs."""

    latents: Tensor  # (garments, 4, h, w) float32, scaled
    garment_text: Tensor  # (garments, 77, 2048), for the garment UNet
    # The others have one more row, the last: what stands for them in the unconditional half.
    text: Tensor  # (garments + 1, 77, 2048), for the denoiser
    vectors: Tensor  # (garments + 1, 1280), the same texts, each in one
    image: Tensor  # (garments + 1, 16, 2048), image tokens
    # The garment UNet's tokens by timestep, where they were read ahead.
    tokens: dict[float, Tokens] = field(default_factory=dict)

    def to(self, device: torch.device | str) -> GarmentEncoding:
        """The same on another device, to keep many at hand; tokens read ahead stay where they are,
        in main memory."""
        names = ("latents", "garment_text", "text", "vectors", "image")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


@dataclass(frozen=True)
class PersonEncoding:
    """People as the model takes them."""

    masked: Posterior  # of the photos without what the mask covers
    body: Posterior  # of the DensePose pictures
    mask: Tensor  # (people, 1, h, w) float32, exactly 0 or 1


class IdmVtonPipeline:
    """Holds networks that it never moves; may be used for any number of runs, one at a time."""

    STAGES = {
        "encode": ("vae",),
        "text": ("text_encoder", "text_encoder_2"),
        "look": ("image_encoder", "resampler"),
        "denoise": ("reference", "denoiser"),
        "decode": ("vae",),
    }
    """What `place` is called with, and the attributes whose networks that stage runs."""

    kind = "sdxl"

    def __init__(
        self,
        vae: AutoencoderKL,
        reference: UNet2DConditionModel,
        denoiser: UNet2DConditionModel,
        resampler: nn.Module,
        image_encoder: nn.Module,
        text_encoder: nn.Module,
        text_encoder_2: nn.Module,
        tokenizers: tuple[Any, Any],
        scheduler: DDPMScheduler,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        place: Place = stay,
    ) -> None:
        """dtype: of what the networks are given and compute in, the VAE by its own.
        device: where the networks of a stage are once `place` was called for it."""
        self.vae = vae
        self.reference = reference
        self.denoiser = denoiser
        self.resampler = resampler
        self.image_encoder = image_encoder
        self.text_encoder = text_encoder
        self.text_encoder_2 = text_encoder_2
        self.tokenizers = tokenizers
        self.scheduler = scheduler
        self.dtype = dtype
        self.device = torch.device(device)
        self.place = place

    @torch.no_grad()
    def __call__(
        self,
        person: PersonEncoding,
        garment: GarmentEncoding,
        *,
        steps: int = 30,
        guidance: float = 2.0,
        seed: int | Sequence[int] = 42,
        scheduler: str = "published",
        strength: float = 1.0,
        start: Tensor | None = None,
        pairs: Sequence[Pair] | None = None,
        noise: Noise | None = None,
        progress: Progress = silent,
    ) -> Tensor:
        """Pictures of every pair, (pairs, 3, height, width) float32 in 0..1.

        The whole frame is made anew; put it back under the mask with `images.paste`.
        guidance: up to 1 is none, and runs half the work. seed: of the first picture, the next
        take seed + 1, …; or one for each. strength: below 1 begins from `start`, pictures (people
        or pairs, 3, height, width) in 0..1, with that share of the steps. noise: instead of seeds.
        Drawn in the order: start, masked photo, DensePose picture, each step.
        """
        _check_sizes(person, garment)
        schedule = Schedule.make(scheduler, self.scheduler, steps, strength)
        people, garments = pair_rows(pairs, len(person.mask), len(garment.latents))
        noise = noise or SeededNoise(seeds_for(seed, len(people)))
        begin = None
        if strength < 1:
            begin = start_latents(self.vae, start, people, self.place, self.device)
        drawn = noise.draw(garment.latents.shape[1:])
        latents = schedule.start(drawn, begin).to(self.device)  # (pairs, 4, h, w)
        self.place("denoise")
        conditions = self._conditions(person, people, noise)  # (pairs, 9, h, w)
        # Samples: the unconditional ones first, if any, then the pairs.
        guided = guidance > 1
        nothing = torch.full_like(garments, len(garment.latents))
        rows = (torch.cat([nothing, garments]) if guided else garments).to(self.device)
        context, added = self._texts(garment, rows, conditions.shape[-2:])
        garment_context = project_context(self.reference, self._given(garment.garment_text))
        for index, timestep in enumerate(schedule.timesteps):
            tokens = self._tokens(garment, timestep, garment_context)
            reference = project_reference(
                self.denoiser, tokens, rows=garments.to(self.device),
                zero_rows=len(garments) if guided else 0,
            )  # fmt: skip
            seen = torch.cat([schedule.scaled(latents, index).to(self.dtype), conditions], dim=1)
            prediction = self.denoiser(
                torch.cat([seen, seen]) if guided else seen, timestep, None,
                added_cond_kwargs=added,
                cross_attention_kwargs={"reference": reference, "context": context},
            ).sample.float()  # fmt: skip
            if guided:
                prediction = guide(*prediction.chunk(2), guidance)
            clean = schedule.clean(prediction, index, latents)
            latents = schedule.step(prediction, index, latents, noise)
            progress(index + 1, len(schedule), Step(latents, prediction, clean, self.kind, latents))
        self.place("decode")
        return decode(self.vae, latents, self.device)

    @torch.no_grad()
    def encode_garment(
        self,
        pictures: Tensor,
        prompts: Prompts,
        *,
        negative: str = NEGATIVE,
        seed: int = 0,
        noise: Noise | None = None,
    ) -> GarmentEncoding:
        """pictures: (garments, 3, height, width) in 0..1, of the size of the photos to come.

        prompts: one a garment, see `Prompts.of`. The VAE's posterior is sampled, as the authors do;
        every garment with the same `seed`, which is not the run's, so that an encoding serves any
        number of runs.
        """
        check_size(pictures, "garment picture")
        if not len(prompts.person) == len(prompts.garment) == len(pictures):
            raise InputError(
                f"One description for each garment was wanted: {len(pictures)} garments and "
                f"{len(prompts.person)} descriptions came."
            )
        self.place("encode")
        posterior = encode(self.vae, pictures * 2 - 1, self.device)
        noise = noise or SeededNoise([seed] * len(pictures))
        latents = posterior.sample(noise.draw(posterior.mean.shape[1:]))
        self.place("text")
        encoders = (self.text_encoder, self.text_encoder_2)
        texts, vectors = read_text(
            self.tokenizers, encoders, (*prompts.person, negative), self.device
        )
        garment_text, _ = read_text(self.tokenizers, encoders, prompts.garment, self.device)
        self.place("look")
        looks = self._given(look_at(list(to_bytes(pictures))))
        # Unconditional: zeros where the normalised picture would be, which is not a black picture.
        looks = torch.cat([looks, torch.zeros_like(looks[:1])])
        patches = self.image_encoder(looks, output_hidden_states=True).hidden_states[-2]
        return GarmentEncoding(
            latents * self.vae.config["scaling_factor"],
            garment_text,
            texts,
            vectors,
            self.resampler(patches),
        )

    @torch.no_grad()
    def encode_person(self, photos: Tensor, mask: Tensor, body: Tensor) -> PersonEncoding:
        """photos and body (the DensePose picture): (people, 3, height, width) in 0..1; mask:
        (people, 1, height, width), from 0.5 up is repainted. Sides are multiples of 8."""
        check_size(photos, "photo")
        check_same_size(photos, {"mask": mask, "DensePose picture": body})
        self.place("encode")
        repainted = (mask >= 0.5).float()
        masked = encode(self.vae, (photos * 2 - 1) * (1 - repainted), self.device)
        return PersonEncoding(
            masked,
            encode(self.vae, body * 2 - 1, self.device),
            functional.interpolate(repainted, masked.mean.shape[-2:], mode="nearest"),
        )

    @torch.no_grad()
    def read_ahead(
        self,
        garment: GarmentEncoding,
        *,
        steps: int = 30,
        scheduler: str = "published",
        strength: float = 1.0,
        most_bytes: float = 8e9,
    ) -> GarmentEncoding:
        """The encoding with the garment UNet's tokens for every step of runs of these settings.

        Such runs do not use the garment UNet at all, whatever the person, seed or guidance. The
        tokens are kept in main memory: at 768x1024 in 16 bits, 157 MB a step for each garment.
        Raises InputError where they would take more than `most_bytes`.
        """
        schedule = Schedule.make(scheduler, self.scheduler, steps, strength)
        self.place("denoise")
        context = project_context(self.reference, self._given(garment.garment_text))
        kept: dict[float, Tokens] = {}
        for timestep in schedule.timesteps:
            tokens = self._tokens(garment, timestep, context)
            check_room(tokens, len(schedule), most_bytes)
            kept[float(timestep)] = {name: each.cpu() for name, each in tokens.items()}
        return replace(garment, tokens=kept)

    def _given(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device, self.dtype)

    def _conditions(self, person: PersonEncoding, people: Tensor, noise: Noise) -> Tensor:
        """Input channels that stay the same at every step, (pairs, 9, h, w)."""
        scale = self.vae.config["scaling_factor"]
        masked, body = (
            each.rows(people).sample(noise.draw(each.mean.shape[1:])) * scale
            for each in (person.masked, person.body)
        )
        return torch.cat([self._given(each) for each in (person.mask[people], masked, body)], dim=1)

    def _texts(
        self, garment: GarmentEncoding, rows: Tensor, size: torch.Size
    ) -> tuple[Context, dict[str, Tensor]]:
        """What each sample is told: for cross-attention, and beside the timestep."""
        context = project_context(
            self.denoiser, self._given(garment.text), self._given(garment.image), rows
        )
        height, width = (side * SHRINK for side in size)
        times = torch.tensor([[height, width, 0, 0, height, width]]).expand(len(rows), -1)
        vectors = self._given(garment.vectors)[rows]
        return context, {"text_embeds": vectors, "time_ids": self._given(times)}

    def _tokens(self, garment: GarmentEncoding, timestep: Tensor, context: Context) -> Tokens:
        kept = garment.tokens.get(float(timestep))
        if kept:
            return {name: each.to(self.device) for name, each in kept.items()}
        return read_tokens(
            self.reference, self._given(garment.latents), timestep, context, normalised=True
        )


def _check_sizes(person: PersonEncoding, garment: GarmentEncoding) -> None:
    """Other sizes would run, but were never trained: the authors' code cannot do it."""
    found, wanted = garment.latents.shape[-2:], person.mask.shape[-2:]
    if found != wanted:
        (garment_size, photo_size) = (
            f"{size[1] * SHRINK}x{size[0] * SHRINK}" for size in (found, wanted)
        )
        raise InputError(
            f"IDM-VTON takes garment and photo at one size; the garment is {garment_size}, the "
            f"photo {photo_size}. Encode both at the same size."
        )
