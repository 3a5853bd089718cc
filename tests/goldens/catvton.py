"""CatVTON: runs the pipeline on a case's checkpoint and reads the stages off its networks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .common import load_inputs, random_draws, stats

BLOCK = re.compile(r"(down_blocks|mid_block|up_blocks)\.(?:(\d+)\.)?attentions\.(\d+)\.")


def run(case_dir: Path, case: dict) -> Iterator[tuple[str, Any]]:
    inputs = load_inputs(case_dir)
    with torch.no_grad():
        if (case_dir / "checkpoint").is_dir():
            found = _checkpoint(case_dir, case, inputs)
            for name in case["stages"]:
                yield name, found.get(name)
        else:
            yield from _units(case, inputs)


def variant_of(case: dict) -> str:
    """mix, vitonhd, dresscode or maskfree, of "vitonhd (16k), mask-based" and the like."""
    word = re.match(r"[a-z-]+", case["variant"].lower())
    return word[0].replace("-", "") if word else ""


def _frame(case: dict, inputs: dict) -> tuple[dict, dict]:
    """(what the pipeline is given, the stages of it): by the application's functions where the case
    shows its pictures, else by those of the script for data sets."""
    from fitting_room.pipelines.models.catvton import pictures

    size = case["settings"]["width"], case["settings"]["height"]
    photos, garments, masks = (random_draws(inputs, name) for name in ("person", "garment", "mask"))
    found = {}
    if "pre.person_u8" in case["stages"]:
        photos = [pictures.crop(each, *size) for each in photos]
        garments = [pictures.pad(each, *size) for each in garments]
        masks = [pictures.drawn_mask(each, *size) for each in masks]
        blurred = [pictures.blur_mask(each) for each in masks]
        found = {"pre.person_u8": np.stack(photos), "pre.garment_u8": np.stack(garments)}
        if masks:
            found |= {"pre.mask_u8": np.stack(masks), "pre.mask_blurred_u8": np.stack(blurred)}
            found["_painted"] = list(zip(photos, masks, strict=True))
        masks = blurred
    else:
        found["_painted"] = [
            (pictures.stretch(photo, *size), _nearest(mask, *size))
            for photo, mask in zip(photos, masks, strict=True)
        ]
        photos = [pictures.stretch(each, *size) for each in photos]
        garments = [pictures.stretch(each, *size) for each in garments]
        masks = [pictures.stretch_mask(each, *size) for each in masks]
    given = {
        "person": torch.cat([pictures.unit(each) for each in photos]),
        "garment": torch.cat([pictures.unit(each) for each in garments]),
        "mask": torch.cat([pictures.unit_mask(each) for each in masks]) if masks else None,
    }
    found |= {f"pre.{name}": given[name] * 2 - 1 for name in ("person", "garment")}
    if masks:
        found["pre.mask"] = given["mask"]
        found["pre.masked_image"] = found["pre.person"] * (given["mask"] < 0.5)
    return given, found


def _nearest(mask: np.ndarray, width: int, height: int) -> np.ndarray:
    """The script's mask for the composite."""
    from PIL import Image

    image = Image.fromarray(mask).convert("L")
    return np.array(image.resize((width, height), Image.Resampling.NEAREST))


class Watch:
    """What the networks of a pipeline are given and give during one run, in order."""

    def __init__(self) -> None:
        self.inputs, self.outputs = [], []  # of the denoiser
        self.blocks = []  # for each run of the denoiser: {name: tokens that a block gives}
        self.moments, self.decoded = [], []  # of the VAE
        self.steps = []

    def progress(self, done, total, step) -> None:
        self.steps.append(step)

    def _begin(self, _, args) -> None:
        self.inputs.append(args[0].clone())
        self.blocks.append({})

    @contextmanager
    def attached(self, pipeline):
        hooks = [
            pipeline.denoiser.register_forward_pre_hook(self._begin),
            pipeline.denoiser.register_forward_hook(
                lambda _, args, output: self.outputs.append(output.sample.clone())
            ),
            pipeline.vae.quant_conv.register_forward_hook(
                lambda _, args, output: self.moments.append(output.clone())
            ),
            pipeline.vae.decoder.register_forward_hook(
                lambda _, args, output: self.decoded.append(output.clone())
            ),
        ]
        for name, module in pipeline.denoiser.named_modules():
            if re.search(r"transformer_blocks\.\d+$", name):
                hooks.append(module.register_forward_hook(self._keep_block(name)))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _keep_block(self, name):
        return lambda _, args, output: self.blocks[-1].update({name: output.clone()})

    def block_stages(self) -> dict[str, Any]:
        """block.down_0_0.first and so on; they ran in the order down, mid, up."""
        found = {"block.first.stats": stats(self.blocks[0].values())}
        for when, index in (("first", 0), ("last", -1)):
            for name, tokens in self.blocks[index].items():
                part, block, place = BLOCK.match(name).groups()
                short = "mid" if block is None else f"{part.split('_')[0]}_{block}_{place}"
                found[f"block.{short}.{when}"] = tokens
        return found


