"""Frame for Editing and Paste Back: what stands around an editing model of ComfyUI's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from comfy_api.latest import io

from ..pipelines.errors import InputError
from .convert import checked, each, paired
from .crop import masks_for
from .encode import picture_of
from .sockets import CATEGORY, BodySocket, CropSocket, GarmentSocket

if TYPE_CHECKING:
    from ..pipelines.masking.body import Body

PARTS = ("garment", "bottom", "shoes", "bag")


class FrameForEditing(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomFrameForEditing",
            display_name="Frame for Editing",
            category=CATEGORY,
            description=(
                "Prepares a try-on by an editing model (Qwen-Image-Edit, FLUX.2 klein, …): the "
                "person at a size that it takes, nothing cut off; the garments on one white "
                "sheet; and the prompt, in English or Chinese, which you can replace."
            ),
            search_aliases=["qwen edit", "klein", "edit model", "reference sheet", "outfit"],
            inputs=_frame_inputs(),
            outputs=[
                io.Image.Output(
                    "person", display_name="person", tooltip="Picture 1 for the editing model."
                ),
                io.Mask.Output(
                    "framed_mask", display_name="mask", tooltip="The mask of picture 1."
                ),
                # In the place of the input garment: passed on where this node is bypassed.
                io.Image.Output(
                    "references", display_name="garments", tooltip="Picture 2: all garments."
                ),
                io.String.Output("words", display_name="prompt", tooltip="What the model is told."),
                CropSocket.Output(
                    "crop", display_name="crop", tooltip="Where picture 1 was, for Paste Back."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        image: torch.Tensor,
        mask: torch.Tensor,
        category: str,
        description: str,
        language: str,
        prompt: str,
        region: str,
        context: float,
        megapixels: float,
        step: int,
        garment: torch.Tensor | None = None,
        cutout: tuple | None = None,
        bottom: torch.Tensor | None = None,
        shoes: torch.Tensor | None = None,
        bag: torch.Tensor | None = None,
    ) -> io.NodeOutput:
        from ..pipelines import editing
        from ..pipelines.images import cut

        photos = checked(image, "Frame for Editing").movedim(-1, 1)
        masks = masks_for(mask, photos)
        height, width = photos.shape[-2:]
        # One size for the whole batch: that of all masks together.
        whole = masks.amax(0) if region == "around the mask" else None
        crop = editing.framed(width, height, whole, context, megapixels, step)
        given = zip(PARTS, (garment, bottom, shoes, bag), strict=True)
        worn = {part: picture for part, picture in given if picture is not None}
        sheets = [
            editing.sheet([row[0] for row in rows], megapixels, step)
            for rows in _garments(list(worn.values()))
        ]
        if category == "auto":
            category = cutout[0].category if cutout else "upper"
        text = prompt.strip() or editing.prompt(category, list(worn), description, language)
        return io.NodeOutput(
            cut(photos, crop).movedim(1, -1),
            cut(masks[:, None], crop, "constant")[:, 0].clamp(0, 1),
            torch.cat(sheets).movedim(1, -1),
            text,
            (crop,) * len(photos),
        )


def _garments(pictures: Sequence[torch.Tensor]) -> list[tuple]:
    """For each sheet its garments, each as a list of one (1, 3, height, width)."""
    if not pictures:
        raise InputError(
            "Connect at least one garment to garment, bottom, shoes or bag: its photo, on a plain "
            "ground."
        )
    lists = [
        [[picture_of(row)] for row in checked(picture, "Frame for Editing, garment")]
        for picture in pictures
    ]
    return paired(*lists)


def _frame_inputs() -> list[io.Input]:
    return [
        io.Image.Input("image", tooltip="The person's photo."),
        io.Mask.Input("mask", tooltip="What will change, from Garment Mask (1 = will change)."),
        io.Combo.Input(
            "category",
            options=["auto", "upper", "lower", "dress", "outfit"],
            default="auto",
            tooltip="What the picture at garment shows. auto: that of the connected cut-out, upper "
            "where none is connected. outfit: several clothes in one picture.",
        ),
        io.String.Input(
            "description",
            default="",
            tooltip="The garment in your own words, such as: red cable-knit sweater. May be empty.",
        ),
        io.Combo.Input("language", options=["en", "zh"], default="en", tooltip="Of the prompt."),
        io.String.Input(
            "prompt",
            default="",
            multiline=True,
            tooltip="Your own prompt instead of the one built here. Picture 1 is the person, "
            "picture 2 the garments.",
        ),
        io.Combo.Input(
            "region",
            options=["whole photo", "around the mask"],
            default="whole photo",
            tooltip="What the model sees. around the mask: more detail where the person is small.",
        ),
        io.Float.Input(
            "context", default=0.3, min=0.0, max=2.0, step=0.05,
            tooltip="Around the mask: how much more is seen, as a share of its longer side.",
        ),
        io.Float.Input(
            "megapixels", default=1.0, min=0.1, max=4.0, step=0.05,
            tooltip="Size of both pictures; 1 suits most models.",
        ),
        io.Int.Input(
            "step", default=16, min=1, max=128,
            tooltip="Both sides become multiples of this; 16 suits most models.",
        ),
        io.Image.Input("garment", optional=True, tooltip="Photo of the garment of the category."),
        GarmentSocket.Input(
            "cutout", optional=True, tooltip="From Garment Cut-out: what category auto means."
        ),
        io.Image.Input("bottom", optional=True, tooltip="Photo of trousers or a skirt as well."),
        io.Image.Input("shoes", optional=True, tooltip="Photo of shoes as well."),
        io.Image.Input("bag", optional=True, tooltip="Photo of a bag as well."),
    ]  # fmt: skip


class PasteBack(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomPasteBack",
            display_name="Paste Back",
            category=CATEGORY,
            description=(
                "Takes only the clothes from an editing model's picture: head, hands and "
                "background come back from the photo, at its own resolution, bit for bit outside "
                "the mask."
            ),
            search_aliases=["paste back", "composite", "keep face", "stitch"],
            inputs=[
                # First: the page passes on the first picture where this node is bypassed.
                io.Image.Input("result", tooltip="The picture from Align Result."),
                io.Image.Input("image", tooltip="The person's photo, before Frame for Editing."),
                io.Mask.Input("mask", tooltip="The photo's size, from Garment Mask."),
                CropSocket.Input("crop", tooltip="From Frame for Editing."),
                io.Float.Input(
                    "grow", default=0.0, min=0.0, max=30.0, step=0.5,
                    tooltip="Take this much more around the mask, % of the photo's longer side: "
                    "for a garment wider than the old one. Never head and hands, if body is "
                    "connected.",
                ),
                io.Int.Input(
                    "feather", default=8, min=0, max=256,
                    tooltip="Pixels over which the new picture fades in, inside the edge.",
                ),
                BodySocket.Input(
                    "body", optional=True, tooltip="From Body Pose: where head and hands are."
                ),
            ],
            outputs=[
                io.Image.Output("pasted", display_name="image", tooltip="The photo, dressed anew."),
                io.Mask.Output("taken", display_name="mask", tooltip="What was taken (1 = taken)."),
            ],
        )  # fmt: skip

    @classmethod
    def execute(
        cls,
        result: torch.Tensor,
        image: torch.Tensor,
        mask: torch.Tensor,
        crop: tuple,
        grow: float,
        feather: int,
        body: tuple | None = None,
    ) -> io.NodeOutput:
        from ..pipelines.images import paste

        photos = checked(image, "Paste Back").movedim(-1, 1)
        news = checked(result, "Paste Back, result").movedim(-1, 1)
        masks = list(masks_for(mask, photos))
        rows = paired(
            list(photos), list(news), masks, crop, body or (None,),
            names=("image", "result", "mask", "crop", "body"),
        )  # fmt: skip

        def work(row: tuple) -> tuple[torch.Tensor, torch.Tensor]:
            photo, new, drawn, where, person = row
            pixels = grow / 100 * max(photo.shape[-2:])
            region = torch.from_numpy(_region(drawn.cpu().numpy(), pixels, person)).to(photo.device)
            return paste(photo[None], new[None], region[None, None], where, feather), region[None]

        made = each(rows, work)
        return io.NodeOutput(
            torch.cat([picture for picture, _ in made]).movedim(1, -1),
            torch.cat([region for _, region in made]),
        )


def _region(mask: np.ndarray, pixels: float, person: Body | None) -> np.ndarray:
    from ..pipelines.editing import region_to_paste
    from ..pipelines.masking.embedded import head_and_hands

    kept = head_and_hands(person) if person is not None and pixels > 0 else None
    return region_to_paste(mask, pixels, kept)
