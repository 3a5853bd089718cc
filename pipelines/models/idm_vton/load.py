"""Builds IDM-VTON's networks from its published folders.

A folder holds unet/, unet_encoder/, vae/, text_encoder/, text_encoder_2/, image_encoder/,
tokenizer/, tokenizer_2/ and scheduler/; the DressCode model has a unet/ of its own elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from torch import nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from ...diffusion.networks import known_options, read_config
from ...diffusion.reference import equip, trim_reference
from ...errors import MissingFiles
from ...files.locate import weight_file
from ...files.published import TOKENIZER, load_published
from ...files.weights import State, empty, load_strict, looks_like, match_prefix, read_state
from .pipeline import IdmVtonPipeline
from .resampler import Resampler

RESAMPLER = "encoder_hid_proj."
"""Before the resampler's parameters in the try-on UNet's file."""

UNUSED = {
    # The garment UNet is SDXL's, without its embedding of picture sizes and text vectors.
    "unet_encoder": ("add_embedding.*",),
    # Older files hold the table 0, 1, 2, … that every version of transformers makes itself.
    "text_encoder": ("*.position_ids",),
    "text_encoder_2": ("*.position_ids",),
    "image_encoder": ("*.position_ids",),
}
"""Names that the published files hold and no network uses; all others must fit."""

FILES = {
    "unet": "diffusion_pytorch_model.bin",
    "unet_encoder": "diffusion_pytorch_model.safetensors",
    "vae": "diffusion_pytorch_model.safetensors",
    "text_encoder": "model.safetensors",
    "text_encoder_2": "model.safetensors",
    "image_encoder": "model.safetensors",
}


@dataclass(frozen=True)
class Networks:
    """Whole networks, as the published files have them."""

    denoiser: UNet2DConditionModel
    reference: UNet2DConditionModel
    vae: AutoencoderKL
    text_encoder: nn.Module
    text_encoder_2: nn.Module
    image_encoder: nn.Module

    def by_folder(self) -> dict[str, nn.Module]:
        return {
            "unet": self.denoiser,
            "unet_encoder": self.reference,
            "vae": self.vae,
            "text_encoder": self.text_encoder,
            "text_encoder_2": self.text_encoder_2,
            "image_encoder": self.image_encoder,
        }


def build(configs: dict[str, dict]) -> Networks:
    """Networks of the published shapes, equipped, without memory for their parameters.

    configs: by folder. The denoiser's config asks for its image projection inside the UNet, of a
    kind that diffusers does not know; here the resampler is a network of its own.
    """
    unet, vae = (known_options(UNet2DConditionModel, configs["unet"]), configs["vae"])
    unet |= {"encoder_hid_dim_type": None, "encoder_hid_dim": None}
    with empty():
        networks = Networks(
            UNet2DConditionModel(**unet),
            UNet2DConditionModel(**known_options(UNet2DConditionModel, configs["unet_encoder"])),
            AutoencoderKL(**known_options(AutoencoderKL, vae)),
            CLIPTextModel(CLIPTextConfig(**configs["text_encoder"])),
            CLIPTextModelWithProjection(CLIPTextConfig(**configs["text_encoder_2"])),
            CLIPVisionModelWithProjection(CLIPVisionConfig(**configs["image_encoder"])),
        )
        equip(networks.denoiser, image_prompt=True)
        equip(networks.reference)
    return networks


def load(
    root: Path,
    *,
    unet_root: Path | None = None,
    dtype: torch.dtype = torch.float32,
    vae_dtype: torch.dtype | None = None,
) -> IdmVtonPipeline:
    """The pipeline of a published checkpoint, on the CPU.

    root: the folder that holds the model's folders. unet_root: the one that holds unet/, where
    that is another (DressCode). vae_dtype: where it should not be `dtype`.
    Raises MissingFiles for files that are missing, of another model or incomplete.
    """
    roots = {folder: unet_root or root if folder == "unet" else root for folder in FILES}
    configs = {folder: read_config(roots[folder] / folder / "config.json") for folder in FILES}
    scheduler = read_config(root / "scheduler" / "scheduler_config.json")
    networks = build(configs)
    resampler = None
    for folder, network in networks.by_folder().items():
        path = weight_file(roots[folder] / folder / FILES[folder], dtype)
        state = read_state(path)
        if folder == "unet":
            state, resampler = split_resampler(state, str(path), dtype)
        load_network(network, state, folder, str(path),
                     vae_dtype or dtype if folder == "vae" else dtype)  # fmt: skip
    assert resampler is not None
    trim_reference(networks.reference)
    return IdmVtonPipeline(
        networks.vae,
        networks.reference,
        networks.denoiser,
        resampler,
        networks.image_encoder,
        networks.text_encoder,
        networks.text_encoder_2,
        (_tokenizer(root / "tokenizer"), _tokenizer(root / "tokenizer_2")),
        DDPMScheduler(**known_options(DDPMScheduler, scheduler)),
        dtype=dtype,
    )


def split_resampler(
    state: State, source: str, dtype: torch.dtype | None = None
) -> tuple[State, Resampler]:
    """The denoiser's own tensors, and the resampler of the same file, loaded."""
    part = {n.removeprefix(RESAMPLER): t for n, t in state.items() if n.startswith(RESAMPLER)}
    try:
        with empty():
            resampler = Resampler.shaped_like(part)
    except KeyError as error:
        raise MissingFiles(
            f"{source} holds no resampler for image tokens ({RESAMPLER}{error.args[0]}): it is not "
            f"the try-on UNet of IDM-VTON, it looks like {looks_like(state)}. Get the right file "
            "with `fitting-room download`."
        ) from error
    load_strict(resampler, part, source=f"{source} ({RESAMPLER}*)", dtype=dtype)
    return {n: t for n, t in state.items() if not n.startswith(RESAMPLER)}, resampler


def load_network(
    network: nn.Module, state: State, folder: str, source: str, dtype: torch.dtype | None = None
) -> None:
    """Every name must fit, and none be left over but those of UNUSED."""
    if folder.startswith("text_encoder"):
        state = match_prefix(network, state, "text_model.")
    load_strict(
        network, state, source=source, dtype=dtype, allowed_extra=UNUSED.get(folder, ())
    )  # fmt: skip


def _tokenizer(folder: Path) -> CLIPTokenizer:
    return load_published(CLIPTokenizer, folder, "a tokenizer", TOKENIZER)
