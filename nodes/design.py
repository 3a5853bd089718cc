"""Other clothes for a person, by words and by photos of cloth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from comfy_api.latest import io

from .convert import checked, each, paired
from .encode import picture_of
from .sockets import CATEGORY, ModelSocket

if TYPE_CHECKING:
    from .model import TryOnModel


class DesignClothes(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomDesignClothes",
            display_name="Design Clothes",
            category=CATEGORY,
            description=(
                "Other clothes for an aligned person: words name the upper and the lower garment, "
                "photos of cloth give their look. For a model that you trained yourself: the "
                "authors of this method published code, and no trained weights. Not try-on of a "
                "garment photo; the whole picture, face and all, is drawn anew."
            ),
            search_aliases=["text to clothes", "fashion design", "texture", "stylegan"],
            inputs=[
                ModelSocket.Input(
                    "model", tooltip="From Load Try-On Model: a model that designs clothes."
                ),
                io.Image.Input(
                    "image",
                    tooltip="An aligned person: the whole body, upright, on a plain ground, twice "
                    "as high as wide (512x1024). A batch works.",
                ),
                io.String.Input(
                    "upper",
                    default="short sleeve round-neck shirt",
                    tooltip="The upper garment in English words. For one piece its upper half, "
                    "such as: tank dress.",
                ),
                io.String.Input(
                    "lower",
                    default="pants",
                    tooltip="The lower garment in English words. For one piece its lower half, "
                    "such as: short dress.",
                ),
                io.Float.Input(
                    "strength",
                    default=0.1,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="How far the clothes move from the worn ones; the authors use 0.1. 0 "
                    "draws the person as the model sees them.",
                ),
                io.Image.Input(
                    "upper_texture",
                    optional=True,
                    tooltip="Photo of the cloth of the upper garment; its middle is taken. Where "
                    "none is connected the worn one is kept. A dress has this one all over.",
                ),
                io.Image.Input(
                    "lower_texture",
                    optional=True,
                    tooltip="Photo of the cloth of the lower garment, in the same way.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    "designed",
                    display_name="image",
                    tooltip="The person in the new clothes, 512x1024, drawn anew.",
                )
            ],
        )

    @classmethod
    def execute(
        cls,
        model: TryOnModel,
        image: torch.Tensor,
        upper: str,
        lower: str,
        strength: float,
        upper_texture: torch.Tensor | None = None,
        lower_texture: torch.Tensor | None = None,
    ) -> io.NodeOutput:
        from ..pipelines.models import door
        from .model import check_kind

        check_kind(model, "design")
        variant = model.variant
        rows = paired(
            _rows(image, "Design Clothes"),
            _rows(upper_texture, "Design Clothes, upper_texture"),
            _rows(lower_texture, "Design Clothes, lower_texture"),
        )

        def design(row: tuple) -> torch.Tensor:
            photo, *cloths = row
            picture = model.run(
                lambda: door.design(
                    model.pipeline, variant, photo, (upper, lower), tuple(cloths), strength
                ),
                variant.width,
                variant.height,
            )
            return picture.movedim(1, -1)

        return io.NodeOutput(torch.cat(each(rows, design)))


def _rows(picture: torch.Tensor | None, what: str) -> list[torch.Tensor | None]:
    """(1, 3, height, width) each; one None where nothing came."""
    if picture is None:
        return [None]
    return [picture_of(row).cpu() for row in checked(picture, what)]
