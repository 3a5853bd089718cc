"""Body maps (DensePose) for the models that want one: the connected picture, or made here."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import comfy.model_management as management
import comfy.model_patcher

from ..pipelines.errors import MissingFiles
from ..pipelines.tryon import DENSEPOSE
from .placement import managed, model_folders

if TYPE_CHECKING:
    from ..pipelines.masking.densepose_rcnn.network import DensePoseRCNN


@lru_cache(maxsize=1)
def _densepose(
    folders: tuple[Path, ...],
) -> tuple[DensePoseRCNN, comfy.model_patcher.ModelPatcher]:
    from ..pipelines.licences import require_accepted
    from ..pipelines.locate import find, weight_file
    from ..pipelines.masking.densepose import load_densepose

    try:
        located = find(DENSEPOSE, folders=folders)
    except MissingFiles as error:
        raise MissingFiles(
            "This model needs a body map of the person: connect one (DensePose of the whole photo, "
            f"as an image) to body_map, or install the network that makes it here.\n{error}"
        ) from error
    require_accepted(DENSEPOSE, folders)
    file = located.variant.sources[0].files[0]
    network = load_densepose(weight_file(located.root / file.path))
    return network, managed(network)


def densepose_network() -> DensePoseRCNN:
    """DensePose on the device that ComfyUI chose for this run. Raises MissingFiles, InputError."""
    network, patcher = _densepose(model_folders())
    management.load_models_gpu([patcher], force_full_load=True)
    return network
