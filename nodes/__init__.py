"""The ComfyUI extension: its node list is the package's table of contents.

Only this folder imports ComfyUI. A node file holds one topic: schema, unpack, call, pack.
"""

from __future__ import annotations

import logging

from comfy_api.latest import ComfyExtension, io

from .body import BodyPose
from .compare import BeforeAfter
from .crop import CropForTryOn, Uncrop
from .garment import GarmentCutout
from .guard import GuardedResult, SafetyGuard
from .mask import GarmentMask
from .preview import PreviewTryOn
from .safety import SafetyCheck
from .samples import copy_samples
from .save import SavePicture

logger = logging.getLogger(__name__)


class FittingRoomExtension(ComfyExtension):
    async def on_load(self) -> None:
        copy_samples()

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [
            BodyPose,
            GarmentCutout,
            GarmentMask,
            PreviewTryOn,
            CropForTryOn,
            Uncrop,
            BeforeAfter,
            SafetyCheck,
            SafetyGuard,
            GuardedResult,
            SavePicture,
        ]
