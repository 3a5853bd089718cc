"""Pictures of a folder, one after the other: one that cannot be used is named and left out, and
the others go on. Only where all of them fail the run ends.

ComfyUI runs each node for every item of a list before the next node, and an error in one item ends
the run for all. So Picture Folder marks its pictures with their names, and a node that cannot use a
marked one blocks what hangs on it.
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

log = logging.getLogger(__name__)
MARK = "fitting_room_item"  # an attribute of a picture's tensor


@dataclass
class Folder:
    """names: of its pictures in this run; failed: what was said of those that could not be used, by
    name, with the node that said it."""

    names: list[str]
    failed: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Item:
    """One picture of a folder."""

    folder: Folder
    name: str


def marked(images: list[torch.Tensor], names: list[str]) -> list[torch.Tensor]:
    """The pictures of a folder, with their names."""
    folder = Folder(names)
    for image, name in zip(images, names, strict=True):
        setattr(image, MARK, Item(folder, name))
    return images


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
            try:
                result = execute(cls, **given)
            except InputError as error:
                folder.failed[name] = node, str(error)
                told = f"{name}: {error}"
                if len(folder.failed) == len(folder.names):
                    every = " ".join(f"{at}: {said}" for at, (_, said) in folder.failed.items())
                    raise type(error)(every) from error
                log.warning("%s left out: %s", node, told)
                return io.NodeOutput(None, block_execution=told, ui={"text": (told,)})
            if folder.failed.get(name, ("", ""))[0] == node:
                del folder.failed[name]
            for value in result.result or ():
                if isinstance(value, torch.Tensor) and value.shape[0] == image.shape[0]:
                    setattr(value, MARK, item)
            return result

        return run

    return decorate
