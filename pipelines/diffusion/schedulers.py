"""The noise schedule of one run: a scheduler of diffusers, its steps, and where it starts.

    schedule = Schedule.make("published", published_scheduler, steps=30)
    latents = schedule.start(noise.draw(shape))
    for index, timestep in enumerate(schedule.timesteps):
        prediction = denoiser(schedule.scaled(latents, index), timestep, …)
        latents = schedule.step(prediction, index, latents, noise)

All arithmetic is in float32 whatever the networks use. Every prediction is of the noise.
Import this module at run time only: it imports diffusers.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    UniPCMultistepScheduler,
)
from torch import Tensor

from ..errors import InputError
from .noise import Noise, SeededNoise

CLASSES = {
    "dpmpp_2m": DPMSolverMultistepScheduler,
    "unipc": UniPCMultistepScheduler,
    "euler": EulerDiscreteScheduler,
    "lcm": LCMScheduler,
}
NAMES = ("published", *CLASSES)
"""What a user may choose. "published" is the one that the model's authors use."""

LEAST_STEPS = {"published": 20, "dpmpp_2m": 15, "unipc": 15, "euler": 20, "lcm": 4}
"""From how many steps on each is worth using; lcm only with weights that were distilled for it."""

# What a model's noise schedule is; all else is a scheduler's own matter.
CARRIED = (
    "num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas",
    "prediction_type", "rescale_betas_zero_snr", "timestep_spacing", "steps_offset",
    "use_karras_sigmas",
)  # fmt: skip


