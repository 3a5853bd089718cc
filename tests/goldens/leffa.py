"""Leffa: runs the pipeline on a case's checkpoint and reads the stages off its networks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .common import last_rows, load_inputs, random_draws, sample_every, stats


def run(case_dir: Path, case: dict) -> Iterator[tuple[str, Any]]:
    inputs = load_inputs(case_dir)
    with torch.no_grad():
        if (case_dir / "checkpoint").is_dir():
            yield from _checkpoint(case_dir, case, inputs)
        else:
            yield from _units(case, inputs)


class Watch:
    """What the networks of a pipeline are given and give during one run, in order."""

    def __init__(self) -> None:
        self.inputs, self.outputs = [], []  # of the denoiser
        self.features = []  # of the reference UNet: (timestep, [{norm1: tokens} of each run])
        self.moments, self.decoded = [], []  # of the VAE
        self.steps = []

    def progress(self, done, total, step) -> None:
        self.steps.append(step)

    @contextmanager
    def attached(self, pipeline):
        hooks = [
            pipeline.denoiser.register_forward_pre_hook(
                lambda _, args: self.inputs.append(args[0].clone())
            ),
            pipeline.denoiser.register_forward_hook(
                lambda _, args, output: self.outputs.append(output.sample.clone())
            ),
            pipeline.reference.register_forward_pre_hook(
                lambda _, args: self._begin_look(int(args[1]))
            ),
            pipeline.vae.quant_conv.register_forward_hook(
                lambda _, args, output: self.moments.append(output.clone())
            ),
            pipeline.vae.decoder.register_forward_hook(
                lambda _, args, output: self.decoded.append(output.clone())
            ),
        ]
        for name, module in pipeline.reference.named_modules():
            if re.search(r"transformer_blocks\.\d+\.norm1$", name):
                hooks.append(module.register_forward_hook(self._keep_feature(name)))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _begin_look(self, timestep):
        """The garments' rows and that of the zero latent come one after the other, at one time."""
        if not self.features or self.features[-1][0] != timestep:
            self.features.append((timestep, []))
        self.features[-1][1].append({})

    def _keep_feature(self, name):
        return lambda _, args, output: self.features[-1][1][-1].update({name: output.clone()})

    def in_order(self, call: int, rows: list[int]) -> list[torch.Tensor]:
        """Features of one run, down, mid, up, with the rows that the authors' batch has."""
        order = ("down_blocks", "mid_block", "up_blocks")
        looks = self.features[call][1]
        tokens = {name: torch.cat([look[name] for look in looks]) for name in looks[0]}
        names = sorted(tokens, key=lambda name: order.index(name.split(".")[0]))
        return [tokens[name][rows] for name in names]


def _checkpoint(case_dir: Path, case: dict, inputs: dict) -> Iterator[tuple[str, Any]]:
    from fitting_room.pipelines.diffusion.latents import to_bytes
    from fitting_room.pipelines.models.leffa import pictures
    from fitting_room.pipelines.models.leffa.load import load

    variant, settings = case["variant"], case["settings"]
    size = settings["width"], settings["height"]
    photos = [pictures.letterbox(each, *size) for each in random_draws(inputs, "person")]
    garments = [pictures.letterbox(each, *size) for each in random_draws(inputs, "garment")]
    masks = [pictures.resize_mask(m, *size) for m in random_draws(inputs, "mask_halfres")]
    for index, mask in enumerate(masks):
        yield f"pre.mask_image_u8.{index}", mask
    masks = masks or [np.full(size[::-1], 255, np.uint8) for _ in photos]  # pose transfer: all
    bodies = [
        pictures.body_map(_densepose(labels, uv, box, *size), variant)
        for labels, uv, box in zip(
            random_draws(inputs, "densepose_labels"),
            random_draws(inputs, "densepose_uv"),
            random_draws(inputs, "densepose_box_xywh"),
            strict=True,
        )
    ]
    for index, body in enumerate(bodies):
        yield f"pre.densepose_image_u8.{index}", body
    given = {
        "person": torch.cat([pictures.unit(each) for each in photos]),
        "garment": torch.cat([pictures.unit(each) for each in garments]),
        "mask": torch.cat([pictures.unit_mask(each) for each in masks]),
        "body": torch.cat([pictures.unit(each) for each in bodies]),
    }
    yield "pre.src_image", given["person"] * 2 - 1
    yield "pre.ref_image", given["garment"] * 2 - 1
    yield "pre.mask", given["mask"]
    yield "pre.densepose", given["body"] * 2 - 1

    pipeline = load(case_dir / "checkpoint", variant)
    draws = [torch.from_numpy(draw) for draw in random_draws(inputs)]
    for prefix in ("", "accel."):
        run_stages = [name for name in case["stages"] if not name.startswith("pre.")]
        wanted = [
            n.removeprefix(prefix) for n in run_stages if n.startswith("accel.") == bool(prefix)
        ]
        if not wanted:
            continue
        found = _found(pipeline, given, draws, settings, accelerated=bool(prefix))
        binary = to_bytes(given["mask"])[..., 0]
        found["repaint_u8"] = np.stack(
            [
                pictures.repaint(*each)
                for each in zip(photos, found["image_u8"], binary, strict=True)
            ]
        )
        for name in wanted:
            yield prefix + name, found.get(name)


