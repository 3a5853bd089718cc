"""IDM-VTON: runs the pipeline on a case's checkpoint and reads the stages off its networks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .common import load_inputs, random_draws, stats


def run(case_dir: Path, case: dict) -> Iterator[tuple[str, Any]]:
    from fitting_room.pipelines.models.idm_vton.load import load

    settings, inputs = case["settings"], load_inputs(case_dir)
    # Pictures of the demo are single and of any size, those of the scripts are batches.
    demo = inputs["human_image"].ndim == 3
    framed = _demo(inputs, settings) if demo else _script(inputs, settings)
    pipeline = load(case_dir / "checkpoint")
    with torch.no_grad():
        found = (
            framed.stages | _words(pipeline, settings) | _run(pipeline, framed, settings, inputs)
        )
    if framed.box:
        from fitting_room.pipelines.models.idm_vton.pictures import paste_back

        made = found["image.output_uint8"][0]
        found["image.pasted_uint8"] = paste_back(inputs["human_image"], framed.box, made)
    for stage in case["stages"]:
        yield stage, found.get(stage)


# ------------------------------------------------------------------------------------- framing


class Framed:
    """What the pipeline is given, uint8 (batch, height, width, …), and the stages on the way."""

    def __init__(self, people, garments, masks, bodies) -> None:
        self.people, self.garments = np.stack(people), np.stack(garments)
        self.masks, self.bodies = np.stack(masks), np.stack(bodies)
        self.stages: dict[str, Any] = {}
        self.box = None

    def unit(self, name: str) -> torch.Tensor:
        """(batch, channels, height, width) in 0..1."""
        pictures = torch.from_numpy(getattr(self, name)).float() / 255
        return pictures[:, None] if pictures.ndim == 3 else pictures.permute(0, 3, 1, 2)


def _demo(inputs: dict, settings: dict) -> Framed:
    from fitting_room.pipelines.models.idm_vton import pictures

    size = settings["width"], settings["height"]
    photo, box = inputs["human_image"], None
    if settings["auto_crop_and_paste_back"]:
        box = pictures.centre_box(photo.shape[1], photo.shape[0])
        photo = pictures.cut_out(photo, box)
    person, garment, mask, body = (
        pictures.stretch(picture, *size)
        for picture in (
            photo, inputs["garment_image"], inputs["mask_image"], inputs["densepose_image"],
        )
    )  # fmt: skip
    framed = Framed([person], [garment], [mask], [body])
    framed.box = box
    framed.stages = {
        "image.human": framed.unit("people")[0],
        "image.garment": framed.unit("garments")[0],
        "image.mask": framed.unit("masks")[0],
        "image.densepose": framed.unit("bodies")[0],
        "image.mask_preview": pictures.greyed(person, mask).transpose(2, 0, 1),
    }
    return framed


def _script(inputs: dict, settings: dict) -> Framed:
    """The scripts leave garment and DensePose pictures as they are."""
    from fitting_room.pipelines.models.idm_vton import pictures

    size = settings["width"], settings["height"]
    people, masks = (
        [pictures.stretch(picture, *size) for picture in inputs[name]]
        for name in ("human_image", "mask_image")
    )
    framed = Framed(people, inputs["garment_image"], masks, inputs["densepose_image"])
    framed.stages = {
        "image.human": framed.unit("people") * 2 - 1,
        "image.mask": framed.unit("masks"),
        "image.garment": framed.unit("garments") * 2 - 1,
        "image.densepose": framed.unit("bodies") * 2 - 1,
    }
    return framed


# -------------------------------------------------------------------------------------- running


def _words(pipeline, settings: dict) -> dict[str, Any]:
    from fitting_room.pipelines.models.idm_vton.prompts import token_ids

    said = {
        "prompt": settings["prompt"],
        "garment": settings["garment_prompt"],
        "negative": [settings["negative_prompt"]] * len(settings["prompt"]),
    }
    return {
        f"tokens_{number}.{name}": token_ids(tokenizer, prompts)
        for number, tokenizer in enumerate(pipeline.tokenizers, 1)
        for name, prompts in said.items()
    }


class Watch:
    """What the networks of a pipeline are given and give during one run, in order."""

    def __init__(self) -> None:
        self.inputs, self.added, self.outputs = [], [], []  # of the denoiser
        self.features = []  # of each run of the garment UNet: (timestep, {norm1: tokens})
        self.looks, self.patches = [], []  # of the image encoder
        self.decoded, self.steps = [], []

    def progress(self, done, total, step) -> None:
        self.steps.append(step)

    @contextmanager
    def attached(self, pipeline):
        hooks = [
            pipeline.denoiser.register_forward_pre_hook(self._keep_input, with_kwargs=True),
            pipeline.denoiser.register_forward_hook(
                lambda _, args, output: self.outputs.append(output.sample.clone())
            ),
            pipeline.reference.register_forward_pre_hook(
                lambda _, args: self.features.append((int(args[1]), {}))
            ),
            pipeline.image_encoder.register_forward_pre_hook(
                lambda _, args: self.looks.append(args[0].clone())
            ),
            pipeline.image_encoder.register_forward_hook(
                lambda _, args, output: self.patches.append(output.hidden_states[-2].clone())
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

    def _keep_input(self, _, args, kwargs) -> None:
        self.inputs.append(args[0].clone())
        self.added.append(kwargs["added_cond_kwargs"])

    def _keep_feature(self, name):
        return lambda _, args, output: self.features[-1][1].update({name: output.clone()})

    def in_order(self, call: int) -> list[torch.Tensor]:
        """Features of one run: down, mid, up."""
        order = ("down_blocks", "mid_block", "up_blocks")
        tokens = self.features[call][1]
        return [tokens[n] for n in sorted(tokens, key=lambda n: order.index(n.split(".")[0]))]


def _run(pipeline, framed: Framed, settings: dict, inputs: dict) -> dict[str, Any]:
    from fitting_room.pipelines.diffusion.latents import to_bytes
    from fitting_room.pipelines.diffusion.noise import RecordedNoise
    from fitting_room.pipelines.models.idm_vton.prompts import Prompts

    draws = [torch.from_numpy(draw) for draw in random_draws(inputs)]
    prompts = Prompts(tuple(settings["prompt"]), tuple(settings["garment_prompt"]))
    count, watch = len(framed.people), Watch()
    with watch.attached(pipeline):
        garment = pipeline.encode_garment(
            framed.unit("garments"), prompts, negative=settings["negative_prompt"],
            noise=RecordedNoise(draws[3:4]),
        )  # fmt: skip
        person = pipeline.encode_person(
            framed.unit("people"), framed.unit("masks"), framed.unit("bodies")
        )
        made = pipeline(
            person, garment, steps=settings["num_inference_steps"],
            guidance=settings["guidance_scale"],
            noise=RecordedNoise([*draws[:3], *draws[4:]]), progress=watch.progress,
        )  # fmt: skip
    guided = settings["guidance_scale"] > 1
    alphas = pipeline.scheduler.alphas_cumprod
    timesteps = [timestep for timestep, _ in watch.features]
    found = {
        "text.prompt_embeds": garment.text[:count],
        "text.negative_prompt_embeds": garment.text[count:].expand(count, -1, -1),
        "text.pooled": garment.vectors[:count],
        "text.negative_pooled": garment.vectors[count:].expand(count, -1),
        "text.garment_prompt_embeds": garment.garment_text,
        "image.clip_pixel_values": watch.looks[0][:count],
        "ip.image_hidden": watch.patches[0][:count],
        "ip.image_hidden_uncond": watch.patches[0][count:],
        "ip.tokens": garment.image[[count] * count * guided + list(range(count))],
        "cond.time_ids": watch.added[0]["time_ids"],
        "cond.text_embeds": watch.added[0]["text_embeds"],
        "latent.initial": watch.inputs[0][:count, :4],
        "latent.mask": watch.inputs[0][:count, 4:5],
        "latent.masked_image": watch.inputs[0][:count, 5:9],
        "latent.densepose": watch.inputs[0][:count, 9:],
        "latent.garment": garment.latents,
        "latents.final": watch.steps[-1].latents,
        "timesteps": np.array(timesteps),
        "scheduler.alphas_cumprod": alphas[timesteps],
        "image.decoded": torch.cat(watch.decoded),
        "image.output_uint8": to_bytes(made),
    }
    for index, step in enumerate(watch.steps):
        found[f"latents.after_step{index}"] = step.latents
    for when, call in (("first", 0), ("last", -1)):
        features = watch.in_order(call)
        found |= {f"garment.{when}_step.layer{n}": each for n, each in enumerate(features)}
        found[f"garment.{when}_step.mean_std"] = stats(features, unbiased=False)
        found[f"unet.{when}_step.raw"] = watch.outputs[call]
        found[f"noise_pred.{when}_step"] = watch.steps[call].prediction
    return found
