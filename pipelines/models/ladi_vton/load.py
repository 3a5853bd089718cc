"""Builds LaDI-VTON's networks from its published files.

The trained parts are four .pth files for each data set; the VAE, the text encoder and the configs
come from Stable Diffusion 2 inpainting, the image encoder is CLIP ViT-H/14.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModel,
)

from ...diffusion.networks import converted, known_options, read_config
from ...diffusion.reference import equip
from ...errors import InputError, MissingFiles
from ...files.locate import weight_file
from ...files.published import TOKENIZER, load_published
from ...files.weights import State, empty, load_strict, match_prefix, read_state
from ..matching import part, shaped
from .pipeline import CATEGORIES, LadiVTONPipeline
from .skips import SkipAdapters
from .warping import Matching, Refinement
from .words import InversionAdapter

BASE = "stable-diffusion-2-inpainting"
CLIP = "CLIP-ViT-H-14-laion2B-s32B-b79K"
INPUT_CHANNELS = 31  # noisy latent 4, mask 1, masked photo 4, pose 18, warped garment 4

OTHER_HALF_OF_CLIP = ("text_model.*", "text_projection.*", "visual_projection.*", "logit_scale")
"""Left over in the image encoder's file: its own projection is not used either."""

INDEX_TABLES = ("*position_ids",)

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Networks:
    """Whole networks, as the published files have them."""

    vae: AutoencoderKL
    denoiser: UNet2DConditionModel
    text_encoder: CLIPTextModel
    vision_encoder: CLIPVisionModel


def build(vae: dict, unet: dict, text_encoder: dict, vision_encoder: dict) -> Networks:
    """Networks of the published shapes, by their config files, without memory for parameters. The
    U-Net's own config says 9 channels; the trained one takes 31."""
    with empty():
        return Networks(
            AutoencoderKL(**known_options(AutoencoderKL, vae)),
            UNet2DConditionModel(
                **{**known_options(UNet2DConditionModel, unet), "in_channels": INPUT_CHANNELS}
            ),
            CLIPTextModel(CLIPTextConfig.from_dict(text_encoder)),
            CLIPVisionModel(
                CLIPVisionConfig.from_dict(vision_encoder.get("vision_config", vision_encoder))
            ),
        )


def load(
    root: Path,
    variant: str,
    *,
    base_root: Path | None = None,
    clip_root: Path | None = None,
    dtype: torch.dtype = torch.float32,
    vae_dtype: torch.dtype | None = None,
) -> LadiVTONPipeline:
    """The pipeline of a published checkpoint, on the CPU.

    root: the folder that holds unet_<variant>.pth and its three fellows. base_root, clip_root:
    those of Stable Diffusion 2 inpainting and of CLIP, by default beside them. vae_dtype: where it
    should not be `dtype`. The two warping networks are float32 always.
    Raises InputError for an unknown variant, MissingFiles for files that are missing, of another
    model or incomplete.
    """
    if variant not in CATEGORIES:
        raise InputError(f"LaDI-VTON has the variants {', '.join(CATEGORIES)}; {variant!r} came.")
    base, clip = base_root or root / BASE, clip_root or root / CLIP
    folders = {name: base / name for name in ("vae", "unet", "text_encoder")}
    folders["vision_encoder"] = clip
    networks = build(**{name: read_config(path / "config.json") for name, path in folders.items()})
    _fill(networks, folders, root / f"unet_{variant}.pth", dtype)
    equip(networks.denoiser)
    adapter, path = _read(root / f"inversion_adapter_{variant}.pth", dtype)
    vision = networks.vision_encoder.config
    adapter = _made(lambda state: _adapter(state, vision), adapter, path, "the inversion adapter")
    emasc, path = _read(root / f"emasc_{variant}.pth", dtype)
    emasc = _made(SkipAdapters.shaped_like, emasc, path, "the skip adapters (EMASC)")
    warping, path = _read(root / f"warping_{variant}.pth", torch.float32)
    _only_parts(warping, path)
    tps = _made(Matching.shaped_like, part(warping, "tps."), path, "the warping (tps)")
    refinement = _made(Refinement.shaped_like, part(warping, "refinement."), path,
                       "the warping's refinement")  # fmt: skip
    return LadiVTONPipeline(
        converted(networks.vae, vae_dtype or dtype),
        converted(emasc, vae_dtype or dtype),
        converted(networks.denoiser, dtype),
        converted(networks.text_encoder, dtype),
        converted(networks.vision_encoder, dtype),
        converted(adapter, dtype),
        converted(tps, torch.float32),
        converted(refinement, torch.float32),
        _tokenizer(base / "tokenizer"),
        published_scheduler(read_config(base / "scheduler" / "scheduler_config.json")),
        variant=variant,
        clip_settings=read_config(clip / "preprocessor_config.json"),
        dtype=dtype,
    )


def _fill(
    networks: Networks, folders: dict[str, Path], unet_file: Path, dtype: torch.dtype
) -> None:
    for network, file, prefix, left_over in (
        (networks.vae, folders["vae"] / "diffusion_pytorch_model.safetensors", "", ()),
        (networks.denoiser, unet_file, "", ()),
        (networks.text_encoder, folders["text_encoder"] / "model.safetensors", "text_model.",
         INDEX_TABLES),
        (networks.vision_encoder, folders["vision_encoder"] / "model.safetensors",
         "vision_model.", INDEX_TABLES + OTHER_HALF_OF_CLIP),
    ):  # fmt: skip
        state, path = _read(file, dtype)
        if prefix:
            state = match_prefix(network, state, prefix)
        load_strict(network, state, source=path, allowed_extra=left_over)


def _read(file: Path, dtype: torch.dtype) -> tuple[State, str]:
    path = weight_file(file, dtype)
    return read_state(path), str(path)


def _made(make: Callable[[State], Network], state: State, source: str, what: str) -> Network:
    """A network of the widths that the file has, filled with it."""

    def built(tensors: State) -> Network:
        with empty():
            return make(tensors)

    network = shaped(built, state, source, what)
    load_strict(network, state, source=f"{source} ({what})")
    return network


def _adapter(state: State, vision: CLIPVisionConfig) -> InversionAdapter:
    return InversionAdapter(
        vision, state["layers.0.weight"].shape[0], state["layers.6.weight"].shape[0]
    )


def _only_parts(warping: State, source: str) -> None:
    left = [name for name in warping if not name.startswith(("tps.", "refinement."))]
    if left:
        raise MissingFiles(
            f"{source} is not LaDI-VTON's warping file, which holds two tables, tps and "
            f"refinement: it also holds {left[0]}. Put the published file there."
        )


def published_scheduler(config: dict) -> DDIMScheduler:
    """DDIM, whatever scheduler the base model's config names."""
    options = known_options(DDIMScheduler, config)
    return DDIMScheduler(**{**options, "clip_sample": False, "set_alpha_to_one": False})


def _tokenizer(folder: Path) -> CLIPTokenizer:
    return load_published(CLIPTokenizer, folder, "a tokenizer", TOKENIZER)
