"""Pose transfer: a person with their clothes, in the pose of another photo."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from comfy_api.latest import io

from ..pipelines.images import letterbox, paste
from ..pipelines.models.framing import FRAMINGS, check_model_size, framed_body, framed_garment
from .convert import checked, naming, paired
from .encode import on_white, size_inputs
from .sockets import CATEGORY, ModelSocket
from .tryon import accelerated_input, photo_rows, sampling_inputs, shown

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
                "(Leffa pose transfer). The whole picture is made anew."
            ),
            search_aliases=["pose transfer", "repose", "leffa", "change pose"],
            inputs=[
                ModelSocket.Input("model", tooltip="Load Try-On Model with leffa/pose_transfer."),
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
                )
            ],
        )

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
        from ..pipelines.models.door import Person, dress, encode_garment, read_body
        from .body_map import densepose_network
        from .model import check_variant

        check_variant(model, pose_transfer=True)
        check_model_size(width, height)
        variant, pipeline = model.variant, model.pipeline

        def work(look: torch.Tensor, person: Person, index: int) -> torch.Tensor:
            picture = framed_garment(look, variant.model, framing, width, height)
            encoding = encode_garment(pipeline, variant, picture, "")
            return dress(
                pipeline, variant, person, encoding, steps=steps, guidance=guidance,
                seed=seed + index, scheduler=scheduler, accelerated=accelerated,
                progress=shown(index, len(rows)),
            ).float().cpu()  # fmt: skip

        looks = [on_white(row) for row in checked(appearance, "Pose Transfer, appearance")]
        poses = photo_rows(pose, torch.ones(pose.shape[:3]), None, body_map)
        rows = paired(looks, poses)
        results = []
        for index, (look, (photo, everywhere, _, body)) in enumerate(rows):
            crop = letterbox(photo.shape[-1], photo.shape[-2], width, height)
            seen = framed_garment(photo, variant.model, framing, width, height)
            with naming(index, len(rows)):
                if body is None:
                    body = read_body(densepose_network(), variant, seen)
                else:
                    body = framed_body(body, crop)
                person = Person(seen, torch.ones_like(seen[:, :1]), body)
                made = model.run(
                    lambda look=look, person=person, index=index: work(look, person, index),
                    width, height,
                )  # fmt: skip
            results.append(paste(photo, made, everywhere, crop))
        return io.NodeOutput(torch.cat(results).movedim(1, -1))