def _densepose(labels, uv, box, width, height):
    """What was found within a box, in a picture of the given size."""
    from fitting_room.pipelines.masking.densepose import DensePose

    left, top = (int(side) for side in box[:2])
    inside = (slice(top, top + labels.shape[0]), slice(left, left + labels.shape[1]))
    whole = np.zeros((height, width), np.uint8)
    whole[inside] = labels
    places = np.zeros((2, height, width), np.float32)
    places[(slice(None), *inside)] = uv
    return DensePose(whole, places, (left, top, *labels.shape[::-1]), score=1.0, people=1)


JUST_ABOVE_ONE = 1 + 1e-6
ONE_ROW_A_PICTURE = ("noise_pred.", "latents.", "decoded", "image_u8")


def _found(pipeline, given, draws, settings, accelerated: bool) -> dict[str, Any]:
    """Stages of one run. At a scale of 1 the authors compute an unconditional half that the
    pipeline leaves out: what shows it is read off a run just above."""
    scale = settings["guidance_scale"]
    if not settings.get("classifier_free_guidance", True):
        return _run(pipeline, given, draws, settings["steps"], 1.0, accelerated)
    if scale != 1:
        return _run(pipeline, given, draws, settings["steps"], scale, accelerated)
    found = _run(pipeline, given, draws, settings["steps"], JUST_ABOVE_ONE, accelerated)
    exact = _run(pipeline, given, draws, settings["steps"], 1.0, accelerated)
    return found | {n: each for n, each in exact.items() if n.startswith(ONE_ROW_A_PICTURE)}


def _run(pipeline, given, draws, steps, guidance, accelerated: bool) -> dict[str, Any]:
    from fitting_room.pipelines.diffusion.token_store import TokenStore

    pipeline.unconditional = TokenStore()  # every run shows all that a first one computes
    from fitting_room.pipelines.diffusion.latents import to_bytes
    from fitting_room.pipelines.diffusion.noise import RecordedNoise

    count = len(given["person"])
    watch = Watch()
    with watch.attached(pipeline):
        person = pipeline.encode_person(given["person"], given["mask"], given["body"])
        garment = pipeline.encode_garment(given["garment"], noise=RecordedNoise(draws[1:2]))
        made = pipeline(
            person, garment,
            steps=steps,
            guidance=guidance,
            accelerated=accelerated,
            noise=RecordedNoise([draws[0], *draws[2:]]),
            progress=watch.progress,
        )  # fmt: skip
    # The pipeline keeps one row for the zero latent, after the garments; the authors one for each
    # person, before them.
    rows = [count] * count + list(range(count)) if guidance != 1 else list(range(count))
    timesteps = [timestep for timestep, _ in watch.features]
    found = {
        "vae.masked_image_moments": person.masked.moments,
        "vae.ref_image_moments": last_rows(watch.moments, count),
        "latent.mask": person.mask,
        "latent.masked_image": watch.inputs[0][:count, 5:9],
        "latent.densepose": person.body,
        "latent.ref_image": garment.latents,
        "timesteps": np.array(timesteps),
        "ref_timestep": np.array(timesteps[:1]),
        "decoded": torch.cat(watch.decoded),
        "image_u8": to_bytes(made),
        "latents.after_first_step": watch.steps[0].latents,
        "latents.final": watch.steps[-1].latents,
    }
    for when, index in (("first", 0), ("last", -1)):
        features = watch.in_order(index, rows)
        found |= {f"ref_feature.{when}.{number}": each for number, each in enumerate(features)}
        found[f"ref_feature.{when}.stats"] = stats(features)
        found[f"unet_input.{when}"] = watch.inputs[index]
        found[f"unet_output.{when}"] = watch.outputs[index]
        found[f"noise_pred.{when}"] = watch.steps[index].prediction
    return found


