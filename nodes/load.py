"""Load a try-on model: files found, licence agreed to, networks under memory management."""

from __future__ import annotations

from typing import TYPE_CHECKING

import comfy.model_management as management
import torch
from comfy_api.latest import io

from ..pipelines.catalog.models import VARIANTS
from ..pipelines.catalog.types import Variant
from ..pipelines.errors import InputError
from .sockets import CATEGORY, ModelSocket

if TYPE_CHECKING:
    from .model import TryOnModel

DTYPES = {
    "auto": None, "fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32,
    "fp8": None,
}  # fmt: skip


class LoadTryOnModel(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomLoadModel",
            display_name="Load Try-On Model",
            category=CATEGORY,
            description=(
                "Loads OOTDiffusion, IDM-VTON or Leffa from their published files. Each has a "
                "licence of its own, most of them non-commercial: download and agree once with "
                "`fitting-room download NAME`. Missing or wrong files are named, all at once."
            ),
            search_aliases=["ootdiffusion", "idm-vton", "leffa", "try on model", "checkpoint"],
            inputs=[
                io.Combo.Input(
                    "variant",
                    options=[name for name, variant in VARIANTS.items() if variant.steps],
                    default="leffa/virtual_tryon",
                    tooltip="The model. Some know only the upper body: ootdiffusion/hd, "
                    "idm_vton/vitonhd, leffa/virtual_tryon. leffa/pose_transfer is for Pose "
                    "Transfer.",
                ),
                io.Combo.Input(
                    "precision",
                    options=list(DTYPES),
                    default="auto",
                    tooltip="auto: what the authors used where the card can, fp32 on a CPU. "
                    "fp8: the UNets' weights in 8 bits, half the memory, slightly other pictures.",
                ),
                io.Boolean.Input(
                    "compile",
                    default=False,
                    tooltip="torch.compile of the repeated blocks: the first run of a size takes "
                    "minutes, later ones are faster. The UNets must then fit on the card whole.",
                ),
                io.String.Input(
                    "folder",
                    default="",
                    optional=True,
                    tooltip="A folder of your own in the published layout, such as a fine-tune. "
                    "Empty: ComfyUI/models/fitting_room, extra_model_paths.yaml, the Hugging Face "
                    "cache.",
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
    def execute(
        cls, variant: str, precision: str, compile: bool, folder: str = ""
    ) -> io.NodeOutput:
        from ..pipelines.catalog.licences import require_accepted
        from ..pipelines.files.locate import find
        from ..pipelines.models.door import load_pipeline, store_in_float8
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
        pipeline = load_pipeline(located, dtype)
        for unet in (pipeline.denoiser, pipeline.reference):
            if precision == "fp8":
                store_in_float8(unet)
            if compile:
                from ..pipelines.diffusion.reference import compile_blocks

                compile_blocks(unet)
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
    from ..pipelines.models.door import bytes_of

    variant = model.variant
    size = in_words(sum(bytes_of(model.pipeline).values()))
    return (
        f"{variant.title}: {size} of weights, computing in {str(dtype).removeprefix('torch.')}\n"
        f"Licence: {variant.licence.name}. {variant.licence.for_a_shop}\n"
        f"Made for {variant.width}x{variant.height}, {variant.steps} steps of "
        f"{variant.scheduler}, guidance {variant.guidance:g}"
    )
