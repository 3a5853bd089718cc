"""OOTDiffusion: runs the pipeline on a case's checkpoint and reads the stages off its networks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from .common import load_inputs, random_draws, stats

CATEGORIES = {"upperbody": "upper", "lowerbody": "lower", "dress": "dress"}


def run(case_dir: Path, case: dict) -> Iterator[tuple[str, Any]]:
    from fitting_room.pipelines.models.ootdiffusion.load import load

    with torch.no_grad():
        inputs, settings = load_inputs(case_dir), case["settings"]
        variant = re.match(r"ootd_(\w+)", case["variant"])[1]
        root = case_dir / "checkpoint" / "checkpoints"
        pipeline = load(root, variant)
        given, framed = _frame(inputs, settings)
        yield from framed.items()
        found = _found(pipeline, given, settings)
        without = [name for name in case["stages"] if name.startswith("nocfg.")]
        if without:
            second = _run(pipeline, given, settings, 0.5)
            found |= {name: second.get(name.removeprefix("nocfg.")) for name in without}
        found |= _words(pipeline, root / "ootd" / "tokenizer", given, settings["category"], variant)
        for name in case["stages"]:
            if name not in framed:
                yield name, found.get(name)


def _frame(inputs: dict, settings: dict) -> tuple[dict, dict]:
    from fitting_room.pipelines.diffusion.latents import to_bytes
    from fitting_room.pipelines.models.ootdiffusion import pictures

    size = settings["width"], settings["height"]
    garment = pictures.stretch(inputs["garment"], *size)
    person = pictures.stretch(inputs["person"], *size)
    mask = pictures.stretch_mask(inputs["mask_halfres"], *size)
    given = {
        "garment": torch.from_numpy(garment).permute(2, 0, 1)[None].float() / 255,
        "person": torch.from_numpy(person).permute(2, 0, 1)[None].float() / 255,
        "mask": torch.from_numpy(mask)[None, None].float() / 255,
        "noise": [torch.from_numpy(draw) for draw in random_draws(inputs)],
    }
    return given, {
        "picture.garment_u8": garment,
        "picture.person_u8": person,
        "picture.mask_u8": mask,
        "picture.masked_u8": to_bytes(pictures.hide(given["person"], given["mask"]))[0],
    }


class Watch:
    """What the networks of a pipeline are given and give during one run, in order."""

    def __init__(self) -> None:
        self.seen = {}  # by name: a list
        self.steps = []

    def progress(self, done, total, step) -> None:
        self.steps.append(step)

    def _keep(self, name, pick):
        return lambda module, args, *output: self.seen.setdefault(name, []).append(
            pick(args, *output).clone()
        )

    @contextmanager
    def attached(self, pipeline):
        p = pipeline
        hooks = [
            p.image_encoder.register_forward_pre_hook(self._keep("clip", lambda args: args[0])),
            p.image_encoder.register_forward_hook(
                self._keep("embeds", lambda args, output: output.image_embeds)
            ),
            p.vae.encoder.register_forward_pre_hook(self._keep("encoded", lambda args: args[0])),
            p.vae.decoder.register_forward_hook(self._keep("decoded", lambda args, output: output)),
            p.reference.register_forward_pre_hook(self._keep("garment", lambda args: args[0])),
            p.denoiser.register_forward_pre_hook(self._keep("input", lambda args: args[0])),
            p.denoiser.register_forward_hook(
                self._keep("output", lambda args, output: output.sample)
            ),
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()


JUST_ABOVE_ONE = 1 + 1e-6
ONE_ROW_A_PICTURE = ("noise_pred.", "scheduler_out.", "latent.step", "latent.final", "image.")


def _found(pipeline, given: dict, settings: dict) -> dict[str, Any]:
    """Stages of the case's run. At a scale of 1 the authors compute an unconditional half that the
    pipeline leaves out: what shows it is read off a run just above."""
    scale = settings["image_guidance_scale"]
    if scale != 1:
        return _run(pipeline, given, settings, scale)
    exact = _run(pipeline, given, settings, 1.0)
    found = _run(pipeline, given, settings, JUST_ABOVE_ONE)
    return found | {n: each for n, each in exact.items() if n.startswith(ONE_ROW_A_PICTURE)}


def _run(pipeline, given: dict, settings: dict, guidance: float) -> dict[str, Any]:
    from fitting_room.pipelines.diffusion.latents import to_bytes
    from fitting_room.pipelines.diffusion.noise import RecordedNoise
    from fitting_room.pipelines.diffusion.schedulers import Schedule

    samples = settings.get("num_samples", 1)
    watch = Watch()
    with watch.attached(pipeline):
        garment = pipeline.encode_garment(given["garment"], CATEGORIES[settings["category"]])
        person = pipeline.encode_person(given["person"], given["mask"])
        made = pipeline(
            person,
            garment,
            steps=settings["num_inference_steps"],
            guidance=guidance,
            pairs=[(0, 0)] * samples,
            noise=RecordedNoise(given["noise"]),
            progress=watch.progress,
        )
    schedule = Schedule.make("published", pipeline.scheduler, settings["num_inference_steps"])
    # The pipeline reads one row for each half, the authors one for each sample, and no
    # unconditional half below a scale of 1.
    halves = 2 if guidance >= 1 else 1
    rows = torch.arange(len(garment.context) * halves).repeat_interleave(samples)
    features = [each[rows] for each in garment.tokens.values()]
    scale = pipeline.vae.config["scaling_factor"]
    found = {
        "clip.pixel_values": watch.seen["clip"][0],
        "clip.image_embeds": watch.seen["embeds"][0],
        "cond.context": garment.context,
        "image.garment": watch.seen["encoded"][0],
        "image.masked_person": watch.seen["encoded"][1],
        "image.person": watch.seen["encoded"][2],
        "latent.garment": watch.seen["garment"][0][rows],
        "latent.masked_person": watch.seen["input"][0][:, 4:],
        "latent.mask": person.mask.repeat(samples, 1, 1, 1),
        "latent.person": person.photo.repeat(samples, 1, 1, 1) / scale,
        "latent.initial": watch.seen["input"][0][:samples, :4],
        "garment_feature.stats": stats(features),
        "schedule.timesteps": schedule.timesteps,
        "schedule.sigmas": schedule.scheduler.sigmas,
        "latent.final": watch.steps[-1].latents,
        "image.decoded": torch.cat(watch.seen["decoded"]),
        "image.u8": to_bytes(made),
    }
    found |= {f"garment_feature.{index}": each for index, each in enumerate(features)}
    for index, step in enumerate(watch.steps):
        found[f"unet_out.step{index}"] = watch.seen["output"][index]
        found[f"noise_pred.step{index}"] = step.prediction
        found[f"scheduler_out.step{index}"] = step.stepped
        found[f"latent.step{index}"] = step.latents
    return found


def _words(pipeline, tokenizer: Path, given: dict, category: str, variant: str) -> dict[str, Any]:
    """tokens.*, cond.context.* for every category word, and the run's own text states."""
    from fitting_room.pipelines.models.ootdiffusion.load import WORDS, tokenize

    found = {"tokens": tokenize(tokenizer, variant, CATEGORIES[category])}
    found["text.last_hidden_state"] = pipeline.text[CATEGORIES[category]]
    for word, name in CATEGORIES.items():
        if name in WORDS[variant]:
            found[f"tokens.{word}"] = tokenize(tokenizer, variant, name)
            encoding = pipeline.encode_garment(given["garment"], name)
            found[f"cond.context.{word}"] = encoding.context
    return found
