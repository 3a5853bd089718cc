"""Garment cut-out: the garment free of its background, understood as upper, lower or dress."""

from __future__ import annotations

import numpy as np
import torch
from comfy_api.latest import io

from .convert import checked, drawn_masks, each, image_of, mask_of, pictures
from .doubts import told
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
                "Cuts a garment out of its photo (laid flat, on a ghost mannequin or worn, plain "
                "background of any colour) and finds neckline, shoulders, sleeves, waist and hem."
            ),
            search_aliases=["garment", "clothes", "remove background", "cutout"],
            inputs=[
                io.Image.Input(
                    "image",
                    tooltip="Photo of one garment, seen from the front, on a plain background, or "
                    "of somebody who wears it.",
                ),
                io.Combo.Input(
                    "category",
                    options=["auto", "upper", "lower", "dress"],
                    default="auto",
                    tooltip="What the garment is. auto tells it from the outline; choose it "
                    "yourself where that goes wrong, and which garment to take off a wearer.",
                ),
                io.Mask.Input(
                    "remove",
                    optional=True,
                    tooltip="What is not the garment (1 = leave out), drawn in the mask editor: a "
                    "label, a hand, a second garment. The rest is cut out as usual.",
                ),
                # In the place of the mask that comes out: passed on where this node is bypassed.
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Your own cut-out (1 = garment). An empty mask counts as none; one of "
                    "a cut-out's surroundings is turned round.",
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
                io.String.Output(
                    "fit",
                    display_name="fit report",
                    tooltip="For each image: ok, or doubtful and why.",
                ),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, **inputs: object) -> str:
        from .perception import state_of_networks

        return state_of_networks()

    @classmethod
    @left_out("Garment Cut-out")
    def execute(
        cls,
        image: torch.Tensor,
        category: str,
        mask: torch.Tensor | None = None,
        remove: torch.Tensor | None = None,
    ) -> io.NodeOutput:
        from ..pipelines.garment.read import read_garment
        from ..pipelines.masking.installed import installed_parse
        from .perception import NETWORKS
        from .placement import body_model

        model, parse = body_model(), installed_parse(NETWORKS)
        photos = pictures(image, "Garment Cut-out")
        masks = drawn_masks(mask, image)
        if checked(image, "Garment Cut-out", transparent=True).shape[-1] == 4:
            alphas = [row.cpu().numpy() for row in image[..., 3].float().clamp(0, 1)]
            masks = [
                drawn if drawn is not None else (alpha if alpha.min() < 1 else None)
                for drawn, alpha in zip(masks, alphas, strict=True)
            ]
        garments = each(
            list(zip(photos, masks, drawn_masks(remove, image), strict=True)),
            lambda item: read_garment(item[0], category, item[1], model, item[2], parse),
        )
        return io.NodeOutput(
            tuple(garments),
            image_of([_on_white(item.picture, item.alpha) for item in garments]),
            mask_of([item.alpha for item in garments]),
            ", ".join(item.category for item in garments),
            "\n".join(f"{index}: {item.fit}" for index, item in enumerate(garments)),
            ui=told([item.fit for item in garments]),
        )


def _on_white(picture: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    weight = alpha[..., None]
    return (picture * weight + 255 * (1 - weight)).round().astype(np.uint8)
