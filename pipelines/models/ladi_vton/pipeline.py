"""LaDI-VTON, arXiv 2305.13501: warp the garment onto the body, then repaint.

A spline and a small U-Net lay the garment on the person; its look also goes into the text as 16
pseudo-words. A Stable Diffusion 2 inpainting UNet with 31 input channels repaints the masked part,
and what the VAE's encoder saw of the rest is added to its decoder. What is not computed, compared
with the published code, with the same result:
- the warped garment of a pair that is drawn with several seeds, more than once;
- the cross-attention's keys and values at every step (`project_context`);
- 256 of the 257 queries of the inversion adapter's layer (`words._Layer`), CLIP's own projection;
- the smoothness losses of the spline (`warping.Matching`), the skip adapters before the end;
- without guidance the unconditional half of the batch.
Import this module at run time only: it imports diffusers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import Tensor
from torch.nn import functional

from ...diffusion.guidance import guide
from ...diffusion.latents import (
    Posterior,
    check_same_size,
    check_size,
    encode,
    start_latents,
)
from ...diffusion.noise import Noise, SeededNoise, seeds_for
from ...diffusion.reference import project_context
from ...diffusion.run import Pair, Place, Progress, Step, check_category, pair_rows, silent, stay
from ...diffusion.schedulers import Schedule
from ...errors import InputError
from .skips import SkipAdapters, added, joined, masked, watched
from .warping import POSE, Matching, Refinement, warp
from .words import InversionAdapter, clip_input, clip_pixels, sentence, text_states, token_ids

CATEGORIES = {"vitonhd": ("upper",), "dresscode": ("upper", "lower", "dress")}
"""Garments that a variant was trained for."""


@dataclass(frozen=True)
class GarmentEncoding:
    """Garments as the model takes them, for any number of runs."""

    pictures: Tensor  # (garments, 3, height, width) float32 in -1..1
    text: Tensor  # (garments + 1, 77, channels) text states; the last row is of no words at all

    def to(self, device: torch.device | str) -> GarmentEncoding:
        """The same on another device, to keep many at hand."""
        return replace(self, pictures=self.pictures.to(device), text=self.text.to(device))


@dataclass(frozen=True)
class PersonEncoding:
    """People as the model takes them."""

    hidden: Tensor  # (people, 3, height, width) float32 in -1..1, 0 under the mask
    pose: Tensor  # (people, 18, height, width) float32 in 0..1
    mask: Tensor  # (people, 1, height, width) float32, exactly 0 or 1
    masked: Posterior  # of `hidden`
    seen: tuple[Tensor, ...]  # by four parts of the VAE's encoder, (people, channels, …)


class LadiVTONPipeline:
    """Holds networks that it never moves; may be used for any number of runs, one at a time."""

    STAGES = {
        "look": ("vision_encoder", "adapter"),
        "word": ("text_encoder",),
        "encode": ("vae",),
        "warp": ("matching", "refinement"),
        "denoise": ("denoiser",),
        "decode": ("vae", "emasc"),
    }
    """What `place` is called with, and the attributes whose networks that stage runs."""

    kind = "sd15"
    """The latent space, that of Stable Diffusion 1 and 2."""

    def __init__(
        self,
        vae: AutoencoderKL,
        emasc: SkipAdapters,
        denoiser: UNet2DConditionModel,
        text_encoder: Any,
        vision_encoder: Any,
        adapter: InversionAdapter,
        matching: Matching,
        refinement: Refinement,
        tokenizer: Any,
        scheduler: DDIMScheduler,
        *,
        variant: str,
        clip_settings: dict,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        place: Place = stay,
    ) -> None:
        """clip_settings: preprocessor_config.json of the image encoder. dtype: of what the UNet is
        given and computes in. device: where the networks of a stage are once `place` was called
        for it."""
        self.vae = vae
        self.emasc = emasc
        self.denoiser = denoiser
        self.text_encoder = text_encoder
        self.vision_encoder = vision_encoder
        self.adapter = adapter
        self.matching = matching
        self.refinement = refinement
        self.tokenizer = tokenizer
        self.scheduler = scheduler
        self.variant = variant
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
        steps: int = 50,
        guidance: float = 7.5,
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
        Drawn in the order: warped garment, start, masked photo.
        """
        schedule = Schedule.make(scheduler, self.scheduler, steps, strength)
        people, garments = pair_rows(pairs, len(person.mask), len(garment.pictures))
        noise = noise or SeededNoise(seeds_for(seed, len(people)))
        begin = None
        if strength < 1:
            begin = start_latents(self.vae, start, people, self.place, self.device)
        worn = self._worn(person, garment, people, garments, noise)
        first = noise.draw(worn.shape[1:]).to(self.device)
        self.place("denoise")
        guided = guidance > 1
        conditions = self._conditions(person, people, worn, noise, guided)
        latents = schedule.start(first, begin)
        rows = torch.cat([torch.full_like(garments, -1), garments]) if guided else garments
        rows = rows % len(garment.text)  # -1 is the last row, of no words
        context = project_context(self.denoiser, garment.text.to(self.device, self.dtype))
        context = context.for_samples(rows.to(self.device))
        for index, timestep in enumerate(schedule.timesteps):
            noisy = schedule.scaled(latents, index).to(self.dtype)
            seen = torch.cat([torch.cat([noisy, noisy]) if guided else noisy, conditions], dim=1)
            prediction = self.denoiser(
                seen, timestep, None, cross_attention_kwargs={"context": context}
            ).sample.float()
            if guided:
                unconditional, conditional = prediction.chunk(2)
                prediction = guide(unconditional, conditional, guidance)
            clean = schedule.clean(prediction, index, latents)
            latents = schedule.step(prediction, index, latents, noise)
            progress(index + 1, len(schedule), Step(latents, prediction, clean, self.kind, latents))
        self.place("decode")
        return torch.cat(
            [self._decoded(person, int(p), latents[row : row + 1]) for row, p in enumerate(people)]
        )

    @torch.no_grad()
    def encode_garment(
        self, pictures: Tensor, category: str | Sequence[str] = "upper"
    ) -> GarmentEncoding:
        """pictures: (garments, 3, height, width) in 0..1 on white, sides multiples of 8.

        category: upper, lower or dress; or one for each garment. Raises InputError for one that
        the variant was not trained for. Nothing here is random.
        """
        check_size(pictures, "garment picture")
        categories = [category] * len(pictures) if isinstance(category, str) else list(category)
        if len(categories) != len(pictures):
            raise InputError(f"{len(pictures)} garments have {len(categories)} categories.")
        for each in categories:
            check_category(each, CATEGORIES[self.variant], f"LaDI-VTON {self.variant}")
        self.place("look")
        side = self.vision_encoder.config.image_size
        looks = clip_input(clip_pixels(pictures.float(), side), self.clip_settings)
        states = self.vision_encoder(looks.to(self.device, self.dtype)).last_hidden_state
        words = self.adapter(states).unflatten(1, (-1, self.text_encoder.config.hidden_size))
        self.place("word")
        ids = token_ids(self.tokenizer, [*(sentence(each) for each in categories), ""])
        words = torch.cat([words, torch.zeros_like(words[:1])])  # no place asks for the last
        text = text_states(self.text_encoder, ids, words)
        return GarmentEncoding(pictures.float() * 2 - 1, text)

    @torch.no_grad()
    def encode_person(self, photos: Tensor, mask: Tensor, pose: Tensor) -> PersonEncoding:
        """photos: (people, 3, height, width) in 0..1; mask: (people, 1, height, width), from 0.5 up
        is repainted; pose: (people, 18, height, width) in 0..1, see `pictures.pose_map`. Sides are
        multiples of 8."""
        check_size(photos, "photo")
        check_same_size(photos, {"mask": mask, "pose map": pose})
        if pose.shape[1] != POSE:
            raise InputError(f"The pose map must have {POSE} channels; {pose.shape[1]} came.")
        self.place("encode")
        repainted = (mask >= 0.5).float()
        hidden = (photos.float() * 2 - 1) * (1 - repainted)
        with watched(self.vae) as seen:
            posterior = encode(self.vae, hidden, self.device)
        return PersonEncoding(hidden, pose.float(), repainted, posterior, joined(seen))

    def _worn(
        self, person: PersonEncoding, garment: GarmentEncoding, people: Tensor,
        garments: Tensor, noise: Noise,
    ) -> Tensor:  # fmt: skip
        """Scaled latents of the warped garments, (pairs, 4, h, w). A pair that comes several times
        is warped and encoded once."""
        if person.hidden.shape[-2:] != garment.pictures.shape[-2:]:
            sizes = [f"{each.shape[-1]}x{each.shape[-2]}"
                     for each in (person.hidden, garment.pictures)]  # fmt: skip
            raise InputError(
                f"LaDI-VTON lays the garment on the photo, so both must be of one size: the photo "
                f"is {sizes[0]}, the garment {sizes[1]}. Encode the garment at the photo's size."
            )
        pairs, which = torch.stack([people, garments]).unique(dim=1, return_inverse=True)
        self.place("warp")
        given = (
            (garment.pictures, pairs[1]), (person.hidden, pairs[0]), (person.pose, pairs[0])
        )  # fmt: skip
        rows = (each[of.to(each.device)].to(self.device, torch.float32) for each, of in given)
        worn = warp(self.matching, self.refinement, *rows)
        self.place("encode")
        posterior = encode(self.vae, worn, self.device).rows(which)
        sample = posterior.sample(noise.draw(posterior.mean.shape[1:]))
        return sample * self.vae.config["scaling_factor"]

    def _conditions(
        self, person: PersonEncoding, people: Tensor, worn: Tensor, noise: Noise, guided: bool
    ) -> Tensor:
        """Input channels that stay the same at every step, (rows, 27, h, w): mask, masked photo,
        pose, garment. Guided, the unconditional rows come first, without pose and garment."""
        posterior = person.masked.rows(people)
        photo = posterior.sample(noise.draw(posterior.mean.shape[1:])).to(self.device)
        size = worn.shape[-2:]
        mask = functional.interpolate(person.mask, size, mode="nearest")
        pose = functional.interpolate(person.pose, size, mode="bilinear")
        mask, pose = (each[people.to(each.device)].to(self.device) for each in (mask, pose))
        kept = torch.cat([mask, photo * self.vae.config["scaling_factor"]], dim=1)
        given = torch.cat([pose, worn.to(pose)], dim=1)
        rows = torch.cat([kept, given], dim=1)
        if guided:
            rows = torch.cat([torch.cat([kept, torch.zeros_like(given)], dim=1), rows])
        return rows.to(self.dtype)

    def _decoded(self, person: PersonEncoding, row: int, latents: Tensor) -> Tensor:
        """One picture, (1, 3, height, width) in 0..1, with what its person's photo keeps."""
        seen = [each[row : row + 1].to(self.device, self.vae.dtype) for each in person.seen]
        mask = person.mask[row : row + 1].to(self.device)
        unscaled = (latents / self.vae.config["scaling_factor"]).to(self.vae.dtype)
        decode_one: Any = self.vae.decode  # said to give a tuple too
        with added(self.vae, masked(self.emasc(seen), mask)):
            decoded = decode_one(unscaled).sample.float()
        return (decoded / 2 + 0.5).clamp(0, 1)
