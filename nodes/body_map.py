"""DensePose for the models that want a body map and have none connected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..pipelines.errors import MissingFiles
from . import perception

if TYPE_CHECKING:
    from ..pipelines.masking.densepose_rcnn.network import DensePoseRCNN


def densepose_network() -> DensePoseRCNN:
    """On the device that ComfyUI chose for this run. Raises MissingFiles, InputError."""
    try:
        return perception.densepose()
    except MissingFiles as error:
        raise MissingFiles(
            "This model needs a body map of the person: connect one (DensePose of the whole photo, "
            f"as an image) to body_map, or install the network that makes it here.\n{error}"
        ) from error
