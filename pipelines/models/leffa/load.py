"""Builds Leffa's networks from its published files.

A folder holds `<variant>.pth`, one flat state dict with the prefixes vae., unet_encoder. and unet.,
and the configs of the base model that the variant was trained from. All weights are in the .pth.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel

from ...diffusion.networks import converted, known_options, read_config
from ...diffusion.reference import drop_cross_attention, equip, trim_reference
from ...errors import InputError, MissingFiles
from ...files.locate import weight_file
from ...files.weights import State, empty, load_strict, looks_like, read_state
from .pictures import VARIANTS
from .pipeline import LeffaPipeline

BASES = {
    "virtual_tryon": "stable-diffusion-inpainting",
    "virtual_tryon_dc": "stable-diffusion-inpainting",
    "pose_transfer": "stable-diffusion-xl-1.0-inpainting-0.1",
}
INPUT_CHANNELS = 12  # noisy latents 4, mask 1, masked person 4, DensePose picture 3
REFERENCE_CHANNELS = 4
PREFIXES = ("vae.", "unet_encoder.", "unet.")


@dataclass(frozen=True)
class Networks:
    """Whole networks, as the published file has them."""

    vae: AutoencoderKL
    reference: UNet2DConditionModel
    denoiser: UNet2DConditionModel


def build(unet_config: dict, vae_config: dict) -> Networks:
    """Networks of the published shapes without memory for their parameters."""
    unet_config = known_options(UNet2DConditionModel, unet_config)
    with empty():
        return Networks(
            AutoencoderKL(**known_options(AutoencoderKL, vae_config)),
            UNet2DConditionModel(**{**unet_config, "in_channels": REFERENCE_CHANNELS}),
            UNet2DConditionModel(**{**unet_config, "in_channels": INPUT_CHANNELS}),
        )


def load(
    root: Path,
    variant: str,
    *,
    dtype: torch.dtype = torch.float32,
    vae_dtype: torch.dtype | None = None,
) -> LeffaPipeline:
    """The pipeline of a published checkpoint, on the CPU.

    root: the folder that holds <variant>.pth. vae_dtype: where it should not be `dtype`.
    Raises InputError for an unknown variant, MissingFiles for files that are missing, of another
    model or incomplete.
    """
    if variant not in VARIANTS:
        raise InputError(f"Leffa has the variants {', '.join(VARIANTS)}; {variant!r} came.")
    base = root / BASES[variant]
    files = ("unet/config.json", "vae/config.json", "scheduler/scheduler_config.json")
    configs = [read_config(base / file) for file in files]
    path = weight_file(root / f"{variant}.pth", dtype)
    return from_state(read_state(path), variant, *configs,
                      source=str(path), dtype=dtype, vae_dtype=vae_dtype)  # fmt: skip


def from_state(
    state: State,
    variant: str,
    unet_config: dict,
    vae_config: dict,
    scheduler_config: dict,
    *,
    source: str,
    dtype: torch.dtype = torch.float32,
    vae_dtype: torch.dtype | None = None,
) -> LeffaPipeline:
    """The pipeline from tensors by their published names; every name must fit, none be left over.

    What the model never uses is checked too, and let go before anything is converted.
    """
    networks = build(unet_config, vae_config)
    left = [name for name in state if not name.startswith(PREFIXES)]
    if left:
        raise MissingFiles(
            f"{source} is not a Leffa checkpoint: it also holds {left[0]}. It looks like "
            f"{looks_like(state)}. Get the right file with `fitting-room download`."
        )
    if any(not any(name.startswith(prefix) for name in state) for prefix in PREFIXES):
        raise MissingFiles(
            f"{source} is not a Leffa checkpoint: it lacks one of the networks {PREFIXES}. It "
            f"looks like {looks_like(state)}. Get the right file with `fitting-room download`."
        )
    for prefix, network in zip(
        PREFIXES, (networks.vae, networks.reference, networks.denoiser), strict=True
    ):
        part = {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}
        load_strict(network, part, source=f"{source} ({prefix}*)")
    kind = "sdxl" if networks.denoiser.config["addition_embed_type"] else "sd15"
    prepare(networks)
    return LeffaPipeline(
        converted(networks.vae, vae_dtype or dtype),
        converted(networks.reference, dtype),
        converted(networks.denoiser, dtype),
        published_scheduler(scheduler_config, kind),
        variant=variant,
        kind=kind,
        dtype=dtype,
    )


def prepare(networks: Networks) -> None:
    """Lets whole, loaded networks work together, and lets go of what is never used: every
    cross-attention, SDXL's added embedding, and the reference UNet after its last tokens."""
    for unet in (networks.reference, networks.denoiser):
        _time_only(unet)
        equip(unet)
        drop_cross_attention(unet)
    trim_reference(networks.reference)


def published_scheduler(config: dict, kind: str) -> DDPMScheduler:
    """DDPM, whatever scheduler the base model's config names; for SDXL with zero terminal SNR."""
    config = {**config, "rescale_betas_zero_snr": kind == "sdxl"}
    return DDPMScheduler(**known_options(DDPMScheduler, config))


def _time_only(unet: UNet2DConditionModel) -> None:
    """Embeds the timestep alone, in SDXL too; the added embedding's weights lie in the file."""
    if unet.config["addition_embed_type"] is not None:
        unet.register_to_config(addition_embed_type=None)
        del unet.add_embedding
        del unet.add_time_proj
