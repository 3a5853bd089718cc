"""A try-on model under ComfyUI's memory management, as a FITTING_ROOM_MODEL link carries it.

Each network of a pipeline has a patcher of its own, which brings it to the card before a stage and
lets it be evicted by itself. Networks whose layers bring their weights over themselves may stay
partly in main memory, so a card too small for a whole UNet still runs it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import comfy.model_management as management
import comfy.ops
import torch
from comfy_execution.utils import get_executing_context
from server import PromptServer

from ..pipelines.catalog.models import variants_of
from ..pipelines.catalog.types import KINDS, Variant
from ..pipelines.errors import InputError
from ..pipelines.files.locate import in_words
from ..pipelines.models.common import bytes_of
from ..pipelines.models.door import rows_that_fit, sparing, working_bytes
from .placement import managed

if TYPE_CHECKING:
    from ..pipelines.masking.installed import InstalledNetworks

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

TWINS = {
    torch.nn.Linear: comfy.ops.manual_cast.Linear,
    torch.nn.Conv2d: comfy.ops.manual_cast.Conv2d,
    torch.nn.GroupNorm: comfy.ops.manual_cast.GroupNorm,
    torch.nn.LayerNorm: comfy.ops.manual_cast.LayerNorm,
    torch.nn.RMSNorm: comfy.ops.manual_cast.RMSNorm,
}
"""Layers of ComfyUI that compute the same and bring their weights to where their input is."""


def make_castable(network: torch.nn.Module) -> bool:
    """Turns the layers into their twins; whether every weight of the network lies in such a one."""
    for module in network.modules():
        if type(module) in TWINS:
            module.__class__ = TWINS[type(module)]
            if not hasattr(module, "bias"):  # the engine asks every twin for one
                module.register_parameter("bias", None)
    castable = {
        id(parameter)
        for module in network.modules()
        if isinstance(module, comfy.ops.CastWeightBiasOp)
        for parameter in module.parameters(recurse=False)
    }
    return all(id(parameter) in castable for parameter in network.parameters())


class Placement:
    """What a pipeline calls before each stage: brings the networks of that stage to the card."""

    def __init__(self, variant: Variant, pipeline: Any, castable: bool = True) -> None:
        """castable: whether layers may be turned into their twins; torch.compile wants plain ones.

        Nothing here holds the pipeline, so that both go when the link's object goes.
        """
        names = dict.fromkeys(name for stage in pipeline.STAGES.values() for name in stage)
        networks = {name: getattr(pipeline, name) for name in names}
        self.stages = dict(pipeline.STAGES)
        self.partly = {n for n, network in networks.items() if castable and make_castable(network)}
        self.patchers = {n: managed(network) for n, network in networks.items()}
        self.working_bytes = partial(working_bytes, variant, pipeline.dtype)
        self.size, self.rows = (0, 0), 1  # of the pictures that are made, and how many together
        self.reserve = 1.0

    def __call__(self, stage: str) -> None:
        management.throw_exception_if_processing_interrupted()
        names = self.stages[stage]
        management.load_models_gpu(
            [self.patchers[name] for name in names],
            memory_required=int(self.working_bytes(stage, *self.size, self.rows) * self.reserve),
            force_full_load=not self.partly.issuperset(names),
        )


class RoutedPlacement(Placement):
    """The same for a model that a request runs. before: called first; may raise to stop."""

    before: Callable[[], None] = staticmethod(lambda: None)

    def __call__(self, stage: str) -> None:
        self.before()
        super().__call__(stage)


class EngineHost:
    """This ComfyUI as the host of models that a request runs (`services.backends.placement.Host`):
    they share the card with everybody else's."""

    @property
    def device(self) -> torch.device:
        return management.get_torch_device()

    @property
    def networks(self) -> InstalledNetworks:
        from .perception import NETWORKS

        return NETWORKS

    def place(self, variant: Variant, pipeline: Any, width: int, height: int) -> RoutedPlacement:
        placed = getattr(pipeline, "place", None)
        if not isinstance(placed, RoutedPlacement):
            placed = RoutedPlacement(variant, pipeline)
        placed.size = (width, height)
        return placed


class TryOnModel:
    """A pipeline and the patchers of its networks, which must live and go together."""

    def __init__(
        self, variant: Variant, pipeline: Any, compiled: bool = False
    ) -> None:  # fmt: skip
        self.variant = variant
        self.pipeline = pipeline
        self.placement = Placement(variant, pipeline, castable=not compiled)
        pipeline.device = management.get_torch_device()
        pipeline.place = self.placement

    def run(
        self, work: Callable[[], Result], width: int, height: int, rows: int = 1
    ) -> Result:  # fmt: skip
        """work() of this model at that size. Out of memory, once more with less; then it is told.

        rows: pictures that go through the network together. The second time the model spares what
        it can (edges may differ slightly) and as little as possible of it stays on the card.
        """
        self.placement.size, self.placement.rows = (width, height), rows
        try:
            return work()
        except management.OOM_EXCEPTION as error:
            logger.warning("%s: out of memory, once more with less: %s", self.variant.name, error)
        # Outside of the handler: until here the error held everything that was on the card.
        tell("Out of memory: once more, in tiles and in parts")
        management.unload_all_models()
        management.soft_empty_cache()
        with self._sparing():
            try:
                return work()
            except management.OOM_EXCEPTION as error:
                raise management.OOM_EXCEPTION(self._shortage(width, height)) from error

    @contextmanager
    def _sparing(self) -> Any:
        self.placement.reserve = 3.0
        try:
            with sparing(self.variant, self.pipeline):
                yield
        finally:
            self.placement.reserve = 1.0

    def rows_that_fit(self, width: int, height: int) -> int:
        """How many pictures of that size the free memory holds together, its weights counted."""
        return rows_that_fit(
            self.pipeline, self.variant, width, height,
            management.get_free_memory(self.pipeline.device) + self._loaded(),
        )  # fmt: skip

    def _loaded(self) -> int:
        """Bytes of this model that are on the card already: they are free for it."""
        return sum(each.loaded_size() for each in self.placement.patchers.values())

    def _shortage(self, width: int, height: int) -> str:
        sizes = bytes_of(self.pipeline)
        parts = ", ".join(f"{name} {in_words(size)}" for name, size in sizes.items())
        device = self.pipeline.device
        size, rows = self.placement.size, self.placement.rows
        needs = (
            self.placement.working_bytes(stage, *size, rows) for stage in self.placement.stages
        )
        work = max(needs)
        return (
            f"{self.variant.title} does not fit into the memory of {device}, also not in tiles: "
            f"{rows} of {width}x{height} take about {in_words(int(work))} beside the weights "
            f"({parts}); {in_words(int(management.get_free_memory(device)))} of "
            f"{in_words(int(management.get_total_memory(device)))} are free now. Use a smaller "
            "size in Encode Garment, a smaller batch, 16 bits or fp8 in Load Try-On Model, or "
            "close other programs."
        )


def check_kind(model: TryOnModel, kind: str) -> None:
    """Raises InputError for a model of another kind than the node is for."""
    if model.variant.kind != kind:
        fitting = ", ".join(variant.name for variant in variants_of(kind))
        raise InputError(
            f"{KINDS[kind].capitalize()} was wanted here ({fitting}), and {model.variant.title} "
            f"({model.variant.name}) came, which is {KINDS[model.variant.kind]}. Choose another "
            "one in Load Try-On Model."
        )


def tell(text: str) -> None:
    """Shows a line on the node that runs."""
    context = get_executing_context()
    server = getattr(PromptServer, "instance", None)
    if context and server:
        server.send_progress_text(text, context.node_id)
