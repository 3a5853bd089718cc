"""OOTDiffusion: folders of diffusers below ootd/, and all of CLIP beside it."""

from __future__ import annotations

import math
from pathlib import Path

import torch

from .diffusion import CLIP_PICTURES, CLIP_TEXT, CLIP_VISION, NOISE, SD15_UNET, VAE
from .weights import (
    published_configs,
    published_text_names,
    random_network,
    write_json,
    write_tensors,
    write_tokenizer,
)

SCHEDULER = {
    "_class_name": "DPMSolverMultistepScheduler",
    **NOISE,
    "algorithm_type": "dpmsolver++",
    "lambda_min_clipped": -math.inf,
    "solver_order": 2,
    "solver_type": "midpoint",
    "timestep_spacing": "leading",
    "use_karras_sigmas": True,
}
OLD_NAMES = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
"""Of the VAE's attention, as diffusers called it until 0.17 and as the published file has it."""


def write(variant, roots: tuple[Path, ...]) -> None:
    root, clip = roots
    write_checkpoint(root, variant.name.split("/")[1], clip, old_vae_names=True)


def write_checkpoint(
    root: Path, variant: str, clip: Path | None = None, old_vae_names: bool = False
) -> None:
    from fitting_room.pipelines.models.ootdiffusion.load import build

    ootd, clip = root / "ootd", clip or root / "clip-vit-large-patch14"
    unets = ootd / f"ootd_{variant}" / "checkpoint-36000"
    words = write_tokenizer(ootd / "tokenizer")
    sizes = {
        "vae": VAE,
        "reference": SD15_UNET,
        "denoiser": SD15_UNET,
        "text_encoder": {**CLIP_TEXT, "vocab_size": words},
        "image_encoder": {"vision_config": CLIP_VISION},
    }
    configs = {name: published | sizes[name]
               for name, published in published_configs("ootdiffusion").items()}  # fmt: skip
    networks = build(**configs)
    states = {
        name: random_network(getattr(networks, name), f"{name} {variant if unet else ''}")
        for name, unet in zip(configs, (False, True, True, False, False), strict=True)
    }
    if old_vae_names:
        states["vae"] = {_old(name): tensor for name, tensor in states["vae"].items()}
    states["text_encoder"] = published_text_names(states["text_encoder"])
    states["text_encoder"]["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    states["image_encoder"] |= {
        "logit_scale": torch.zeros(1), "text_projection.weight": torch.zeros(2, 2)
    }  # fmt: skip
    for name, folder, file in (
        ("vae", ootd / "vae", "diffusion_pytorch_model.bin"),
        ("reference", unets / "unet_garm", "diffusion_pytorch_model.safetensors"),
        ("denoiser", unets / "unet_vton", "diffusion_pytorch_model.safetensors"),
        ("text_encoder", ootd / "text_encoder", "pytorch_model.bin"),
        ("image_encoder", clip, "model.safetensors"),
    ):
        write_json(folder / "config.json", {"_class_name": "Any", **configs[name]})
        write_tensors(folder / file, states[name])
    write_json(ootd / "scheduler" / "scheduler_config.json", SCHEDULER)
    write_json(clip / "preprocessor_config.json", CLIP_PICTURES)


def _old(name: str) -> str:
    for new, old in OLD_NAMES.items():
        name = name.replace(f"attentions.0.{new}.", f"attentions.0.{old}.")
    return name