class Schedule:
    """timesteps: (steps to run,) int64 or float, on the CPU, descending."""

    def __init__(
        self, scheduler: Any, steps: int, strength: float = 1.0, eta: float = 0.0
    ) -> None:  # fmt: skip
        """scheduler: one of diffusers, used by this schedule alone.

        strength: below 1, a run starts from a picture with that share of the steps to go.
        eta: noise that a DDIM step adds, as a share of DDPM's (arXiv 2010.02502).
        Raises InputError for steps or strengths that leave nothing to do.
        """
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
            raise InputError(f"The number of steps must be a whole number from 1 up; {steps} came.")
        if not 0 < strength <= 1:
            raise InputError(f"The strength must be above 0 and at most 1; {strength} came.")
        self.scheduler = scheduler
        self.strength = strength
        self.eta = eta
        if isinstance(scheduler, LCMScheduler):  # spreads its steps over the strength by itself
            self._begin = 0
            most = int(scheduler.config["original_inference_steps"] * strength)
            if steps > most:
                raise InputError(
                    f"LCM takes at most {most} steps at strength {strength}; {steps} came."
                )
            scheduler.set_timesteps(steps, strength=strength)
        else:
            self._begin = steps - int(steps * strength)
            scheduler.set_timesteps(steps)
        if self._begin == steps:
            raise InputError(
                f"{steps} steps at strength {strength} leave no whole step to run. "
                f"Use at least {-(-1 // strength):.0f} steps, or a larger strength."
            )
        if hasattr(scheduler, "set_begin_index"):
            # By index, not by timestep: UniPC with Karras sigmas repeats timesteps from 45 steps on
            scheduler.set_begin_index(self._begin)
        self.timesteps: Tensor = scheduler.timesteps[self._begin :]

    @classmethod
    def make(
        cls, name: str, published: Any, steps: int, strength: float = 1.0, eta: float = 0.0
    ) -> Schedule:
        """name: one of NAMES. published: the model's own scheduler, only read. eta: where that is
        DDIM."""
        if name not in NAMES:
            raise InputError(f"The scheduler must be one of {', '.join(NAMES)}; {name!r} came.")
        if name == "published":
            return cls(type(published).from_config(published.config), steps, strength, eta)
        config = {key: published.config[key] for key in CARRIED if key in published.config}
        if name == "lcm":
            # Its first timestep is 999, where a schedule of zero terminal SNR has no signal left
            # to divide by; it does not know Karras sigmas.
            config["rescale_betas_zero_snr"] = False
            config.pop("use_karras_sigmas", None)
        if name == "euler" and config.get("trained_betas") is None:
            config.pop("trained_betas", None)
        return cls(CLASSES[name](**config), steps, strength)

    def __len__(self) -> int:
        return len(self.timesteps)

    def start(self, noise: Tensor, picture: Tensor | None = None) -> Tensor:
        """First latents: noise, or at a strength below 1 the latents of a picture under noise."""
        if self.strength == 1:
            return noise.float() * self.scheduler.init_noise_sigma
        if picture is None:
            raise InputError("A strength below 1 needs a picture to start from.")
        return self.noised(picture, noise, 0)

    def scaled(self, latents: Tensor, index: int) -> Tensor:
        """What the denoiser takes as latents at this step."""
        return self.scheduler.scale_model_input(latents, self.timesteps[index])

    def step(self, prediction: Tensor, index: int, latents: Tensor, noise: Noise) -> Tensor:
        """Latents after step `index`. Draws from `noise` only where the scheduler is random."""
        prediction, timestep = prediction.float(), self.timesteps[index]
        if isinstance(self.scheduler, DDPMScheduler):
            draw = noise.draw(latents.shape[1:]).to(latents.device)
            return self._ddpm_step(prediction, index, latents, draw)
        options = {}
        if isinstance(self.scheduler, DDIMScheduler) and self.eta:
            draw = noise.draw(latents.shape[1:]).to(latents.device)
            options = {"eta": self.eta, "variance_noise": draw}
        if isinstance(self.scheduler, LCMScheduler):
            if not isinstance(noise, SeededNoise):
                raise InputError("LCM draws its own noise: give seeds, not recorded draws.")
            options["generator"] = noise.generators
        scheduler: Any = self.scheduler  # some say int, and take a tensor
        return scheduler.step(prediction, timestep, latents, return_dict=False, **options)[0]

    def noised(self, picture: Tensor, noise: Tensor, index: int) -> Tensor:
        """Clean latents under as much noise as the latents have before step `index`.

        index = len(schedule) is the end of the run: no noise.
        """
        signal, spread = self._level(index)
        return signal * picture.float() + spread * noise.float().to(picture.device)

    def clean(self, prediction: Tensor, index: int, latents: Tensor) -> Tensor:
        """The finished latents as far as they can be told before step `index`."""
        signal, spread = self._level(index)
        return (latents - spread * prediction.float()) / signal

    def ddim_deviation(self, index: int) -> Tensor:
        """Standard deviation of the noise that DDIM adds in step `index`, formula 16."""
        before, after = self._remaining_signal(index), self._remaining_signal(index + 1)
        return self.eta * ((1 - after) / (1 - before) * (1 - before / after)).sqrt()

    def ddpm_variance(self, index: int) -> Tensor:
        """Variance that a DDPM step adds, clamped from below as "fixed_small" is."""
        before, after = self._remaining_signal(index), self._remaining_signal(index + 1)
        return ((1 - after) / (1 - before) * (1 - before / after)).clamp(min=1e-20)

    def _ddpm_step(self, prediction: Tensor, index: int, latents: Tensor, noise: Tensor) -> Tensor:
        """DDPMScheduler.step ("fixed_small", no clipping) with its random numbers handed in.

        Formulas 7 and 15 of arXiv 2006.11239.
        """
        before, after = self._remaining_signal(index), self._remaining_signal(index + 1)
        kept = before / after  # alpha of this step; its beta is 1 - kept
        clean = (latents - (1 - before).sqrt() * prediction) / before.sqrt()
        mean = (
            after.sqrt() * (1 - kept) / (1 - before) * clean
            + kept.sqrt() * (1 - after) / (1 - before) * latents
        )
        return mean + self.ddpm_variance(index).sqrt() * noise

    def _remaining_signal(self, index: int) -> Tensor:
        """alpha-bar before step `index`; after the last step 1, or what DDIM ends with."""
        if index == len(self):
            return torch.as_tensor(getattr(self.scheduler, "final_alpha_cumprod", 1.0))
        return self.scheduler.alphas_cumprod[int(self.timesteps[index])]

    def _level(self, index: int) -> tuple[float, float]:
        """(factor of the picture, factor of the noise) of the latents before step `index`."""
        if index == len(self):
            return 1.0, 0.0
        if not hasattr(self.scheduler, "sigmas"):
            remaining = float(self._remaining_signal(index))
            return remaining**0.5, (1 - remaining) ** 0.5
        sigma = float(self.scheduler.sigmas[self._begin + index])
        if isinstance(self.scheduler, EulerDiscreteScheduler):  # its latents keep the full signal
            return 1.0, sigma
        return (sigma**2 + 1) ** -0.5, sigma * (sigma**2 + 1) ** -0.5
