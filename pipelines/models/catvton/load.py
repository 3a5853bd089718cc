"""Builds CatVTON's networks from its published files.

A folder holds <attention folder>/attention/model.safetensors, the weights of the 16 self-attentions
alone; beside it, or elsewhere, lie the base model's UNet and the VAE sd-vae-ft-mse.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import nn

from ...diffusion.networks import converted, known_options, read_config
from ...diffusion.reference import drop_cross_attention, transformer_blocks
from ...errors import InputError, MissingFiles
from ...files.locate import weight_file
from ...files.weights import empty, load_strict, read_state
from .pipeline import CatVTONPipeline

VAE = "sd-vae-ft-mse"


@dataclass(frozen=True)
class Published:
    """What a variant consists of."""

    attention: str  # folder of the trained weights
    base: str  # folder of the base model
    channels: int  # that its UNet takes
    axis: int  # along which the garment stands beside the person: 2 below, 3 to the right


INPAINTING, PIX2PIX = "stable-diffusion-inpainting", "instruct-pix2pix"
VARIANTS = {
    "mix": Published("mix-48k-1024", INPAINTING, 9, 2),
    "vitonhd": Published("vitonhd-16k-512", INPAINTING, 9, 2),
    "dresscode": Published("dresscode-16k-512", INPAINTING, 9, 2),
    "maskfree": Published("mix-48k-1024", PIX2PIX, 8, 3),
}

ATTENTION_STEP = 8
"""Between the numbers of two self-attentions in the published names: the authors numbered all
modules below them."""

ATTENTION_ORDER = ("down_blocks", "up_blocks", "mid_block")
"""In which the file numbers the parts of the UNet, not that in which they run."""


def build(unet: dict, vae: dict) -> tuple[UNet2DConditionModel, AutoencoderKL]:
    """Whole networks of the published shapes, without memory for their parameters."""
    with empty():
        return (
            UNet2DConditionModel(**known_options(UNet2DConditionModel, unet)),
            AutoencoderKL(**known_options(AutoencoderKL, vae)),
        )


class SelfAttentions(nn.ModuleDict):
    """The self-attentions of a UNet by the numbers of the published file."""


def self_attentions(unet: UNet2DConditionModel) -> SelfAttentions:
    """The self-attentions of a UNet under the numbers that the published file gives them."""
    blocks = sorted(
        transformer_blocks(unet).items(), key=lambda it: ATTENTION_ORDER.index(it[0].split(".")[0])
    )
    return SelfAttentions(
        {str(ATTENTION_STEP * place): block.attn1 for place, (_, block) in enumerate(blocks)}
    )


def load(
    root: Path,
    variant: str,
    *,
    base_root: Path | None = None,
    vae_root: Path | None = None,
    dtype: torch.dtype = torch.float32,
    vae_dtype: torch.dtype | None = None,
) -> CatVTONPipeline:
    """The pipeline of a published checkpoint, on the CPU.

    root: the folder that holds the attention folders. base_root, vae_root: those of the base model
    and of the VAE, by default beside them. vae_dtype: where it should not be `dtype`.
    Raises InputError for an unknown variant, MissingFiles for files that are missing, of another
    model or incomplete.
    """
    if variant not in VARIANTS:
        raise InputError(f"CatVTON has the variants {', '.join(VARIANTS)}; {variant!r} came.")
    published = VARIANTS[variant]
    base, vae_root = base_root or root / published.base, vae_root or root / VAE
    config = read_config(base / "unet" / "config.json")
    if config.get("in_channels") != published.channels:
        raise MissingFiles(
            f"{base / 'unet'} takes {config.get('in_channels')} channels; CatVTON {variant} stands "
            f"on {published.base}, whose UNet takes {published.channels}. Get the right base model "
            "with `fitting-room download`."
        )
    unet, vae = build(config, read_config(vae_root / "config.json"))
    path = weight_file(base / "unet" / "diffusion_pytorch_model.bin", dtype)
    load_strict(unet, read_state(path), source=str(path))
    path = weight_file(root / published.attention / "attention" / "model.safetensors", dtype)
    load_strict(self_attentions(unet), read_state(path), source=str(path))
    path = weight_file(vae_root / "diffusion_pytorch_model.safetensors", dtype)
    load_strict(vae, read_state(path), source=str(path))
    prepare(unet)
    return CatVTONPipeline(
        converted(vae, vae_dtype or dtype),
        converted(unet, dtype),
        published_scheduler(read_config(base / "scheduler" / "scheduler_config.json")),
        variant=variant,
        axis=published.axis,
        masked=published.channels == 9,
        dtype=dtype,
    )


def prepare(unet: UNet2DConditionModel) -> None:
    """Lets go of every cross-attention, whose processor gives back its input: 43,962,560 weights
    that are neither read from their file nor converted, and no text encoder. (The base's 49,574,080
    self-attention weights were replaced before anything read them.)"""
    drop_cross_attention(unet)


def published_scheduler(config: dict) -> DDIMScheduler:
    """DDIM, whatever scheduler the base model's config names; nothing is clipped, and the last step
    ends at timestep 0, not without noise. Golden stage: scheduler.alphas_cumprod."""
    options = known_options(DDIMScheduler, config)
    return DDIMScheduler(
        **{**options, "clip_sample": False, "set_alpha_to_one": False, "thresholding": False}
    )
