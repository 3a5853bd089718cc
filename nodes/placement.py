"""Modules under ComfyUI's memory management: built once, loaded before each use, evictable."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import comfy.model_management as management
import comfy.model_patcher
import folder_paths
import torch

from ..pipelines.catalog.models import VARIANTS
from .memory import goes_when_asked

if TYPE_CHECKING:
    from ..pipelines.masking.body import BodyModel
    from ..pipelines.safety.models import SafetyModel

KIND = "fitting_room"
"""ComfyUI's name for this package's models: the folder below models, and in extra_model_paths."""


def add_models_folder() -> None:
    """Tells ComfyUI of this package's models folder; those of extra_model_paths.yaml stay first."""
    folder_paths.add_model_folder_path(KIND, str(Path(folder_paths.models_dir) / KIND))


def model_folders() -> tuple[Path, ...]:
    """The models folders to look in for published files, those of extra_model_paths.yaml first."""
    named = folder_paths.folder_names_and_paths.get(KIND, ([], set()))[0]
    return tuple(dict.fromkeys(map(Path, [*named, Path(folder_paths.models_dir) / KIND])))


def managed(module: torch.nn.Module) -> comfy.model_patcher.ModelPatcher:
    """A patcher that lets ComfyUI move and evict the module; keep it as long as the module.

    The module lies in a holder: ComfyUI sets `device` on what it manages, which a module that has
    a `device` of its own (all of transformers and diffusers) refuses.
    """
    return comfy.model_patcher.ModelPatcher(
        torch.nn.ModuleList([module]),
        load_device=management.get_torch_device(),
        offload_device=management.unet_offload_device(),
    )


def body_model() -> BodyModel:
    """The embedded body networks. OpenCV runs them on the processor, so ComfyUI has nothing to
    move; like the others they are kept until the memory is asked for."""
    from ..pipelines.masking.body import embedded_body_model

    return embedded_body_model()


def _forget_body_model() -> None:
    from ..pipelines.masking.body import embedded_body_model

    embedded_body_model.cache_clear()


goes_when_asked(_forget_body_model)


# Two: the shipped filter, and one of the others beside it. They are asked at every run.
@lru_cache(maxsize=2)
def _safety_model(
    name: str, folders: tuple[Path, ...], state: str
) -> tuple[SafetyModel, comfy.model_patcher.ModelPatcher]:
    from ..pipelines.safety.models import load_safety_model

    model = load_safety_model(name, folders=folders)
    return model, managed(model.network)


goes_when_asked(_safety_model.cache_clear)


def state_of_safety_model(name: str) -> str:
    """Another text where the files of one of the safety filter's networks were replaced; always
    the same for the one that is shipped."""
    from ..pipelines.files.fingerprint import state_of_variants

    variant = f"safety/{name}"
    if variant not in VARIANTS:
        return ""
    return state_of_variants([variant], folders=model_folders(), terms=False)


def safety_model(name: str) -> SafetyModel:
    """A network of the safety filter, on the device that ComfyUI chose for this run.

    Raises MissingFiles, with the command that gets them, for one that is not installed.
    """
    model, patcher = _safety_model(name, model_folders(), state_of_safety_model(name))
    management.load_models_gpu([patcher], force_full_load=True)
    return model
