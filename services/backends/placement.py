"""Where networks run outside ComfyUI: device, precision, and what a small card does."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import torch

from ...pipelines.catalog.types import Variant
from ...pipelines.errors import InputError
from ...pipelines.files.locate import in_words
from ...pipelines.models.common import bytes_of
from ...pipelines.models.door import working_bytes

if TYPE_CHECKING:
    from ...pipelines.masking.installed import InstalledNetworks

logger = logging.getLogger(__name__)

DEVICES = ("auto", "cuda", "mps", "cpu")
PRECISIONS = {
    "auto": None,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
    "fp32": torch.float32,
}


def device_of(name: str) -> torch.device:
    """auto: the first of cuda, mps, cpu that is there. Raises InputError for one that is not."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next((each for each, found in there.items() if found), "cpu"))
    if name not in DEVICES or not there.get(name, True):
        found = ", ".join(["auto", *(each for each, is_there in there.items() if is_there), "cpu"])
        raise InputError(f"The device {name!r} is not on this machine. Choose one of: {found}.")
    return torch.device(name)


def dtype_of(precision: str, variant: Variant, device: torch.device) -> torch.dtype:
    """auto: the authors' own on a card of NVIDIA's or AMD's, else 32 bits. Raises InputError."""
    if precision not in PRECISIONS:
        raise InputError(f"The precision is one of {', '.join(PRECISIONS)}; {precision!r} came.")
    chosen = PRECISIONS[precision]
    if chosen is not None:
        return chosen
    if device.type != "cuda":
        return torch.float32
    return {"float16": torch.float16, "bfloat16": torch.bfloat16}.get(variant.dtype, torch.float32)


def free_bytes(device: torch.device) -> int:
    """Memory that is free on the device; of main memory as the system tells it."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
    names = getattr(os, "sysconf_names", {})
    if "SC_AVPHYS_PAGES" in names:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 8 * 1024**3


class Host(Protocol):
    """A program that manages the card's memory itself, such as ComfyUI: where its models work, the
    networks that read photos, and what a pipeline calls before each stage (with a `before` of its
    own, called first)."""

    @property
    def device(self) -> torch.device: ...

    @property
    def networks(self) -> InstalledNetworks: ...

    def place(self, variant: Variant, pipeline: Any, width: int, height: int) -> Any: ...


class DevicePlacement:
    """What a pipeline calls before each stage. Three ways, by the memory that is free:

    everything stays on the device; or only the networks of one stage are there at a time; or, where
    not even those fit, their layers come one group after the other, by diffusers' group offload.
    """

    def __init__(
        self, variant: Variant, pipeline: Any, device: torch.device, width: int, height: int
    ) -> None:
        self.pipeline = pipeline
        self.device = device
        self.before: Callable[[], None] = lambda: None  # may raise to stop
        self._sizes = bytes_of(pipeline)
        self._streamed: set[str] = set()
        self.way = self._choose(variant, width, height)
        logger.info("%s on %s: %s", variant.name, device, self.way)

    def __call__(self, stage: str) -> None:
        self.before()
        if self.device.type == "cpu":
            return
        wanted = self.pipeline.STAGES[stage]
        if self.way == "one stage at a time":
            for name in self._sizes:
                if name not in wanted and name not in self._streamed:
                    getattr(self.pipeline, name).to("cpu")
        for name in wanted:
            if name not in self._streamed:
                getattr(self.pipeline, name).to(self.device)

    def _choose(self, variant: Variant, width: int, height: int) -> str:
        if self.device.type == "cpu":
            return "main memory"
        free = free_bytes(self.device)
        work = {
            stage: working_bytes(variant, self.pipeline.dtype, stage, width, height)
            for stage in self.pipeline.STAGES
        }
        if sum(self._sizes.values()) + max(work.values()) <= free:
            return "everything on the device"
        stages = self.pipeline.STAGES.items()
        tight = [
            stage for stage, names in stages
            if sum(self._sizes[name] for name in names) + work[stage] > free
        ]  # fmt: skip
        for stage in tight:
            for name in self.pipeline.STAGES[stage]:
                self._stream(name)
        if tight:
            logger.warning(
                "%s has %s free: layers of %s come one group after the other, which is slower.",
                self.device, in_words(free), ", ".join(sorted(self._streamed)),
            )  # fmt: skip
        return "one stage at a time"

    def _stream(self, name: str) -> None:
        from diffusers.hooks import apply_group_offloading

        if name in self._streamed:
            return
        apply_group_offloading(
            getattr(self.pipeline, name),
            onload_device=self.device,
            offload_device=torch.device("cpu"),
            offload_type="leaf_level",
        )
        self._streamed.add(name)
