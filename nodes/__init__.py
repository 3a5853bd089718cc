"""The ComfyUI extension: its node list is the package's table of contents.

Only this folder imports ComfyUI. A node file holds one topic: schema, unpack, call, pack.
"""

from __future__ import annotations

import logging

from comfy_api.latest import ComfyExtension, io

from .align import AlignResult
from .body import BodyPose
from .compare import BeforeAfter
from .costs import CostReport
from .crop import CropForTryOn, Uncrop
from .densepose import DensePoseMap
from .design import DesignClothes
from .editing import FrameForEditing, PasteBack
from .encode import EncodeGarment
from .engine_routes import add_engine_routes
from .folder import PictureFolder
from .garment import GarmentCutout
from .guard import GuardedResult
from .hosted import HostedTryOn, RoutedTryOn
from .key_frame import KeyFrame, Reframe
from .links import careful
from .load import LoadTryOnModel
from .mask import GarmentMask
from .memory import watch_requests
from .parsing import HumanParsing
from .placement import add_models_folder
from .pose import OpenPose
from .pose_transfer import PoseTransfer
from .preview import PreviewTryOn
from .printing import PlacePrint
from .safety import SafetyCheck, SafetyFilter
from .samples import copy_samples
from .save import SavePicture
from .save_video import SaveVideo
from .tryon import TryOn
from .video import VideoMasks
from .views import Views, ViewSheet

logger = logging.getLogger(__name__)


class FittingRoomExtension(ComfyExtension):
    async def on_load(self) -> None:
        add_models_folder()
        copy_samples()
        add_engine_routes()
        watch_requests()

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        nodes = [
            BodyPose,
            GarmentCutout,
            GarmentMask,
            HumanParsing,
            OpenPose,
            DensePoseMap,
            PreviewTryOn,
            LoadTryOnModel,
            EncodeGarment,
            TryOn,
            PoseTransfer,
            DesignClothes,
            PlacePrint,
            CropForTryOn,
            Uncrop,
            FrameForEditing,
            AlignResult,
            PasteBack,
            VideoMasks,
            KeyFrame,
            Reframe,
            Views,
            ViewSheet,
            BeforeAfter,
            PictureFolder,
            SafetyFilter,
            SafetyCheck,
            GuardedResult,
            SavePicture,
            SaveVideo,
            HostedTryOn,
            RoutedTryOn,
            CostReport,
        ]
        return [careful(node) for node in nodes]
