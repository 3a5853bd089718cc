"""The installable safety models: Falconsai's ViT and Stable Diffusion's checker."""

from __future__ import annotations

from pathlib import Path

from .networks import save_falconsai, save_safety_checker


def write(variant, roots: tuple[Path, ...]) -> None:
    (root,) = roots
    {"safety/falconsai": save_falconsai, "safety/stable_diffusion": save_safety_checker}[
        variant.name
    ](root)