def _units(case: dict, inputs: dict) -> Iterator[tuple[str, Any]]:
    from fitting_room.pipelines.diffusion.guidance import guide, rescale
    from fitting_room.pipelines.masking.densepose import COLOURS
    from fitting_room.pipelines.models.leffa import pictures

    for index, picture in enumerate(random_draws(inputs, "letterbox")):
        size = case["settings"]["letterbox_target_wh"]
        yield f"letterbox.{index}", pictures.letterbox(picture, *size)
    if "garment_rgba" in inputs:
        canvas = pictures.centre_garment(inputs["garment_rgba"])
        yield "garment_canvas.every8", sample_every(canvas, 8, axes=(0, 1))
        yield "garment_canvas.mean", canvas.astype(np.float64).mean(axis=(0, 1))
    numbers = sorted({int(name.split(".")[1]) for name in inputs if name.startswith("repaint.")})
    for index in numbers:
        parts = (inputs[f"repaint.{index}.{part}"] for part in ("person", "generated", "mask"))
        yield f"repaint.{index}", pictures.repaint(*parts)

    height, width = inputs["densepose.image_hw"]
    found = [inputs[f"densepose.{part}"] for part in ("labels", "uv", "box_xywh")]
    found = _densepose(*found, width, height)
    for variant in pictures.VARIANTS:
        yield f"densepose.{variant}", pictures.body_map(found, variant)
    yield "densepose.palette_rgb", COLOURS
    body = pictures.body_map(found, "pose_transfer")
    yield "transform.virtual_tryon.densepose", pictures.unit(body) * 2 - 1
    yield "transform.pose_transfer.densepose", pictures.unit_body_map(body) * 2 - 1
    picture = inputs["transform.image"]
    yield "transform.src_image", pictures.unit(picture) * 2 - 1
    mask = pictures.resize_mask(inputs["transform.mask_halfres"], *picture.shape[1::-1])
    yield "transform.mask", pictures.unit_mask(mask)

    for name in case["stages"]:
        if name.startswith(("sd15.", "sdxl.")):
            yield name, _scheduler(name, inputs)
        elif name.startswith("guidance."):
            conditional = torch.from_numpy(inputs["guidance.cond"])
            scale = float(name.removeprefix("guidance."))
            guided = guide(torch.from_numpy(inputs["guidance.uncond"]), conditional, scale)
            yield name, rescale(guided, conditional, scale)


def _scheduler(stage: str, inputs: dict) -> Any:
    """sd15|sdxl.alphas_cumprod, .timesteps.N, .variance.N or .step.N"""
    from fitting_room.pipelines.diffusion.noise import RecordedNoise
    from fitting_room.pipelines.diffusion.schedulers import Schedule
    from fitting_room.pipelines.models.leffa.load import published_scheduler

    kind, what, *steps = stage.split(".")
    # The published scheduler configs of both base models agree in everything that DDPM reads.
    scheduler = published_scheduler(PUBLISHED_SCHEDULE, kind)
    if what == "alphas_cumprod":
        return scheduler.alphas_cumprod
    schedule = Schedule.make("published", scheduler, int(steps[0]))
    if what == "timesteps":
        return schedule.timesteps
    places = range(len(schedule))
    if what == "variance":
        return torch.stack([schedule.ddpm_variance(index) for index in places])
    sample, prediction, noise = (
        torch.from_numpy(inputs[f"{kind}.{part}"]) for part in ("sample", "noise_pred", "noise")
    )
    return torch.stack(
        [schedule.step(prediction, index, sample, RecordedNoise([noise])) for index in places]
    )


PUBLISHED_SCHEDULE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
    "clip_sample": False,
}
