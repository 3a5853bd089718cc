"""Who makes the pictures of a batch: this machine's models and the services, or an engine with a
workflow."""

from __future__ import annotations

import copy
import io
import json
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from ...pipelines.errors import InputError, MissingFiles
from ..backends import Stopped
from ..backends.local import LocalBackend
from ..desk import Desk
from ..engine import Engine, EngineError, EngineStopped, EngineStuck, cached_nodes, failure
from ..errors import Cancelled, Unavailable
from ..own_engine import OwnEngine
from ..request import TryOnRequest, TryOnResult
from ..router import Wishes

ROLES = ("person", "garment")
GARMENTS = "garments"
"""Subfolder of the engine's input where the garment lies as long as it comes."""
RUN_SECONDS = 3600.0


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
    """An engine with a workflow in API format, whose two LoadImage nodes get the pair.

    Every picture has a subfolder of its own in the engine's input and output, which is removed
    afterwards. An engine that died or is stuck is started anew at the next picture, and warmed up.
    """

    def __init__(self, graph: Mapping[str, Any], engine: OwnEngine) -> None:
        """graph: of `read_graph`."""
        self.graph = graph
        self.slots = picture_slots(graph)
        self.source = engine
        self.cache_hits = 0
        self._warm: Engine | None = None

    def __call__(
        self, request: TryOnRequest, progress: Callable[[str, float], None], stopped: Stopped
    ) -> TryOnResult:
        start = time.perf_counter()
        if stopped():
            raise Cancelled("Stopped.", backend="engine")
        progress("engine", 0.0)
        engine = self._ready(stopped)
        folder = f"job-{uuid.uuid4().hex}"
        try:
            graph = self._filled(engine, request, folder)
            progress("workflow", 0.1)
            history = self._run(engine, graph, stopped)
            if problem := failure(history):
                raise InputError(problem["exception_message"].strip())
            self.cache_hits += len(cached_nodes(history))
            picture = self._result(engine, graph, history)
        except EngineError as error:
            raise _kind(engine)(str(error), backend="engine") from error
        finally:
            for kind in ("input", "output"):
                shutil.rmtree(engine.base / kind / folder, ignore_errors=True)
        return TryOnResult(
            picture=picture, mask=None, category=request.category, backend="engine",
            model=request.model, seed=request.seed, seconds=time.perf_counter() - start,
            cost=Decimal(0),
        )  # fmt: skip

    def _ready(self, stopped: Stopped) -> Engine:
        """Runs once, on a new engine, what no picture leads to: its models are then loaded, and a
        missing one is told before any job is spent on it."""
        try:
            engine = self.source.ready()
        except EngineError as error:
            raise MissingFiles(str(error)) from error
        if engine is self._warm:
            return engine
        if graph := warming(self.graph):
            try:
                history = self._run(engine, graph, stopped)
            except EngineDied:
                raise
            except Unavailable as error:
                raise MissingFiles(f"The workflow cannot be begun: {error}") from error
            if problem := failure(history):
                told = problem["exception_message"].strip()
                raise MissingFiles(f"The workflow's models cannot be loaded: {told}")
        self._warm = engine
        return engine

    def _run(self, engine: Engine, graph: dict[str, Any], stopped: Stopped) -> dict[str, Any]:
        """Its history entry. Raises Cancelled, EngineDied, or Unavailable for a refused graph."""
        try:
            return engine.run(graph, RUN_SECONDS, stopped)
        except EngineStopped as error:
            raise Cancelled(str(error), backend="engine") from error
        except EngineStuck as error:
            self.source.close()  # the next picture gets another
            raise EngineDied(str(error), backend="engine") from error
        except EngineError as error:
            raise _kind(engine)(str(error), backend="engine") from error

    def _filled(self, engine: Engine, request: TryOnRequest, folder: str) -> dict[str, Any]:
        """The workflow with this pair, this seed, and its files in `folder`."""
        graph = copy.deepcopy(dict(self.graph))
        person, garment = (graph[self.slots[role]]["inputs"] for role in ROLES)
        person["image"] = _send(engine, folder, request.person)
        garment["image"] = _send(engine, GARMENTS, request.garment, request.garment_mask)
        for node in graph.values():
            inputs = node["inputs"]
            if isinstance(inputs.get("seed"), int):
                inputs["seed"] = request.seed
            if isinstance(inputs.get("filename_prefix"), str):
                inputs["filename_prefix"] = f"{folder}/{inputs['filename_prefix'].lstrip('/')}"
        return graph

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


def _kind(engine: Engine) -> type[Unavailable]:
    """What an error of the engine means for the picture."""
    return Unavailable if engine.alive else EngineDied


def read_graph(path: Path) -> dict[str, Any]:
    """A workflow in API format. Raises InputError for a file that is none."""
    try:
        graph = json.loads(path.read_text("utf-8"))
        picture_slots(graph)
    except InputError:
        raise
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is no workflow in API format: {error}.") from error
    return graph


def warming(graph: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a workflow that no picture leads to, such as the loaders of its models, with
    nodes that show what the rest takes of it; empty where there is none."""

    def links(node: Mapping[str, Any]) -> list[tuple[str, int]]:
        return [
            (str(value[0]), int(value[1])) for value in node["inputs"].values()
            if isinstance(value, list) and len(value) == 2 and str(value[0]) in graph
        ]  # fmt: skip

    pictured = {name for name, node in graph.items() if node.get("class_type") == "LoadImage"}
    while True:
        more = {
            name for name, node in graph.items()
            if name not in pictured and any(source in pictured for source, _ in links(node))
        }  # fmt: skip
        if not more:
            break
        pictured |= more
    taken = {link for name in pictured for link in links(graph[name]) if link[0] not in pictured}
    wanted = [source for source, _ in taken]
    kept: dict[str, Any] = {}
    while wanted:
        name = wanted.pop()
        if name not in kept:
            kept[name] = graph[name]
            wanted += [source for source, _ in links(graph[name])]
    shown = {
        f"shown {name} {slot}": {"class_type": "PreviewAny", "inputs": {"source": [name, slot]}}
        for name, slot in sorted(taken)
    }
    return kept | shown


def _send(engine: Engine, folder: str, picture: np.ndarray, alpha: np.ndarray | None = None) -> str:
    """Name in the engine's input; equal pictures of a folder have one, so that it is cached. Of
    the garments only the last one is kept."""
    from ...pipelines.images import write_picture
    from ..request import content_hash

    cut = "" if alpha is None else content_hash(alpha)[:16]
    place = engine.base / "input" / folder / f"{content_hash(picture)[:32]}{cut}.png"
    if not place.is_file():
        shutil.rmtree(place.parent, ignore_errors=True)
        if alpha is not None:
            picture = np.dstack([picture, (alpha * 255).round().astype(np.uint8)])
        write_picture(place, picture)
    return f"{folder}/{place.name}"


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
