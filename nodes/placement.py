"""Modules under ComfyUI's memory management: built once, loaded before each use, evictable."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import comfy.model_management as management
import comfy.model_patcher
import torch

if TYPE_CHECKING:
    from ..pipelines.masking.body import BodyModel


def managed(module: torch.nn.Module) -> comfy.model_patcher.ModelPatcher:
    """A patcher that lets ComfyUI move and evict the module; keep it as long as the module."""
    return comfy.model_patcher.ModelPatcher(
        module,
        load_device=management.get_torch_device(),
        offload_device=management.unet_offload_device(),
    )


@cache
def _body_patcher() -> comfy.model_patcher.ModelPatcher:
    from ..pipelines.masking.body import load_body_model

    return managed(load_body_model())


def body_model() -> BodyModel:
    """The embedded body networks (about 10 MB), on the device that ComfyUI chose for this run."""
    patcher = _body_patcher()
    management.load_models_gpu([patcher], force_full_load=True)
    return patcher.model
