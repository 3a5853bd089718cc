"""Pose transfer: a person with their clothes, in the pose of another photo."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from comfy_api.latest import io

from ..pipelines.models.common import FRAMINGS
from .convert import checked
from .encode import EncodedGarment, picture_of, size_inputs
from .sockets import CATEGORY, ModelSocket
from .tryon import accelerated_input, sampling_inputs

if TYPE_CHECKING:
    from .model import TryOnModel


class PoseTransfer(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomPoseTransfer",
            display_name="Pose Transfer",
            category=CATEGORY,
            description=(
                "Shows the person of one photo, with their clothes, in the pose of another photo "
                ". The whole picture is made anew."
            ),
            search_aliases=["pose transfer", "repose", "change pose"],
            inputs=[
                ModelSocket.Input(
                    "model", tooltip="From Load Try-On Model: a model of pose transfer."
                ),
                io.Image.Input(
                    "appearance", tooltip="The person, with the clothes, who is to be shown."
                ),
                io.Image.Input(
                    "pose",
                    tooltip="A photo of anyone in the wanted pose. The picture gets its size.",
                ),
                *size_inputs(),
                *sampling_inputs(),
                io.Combo.Input(
                    "framing",
                    options=list(FRAMINGS),
                    default="fit",
                    tooltip="How the appearance is brought to the model's size, whole and on "
                    "white. reference: by the resampling of the model's authors.",
                ),
                accelerated_input(),
                io.Image.Input(
                    "body_map",
                    optional=True,
                    tooltip="DensePose picture of the pose photo with U, V and part as red, green "
                    "and blue, of its size. Where none is connected it is made here, if "
                    "DensePose is installed.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    "posed",
                    display_name="image",
                    tooltip="The person in the new pose, at the size of the pose photo.",
                ),
                io.String.Output(
                    "report",
                    display_name="report",
                    tooltip="Photos that were left out and why.",
                ),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, **inputs: object) -> str:
        from .perception import state_of_helpers

        return state_of_helpers("pose_transfer")

    @classmethod
    def execute(
        cls,
        model: TryOnModel,
        appearance: torch.Tensor,
        pose: torch.Tensor,
        width: int,
        height: int,
        seed: int,
        steps: int,
        guidance: float,
        scheduler: str,
        framing: str,
        accelerated: bool,
        body_map: torch.Tensor | None = None,
    ) -> io.NodeOutput:
        from ..pipelines.diffusion.run import pair_up
        from ..pipelines.models import door
        from ..pipelines.models.common import GarmentView, Settings, Sight
        from .dressing import dress_rows, photo_rows
        from .model import check_kind, tell
        from .perception import NETWORKS

        check_kind(model, "pose_transfer")
        variant, pipeline = model.variant, model.pipeline
        width, height = width or variant.width, height or variant.height

        def encode(look: torch.Tensor) -> EncodedGarment:
            picture = door.frame_garment(variant, look, width, height, framing)
            made = model.run(
                lambda: door.encode_garment(pipeline, variant, GarmentView(picture, ""), NETWORKS),
                width, height,
            )  # fmt: skip
            return EncodedGarment(variant.name, width, height, "", made)

        looks = [picture_of(row) for row in checked(appearance, "Pose Transfer, appearance")]
        rows = photo_rows(pose, None, None, body_map, "Pose Transfer")
        pairs = pair_up(len(rows), len(looks))
        sights = [Sight(row.photo, None, width, height, framing) for row in rows]
        settings = Settings(
            steps=steps, guidance=guidance, seed=seed, scheduler=scheduler, accelerated=accelerated
        )  # fmt: skip
        made = dress_rows(model, rows, sights, [*map(encode, looks)], pairs, settings, batch=1)
        report = "\n".join(made.notes)
        if report:
            tell(report)
        return io.NodeOutput(torch.cat(made.finished), report)
