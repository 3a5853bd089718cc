"""CatVTON: a file of self-attentions, the base model's UNet, and a VAE of its own."""

from __future__ import annotations

from pathlib import Path

from .diffusion import NOISE, SD15_UNET, VAE
from .weights import published_configs, random_network, write_json, write_tensors


def write(variant, roots: tuple[Path, ...]) -> None:
    root, base, vae = roots
    write_checkpoint(root, variant.name.split("/")[1], base, vae)


def write_checkpoint(
    root: Path, variant: str, base: Path | None = None, vae: Path | None = None,
    channels: int | None = None,
) -> None:  # fmt: skip
    """channels: of the UNet, where they should not be the published ones."""
    from fitting_room.pipelines.models.catvton.load import VARIANTS, build, self_attentions

    published = VARIANTS[variant]
    base, vae = base or root / published.base, vae or root / "sd-vae-ft-mse"
    sizes = published_configs("leffa/virtual_tryon")  # the same base model
    unet = {**sizes["unet"], **SD15_UNET, "in_channels": channels or published.channels}
    networks = build(unet, {**sizes["vae"], **VAE})
    write_json(base / "unet" / "config.json", {"_class_name": "Any", **unet})
    write_json(base / "scheduler" / "scheduler_config.json", NOISE)
    write_json(vae / "config.json", {"_class_name": "Any", **sizes["vae"], **VAE})
    file = "bin" if published.channels == 9 else "safetensors"
    write_tensors(base / "unet" / f"diffusion_pytorch_model.{file}",
                  random_network(networks[0], published.base))  # fmt: skip
    write_tensors(vae / "diffusion_pytorch_model.safetensors",
                  random_network(networks[1], "sd-vae-ft-mse"))  # fmt: skip
    attention = random_network(self_attentions(networks[0]), published.attention)
    write_tensors(root / published.attention / "attention" / "model.safetensors", attention)
