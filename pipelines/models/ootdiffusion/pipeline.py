"""OOTDiffusion, arXiv 2403.01779: a person in a garment.

The reference UNet looks at the garment once, at timestep 0; its tokens before norm1 go to every
step of the denoiser. The garment's CLIP embedding stands among (hd) or after (dc) the text tokens
of both UNets. Guidance drops the garment's latents, not its embedding.
Import this module at run time only: it imports diffusers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel, UniPCMultistepScheduler
from torch import Tensor, nn
from torch.nn import functional

from ...diffusion.guidance import guide
from ...diffusion.latents import (
    check_same_size,
    check_size,
    decode,
    encode,
    start_latents,
    to_bytes,
)
from ...diffusion.noise import Noise, SeededNoise, seeds_for
from ...diffusion.reference import Tokens, project_context, project_reference, read_tokens
from ...diffusion.run import Pair, Place, Progress, Step, check_category, pair_rows, silent, stay
from ...diffusion.schedulers import Schedule
from ...errors import InputError
from .pictures import clip_input, hide

CATEGORIES = {"hd": ("upper",), "dc": ("upper", "lower", "dress")}
"""Garments that a variant was trained for."""


@dataclass(frozen=True)
class GarmentEncoding:
    """Garments as the model takes them, for any number of runs."""

    context: Tensor  # (garments, text tokens, channels) cross-attention tokens of both UNets
    tokens: Tokens  # before norm1; rows: the garments, then as many of their unconditional halves

    def to(self, device: torch.device | str) -> GarmentEncoding:
        """The same on another device, to keep many at hand."""
        tokens = {name: each.to(device) for name, each in self.tokens.items()}
        return replace(self, context=self.context.to(device), tokens=tokens)


@dataclass(frozen=True)
class PersonEncoding:
    """People as the model takes them, float32."""

    masked: Tensor  # (people, 4, h, w) unscaled latents of the photos with the mask made grey
    photo: Tensor  # (people, 4, h, w) scaled latents of the photos
    mask: Tensor  # (people, 1, h, w), exactly 0 or 1


class OOTDiffusionPipeline:
    """Holds networks that it never moves; may be used for any number of runs, one at a time."""

    STAGES = {
        "embed": ("image_encoder",),
        "encode": ("vae",),
        "read": ("reference",),
        "denoise": ("denoiser",),
        "decode": ("vae",),
    }
    """What `place` is called with, and the attributes whose networks that stage runs."""

    kind = "sd15"
    """The latent space."""

    def __init__(
        self,
        vae: AutoencoderKL,
        reference: UNet2DConditionModel,
        denoiser: UNet2DConditionModel,
        image_encoder: nn.Module,
        scheduler: UniPCMultistepScheduler,
        *,
        variant: str,
        text: Mapping[str, Tensor],
        clip_settings: dict,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        place: Place = stay,
    ) -> None:
        """text: states of the text encoder for each category, (1, 2 or 3, channels); they are
        constants of a checkpoint. clip_settings: preprocessor_config.json of the image encoder.
        dtype: of what the UNets are given and compute in. device: where the networks of a stage
        are once `place` was called for it."""
        self.vae = vae
        self.reference = reference
        self.denoiser = denoiser
        self.image_encoder = image_encoder
        self.scheduler = scheduler
        self.variant = variant
        self.text = dict(text)
        self.clip_settings = clip_settings
        self.dtype = dtype
        self.device = torch.device(device)
        self.place = place

    @torch.no_grad()
    def __call__(
        self,
        person: PersonEncoding,
        garment: GarmentEncoding,
        *,
        steps: int = 20,
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

        guidance: up to 1 is none, and runs half the work. seed: of the first picture, the next
        take seed + 1, …; or one for each. strength: below 1 begins from `start`, pictures (people
        or pairs, 3, height, width) in 0..1, with that share of the steps. noise: instead of seeds.
        """
        schedule = Schedule.make(scheduler, self.scheduler, steps, strength)
        people, garments = pair_rows(pairs, len(person.mask), len(garment.context))
        noise = noise or SeededNoise(seeds_for(seed, len(people)))
        begin = None
        if strength < 1:
            begin = start_latents(self.vae, start, people, self.place, self.device)
        self.place("denoise")
        masked, photo, mask = (
            each[people.to(each.device)].to(self.device)
            for each in (person.masked, person.photo, person.mask)
        )
        first = noise.draw(photo.shape[1:]).to(self.device)
        latents = schedule.start(first, begin)
        guided = guidance > 1
        rows = torch.cat([garments, garments + len(garment.context)]) if guided else garments
        # Neither depends on the step: keys and values are computed once.
        tokens = {name: each.to(self.device) for name, each in garment.tokens.items()}
        reference = project_reference(
            self.denoiser, tokens, normalise=True, rows=rows.to(self.device)
        )
        context = project_context(self.denoiser, garment.context.to(self.device, self.dtype))
        both = torch.cat([garments, garments]) if guided else garments
        context = context.for_samples(both.to(self.device))
        for index, timestep in enumerate(schedule.timesteps):
            seen = torch.cat([schedule.scaled(latents, index), masked], dim=1).to(self.dtype)
            prediction = self.denoiser(
                torch.cat([seen, seen]) if guided else seen, timestep, None,
                cross_attention_kwargs={"reference": reference, "context": context},
            ).sample.float()  # fmt: skip
            if guided:
                conditional, unconditional = prediction.chunk(2)
                prediction = guide(unconditional, conditional, guidance)
            clean = schedule.clean(prediction, index, latents)
            stepped = schedule.step(prediction, index, latents, noise)
            # What the mask keeps follows the photo, under the same noise, at every step.
            kept = schedule.noised(photo, first, index + 1)
            latents = (1 - mask) * kept + mask * stepped
            progress(index + 1, len(schedule), Step(latents, prediction, clean, self.kind, stepped))
        self.place("decode")
        return decode(self.vae, latents, self.device)

    @torch.no_grad()
    def encode_garment(
        self, pictures: Tensor, category: str | Sequence[str] = "upper"
    ) -> GarmentEncoding:
        """pictures: (garments, 3, height, width) in 0..1, sides multiples of 8.

        category: upper, lower or dress; or one for each garment. Raises InputError for one that
        the variant was not trained for. Nothing here is random.
        """
        check_size(pictures, "garment picture")
        categories = [category] * len(pictures) if isinstance(category, str) else list(category)
        if len(categories) != len(pictures):
            raise InputError(f"{len(pictures)} garments have {len(categories)} categories.")
        for each in categories:
            check_category(each, CATEGORIES[self.variant], f"OOTDiffusion {self.variant}")
        self.place("embed")
        context = self._context(pictures, categories).to(self.dtype)
        self.place("encode")
        latents = encode(self.vae, pictures * 2 - 1, self.device).mean.to(self.dtype)
        self.place("read")
        both = torch.arange(len(pictures), device=self.device).repeat(2)
        tokens = read_tokens(
            self.reference,
            torch.cat([latents, torch.zeros_like(latents)]),
            0,
            project_context(self.reference, context, rows=both),
            normalised=False,
        )
        return GarmentEncoding(context, tokens)

    @torch.no_grad()
    def encode_person(self, photos: Tensor, mask: Tensor) -> PersonEncoding:
        """photos: (people, 3, height, width) in 0..1; mask: (people, 1, height, width), from 127
        of 255 up is repainted. Sides are multiples of 8."""
        check_size(photos, "photo")
        check_same_size(photos, {"mask": mask})
        self.place("encode")
        repainted = ((mask * 255).round() >= 127).to(photos)
        masked = encode(self.vae, hide(photos, repainted) * 2 - 1, self.device).mean
        photo = encode(self.vae, photos * 2 - 1, self.device).mean
        return PersonEncoding(
            masked,  # not scaled where they enter a UNet: as the authors trained it
            photo * self.vae.config["scaling_factor"],
            functional.interpolate(repainted.float(), masked.shape[-2:], mode="nearest"),
        )

    def _context(self, pictures: Tensor, categories: list[str]) -> Tensor:
        """Text states with the garment's embedding, (garments, tokens, channels)."""
        taken = [clip_input(picture, self.clip_settings) for picture in to_bytes(pictures)]
        weight = next(self.image_encoder.parameters())
        embedding = self.image_encoder(torch.cat(taken).to(self.device, weight.dtype)).image_embeds
        text = torch.cat([self.text[each] for each in categories]).to(embedding)
        if self.variant == "hd":  # over the second and last token, the end of an empty text
            text = text[:, :1]
        return torch.cat([text, embedding[:, None]], dim=1)
