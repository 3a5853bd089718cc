"""Pose by OpenPose or ViTPose, or another package's key points: JSON and skeleton."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from comfy_api.latest import io

from ..pipelines.errors import InputError, NobodyFound
from .convert import each, image_of, paired, pictures
from .sockets import CATEGORY, BodySocket, PoseSocket

if TYPE_CHECKING:
    from ..pipelines.masking.body import Body
    from ..pipelines.masking.keypoints import KeyPoints


class OpenPose(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomOpenPose",
            display_name="OpenPose",
            category=CATEGORY,
            description=(
                "18 body points by OpenPose, as the authors of the try-on models have them (its "
                "weights are non-commercial), or by ViTPose (Apache-2.0). Draws key points of "
                "other packages too. Body Pose does without a download."
            ),
            search_aliases=["pose", "skeleton", "keypoints", "vitpose", "pose json"],
            inputs=[
                io.Image.Input("image", tooltip="Photo of a person. A batch works too."),
                io.Combo.Input(
                    "source",
                    options=["openpose", "vitpose"],
                    default="openpose",
                    tooltip="`fitting-room download openpose` or `fitting-room download vitpose`.",
                ),
                io.Int.Input(
                    "person",
                    default=0,
                    min=0,
                    max=99,
                    tooltip="Which person: 0 is the largest in the photo. A connected body decides "
                    "instead.",
                ),
                BodySocket.Input(
                    "body", optional=True, tooltip="From Body Pose: which person is meant."
                ),
                PoseSocket.Input(
                    "pose",
                    optional=True,
                    tooltip="Key points of another package (OpenPose JSON with 18 or 25 points), "
                    "for the photo. No network runs then.",
                ),
            ],
            outputs=[
                PoseSocket.Output(
                    "keypoints",
                    display_name="key points",
                    tooltip="18 points as OpenPose JSON (POSE_KEYPOINT), for Garment Mask and "
                    "other node packages.",
                ),
                io.Image.Output(
                    "skeleton",
                    display_name="skeleton",
                    tooltip="OpenPose skeleton on black, as ControlNet takes it.",
                ),
                io.Image.Output(
                    "overlay", display_name="skeleton over photo", tooltip="To look at."
                ),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, **inputs: object) -> str:
        from .perception import state_of_networks

        return state_of_networks()

    @classmethod
    def execute(
        cls,
        image: torch.Tensor,
        source: str,
        person: int,
        body: tuple | None = None,
        pose: list | dict | None = None,
    ) -> io.NodeOutput:
        from ..pipelines.masking.given import expected_pose
        from ..pipelines.masking.pose import from_openpose
        from ..pipelines.masking.skeleton import draw_skeleton
        from . import perception

        photos = pictures(image, "OpenPose")
        network = None
        if pose is None:
            network = (
                perception.NETWORKS.openpose()
                if source == "openpose"
                else perception.NETWORKS.vitpose()
            )

        def work(row: tuple[np.ndarray, Body | None, Any]) -> tuple[KeyPoints, np.ndarray]:
            photo, someone, given = row
            height, width = photo.shape[:2]
            if network is not None:
                found = _find(network, photo, someone, person)
            elif someone is None:
                found = from_openpose(given, person, width, height)
            else:
                found = expected_pose(given, someone, width, height)
            if found is None:
                raise NobodyFound(
                    "Where the connected body is, no pose was found. Connect the body of this very "
                    "photo, choose the other source, or leave the body out for the largest person."
                )
            return found, draw_skeleton([found], width, height)

        results = each(
            paired(photos, body or (None,), pose_rows(pose), names=("image", "body", "pose")), work
        )
        skeletons = [skeleton for _, skeleton in results]
        overlays = [
            np.where(skeleton.any(-1, keepdims=True), skeleton, photo)
            for photo, skeleton in paired(photos, skeletons)
        ]
        return io.NodeOutput(
            [found.to_openpose() for found, _ in results], image_of(skeletons), image_of(overlays)
        )


def pose_rows(pose: list | dict | None) -> list:
    """POSE_KEYPOINT, a table for each picture, as rows; packages send a single one as it is too."""
    rows = pose if isinstance(pose, list) else [pose]
    if not rows:
        raise InputError("POSE_KEYPOINT holds no picture's key points.")
    return rows


def _find(network: Any, photo: np.ndarray, body: Body | None, person: int) -> KeyPoints | None:
    """Key points in pixels of the photo, looked for in the frame of the published programs."""
    from ..pipelines.masking.pose import find_pose
    from ..pipelines.masking.rules import FRAME
    from ..pipelines.masking.sources import Sources, frame_region, framed_photo, read_sources

    if body is not None:
        found = read_sources(photo, pose=network, body=body)
        return found.points if found.keypoints is not None else None
    height, width = photo.shape[:2]
    region = frame_region(width, height, None)
    pose = find_pose(network, framed_photo(photo, region, FRAME), person)
    return Sources(width, height, keypoints=pose, region=region).points
