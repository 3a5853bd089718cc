"""Who makes the pictures of a batch: this machine's models and the services, or an engine with a
workflow."""

from __future__ import annotations

import copy
import io
import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ...pipelines.errors import InputError, MissingFiles
from ..backends import Stopped
from ..backends.local import LocalBackend
from ..desk import Desk
from ..engine import Engine, EngineError, cached_nodes, failure, find_engine
from ..errors import Cancelled, Unavailable
from ..request import TryOnRequest, TryOnResult
from ..router import Wishes

ROLES = ("person", "garment")


class EngineDied(Unavailable):
    """The engine ended while it worked; the next one may do it."""


class LocalMaker:
    """A model of this machine, which stays loaded; the garment stays read as long as it comes."""

    cache_hits = 0

    def __init__(self, device: str = "auto", precision: str = "auto") -> None:
        self.backend = LocalBackend(device, precision)

    def __call__(
        self, request: TryOnRequest, progress: Callable[[str, float], None], stopped: Stopped
    ) -> TryOnResult:
        return self.backend.run(request, progress, stopped)


class DeskMaker:
    """Whoever the router chooses; attempts and money stand in the ledger."""

    cache_hits = 0

    def __init__(self, desk: Desk, wishes: Wishes) -> None:
        self.desk, self.wishes = desk, wishes

    def __call__(
        self, request: TryOnRequest, progress: Callable[[str, float], None], stopped: Stopped
    ) -> TryOnResult:
        return self.desk.carry_out(request, self.wishes, progress, stopped).result


class WorkflowMaker:
    """A ComfyUI of its own with a workflow in API format, whose two LoadImage nodes get the pair.

    Use it as a context manager. An engine that died is started again at the next picture.
    """

    def __init__(self, workflow: Path, models: Path | None, cpu: bool = False) -> None:
        """models: ComfyUI's models folder, None for the engine's own."""
        try:
            self.graph = json.loads(workflow.read_text("utf-8"))
            self.slots = picture_slots(self.graph)
        except (OSError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{workflow} is no workflow in API format: {error}.") from error
        found = find_engine()
        if found is None:
            raise MissingFiles("No ComfyUI was found: set COMFYUI_PATH to its folder.")
        self.folder = found
        self.models = models or found / "models"
        self.arguments = ("--cpu",) if cpu else ()
        self.cache_hits = 0
        self.engine: Engine | None = None
        self._stack = ExitStack()
        self._sent: dict[str, str] = {}

    def __enter__(self) -> WorkflowMaker:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def __call__(
        self, request: TryOnRequest, progress: Callable[[str, float], None], stopped: Stopped
    ) -> TryOnResult:
        start = time.perf_counter()
        if stopped():
            raise Cancelled("Stopped.", backend="engine")
        progress("engine", 0.0)
        engine = self._ready()
        graph = copy.deepcopy(self.graph)
        pictures = {"person": request.person, "garment": request.garment}
        masks = {"person": None, "garment": request.garment_mask}
        for role, node in self.slots.items():
            graph[node]["inputs"]["image"] = self._send(engine, pictures[role], masks[role])
        for node in graph.values():
            if isinstance(node["inputs"].get("seed"), int):
                node["inputs"]["seed"] = request.seed
        progress("workflow", 0.1)
        try:
            history = engine.run(graph, 3600)
        except EngineError as error:
            if engine.alive:
                raise Unavailable(str(error), backend="engine") from error
            self._stack.close()
            self.engine = None
            raise EngineDied(str(error), backend="engine") from error
        problem = failure(history)
        if problem:
            raise InputError(problem["exception_message"].strip())
        self.cache_hits += len(cached_nodes(history))
        picture = self._result(engine, graph, history)
        return TryOnResult(
            picture=picture, mask=None, category=request.category, backend="engine",
            model=request.model, seed=request.seed, seconds=time.perf_counter() - start,
            cost=Decimal(0),
        )  # fmt: skip

    def _ready(self) -> Engine:
        if self.engine is not None and self.engine.alive:
            return self.engine
        self._stack.close()
        self._sent.clear()
        base = Path(self._stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True)))
        (base / "models").symlink_to(self.models, target_is_directory=True)
        self.engine = self._stack.enter_context(Engine(self.folder, base, self.arguments))
        return self.engine

    def _send(self, engine: Engine, picture: np.ndarray, alpha: np.ndarray | None) -> str:
        """Name in the engine's input folder; equal pictures have one, so that it is cached."""
        from ...pipelines.images import write_picture
        from ..request import content_hash

        name = f"{content_hash(picture)[:32]}.png"
        if name not in self._sent:
            if alpha is not None:
                picture = np.dstack([picture, (alpha * 255).round().astype(np.uint8)])
            write_picture(engine.base / "input" / name, picture)
            self._sent[name] = name
        return name

    @staticmethod
    def _result(engine: Engine, graph: Mapping[str, Any], history: Mapping[str, Any]) -> Any:
        from PIL import Image

        saved = [
            found
            for node, shown in history["outputs"].items()
            if graph[node]["class_type"] not in ("PreviewImage",)
            for found in shown.get("images", [])
            if found.get("type") == "output"
        ]
        if not saved:
            raise InputError(
                "The workflow saved no picture. It needs a node that does, such as Save Picture."
            )
        with Image.open(io.BytesIO(engine.picture(saved[0]))) as picture:
            return np.asarray(picture.convert("RGB"))


def picture_slots(graph: Mapping[str, Any]) -> dict[str, str]:
    """The LoadImage nodes for person and garment: by their titles, else the first two by number.

    Raises InputError for a graph that has no two.
    """
    loaders = [
        name for name, node in graph.items()
        if isinstance(node, dict) and node.get("class_type") == "LoadImage"
    ]  # fmt: skip
    named = {
        role: name
        for role in ROLES
        for name in loaders
        if role in str(graph[name].get("_meta", {}).get("title", "")).lower()
    }
    if len(named) == len(ROLES):
        return named
    if len(loaders) != len(ROLES):
        raise InputError(
            f"A workflow with two LoadImage nodes was wanted, for person and garment; it has "
            f"{len(loaders)}. Give two of them the titles Person and Garment."
        )
    ordered = sorted(loaders, key=lambda name: (len(name), name))
    return dict(zip(ROLES, ordered, strict=True))
