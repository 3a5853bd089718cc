"""Garment cut-out: the garment free of its background, understood as upper, lower or dress."""

from __future__ import annotations

import numpy as np
import torch
from comfy_api.latest import io

from .convert import checked, drawn_masks, each, image_of, mask_of, pictures
from .items import left_out
from .sockets import CATEGORY, GarmentSocket


class GarmentCutout(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomGarmentCutout",
            display_name="Garment Cut-out",
            category=CATEGORY,
            description=(
                "Cuts a garment out of its product photo (flat lay or ghost mannequin, plain "
                "background of any colour) and finds neckline, shoulders, sleeves, waist and hem."
            ),
            search_aliases=["garment", "clothes", "remove background", "cutout"],
            inputs=[
                io.Image.Input(
                    "image",
                    tooltip="Photo of one garment, seen from the front, on a plain background.",
                ),
                io.Combo.Input(
                    "category",
                    options=["auto", "upper", "lower", "dress"],
                    default="auto",
                    tooltip="What the garment is. auto tells it from the outline; choose it "
                    "yourself where that goes wrong.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Your own cut-out (1 = garment). An empty mask, or one of another "
                    "size than the image, counts as none.",
                ),
            ],
            outputs=[
                GarmentSocket.Output(
                    "garment",
                    display_name="garment",
                    tooltip="The garment, understood, for the other Fitting Room nodes.",
                ),
                io.Image.Output(
                    "cutout",
                    display_name="cut-out on white",
                    tooltip="The garment on a white background.",
                ),
                io.Mask.Output("garment_mask", display_name="garment mask", tooltip="1 = garment."),
                io.String.Output(
                    "found_category",
                    display_name="category",
                    tooltip="upper, lower or dress; a batch is separated by commas.",
                ),
            ],
        )

    @classmethod
    @left_out("Garment Cut-out")
    def execute(
        cls, image: torch.Tensor, category: str, mask: torch.Tensor | None = None
    ) -> io.NodeOutput:
        from ..pipelines.garment.read import read_garment

        photos = pictures(image, "Garment Cut-out")
        masks = drawn_masks(mask, image)
        if checked(image, "Garment Cut-out", transparent=True).shape[-1] == 4:
            alphas = [row.cpu().numpy() for row in image[..., 3].float().clamp(0, 1)]
            masks = [
                drawn if drawn is not None else (alpha if alpha.min() < 1 else None)
                for drawn, alpha in zip(masks, alphas, strict=True)
            ]
        garments = each(
            list(zip(photos, masks, strict=True)),
            lambda item: read_garment(item[0], category, item[1]),
        )
        return io.NodeOutput(
            tuple(garments),
            image_of([_on_white(item.picture, item.alpha) for item in garments]),
            mask_of([item.alpha for item in garments]),
            ", ".join(item.category for item in garments),
        )


def _on_white(picture: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    weight = alpha[..., None]
    return (picture * weight + 255 * (1 - weight)).round().astype(np.uint8)
