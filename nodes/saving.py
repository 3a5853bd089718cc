"""Pictures of a folder saved as soon as they are made, by the Save Picture nodes behind the node
that makes them: each of those runs only after the whole folder, and a cancel would lose all.
"""

from __future__ import annotations

import logging
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import torch
from comfy_api.latest import io

if TYPE_CHECKING:
    from .save import Saving

log = logging.getLogger(__name__)
SAVED = "fitting_room_saved"  # an attribute of a picture's tensor
FOLDER_NODE, SAVE_NODE = "FittingRoomPictureFolder", "FittingRoomSavePicture"
GUARD_NODE = "FittingRoomGuardedResult"


def save_at_once(node: str, name: str, result: io.NodeOutput) -> None:
    """Writes what a node made of the picture of a folder, as the Save Picture nodes that are linked
    to it will want it, and notes it on the tensors; through Guarded Result where that stands
    between them. node: its id in the running graph."""
    prompt, workflow, wanted = _running()
    for place, value in enumerate(result.result or ()):
        if not isinstance(value, torch.Tensor):
            continue
        for each, behind in prompt.items():
            kind, inputs = behind["class_type"], behind.get("inputs", {})
            if kind == SAVE_NODE and each in wanted and inputs.get("image") == [node, place]:
                _save(value, name, inputs, prompt, workflow)
            elif kind == GUARD_NODE and inputs.get("result") == [node, place]:
                from .guard import guarded_now

                if (guarded := guarded_now(each, value)) is not None:
                    save_at_once(each, name, guarded)


def saved_before(image: torch.Tensor, saving: Saving) -> list[dict[str, str]] | None:
    """The files that were written of this picture with these settings, None where there are none
    or they have gone."""
    from .save import path_of

    found = getattr(image, SAVED, {}).get(saving)
    return found if found and all(path_of(each).is_file() for each in found) else None


def note_saved(image: torch.Tensor, saving: Saving, found: list[dict[str, str]]) -> None:
    """Notes on a picture's tensor where it was written with these settings."""
    setattr(image, SAVED, {**getattr(image, SAVED, {}), saving: found})


def _save(image: torch.Tensor, name: str, inputs: dict, prompt: dict, workflow: dict) -> None:
    from .links import check_inputs
    from .save import SavePicture, Saving, save

    known = {each.name for each in fields(Saving)}
    given: dict[str, Any] = {
        key: name if _names_of_folder(value, prompt) else value
        for key, value in inputs.items()
        if key in known
    }
    if any(isinstance(value, list) for value in given.values()):
        return  # what a link brings is not known yet: Save Picture itself will
    check_inputs(SavePicture.define_schema(), given)
    saving = Saving(**given)
    if saved_before(image, saving) is None:
        found = save(image, saving, {"prompt": prompt, **workflow})
        note_saved(image, saving, found)
        log.info("%s saved as %s", name, ", ".join(each["filename"] for each in found))


def _names_of_folder(value: Any, prompt: dict) -> bool:
    """Whether an input is linked to the names of a Picture Folder."""
    if not isinstance(value, list) or len(value) != 2 or value[1] != 1:
        return False
    return prompt.get(value[0], {}).get("class_type") == FOLDER_NODE


def _running() -> tuple[dict, dict, list[str]]:
    """(the graph that runs, what the page sent along of its workflow, ids of the output nodes that
    are wanted); empty where nothing runs."""
    from comfy_execution.utils import get_executing_context
    from server import PromptServer

    context = get_executing_context()
    running, _ = PromptServer.instance.prompt_queue.get_current_queue_volatile()
    for item in running:
        if context is not None and item[1] == context.prompt_id:
            return item[2], item[3].get("extra_pnginfo") or {}, list(item[4])
    return {}, {}, []
