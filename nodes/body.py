"""Body pose: key points, skeleton picture and person mask of one person in each photo."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from comfy_api.latest import io

from ..pipelines.errors import NobodyFound
from .convert import each, image_of, mask_of, pictures
from .items import left_out
from .sockets import CATEGORY, BodySocket, PoseSocket

if TYPE_CHECKING:
    from ..pipelines.masking.body import Body


class BodyPose(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomBodyPose",
            display_name="Body Pose",
            category=CATEGORY,
            description=(
                "Finds a person in each photo: body points, skeleton picture and person mask. "
                "Runs on the processor without any download (MediaPipe, Apache-2.0)."
            ),
            search_aliases=["pose", "openpose", "skeleton", "person mask", "mediapipe"],
            inputs=[
                io.Image.Input("image", tooltip="Photo of a person. A batch works too."),
                io.Int.Input(
                    "person",
                    default=0,
                    min=0,
                    max=99,
                    tooltip="Which person: 0 is the largest in the photo, 1 the next, and so on.",
                ),
            ],
            outputs=[
                BodySocket.Output(
                    "body",
                    display_name="body",
                    tooltip="Body points and person mask, for the other Fitting Room nodes.",
                ),
                io.Image.Output(
                    "skeleton",
                    display_name="skeleton",
                    tooltip="OpenPose skeleton on black, as ControlNet takes it.",
                ),
                io.Mask.Output(
                    "person_mask", display_name="person mask", tooltip="1 = the chosen person."
                ),
                PoseSocket.Output(
                    "keypoints",
                    display_name="key points",
                    tooltip="18 points as OpenPose JSON (POSE_KEYPOINT), for other node packages.",
                ),
            ],
        )

    @classmethod
    @left_out("Body Pose")
    def execute(cls, image: torch.Tensor, person: int) -> io.NodeOutput:
        from ..pipelines.masking.body import find_body
        from ..pipelines.masking.skeleton import draw_skeleton
        from .placement import body_model

        photos = pictures(image, "Body Pose")
        model = body_model()
        bodies = each(photos, lambda photo: find_body(model, photo, person))
        height, width = photos[0].shape[:2]
        return io.NodeOutput(
            tuple(bodies),
            image_of([draw_skeleton([body.keypoints], width, height) for body in bodies]),
            mask_of([body.mask for body in bodies]),
            [body.keypoints.to_openpose() for body in bodies],
        )


def marks_surroundings(drawn: np.ndarray, photo: np.ndarray, body: Body | None) -> bool:
    """Whether a mask is only the transparency around a cut-out person."""
    from ..pipelines.masking.body import find_body
    from ..pipelines.masking.wishes import surroundings_only
    from .placement import body_model

    try:
        return surroundings_only(drawn, (body or find_body(body_model(), photo)).mask)
    except NobodyFound:
        return False
