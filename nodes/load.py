"""Load a try-on model: files found, licence agreed to, networks under memory management."""

from __future__ import annotations

from typing import TYPE_CHECKING

import comfy.model_management as management
import torch
from comfy_api.latest import io

from ..pipelines.catalog.models import VARIANTS, made_for, variants_of
from ..pipelines.catalog.types import Variant
from ..pipelines.errors import InputError
from .sockets import CATEGORY, ModelSocket

if TYPE_CHECKING:
    from .model import TryOnModel

DTYPES = {
    "auto": None, "fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32,
    "fp8": None,
}  # fmt: skip

DEFAULT = variants_of("try_on")[0].name


class LoadTryOnModel(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        choices = variants_of("try_on", "pose_transfer", "design")
        return io.Schema(
            node_id="FittingRoomLoadModel",
            display_name="Load Try-On Model",
            category=CATEGORY,
            description=(
                "Loads a try-on model from its published files. Each has a licence of its own, "
                "some of them non-commercial: download and agree once with `fitting-room download "
                "NAME`. Missing or wrong files are named, all at once."
            ),
            search_aliases=[
                *sorted({each.model for each in choices}),
                "try on model",
                "checkpoint",
            ],
            inputs=[
                io.Combo.Input(
                    "variant",
                    options=[each.name for each in choices],
                    default=DEFAULT,
                    tooltip="The model. The report says which garments it knows, its licence and "
                    "whether a shop may use it.",
                ),
                io.Combo.Input(
                    "precision",
                    options=list(DTYPES),
                    default="auto",
                    tooltip="auto: what the authors used where the card can, fp32 on a CPU. "
                    "fp8: the large networks' weights in 8 bits, half the memory, slightly other "
                    "pictures.",
                ),
                io.Boolean.Input(
                    "compile",
                    default=False,
                    tooltip="torch.compile of the repeated blocks: the first run of a size takes "
                    "minutes, later ones are faster. The network must then fit on the card whole.",
                ),
                io.String.Input(
                    "folder",
                    default="",
                    optional=True,
                    tooltip="A folder of your own in the published layout, such as a fine-tune. "
                    "Empty: ComfyUI/models/fitting_room, extra_model_paths.yaml, the Hugging Face "
                    "cache.",
                ),
                io.Boolean.Input(
                    "keep_unconditional",
                    default=True,
                    optional=True,
                    tooltip="For models whose work without a garment is always the same: keep it "
                    "in main memory (at most 4 GB), so that every garment after the first is "
                    "faster. The same pictures.",
                ),
            ],
            outputs=[
                ModelSocket.Output(
                    "model", display_name="model", tooltip="For Encode Garment and Try On."
                ),
                io.String.Output(
                    "report",
                    display_name="report",
                    tooltip="The licence in one sentence, the memory that the weights take, and "
                    "the settings that the authors use.",
                ),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, variant: str, folder: str = "", **others: object) -> str:
        from ..pipelines.files.fingerprint import state_of_variants
        from .placement import model_folders

        named = folder.strip() or None
        return state_of_variants([variant], named, model_folders()) if variant in VARIANTS else ""

    @classmethod
    def execute(
        cls,
        variant: str,
        precision: str,
        compile: bool,
        folder: str = "",
        keep_unconditional: bool = True,
    ) -> io.NodeOutput:
        from ..pipelines.files.licences import require_accepted
        from ..pipelines.files.locate import find
        from ..pipelines.models import door
        from .model import TryOnModel, tell
        from .placement import model_folders

        if compile and precision == "fp8":
            raise InputError(
                "compile and fp8 do not go together: compiled layers cannot bring 8-bit weights to "
                "16 bits by themselves. Choose one of the two."
            )
        chosen = VARIANTS[variant]
        folders = model_folders()
        located = find(variant, folder.strip() or None, folders)
        require_accepted(variant, folders)
        dtype = DTYPES[precision] or _dtype_for(chosen)
        tell(f"Reading {chosen.title} …")
        pipeline = door.load_pipeline(located, dtype)
        if precision == "fp8":
            door.shrink(chosen, pipeline)
        if compile:
            door.compile_blocks(chosen, pipeline)
        if not keep_unconditional:
            door.keep_unconditional(chosen, pipeline, 0)
        model = TryOnModel(chosen, pipeline, compiled=compile)
        report = _report(model, dtype)
        tell(report)
        return io.NodeOutput(model, report)


def _dtype_for(variant: Variant) -> torch.dtype:
    """The authors' precision where the card computes in it, else the next best."""
    device = management.get_torch_device()
    if variant.dtype == "float16" and management.should_use_fp16(device):
        return torch.float16
    return torch.bfloat16 if management.should_use_bf16(device) else torch.float32


def _report(model: TryOnModel, dtype: torch.dtype) -> str:
    from ..pipelines.files.locate import in_words
    from ..pipelines.models.common import bytes_of

    variant = model.variant
    size = in_words(sum(bytes_of(model.pipeline).values()))
    return (
        f"{variant.title}: {size} of weights, computing in {str(dtype).removeprefix('torch.')}\n"
        f"Licence: {variant.licence.name}. May a shop use it? {variant.licence.shop}: "
        f"{variant.licence.for_a_shop}\n"
        f"Knows {', '.join(variant.categories) or 'whole people'}; wants "
        f"{', '.join(variant.inputs) or 'the photo alone'}\n"
        f"Made for {made_for(variant)}"
    )
