"""Parsing, pose and DensePose networks under ComfyUI's memory management, read once per file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import comfy.model_management as management
import comfy.model_patcher
import torch

from ..pipelines.masking.installed import InstalledNetworks
from .placement import body_model, managed, model_folders


@dataclass(frozen=True)
class Kept:
    """network: as its loader gives it. patchers: of the modules in it; they must live as long."""

    network: Any
    patchers: tuple[comfy.model_patcher.ModelPatcher, ...]


def _ready(load: Callable[..., Any], *paths: Path) -> Any:
    """What is in the files, on the device that ComfyUI chose for this run."""
    changed = tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in paths)
    kept = _read(load, paths, changed)
    if kept.patchers:
        management.load_models_gpu(list(kept.patchers), force_full_load=True)
    return kept.network


# All of the six networks that one workflow can want. A file that was replaced is read again.
@lru_cache(maxsize=6)
def _read(load: Callable[..., Any], paths: tuple[Path, ...], changed: tuple[int, ...]) -> Kept:
    network = load(*paths)
    modules = [network] if isinstance(network, torch.nn.Module) else vars(network).values()
    return Kept(network, tuple(managed(m) for m in modules if isinstance(m, torch.nn.Module)))


NETWORKS = InstalledNetworks(model_folders, _ready, body_model)
"""What the nodes ask for a network."""
