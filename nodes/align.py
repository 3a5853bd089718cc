"""Align Result: an editing model's picture laid back onto the photo, or refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import torch
from comfy_api.latest import io

from .convert import checked, each, image_of, paired, pictures
from .crop import masks_for
from .sockets import CATEGORY

if TYPE_CHECKING:
    from ..pipelines.alignment import Limits


class AlignResult(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomAlignResult",
            display_name="Align Result",
            category=CATEGORY,
            description=(
                "Editing models return pictures that are a little shifted, zoomed or recoloured. "
                "This measures how much, on what should not have changed, and undoes it, so that "
                "Paste Back shows nothing double. A picture that does not fit is refused."
            ),
            search_aliases=["pixel shift", "align", "register", "qwen edit shift", "colour match"],
            inputs=[
                # First: the page passes on the first picture where this node is bypassed.
                io.Image.Input("result", tooltip="What the model made of the photo, at any size."),
                io.Image.Input(
                    "photo", tooltip="What the model was given (from Frame for Editing)."
                ),
                io.Mask.Input(
                    "mask", tooltip="The photo's size, 1 = old and new garment: not compared."
                ),
                *_limits(),
            ],
            outputs=[
                io.Image.Output(
                    "aligned", display_name="image", tooltip="The result, laid onto the photo."
                ),
                io.String.Output(
                    "report", display_name="report", tooltip="What was measured, in words."
                ),
                io.String.Output(
                    "report_json",
                    display_name="report as JSON",
                    tooltip="shift_x, shift_y (pixels), zoom, rotation (degrees), agreement, "
                    "residual and cast (levels) for each image.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        result: torch.Tensor,
        photo: torch.Tensor,
        mask: torch.Tensor,
        match_colour: bool,
        largest_shift: float,
        largest_zoom: float,
        least_agreement: float,
    ) -> io.NodeOutput:
        from ..pipelines.alignment import Limits

        limits = Limits(largest_shift / 100, largest_zoom / 100, agreement=least_agreement)
        photos = pictures(photo, "Align Result, photo")
        masks = masks_for(mask, checked(photo, "Align Result").movedim(-1, 1)).cpu().numpy()
        results = pictures(result, "Align Result, result")
        rows = paired(photos, results, list(masks), names=("photo", "result", "mask"))
        made = each(rows, lambda row: _aligned(row[0], row[1], row[2], match_colour, limits))
        texts = [text for _, text, _ in made]
        return io.NodeOutput(
            image_of([picture for picture, _, _ in made]),
            "\n".join(f"{index}: {text}" for index, text in enumerate(texts)),
            json.dumps([figures for _, _, figures in made]),
        )


def _limits() -> list[io.Input]:
    return [
        io.Boolean.Input(
            "match_colour",
            default=True,
            tooltip="Bring the colours back to the photo's, as compared around the mask.",
        ),
        io.Float.Input(
            "largest_shift", default=6.0, min=0.0, max=20.0, step=0.5,
            tooltip="A result that is shifted further is refused; % of the longer side.",
        ),
        io.Float.Input(
            "largest_zoom", default=6.0, min=0.0, max=20.0, step=0.5,
            tooltip="A result that is zoomed further, in or out, is refused; %.",
        ),
        io.Float.Input(
            "least_agreement", default=0.4, min=0.0, max=1.0, step=0.05,
            tooltip="A result of which less than this share of what should have stayed is where it "
            "was is refused: person or scene moved.",
        ),
    ]  # fmt: skip


def _aligned(
    photo: np.ndarray, result: np.ndarray, mask: np.ndarray, match_colour: bool, limits: Limits
) -> tuple[np.ndarray, str, dict]:
    from ..pipelines import alignment
    from ..pipelines.colour_cast import colour_cast, without_cast

    height, width = photo.shape[:2]
    result = alignment.at_size(result, width, height)
    found = alignment.measure(photo, result, mask)
    alignment.check(found, (width, height), limits)
    picture = alignment.corrected(result, found)
    cast = colour_cast(photo, picture, mask)
    if match_colour:
        picture = without_cast(picture, cast)
    figures = {
        "shift_x": found.shift_x, "shift_y": found.shift_y, "zoom": found.zoom,
        "rotation": found.rotation, "agreement": found.agreement, "residual": found.residual,
        "cast": list(cast.levels),
    }  # fmt: skip
    return picture, f"{found.text}; {cast.text}", figures