def _checkpoint(case_dir: Path, case: dict, inputs: dict) -> dict[str, Any]:
    from fitting_room.pipelines.diffusion.latents import to_bytes
    from fitting_room.pipelines.diffusion.noise import RecordedNoise
    from fitting_room.pipelines.models.catvton import pictures
    from fitting_room.pipelines.models.catvton.load import load

    settings = case["settings"]
    given, found = _frame(case, inputs)
    pipeline = load(case_dir / "checkpoint", variant_of(case))
    draws = [torch.from_numpy(draw) for draw in random_draws(inputs)]
    watch, count = Watch(), len(given["person"])
    with watch.attached(pipeline):
        person = pipeline.encode_person(given["person"], given["mask"])
        garment = pipeline.encode_garment(given["garment"], noise=RecordedNoise(draws[1:2]))
        made = pipeline(
            person, garment,
            steps=settings["steps"],
            guidance=settings["guidance_scale"],
            noise=RecordedNoise([draws[0], *draws[2:]]),
            progress=watch.progress,
        )  # fmt: skip
    conditions = watch.inputs[0][:, 4:]
    last = watch.steps[-1].latents
    found |= watch.block_stages() | schedule_stages(pipeline.scheduler, settings["steps"])
    found |= {
        "vae.person_moments": person.photo.moments,
        "vae.garment_moments": torch.cat(watch.moments)[-count:],
        "latent.garment": garment.latents,
        "latent.mask": person.mask,
        "latent.mask_concat": conditions[:, :1],
        "latent.condition_concat": conditions[:, -4:],
        "latent.person": conditions[-count:, -4:].chunk(2, pipeline.axis)[0],
        "latents.final_person_half": last.chunk(2, pipeline.axis)[0],
        "decoded": torch.cat(watch.decoded),
        "image_u8": to_bytes(made),
    }
    found |= {f"latents.after_step.{n}": step.latents for n, step in enumerate(watch.steps)}
    for when, index in (("first", 0), ("last", -1)):
        output = watch.outputs[index]
        found[f"unet_input.{when}"] = watch.inputs[index]
        found[f"unet_output.{when}.cond"] = output[-count:]
        found[f"unet_output.{when}.uncond"] = output[:count]
        found[f"noise_pred.{when}"] = watch.steps[index].prediction
        found[f"pred_x0.{when}"] = watch.steps[index].clean
    found["repaint_u8"] = [
        pictures.repaint(photo, picture, mask)
        for (photo, mask), picture in zip(
            found.get("_painted", []), found["image_u8"], strict=False
        )
    ]
    return found


def schedule_stages(scheduler: Any, steps: int) -> dict[str, Any]:
    from fitting_room.pipelines.diffusion.schedulers import Schedule
    from fitting_room.pipelines.models.catvton.pipeline import ETA

    schedule = Schedule.make("published", scheduler, steps, eta=ETA)
    at = [scheduler.alphas_cumprod[int(t)] for t in schedule.timesteps]
    return {
        "timesteps": schedule.timesteps,
        "scheduler.alphas_cumprod": torch.stack([*at, schedule.scheduler.final_alpha_cumprod]),
        "scheduler.std": torch.stack([schedule.ddim_deviation(i) for i in range(steps)]),
    }


