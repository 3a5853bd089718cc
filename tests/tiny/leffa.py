"""Leffa: one .pth of three networks, and the configs of the base model."""

from __future__ import annotations

from pathlib import Path

from .diffusion import NOISE, SD15_UNET, SDXL_UNET, VAE
from .weights import published_configs, random_network, write_json, write_tensors

SDXL = {**SDXL_UNET, "projection_class_embeddings_input_dim": 40}


def write(variant, roots: tuple[Path, ...]) -> None:
    (root,) = roots
    write_checkpoint(root, variant.name.split("/")[1])


def write_checkpoint(root: Path, variant: str) -> None:
    from fitting_room.pipelines.models.leffa.load import BASES, build

    sdxl = variant == "pose_transfer"
    published = published_configs("leffa/pose_transfer" if sdxl else "leffa/virtual_tryon")
    unet = {**published["unet"], **(SDXL if sdxl else SD15_UNET)}
    vae = {**published["vae"], **VAE}
    base = root / BASES[variant]
    write_json(base / "unet" / "config.json", {"_class_name": "Any", "decay": 0.99, **unet})
    write_json(base / "vae" / "config.json", {"_class_name": "Any", **vae})
    write_json(base / "scheduler" / "scheduler_config.json", NOISE)
    networks = build(unet, vae)
    state = {}
    for prefix, network in (
        ("vae.", networks.vae), ("unet_encoder.", networks.reference), ("unet.", networks.denoiser)
    ):  # fmt: skip
        weights = random_network(network, f"{variant}/{prefix}")
        state |= {prefix + name: tensor for name, tensor in weights.items()}
    write_tensors(root / f"{variant}.pth", state)
