"""Encode a garment once, for any number of people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from comfy_api.latest import io

from ..pipelines.models.framing import FRAMINGS, check_model_size, framed_garment
from .convert import checked, each, paired
from .sockets import CATEGORY, EncodedGarmentSocket, ModelSocket

if TYPE_CHECKING:
    from .model import TryOnModel


@dataclass(frozen=True)
class EncodedGarment:
    """A garment as one variant takes it, and the size at which it was encoded."""

    variant: str
    width: int
    height: int
    encoding: Any  # in main memory


def size_inputs() -> list[io.Int.Input]:
    return [
        io.Int.Input(
            side,
            default=default,
            min=64,
            max=2048,
            step=8,
            tooltip=f"{side.capitalize()} at which the model works, in pixels. All were made for "
            "768x1024; half of it is four times faster and less sharp. Your photo keeps its size.",
        )
        for side, default in (("width", 768), ("height", 1024))
    ]


class EncodeGarment(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomEncodeGarment",
            display_name="Encode Garment",
            category=CATEGORY,
            description=(
                "Reads a garment's photo with a try-on model, once: another person, mask or seed "
                "takes the result from the cache."
            ),
            search_aliases=["garment encoder", "vae encode", "garment unet"],
            inputs=[
                ModelSocket.Input("model", tooltip="From Load Try-On Model."),
                io.Image.Input(
                    "garment",
                    tooltip="Photo of the garment on a plain background, or the cut-out on white "
                    "of Garment Cut-out. A batch makes several garments.",
                ),
                io.Combo.Input(
                    "category",
                    options=["upper", "lower", "dress"],
                    default="upper",
                    tooltip="What the garment is. A variant refuses what it was not trained for.",
                ),
                io.String.Input(
                    "description",
                    default="",
                    tooltip="In English words, such as: short sleeve round neck t-shirt. Only "
                    "IDM-VTON reads it; one line for each garment of a batch.",
                    multiline=True,
                ),
                *size_inputs(),
                io.Combo.Input(
                    "framing",
                    options=list(FRAMINGS),
                    default="fit",
                    tooltip="fit: the whole garment, padded with white. reference: as the model's "
                    "authors do it, which stretches it for OOTDiffusion and IDM-VTON.",
                ),
                io.Int.Input(
                    "ahead_steps",
                    default=0,
                    min=0,
                    max=200,
                    tooltip="Leffa and IDM-VTON: also do the garment UNet's work for runs of this "
                    "many steps of the published scheduler, so that no run does it again. The same "
                    "pictures; takes 0.15 (Leffa) to 0.2 GB of main memory a step. 0: off.",
                ),
            ],
            outputs=[
                EncodedGarmentSocket.Output(
                    "encoded", display_name="encoded garment", tooltip="For Try On."
                )
            ],
        )

    @classmethod
    def execute(
        cls,
        model: TryOnModel,
        garment: torch.Tensor,
        category: str,
        description: str,
        width: int,
        height: int,
        framing: str,
        ahead_steps: int,
    ) -> io.NodeOutput:
        from ..pipelines.models.door import encode_garment, read_ahead
        from .model import check_variant

        check_variant(model, pose_transfer=False)
        check_model_size(width, height)
        photos = [on_white(row) for row in checked(garment, "Encode Garment")]
        lines = [line.strip() for line in description.splitlines() if line.strip()] or [""]

        def work(row: tuple) -> EncodedGarment:
            photo, words = row
            picture = framed_garment(photo, model.variant.model, framing, width, height)

            def encode() -> Any:
                made = encode_garment(model.pipeline, model.variant, picture, category, words)
                if ahead_steps:
                    made = read_ahead(model.pipeline, made, ahead_steps, "published", 1.0)
                return made.to("cpu")

            made = model.run(encode, width, height)
            return EncodedGarment(model.variant.name, width, height, made)

        return io.NodeOutput(tuple(each(paired(photos, lines), work)))


def on_white(row: torch.Tensor) -> torch.Tensor:
    """(height, width, 3 or 4) to (1, 3, height, width); transparency is laid on white."""
    picture = row.clamp(0, 1).cpu()
    if picture.shape[-1] == 4:
        picture = picture[..., :3] * picture[..., 3:] + 1 - picture[..., 3:]
    return picture.movedim(-1, 0)[None]
