"""Pictures of a folder, one after the other: one that cannot be used is named and left out, and
the others go on. Only where all of them fail the run ends.

ComfyUI runs each node for every item of a list before the next node. An error in one item ends the
run for all, and whoever cancels loses what the node has finished. So Picture Folder marks its
pictures with their names. A node that cannot use a marked one blocks what hangs on it. What it
finished is written at once by the Save Picture nodes behind it (`saving.py`), and kept until it is
through with the folder: the next run goes on where the last one stopped.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from comfy_api.latest import io

from ..pipelines.errors import InputError
from .doubts import beside
from .saving import save_at_once

log = logging.getLogger(__name__)
MARK = "fitting_room_item"  # an attribute of a picture's tensor


@dataclass
class Folder:
    """names: of its pictures in this run; failed: what was said of those that could not be used, by
    name, with the node that said it; finished: of each node that is not through yet, by its id in
    the graph, what it was given and made of each picture."""

    names: list[str]
    failed: dict[str, tuple[str, str]] = field(default_factory=dict)
    finished: dict[str, dict[str, tuple[dict[str, Any], io.NodeOutput]]] = field(
        default_factory=dict
    )

    def made_before(self, node: str, name: str, given: dict[str, Any]) -> io.NodeOutput | None:
        """What the node made of this picture in a run that was stopped, from the same inputs."""
        before, result = self.finished.get(node, {}).get(name, ({}, None))
        return result if alike(given, before) else None

    def keep(self, node: str, name: str, given: dict[str, Any], result: io.NodeOutput) -> None:
        self.finished.setdefault(node, {})[name] = given, result

    def let_go(self, node: str) -> None:
        """Where the node is through with all pictures: from then on the engine keeps them."""
        if set(self.names) <= {*self.finished.get(node, {}), *self.failed}:
            self.finished.pop(node, None)


@dataclass(frozen=True)
class Item:
    """One picture of a folder."""

    folder: Folder
    name: str


def carry_mark(source: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """The image, marked as the picture of a folder that it was made of; unmarked of any other."""
    if (item := getattr(source, MARK, None)) is not None:
        setattr(image, MARK, item)
    return image


def marked(images: list[torch.Tensor], names: list[str]) -> list[torch.Tensor]:
    """The pictures of a folder, with their names."""
    folder = Folder(names)
    for image, name in zip(images, names, strict=True):
        setattr(image, MARK, Item(folder, name))
    return images


def node_running() -> str:
    """The id in the graph of the node that runs; empty outside the engine."""
    from comfy_execution.utils import get_executing_context

    context = get_executing_context()
    return context.node_id if context else ""


def alike(one: Any, other: Any) -> bool:
    """The same objects, equal values of widgets, or tables of them: links bring the same objects
    as long as what made them has not run again."""
    if one is other:
        return True
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    return isinstance(one, (str, int, float)) and type(one) is type(other) and one == other


def left_out(node: str) -> Callable[[Callable[..., io.NodeOutput]], Callable[..., io.NodeOutput]]:
    """Decorates the execute of a node with an input `image`: a marked picture that it cannot use is
    named in the page, the log and the run's history, and blocks what hangs on it."""

    def decorate(execute: Callable[..., io.NodeOutput]) -> Callable[..., io.NodeOutput]:
        @functools.wraps(execute)
        def run(cls: type, **given: Any) -> io.NodeOutput:
            image = given["image"]
            item: Item | None = getattr(image, MARK, None)
            if item is None:
                return execute(cls, **given)
            folder, name = item.folder, item.name
            place = node_running()
            result = folder.made_before(place, name, given)
            try:
                if result is None:
                    result = execute(cls, **given)
            except InputError as error:
                folder.failed[name] = node, str(error)
                told = f"{name}: {error}"
                if len(folder.failed) == len(folder.names):
                    every = " ".join(f"{at}: {said}" for at, (_, said) in folder.failed.items())
                    raise type(error)(every) from error
                log.warning("%s left out: %s", node, told)
                folder.let_go(place)
                return io.NodeOutput(None, block_execution=told, ui=beside(text=(told,)))
            if folder.failed.get(name, ("", ""))[0] == node:
                del folder.failed[name]
            for value in result.result or ():
                if isinstance(value, torch.Tensor) and value.shape[0] == image.shape[0]:
                    carry_mark(image, value)
            folder.keep(place, name, given, result)
            save_at_once(place, name, result)
            folder.let_go(place)
            return result

        return run

    return decorate
