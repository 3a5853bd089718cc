"""DensePose: the body part under each pixel, and the pictures that models take of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from comfy_api.latest import io

from .convert import each, image_of, paired, pictures
from .sockets import CATEGORY, BodySocket, DensePoseSocket

if TYPE_CHECKING:
    from ..pipelines.masking.body import Body
    from ..pipelines.masking.sources import Sources

RENDERINGS = ("coloured", "labels", "uv")


class DensePoseMap(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomDensePose",
            display_name="DensePose",
            category=CATEGORY,
            description=(
                "Body map of one person in each photo, without detectron2 and without a compiler. "
                "`fitting-room download densepose`; its weights are CC BY-NC: not for a shop."
            ),
            search_aliases=["densepose", "body map", "iuv", "dp_segm"],
            inputs=[
                io.Image.Input("image", tooltip="Photo of a person. A batch works too."),
                io.Combo.Input(
                    "rendering",
                    options=list(RENDERINGS),
                    default="coloured",
                    tooltip="coloured: parts in colours, as most models want it. labels: part "
                    "numbers, almost black to look at. uv: U, V and part as red, green and blue, "
                    "for pose transfer. docs/models.md says which model wants which.",
                ),
                io.Float.Input(
                    "threshold",
                    default=0.5,
                    min=0.05,
                    max=0.99,
                    step=0.01,
                    tooltip="Least score of a person: 0.5 or 0.8 in the published programs.",
                ),
                BodySocket.Input(
                    "body",
                    optional=True,
                    tooltip="From Body Pose: which person is meant. The largest without it.",
                ),
            ],
            outputs=[
                DensePoseSocket.Output(
                    "densepose", display_name="densepose", tooltip="For Garment Mask."
                ),
                io.Image.Output(
                    "body_map",
                    display_name="body map",
                    tooltip="The chosen rendering, of the photo's size, for Try On.",
                ),
                io.Image.Output("overlay", display_name="parts over photo", tooltip="To look at."),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, **inputs: object) -> str:
        from .perception import state_of_networks

        return state_of_networks()

    @classmethod
    def execute(
        cls, image: torch.Tensor, rendering: str, threshold: float, body: tuple | None = None
    ) -> io.NodeOutput:
        from ..pipelines.masking import densepose
        from ..pipelines.masking.overlay import densepose_over_photo
        from ..pipelines.masking.sources import Sources
        from . import perception

        photos = pictures(image, "DensePose")
        network = perception.NETWORKS.densepose()
        render = {
            "coloured": densepose.coloured,
            "labels": densepose.label_picture,
            "uv": densepose.place_picture,
        }[rendering]

        def work(row: tuple[np.ndarray, Body | None]) -> tuple[Sources, np.ndarray, np.ndarray]:
            photo, person = row
            found = densepose.read_densepose(
                network, photo, threshold=threshold, person=person.box if person else "largest",
                with_places=rendering == "uv",
            )  # fmt: skip
            height, width = photo.shape[:2]
            known = Sources(width, height, {"densepose": found.labels})
            return known, render(found), densepose_over_photo(photo, found.labels)

        known, maps, overlays = zip(
            *each(paired(photos, body or (None,), names=("image", "body")), work), strict=True
        )  # fmt: skip
        return io.NodeOutput(tuple(known), image_of(maps), image_of(overlays))
