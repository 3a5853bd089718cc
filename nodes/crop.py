"""Crop around the garment region for a model, and put the model's picture back."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from ..pipelines.errors import InputError
from .convert import checked, each, paired
from .sockets import CATEGORY, CropSocket


class CropForTryOn(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomCrop",
            display_name="Crop for Try-On",
            category=CATEGORY,
            description=(
                "Cuts the region around the mask out of a photo of any size, with some context, "
                "at the size that a model works at. Uncrop puts the result back."
            ),
            search_aliases=["crop", "crop and stitch", "inpaint crop"],
            inputs=[
                io.Image.Input("image", tooltip="Photo of any size and aspect."),
                io.Mask.Input("mask", tooltip="What will be repainted (1 = repaint)."),
                io.Int.Input(
                    "width",
                    default=768,
                    min=64,
                    max=4096,
                    step=8,
                    tooltip="Width of the cropped picture in pixels.",
                ),
                io.Int.Input(
                    "height",
                    default=1024,
                    min=64,
                    max=4096,
                    step=8,
                    tooltip="Height of the cropped picture in pixels.",
                ),
                io.Float.Input(
                    "context",
                    default=0.25,
                    min=0.0,
                    max=2.0,
                    step=0.05,
                    tooltip="How much of the surroundings is kept on each side, as a "
                    "share of the mask's longer side.",
                ),
                io.Int.Input(
                    "object_number",
                    display_name="object",
                    default=0,
                    min=0,
                    max=99,
                    optional=True,
                    tooltip="Of a mask with objects far apart: 0 crops around all of them, 1 "
                    "around the largest alone, 2 around the next. Stray dots never count.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    "cropped_image", display_name="image", tooltip="The cropped picture."
                ),
                io.Mask.Output("cropped_mask", display_name="mask", tooltip="The cropped mask."),
                CropSocket.Output(
                    "crop", display_name="crop", tooltip="Where the crop was, for Uncrop."
                ),
                io.String.Output(
                    "objects",
                    display_name="report",
                    tooltip="The objects that each mask marks, and which of them were cropped.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        image: torch.Tensor,
        mask: torch.Tensor,
        width: int,
        height: int,
        context: float,
        object_number: int = 0,
    ) -> io.NodeOutput:
        from ..pipelines.images import crop_around, cut
        from ..pipelines.masking.wishes import chosen_object

        photos = checked(image, "Crop for Try-On").movedim(-1, 1)
        masks = masks_for(mask, photos)

        def work(row: tuple) -> tuple:
            wish, said = chosen_object(row[1].cpu().numpy(), object_number)
            drawn = torch.from_numpy(wish)
            crop = crop_around(drawn, width, height, context)
            return cut(row[0][None], crop), cut(drawn[None, None], crop, "constant"), crop, said

        rows = each(paired(list(photos), list(masks), names=("image", "mask")), work)
        return io.NodeOutput(
            torch.cat([row[0] for row in rows]).movedim(1, -1),
            torch.cat([row[1][:, 0] for row in rows]),
            tuple(row[2] for row in rows),
            "\n".join(f"{index}: {row[3]}" for index, row in enumerate(rows)),
        )


class Uncrop(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomUncrop",
            display_name="Uncrop",
            category=CATEGORY,
            description=(
                "Puts a cropped and repainted picture back into its photo, at the photo's own "
                "resolution. Pixels outside the mask come back unchanged."
            ),
            search_aliases=["uncrop", "stitch", "paste back", "crop and stitch"],
            inputs=[
                # First: the page passes on the first picture where this node is bypassed.
                io.Image.Input("repainted", tooltip="The cropped picture after the model."),
                io.Image.Input("image", tooltip="The photo that was cropped."),
                io.Mask.Input("mask", tooltip="Mask of the photo (1 = take the repainted pixel)."),
                CropSocket.Input("crop", tooltip="From Crop for Try-On."),
                io.Int.Input(
                    "feather",
                    default=8,
                    min=0,
                    max=256,
                    tooltip="Pixels over which the new picture fades in, inside the "
                    "mask's edge. It never reaches outside the mask.",
                ),
            ],
            outputs=[
                io.Image.Output("uncropped", display_name="image", tooltip="The whole photo again.")
            ],
        )

    @classmethod
    def execute(
        cls,
        repainted: torch.Tensor,
        image: torch.Tensor,
        mask: torch.Tensor,
        crop: tuple,
        feather: int,
    ) -> io.NodeOutput:
        from ..pipelines.images import paste

        photos = checked(image, "Uncrop").movedim(-1, 1)
        news = checked(repainted, "Uncrop, repainted").movedim(-1, 1)
        rows = paired(
            list(photos), list(news), list(masks_for(mask, photos)), crop,
            names=("image", "repainted", "mask", "crop"),
        )  # fmt: skip
        results = each(
            rows,
            lambda row: paste(row[0][None], row[1][None], row[2][None, None], row[3], feather),
        )
        return io.NodeOutput(torch.cat(results).movedim(1, -1))


def masks_for(mask: torch.Tensor, photos: torch.Tensor) -> torch.Tensor:
    """(batch, height, width) float masks of the photos' size."""
    rows = mask.float().reshape(-1, mask.shape[-2], mask.shape[-1]).clamp(0, 1)
    if rows.shape[-2:] != photos.shape[-2:]:
        raise InputError(
            f"The mask is {rows.shape[-1]}x{rows.shape[-2]} pixels and the photo "
            f"{photos.shape[-1]}x{photos.shape[-2]}. Connect the mask that was made for this "
            "photo (LoadImage gives an empty 64x64 mask where none was drawn)."
        )
    return rows
