"""Builds OOTDiffusion's networks from its published folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel, UniPCMultistepScheduler
from torch import Tensor
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from ...diffusion.networks import converted, known_options, read_config
from ...diffusion.reference import equip, trim_reference
from ...errors import InputError
from ...files.locate import weight_file
from ...files.published import TOKENIZER, load_published
from ...files.weights import empty, load_strict, match_prefix, read_state
from .pipeline import CATEGORIES, OOTDiffusionPipeline

WORDS = {
    "hd": {"upper": ""},
    "dc": {"upper": "upperbody", "lower": "lowerbody", "dress": "dress"},
}
"""What the text encoder is told, by category."""

TEXT_TOKENS = {"hd": 2, "dc": 3}
"""Beginning and end, and for dc the word between: the first half of "upperbody"."""

INDEX_TABLES = ("*position_ids",)
"""Left over in CLIP files: counts from 0 up."""

OTHER_HALF_OF_CLIP = ("text_model.*", "text_projection.*", "logit_scale")
"""Left over in the image encoder's file, which holds all of CLIP."""


@dataclass(frozen=True)
class Networks:
    """Whole networks, as the published files have them."""

    vae: AutoencoderKL
    reference: UNet2DConditionModel
    denoiser: UNet2DConditionModel
    text_encoder: CLIPTextModel
    image_encoder: CLIPVisionModelWithProjection


def build(
    vae: dict, reference: dict, denoiser: dict, text_encoder: dict, image_encoder: dict
) -> Networks:
    """Networks of the published shapes, by their config files, without memory for parameters."""
    with empty():
        return Networks(
            AutoencoderKL(**known_options(AutoencoderKL, vae)),
            UNet2DConditionModel(**known_options(UNet2DConditionModel, reference)),
            UNet2DConditionModel(**known_options(UNet2DConditionModel, denoiser)),
            CLIPTextModel(CLIPTextConfig.from_dict(text_encoder)),
            CLIPVisionModelWithProjection(
                CLIPVisionConfig.from_dict(image_encoder.get("vision_config", image_encoder))
            ),
        )


def load(
    root: Path,
    variant: str,
    *,
    clip_root: Path | None = None,
    dtype: torch.dtype = torch.float32,
    vae_dtype: torch.dtype | None = None,
    image_dtype: torch.dtype = torch.float32,
) -> OOTDiffusionPipeline:
    """The pipeline of a published checkpoint, on the CPU.

    root: the folder that holds ootd/. clip_root: that of CLIP ViT-L/14, by default
    clip-vit-large-patch14/ beside it. vae_dtype: where it should not be `dtype`. image_dtype: of
    the image encoder, float32 in the authors' code.
    The text encoder is run here, once, and let go: its states are constants of the checkpoint.
    Raises InputError for an unknown variant, MissingFiles for files that are missing, of another
    model or incomplete.
    """
    if variant not in CATEGORIES:
        raise InputError(f"OOTDiffusion has the variants hd and dc; {variant!r} came.")
    ootd, clip = root / "ootd", clip_root or root / "clip-vit-large-patch14"
    unets = ootd / f"ootd_{variant}" / "checkpoint-36000"
    folders = {
        "vae": ootd / "vae",
        "reference": unets / "unet_garm",
        "denoiser": unets / "unet_vton",
        "text_encoder": ootd / "text_encoder",
        "image_encoder": clip,
    }
    networks = build(**{name: read_config(path / "config.json") for name, path in folders.items()})
    unet_file = "diffusion_pytorch_model.safetensors"
    for name, file, left_over in (
        ("vae", "diffusion_pytorch_model.bin", ()),
        ("reference", unet_file, ()),
        ("denoiser", unet_file, ()),
        ("text_encoder", "pytorch_model.bin", INDEX_TABLES),
        ("image_encoder", "model.safetensors", INDEX_TABLES + OTHER_HALF_OF_CLIP),
    ):
        network, path = getattr(networks, name), weight_file(folders[name] / file, dtype)
        state = read_state(path)
        if name == "text_encoder":
            state = match_prefix(network, state, "text_model.")
        load_strict(network, state, source=str(path), allowed_extra=left_over)
    prepare(networks)
    return OOTDiffusionPipeline(
        converted(networks.vae, vae_dtype or dtype),
        converted(networks.reference, dtype),
        converted(networks.denoiser, dtype),
        converted(networks.image_encoder, image_dtype),
        published_scheduler(read_config(ootd / "scheduler" / "scheduler_config.json")),
        variant=variant,
        text=text_states(networks.text_encoder, ootd / "tokenizer", variant),
        clip_settings=read_config(clip / "preprocessor_config.json"),
        dtype=dtype,
    )


def prepare(networks: Networks) -> None:
    """Lets whole, loaded networks work together, and lets go of the reference UNet after its last
    tokens, which is never used."""
    for unet in (networks.reference, networks.denoiser):
        equip(unet)
    trim_reference(networks.reference)


def published_scheduler(config: dict) -> UniPCMultistepScheduler:
    """UniPC with Karras sigmas, whatever scheduler the config names.

    Its last sigma is the smallest one again: so it was in the diffusers that the authors used.
    """
    options = known_options(UniPCMultistepScheduler, config)
    return UniPCMultistepScheduler(**{**options, "final_sigmas_type": "sigma_min"})


def tokenize(folder: Path, variant: str, category: str) -> Tensor:
    """Token ids, (1, 2 or 3) int64. Golden stages: tokens.*."""
    tokenizer = load_published(CLIPTokenizer, folder, "a tokenizer", TOKENIZER)
    return tokenizer(
        [WORDS[variant][category]],
        max_length=TEXT_TOKENS[variant],
        padding="max_length",
        truncation=True,
        return_tensors="pt",
    ).input_ids


@torch.no_grad()
def text_states(encoder: CLIPTextModel, tokenizer: Path, variant: str) -> dict[str, Tensor]:
    """Last hidden states, (1, 2 or 3, channels) float32, by category."""
    encoder = converted(encoder, torch.float32)
    return {
        category: encoder(tokenize(tokenizer, variant, category)).last_hidden_state
        for category in WORDS[variant]
    }
