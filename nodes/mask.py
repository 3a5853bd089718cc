"""Garment mask: what a try-on model may repaint."""

from __future__ import annotations

import numpy as np
import torch
from comfy_api.latest import io

from .convert import drawn_masks, each, image_of, mask_of, paired, pictures
from .sockets import CATEGORY, BodySocket, GarmentSocket


class GarmentMask(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomGarmentMask",
            display_name="Garment Mask",
            category=CATEGORY,
            description=(
                "The region that a try-on model repaints, from the body alone: torso, arms or "
                "legs by category and sleeve length. Face, hair, hands and feet are kept. A mask "
                "that you draw always wins."
            ),
            search_aliases=["mask", "agnostic mask", "inpaint mask", "clothes mask"],
            inputs=[
                io.Image.Input("image", tooltip="The photo that the body was found in."),
                BodySocket.Input("body", tooltip="From Body Pose."),
                io.Combo.Input(
                    "category",
                    options=["auto", "upper", "lower", "dress"],
                    default="auto",
                    tooltip="Which part of the body. auto: that of the connected garment, upper "
                    "where none is connected.",
                ),
                io.Combo.Input(
                    "sleeves",
                    options=["auto", "none", "short", "long"],
                    default="auto",
                    tooltip="Sleeves of the new garment. auto: those of the connected garment, "
                    "long where none is connected.",
                ),
                io.Float.Input(
                    "grow",
                    default=0.0,
                    min=-0.2,
                    max=0.5,
                    step=0.01,
                    tooltip="Grows the mask (negative: shrinks it), as a share of the "
                    "shoulder width.",
                ),
                io.Float.Input(
                    "feather",
                    default=0.0,
                    min=0.0,
                    max=0.5,
                    step=0.01,
                    tooltip="Softens the mask's edge, as a share of the shoulder width.",
                ),
                GarmentSocket.Input("garment", optional=True, tooltip="From Garment Cut-out."),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Your own mask; it wins. An empty one, or one of another "
                    "size than the image, counts as none.",
                ),
            ],
            outputs=[
                io.Mask.Output("garment_mask", display_name="mask", tooltip="1 = repaint."),
                io.Image.Output(
                    "overlay",
                    display_name="mask over photo",
                    tooltip="The mask in red over the photo.",
                ),
                io.String.Output(
                    "report",
                    display_name="report",
                    tooltip="Which mask was used for each image, and why.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        image: torch.Tensor,
        body: tuple,
        category: str,
        sleeves: str,
        grow: float,
        feather: float,
        garment: tuple | None = None,
        mask: torch.Tensor | None = None,
    ) -> io.NodeOutput:
        from ..pipelines.masking.embedded import embedded_mask

        def work(row: tuple) -> tuple[np.ndarray, str]:
            person, item, drawn = row
            kind = category if category != "auto" else getattr(item, "category", "upper")
            length = sleeves if sleeves != "auto" else getattr(item, "sleeves", "long")
            if drawn is not None:
                return drawn, "your own mask"
            made = embedded_mask(person, kind, sleeves=length, grow=grow, feather=feather)
            return made, f"embedded mask from the body: {kind}, sleeves {length}"

        photos = pictures(image, "Garment Mask")
        rows = paired(body, garment or (None,), drawn_masks(mask, image))
        results = each(rows, work)
        overlays = [_overlay(photo, made[0]) for photo, made in paired(photos, results)]
        report = "\n".join(f"{index}: {made[1]}" for index, made in enumerate(results))
        return io.NodeOutput(mask_of([made[0] for made in results]), image_of(overlays), report)


def _overlay(photo: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The photo with the mask in translucent red."""
    weight = 0.55 * mask[..., None]
    red = np.array([255.0, 40.0, 60.0], dtype=np.float32)
    return (photo * (1 - weight) + red * weight).round().astype(np.uint8)