def _units(case: dict, inputs: dict) -> Iterator[tuple[str, Any]]:
    for name in case["stages"]:
        kind, *rest = name.split(".")
        yield name, {
            "image": _bytes, "mask": _mask, "repaint": _repaint, "resize": _resize,
            "sched": _scheduler,
        }[kind](case, inputs, *rest)  # fmt: skip


def _bytes(case: dict, inputs: dict, what: str) -> np.ndarray:
    from fitting_room.pipelines.diffusion.latents import to_bytes

    return to_bytes((torch.from_numpy(inputs["image.decoded"]) / 2 + 0.5).clamp(0, 1))


def _size(inputs_of_case: dict, name: str) -> tuple[int, int]:
    """ "…; target 48x64" of an input's description: (width, height)."""
    width, height = re.search(r"target (\d+)x(\d+)", inputs_of_case[name]["what"]).groups()
    return int(width), int(height)


def _mask(case: dict, inputs: dict, number: str, what: str) -> Any:
    from fitting_room.pipelines.models.catvton import pictures

    name = f"mask.{number}.layer"
    layer, size = inputs[name], _size(case["inputs"], name)
    if what == "dataset":
        binary = np.where(layer > 0, 255, 0).astype(np.uint8)
        return pictures.unit_mask(pictures.stretch_mask(binary, *size))[0]
    mask = pictures.drawn_mask(layer, *size)
    if what == "binary_unblurred":
        return pictures.unit_mask(mask)
    blurred = pictures.blur_mask(mask)
    return {"crop": mask, "blur": blurred, "binary": pictures.unit_mask(blurred)}[what]


def _repaint(case: dict, inputs: dict, number: str, how: str) -> np.ndarray:
    from fitting_room.pipelines.models.catvton import pictures

    paint = {"soft": pictures.repaint, "hard": pictures.blend}[how]
    return paint(*(inputs[f"repaint.{number}.{part}"] for part in ("person", "result", "mask")))


def _resize(case: dict, inputs: dict, number: str, how: str) -> Any:
    from fitting_room.pipelines.models.catvton import pictures

    name = f"resize.{number}.image"
    made = getattr(pictures, how)(inputs[name], *_size(case["inputs"], name))
    return pictures.unit(made)[0] * 2 - 1 if how == "stretch" else made


def _scheduler(case: dict, inputs: dict, base: str, what: str, *rest: str) -> Any:
    """timesteps.N, std.N, step.nN.iINDEX.etaETA, x0.nN.iINDEX and the tables."""
    from fitting_room.pipelines.diffusion.noise import RecordedNoise
    from fitting_room.pipelines.diffusion.schedulers import Schedule
    from fitting_room.pipelines.models.catvton.load import published_scheduler

    scheduler = published_scheduler(PUBLISHED_SCHEDULE[base])
    if what in ("timesteps", "std"):
        stages = schedule_stages(scheduler, int(rest[0]))
        return stages["timesteps" if what == "timesteps" else "scheduler.std"]
    if what not in ("step", "x0"):
        return torch.as_tensor(getattr(scheduler, what)).reshape(-1)
    steps, index = int(rest[0][1:]), int(rest[1][1:])
    sample, prediction, draw = (
        torch.from_numpy(inputs[f"sched.{part}"]) for part in ("sample", "eps", "noise")
    )
    eta = float(rest[2][3:]) if what == "step" else 0.0
    schedule = Schedule.make("published", scheduler, steps, eta=eta)
    if what == "x0":
        return schedule.clean(prediction, index, sample)
    return schedule.step(prediction, index, sample, RecordedNoise([draw]))


PUBLISHED_SCHEDULE = {
    "inpaint": {
        "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
        "steps_offset": 1, "clip_sample": False, "set_alpha_to_one": False,
        "skip_prk_steps": True,
    },
    "maskfree": {
        "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
        "steps_offset": 1, "clip_sample": False, "set_alpha_to_one": False,
        "algorithm_type": "dpmsolver++", "sample_max_value": 1.0, "thresholding": False,
    },
}  # fmt: skip
"""The two base models' published files, as far as DDIM reads them."""
