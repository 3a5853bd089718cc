"""LaDI-VTON: runs the pipeline on a case's checkpoint and reads the stages off its networks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .common import channel_stats, load_inputs, random_draws, sample_every

CATEGORIES = {"dresses": "dress", "upper_body": "upper", "lower_body": "lower"}


def run(case_dir: Path, case: dict) -> Iterator[tuple[str, Any]]:
    with torch.no_grad():
        found = _found(case_dir, case, load_inputs(case_dir))
        for name in case["stages"]:
            yield name, found.get(name)


class Watch:
    """What the networks of a pipeline are given and give during one run, in order."""

    def __init__(self) -> None:
        self.given, self.made = {}, {}  # by name: a list, an entry a call
        self.steps = []

    def progress(self, done, total, step) -> None:
        self.steps.append(step)

    @contextmanager
    def attached(self, pipeline):
        unet, tps = pipeline.denoiser, pipeline.matching
        networks = {
            "unet": unet, "down0": unet.down_blocks[0], "mid": unet.mid_block,
            "up1": unet.up_blocks[1], "tps": tps, "A": tps.extractionA, "B": tps.extractionB,
            "regression": tps.loc_net["regression"], "refinement": pipeline.refinement,
            "clip": pipeline.vision_encoder, "adapter": pipeline.adapter,
            "quant": pipeline.vae.quant_conv, "emasc": pipeline.emasc,
            "decoder": pipeline.vae.decoder, "conv_out": pipeline.vae.decoder.conv_out,
        }  # fmt: skip
        with ExitStack() as stack:
            for name, network in networks.items():
                for hook in (
                    network.register_forward_pre_hook(self._keep_given(name), with_kwargs=True),
                    network.register_forward_hook(self._keep_made(name)),
                ):
                    stack.callback(hook.remove)
            yield

    def _keep_given(self, name):
        return lambda _, args, kwargs: self.given.setdefault(name, []).append(args)

    def _keep_made(self, name):
        def keep(_, args, made):
            made = made[0] if isinstance(made, tuple) else made
            self.made.setdefault(name, []).append(made)

        return keep

    def joined(self, name, calls=slice(None)):
        return torch.cat(self.made[name][calls])


def _found(case_dir: Path, case: dict, inputs: dict) -> dict[str, Any]:
    from fitting_room.pipelines.diffusion.latents import to_bytes
    from fitting_room.pipelines.diffusion.noise import RecordedNoise
    from fitting_room.pipelines.models.ladi_vton.load import load
    from fitting_room.pipelines.models.ladi_vton.pictures import pose_map
    from fitting_room.pipelines.models.ladi_vton.words import clip_pixels, sentence, token_ids

    settings = case["settings"]
    size = settings["width"], settings["height"]
    pipeline = load(case_dir / "checkpoint", case["variant"])
    photos, cloth, mask = (
        torch.from_numpy(inputs[name]) for name in ("image", "cloth", "inpaint_mask")
    )
    poses = torch.stack([pose_map(points, *size) for points in inputs["keypoints"]])
    categories = [CATEGORIES[each] for each in settings["category"]]
    draws = [torch.from_numpy(draw) for draw in random_draws(inputs)]
    watch = Watch()
    with watch.attached(pipeline):
        person = pipeline.encode_person((photos + 1) / 2, mask, poses)
        garment = pipeline.encode_garment((cloth + 1) / 2, categories)
        made = pipeline(
            person, garment,
            steps=settings["num_inference_steps"],
            guidance=settings["guidance_scale"],
            noise=RecordedNoise(draws),
            progress=watch.progress,
        )  # fmt: skip
    count, guided = len(photos), settings["guidance_scale"] > 1
    nothing = garment.text[-1:].expand(count if guided else 0, -1, -1)
    side = pipeline.vision_encoder.config.image_size
    prompt, empty = ([sentence(each) for each in categories], [""] * count)
    found = {
        "prompt_ids": token_ids(pipeline.tokenizer, prompt),
        "uncond_ids": token_ids(pipeline.tokenizer, empty),
        "clip_pixels_uint8": clip_pixels((cloth + 1) / 2, side),
        "clip_pixel_values_mean_std": channel_stats(watch.given["clip"][0][0]),
        "clip_last_hidden_state": watch.made["clip"][0].last_hidden_state,
        "word_embeddings": watch.made["adapter"][0],
        "prompt_embeds": torch.cat([nothing, garment.text[:-1]]),
        "image_uint8": to_bytes(made),
    }
    return found | _warping(watch) | _denoising(watch, person) | _decoding(watch, person)


def _warping(watch: Watch) -> dict[str, Any]:
    garments, people = (torch.cat([each[i] for each in watch.given["tps"]]) for i in (0, 1))
    correlation = torch.cat([args[0] for args in watch.given["regression"]])
    refined = torch.cat([args[0] for args in watch.given["refinement"]])
    grid = watch.joined("tps")
    from fitting_room.pipelines.models.ladi_vton.warping import _resized

    size = refined.shape[-2:]
    return {
        "low_cloth_mean_std": _mean_std(garments),
        "agnostic_mean_std": np.stack(
            [_mean_std(people[:, channel]) for channel in range(people.shape[1])], axis=1
        ),
        "tps_featureA": watch.joined("A"),
        "tps_featureB": watch.joined("B"),
        "tps_correlation_mean_std": channel_stats(correlation),
        "tps_theta": watch.joined("regression").unflatten(1, (-1, 2)),
        "tps_grid_stride8": sample_every(grid, 8, axes=(1, 2)),
        "highres_grid": _resized(grid.permute(0, 3, 1, 2), *size).permute(0, 2, 3, 1),
        "coarse_warp": refined[:, -3:],
        "warped_cloth": watch.joined("refinement"),
    }


def _mean_std(values: torch.Tensor) -> np.ndarray:
    values = values.double()
    return np.array([float(values.mean()), float(values.std())])


def _denoising(watch: Watch, person) -> dict[str, Any]:
    seen = watch.given["unet"][0][0]
    steps = watch.steps
    found = {
        "masked_image_moments": person.masked.moments,
        "cloth_moments": watch.made["quant"][-1],
        "mask_latent": seen[:, 4:5],
        "masked_image_latents": seen[:, 5:9],
        "unet_input_first": seen,
        "unet_output_first": watch.made["unet"][0].sample,
        "unet_down0_first": watch.made["down0"][0],
        "unet_mid_first": watch.made["mid"][0],
        "unet_up1_first": watch.made["up1"][0],
        "noise_pred_first": steps[0].prediction,
        "noise_pred_last": steps[-1].prediction,
        "timesteps": np.array([int(args[1]) for args in watch.given["unet"]]),
        "timestep_first": np.array([float(watch.given["unet"][0][1])]),
    }
    return found | {f"latents_step.{n}": step.latents for n, step in enumerate(steps)}


def _decoding(watch: Watch, person) -> dict[str, Any]:
    from fitting_room.pipelines.models.ladi_vton.skips import masked

    found = {"decoded": watch.joined("decoder")}
    skips = [torch.cat(rows) for rows in zip(*watch.made["emasc"], strict=True)]
    for number, (skip, kept) in enumerate(zip(skips, masked(skips, person.mask), strict=True)):
        found[f"emasc_mean_std.{number}"] = channel_stats(skip)
        found[f"emasc_masked_mean_std.{number}"] = channel_stats(kept)
        found[f"emasc_masked.{number}"] = kept
    return found
