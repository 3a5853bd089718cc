"""Encode a garment once, for any number of people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from comfy_api.latest import io

from ..pipelines.models.common import AUTO, FRAMINGS, PHOTO_TYPES
from .convert import checked, each, on_white, paired
from .sockets import CATEGORY, EncodedGarmentSocket, ModelSocket

if TYPE_CHECKING:
    from ..pipelines.catalog.types import Variant
    from .model import TryOnModel


@dataclass(frozen=True)
class EncodedGarment:
    """A garment as one variant takes it, and the size at which it was encoded."""

    variant: str
    width: int
    height: int
    category: str
    encoding: Any  # in main memory


def size_inputs() -> list[io.Int.Input]:
    return [
        io.Int.Input(
            side,
            default=0,
            min=0,
            max=2048,
            step=8,
            tooltip=f"{side.capitalize()} at which the model works, in pixels. 0: what it was made "
            "for; half of it is four times faster and less sharp. Your photo keeps its size.",
        )
        for side in ("width", "height")
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
                    options=["auto", "upper", "lower", "dress"],
                    default="auto",
                    tooltip="What the garment is; auto: as its picture shows. Refused is what the "
                    "picture contradicts, and what the variant was not trained for.",
                ),
                io.String.Input(
                    "description",
                    default="",
                    tooltip="In English words, such as: short sleeve round neck t-shirt, for the "
                    "models that read one; one line for each garment of a batch.",
                    multiline=True,
                ),
                *size_inputs(),
                io.Combo.Input(
                    "framing",
                    options=list(FRAMINGS),
                    default="fit",
                    tooltip="fit: the whole garment, padded with white. reference: as the model's "
                    "authors do it; some of them stretch it.",
                ),
                io.Int.Input(
                    "ahead_steps",
                    default=0,
                    min=0,
                    max=200,
                    tooltip="Also do the garment network's work for runs of this many steps of the "
                    "published scheduler, so that no run does it again, where the model can. The "
                    "same pictures; takes 0.1 to 0.2 GB of main memory a step. 0: off.",
                ),
                io.Combo.Input(
                    "photo_type",
                    options=list(PHOTO_TYPES),
                    default=AUTO,
                    optional=True,
                    tooltip="flat-lay: the garment alone. worn: somebody wears it; models that can "
                    "cut it out of such a photo, best with an installed parsing network. auto "
                    "looks for a wearer. A report says what does not fit.",
                ),
            ],
            outputs=[
                EncodedGarmentSocket.Output(
                    "encoded", display_name="encoded garment", tooltip="For Try On."
                ),
                io.String.Output(
                    "report",
                    display_name="report",
                    tooltip="How the garment's photo was taken, and what was set and means nothing "
                    "to this model.",
                ),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, **inputs: object) -> str:
        from .perception import state_of_helpers

        return state_of_helpers("try_on")

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
        photo_type: str = AUTO,
    ) -> io.NodeOutput:
        from ..pipelines.garment.category import settled_category
        from ..pipelines.models import door
        from ..pipelines.models.common import GarmentView
        from ..pipelines.models.garment_photo import read_garment
        from .model import check_kind, tell
        from .perception import NETWORKS

        check_kind(model, "try_on")
        variant, pipeline = model.variant, model.pipeline
        photos = [picture_of(row) for row in checked(garment, "Encode Garment")]
        lines = [line.strip() for line in description.splitlines() if line.strip()] or [""]

        width, height = width or variant.width, height or variant.height
        notes: list[str] = []

        def work(row: tuple) -> EncodedGarment:
            photo, words = row
            picture = door.frame_garment(variant, photo, width, height, framing)
            pixels = (photo[0].movedim(0, -1) * 255).round().to(torch.uint8).numpy()
            what = settled_category(category, pixels, variant.categories)
            taken = GarmentView(picture, what, words, photo)
            taken = read_garment(variant, taken, NETWORKS, photo_type)
            notes.extend(taken.notes)

            def encode() -> Any:
                made = door.encode_garment(pipeline, variant, taken, NETWORKS)
                return (
                    door.read_ahead(pipeline, variant, made, ahead_steps) if ahead_steps else made
                )

            made = model.run(encode, width, height)
            return EncodedGarment(variant.name, width, height, what, made)

        encoded = tuple(each(paired(photos, lines), work))
        if unused := _unused(variant, ahead_steps, lines):
            notes.append(unused)
        if report := "\n".join(dict.fromkeys(notes)):
            tell(report)
        return io.NodeOutput(encoded, report)


def _unused(variant: Variant, ahead_steps: int, lines: Sequence[str]) -> str:
    """What was set and means nothing to this model, in a sentence for the node."""
    said = []
    if ahead_steps and "ahead_steps" not in variant.settings:
        said.append("does nothing ahead (ahead_steps)")
    if any(lines) and "description" not in variant.inputs:
        said.append("reads no description")
    return f"{variant.title} {' and '.join(said)}: ignored." if said else ""


def picture_of(row: torch.Tensor) -> torch.Tensor:
    """(height, width, 3 or 4) to (1, 3, height, width) in 0..1, white where it is transparent."""
    return on_white(row.clamp(0, 1)).cpu().movedim(-1, 0)[None]
