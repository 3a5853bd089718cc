"""Picture folder: the pictures of a folder, in the order of their names, with the names."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import folder_paths
import numpy as np
import torch
from comfy_api.latest import io

from ..pipelines.errors import InputError, readable
from ..pipelines.picture_files import ENDINGS
from .convert import each, image_of
from .items import marked
from .sockets import CATEGORY

log = logging.getLogger(__name__)


class PictureFolder(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomPictureFolder",
            display_name="Picture Folder",
            category=CATEGORY,
            description=(
                "Loads the pictures of a folder below ComfyUI's input folder, in the order of "
                "their names. New or changed files are noticed at the next run."
            ),
            search_aliases=["load folder", "load images", "directory", "batch"],
            inputs=[
                io.Combo.Input(
                    "folder",
                    options=folder_paths.get_input_subfolders(),
                    tooltip="A folder in ComfyUI's input folder.",
                ),
                io.Int.Input(
                    "first",
                    default=0,
                    min=0,
                    max=1_000_000,
                    tooltip="How many pictures are skipped before the first one.",
                ),
                io.Int.Input(
                    "count",
                    default=50,
                    min=1,
                    max=10_000,
                    tooltip="How many pictures are loaded at most. All of them stand in memory.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    "images",
                    display_name="images",
                    is_output_list=True,
                    tooltip="The pictures, each in its own size (a list).",
                ),
                io.String.Output(
                    "names",
                    display_name="names",
                    is_output_list=True,
                    tooltip="Their file names (a list).",
                ),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, folder: str, first: int, count: int) -> str:
        return str([(path.name, _state(path)) for path in _files(folder, first, count)])

    @classmethod
    def execute(cls, folder: str, first: int, count: int) -> io.NodeOutput:
        files = _files(folder, first, count)
        if not files:
            raise InputError(
                f"The folder {folder} has no {', '.join(ENDINGS)} file from number {first} on. "
                "Choose another folder, or a smaller first."
            )
        rows = each(files, _read_or_tell)
        told = [row for row in rows if isinstance(row, str)]
        if len(told) == len(rows):
            raise InputError(" ".join(told))
        names = [
            readable(path.name)
            for path, row in zip(files, rows, strict=True)
            if not isinstance(row, str)
        ]
        images = [row for row in rows if not isinstance(row, str)]
        return io.NodeOutput(marked(images, names), names, ui={"text": told} if told else None)


def _files(folder: str, first: int, count: int) -> list[Path]:
    """The pictures by name; what systems hide there (._a.jpg, .hidden.jpg) and what is no file of
    its own (a folder, pipe or broken link of such a name) is none."""
    home = Path(folder_paths.get_input_directory()).resolve()
    place = home / folder
    try:
        if not place.resolve().is_relative_to(home):
            return []
        names = sorted(os.listdir(place))
    except (OSError, ValueError, RuntimeError):  # no folder, or one that may not be read
        return []
    found = [
        place / name
        for name in names
        if name.lower().endswith(ENDINGS)
        and not name.startswith(".")
        and os.path.isfile(place / name)
    ]
    return found[first : first + count]


def _state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None  # gone meanwhile: told when it is read
    return found.st_mtime_ns, found.st_size


def _read_or_tell(path: Path) -> torch.Tensor | str:
    """The picture, or what is wrong with its file."""
    try:
        return _read(path)
    except InputError as error:
        log.warning("Picture Folder left out: %s", error)
        return str(error)


def _read(path: Path) -> torch.Tensor:
    """(1, height, width, 3) in 0..1; transparency is laid on white."""
    from ..pipelines.images import read_picture
    from ..pipelines.picture_files import on_white

    return image_of([np.asarray(on_white(read_picture(path, path.name)))])
