"""A try-on model under ComfyUI's memory management, as a FITTING_ROOM_MODEL link carries it.

Each network of a pipeline has a patcher of its own, which brings it to the card before a stage and
lets it be evicted by itself. Networks whose layers bring their weights over themselves may stay
partly in main memory, so a card too small for a whole UNet still runs it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any, TypeVar

import comfy.model_management as management
import comfy.ops
import torch
from comfy_execution.utils import get_executing_context
from server import PromptServer

from ..pipelines.catalog.types import Variant
from ..pipelines.errors import InputError
from ..pipelines.files.locate import in_words
from ..pipelines.models.door import bytes_of
from .placement import managed

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

TWINS = {
    torch.nn.Linear: comfy.ops.manual_cast.Linear,
    torch.nn.Conv2d: comfy.ops.manual_cast.Conv2d,
    torch.nn.GroupNorm: comfy.ops.manual_cast.GroupNorm,
    torch.nn.LayerNorm: comfy.ops.manual_cast.LayerNorm,
}
"""Layers of ComfyUI that compute the same and bring their weights to where their input is."""


def make_castable(network: torch.nn.Module) -> bool:
    """Turns the layers into their twins; whether every weight of the network lies in such a one."""
    for module in network.modules():
        if type(module) in TWINS:
            module.__class__ = TWINS[type(module)]
    castable = {
        id(parameter)
        for module in network.modules()
        if isinstance(module, comfy.ops.CastWeightBiasOp)
        for parameter in module.parameters(recurse=False)
    }
    return all(id(parameter) in castable for parameter in network.parameters())


class Placement:
    """What a pipeline calls before each stage: brings the networks of that stage to the card."""

    def __init__(self, pipeline: Any, castable: bool = True) -> None:
        """castable: whether layers may be turned into their twins; torch.compile wants plain ones.

        Nothing here holds the pipeline, so that both go when the link's object goes.
        """
        names = dict.fromkeys(name for stage in pipeline.STAGES.values() for name in stage)
        networks = {name: getattr(pipeline, name) for name in names}
        self.stages = dict(pipeline.STAGES)
        self.partly = {n for n, network in networks.items() if castable and make_castable(network)}
        self.patchers = {n: managed(network) for n, network in networks.items()}
        self.area = 0
        self.itemsize = pipeline.dtype.itemsize
        self.reserve = 1.0

    def __call__(self, stage: str) -> None:
        management.throw_exception_if_processing_interrupted()
        names = self.stages[stage]
        management.load_models_gpu(
            [self.patchers[name] for name in names],
            memory_required=int(self.working_bytes(stage) * self.reserve),
            force_full_load=not self.partly.issuperset(names),
        )

    def working_bytes(self, stage: str) -> float:
        """Roughly what a stage needs beside the weights, for one person of `area` pixels.

        The factors are those that ComfyUI takes for these VAEs and UNets; a UNet runs two halves of
        guidance here, and looks at as many reference tokens as at its own.
        """
        if stage in ("encode", "decode"):
            return {"encode": 1767, "decode": 2178}[stage] * self.area * self.itemsize
        return 2 * 2 * self.area / 64 * self.itemsize * 0.01 * 1024**2


class TryOnModel:
    """A pipeline and the patchers of its networks, which must live and go together."""

    def __init__(
        self, variant: Variant, pipeline: Any, compiled: bool = False
    ) -> None:  # fmt: skip
        self.variant = variant
        self.pipeline = pipeline
        self.placement = Placement(pipeline, castable=not compiled)
        pipeline.device = management.get_torch_device()
        pipeline.place = self.placement

    def run(self, work: Callable[[], Result], width: int, height: int) -> Result:
        """work() of this model at that size. Out of memory, once more with less; then it is told.

        The second time the VAE works in tiles (edges differ slightly) and as little as possible of
        the UNets stays on the card.
        """
        self.placement.area = width * height
        try:
            return work()
        except management.OOM_EXCEPTION as error:
            logger.warning("%s: out of memory, once more with less: %s", self.variant.name, error)
        # Outside of the handler: until here the error held everything that was on the card.
        tell("Out of memory: once more, the VAE in tiles and the UNet in parts")
        management.unload_all_models()
        management.soft_empty_cache()
        with self._sparing():
            try:
                return work()
            except management.OOM_EXCEPTION as error:
                raise management.OOM_EXCEPTION(self._shortage(width, height)) from error

    @contextmanager
    def _sparing(self) -> Any:
        self.pipeline.vae.enable_tiling()
        self.placement.reserve = 3.0
        try:
            yield
        finally:
            self.pipeline.vae.disable_tiling()
            self.placement.reserve = 1.0

    def _shortage(self, width: int, height: int) -> str:
        sizes = bytes_of(self.pipeline)
        parts = ", ".join(f"{name} {in_words(size)}" for name, size in sizes.items())
        device = self.pipeline.device
        work = max(map(self.placement.working_bytes, self.placement.stages))
        return (
            f"{self.variant.title} does not fit into the memory of {device}, also not with the VAE "
            f"in tiles: at {width}x{height} it works in about {in_words(int(work))} beside its "
            f"weights ({parts}); {in_words(int(management.get_free_memory(device)))} of "
            f"{in_words(int(management.get_total_memory(device)))} are free now. Use a smaller "
            "size in Encode Garment, 16 bits or fp8 in Load Try-On Model, or close other programs."
        )


def check_variant(model: TryOnModel, pose_transfer: bool) -> None:
    """Raises InputError for a try-on model where pose transfer is wanted, or the other way."""
    if (not model.variant.categories) != pose_transfer:
        wanted = "Leffa pose transfer" if pose_transfer else "a try-on model"
        raise InputError(
            f"{wanted} was wanted here, and {model.variant.title} ({model.variant.name}) came. "
            "Choose another one in Load Try-On Model."
        )


def tell(text: str) -> None:
    """Shows a line on the node that runs."""
    context = get_executing_context()
    server = getattr(PromptServer, "instance", None)
    if context and server:
        server.send_progress_text(text, context.node_id)
