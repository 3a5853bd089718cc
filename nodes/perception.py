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

from ..pipelines.catalog.models import VARIANTS, variants_of
from ..pipelines.files.fingerprint import state_of, state_of_variants
from ..pipelines.masking.installed import InstalledNetworks
from .memory import goes_when_asked
from .placement import body_model, managed, model_folders

EVERY = tuple(name for name, variant in VARIANTS.items() if variant.kind == "tool")
"""Variants that read photos."""


@dataclass(frozen=True)
class Kept:
    """network: as its loader gives it. patchers: of the modules in it; they must live as long."""

    network: Any
    patchers: tuple[comfy.model_patcher.ModelPatcher, ...]


def _ready(load: Callable[..., Any], *paths: Path) -> Any:
    """What is in the files, on the device that ComfyUI chose for this run."""
    kept = _read(load, paths, state_of(paths))
    if kept.patchers:
        management.load_models_gpu(list(kept.patchers), force_full_load=True)
    return kept.network


# All of the six networks that one workflow can want. A file that was replaced is read again.
@lru_cache(maxsize=6)
def _read(load: Callable[..., Any], paths: tuple[Path, ...], state: tuple) -> Kept:
    network = load(*paths)
    modules = [network] if isinstance(network, torch.nn.Module) else vars(network).values()
    patchers = [managed(m) for m in modules if isinstance(m, torch.nn.Module)]
    return Kept(network, tuple(patchers))


goes_when_asked(_read.cache_clear)


def state_of_networks(folder: str = "") -> str:
    """Another text where a network that reads photos was installed, taken away or replaced, or its
    terms agreed to: what was made with it is out of date. folder: one that the user named."""
    folders = model_folders()
    named = [base / folder.strip() for base in (*folders, Path())] if folder.strip() else []
    return f"{state_of_variants(EVERY, folders=folders)} {state_of(named)}"


def state_of_helpers(kind: str) -> str:
    """The same of those networks that models of a kind (`Variant.kind`) ask for while they run."""
    helpers = {name for variant in variants_of(kind) for name in (*variant.needs, *variant.uses)}
    return state_of_variants(sorted(helpers), folders=model_folders())


NETWORKS = InstalledNetworks(model_folders, _ready, body_model)
"""What the nodes ask for a network."""
