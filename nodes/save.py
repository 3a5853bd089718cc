"""Save picture: a file with the marks that say how it was made, and nothing about anybody."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import folder_paths
import numpy as np
import torch
from comfy_api.latest import io

from ..pipelines.errors import InputError
from ..pipelines.writing import next_number, write_numbered
from .convert import checked, each, on_white
from .items import MARK
from .marking import (
    CORNERS,
    PRODUCER,
    SOURCES,
    dropped,
    label_inputs,
    mark_inputs,
    marks_of,
    place_of,
)
from .saving import note_saved, saved_before
from .sockets import CATEGORY

ENDINGS = {"png": ".png", "jpeg": ".jpg", "webp": ".webp", "png 16 bit": ".png"}
"""Choice of the node -> ending of the file, which tells its format."""


class SavePicture(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomSavePicture",
            display_name="Save Picture",
            category=CATEGORY,
            description=(
                "Saves pictures to the output folder with the machine-readable marks that the EU "
                "and China ask for (IPTC source type, AIGC field), and a visible label if wanted. "
                "Nothing of the uploaded photo's file comes along, and the workflow only if asked."
            ),
            search_aliases=["save image", "ai label", "c2pa", "aigc", "metadata", "watermark"],
            is_output_node=True,
            inputs=[*_file_inputs(), *label_inputs(), *mark_inputs("picture")],
            outputs=[],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
        )

    @classmethod
    def validate_inputs(
        cls, format: str | None, embed_workflow: bool | None, filename_prefix: str | None
    ) -> bool | str:
        # Named here, so the engine leaves checking them to us; None where a link brings them.
        if format is not None and format not in ENDINGS:
            return f"{format!r} is none of {', '.join(ENDINGS)}"
        if format == "jpeg" and embed_workflow:
            return "ComfyUI reads no workflow from a JPEG: choose png or webp, or do not embed it"
        try:
            # Told before anything is computed: a picture that cannot be saved is lost.
            place_of(filename_prefix or "", 0, 0)
        except InputError as error:
            return str(error)
        return True

    @classmethod
    def execute(cls, image: torch.Tensor, **settings: Any) -> io.NodeOutput:
        saving = Saving(**settings)
        found = saved_before(image, saving)
        if found is None:
            workflow = {"prompt": cls.hidden.prompt, **(cls.hidden.extra_pnginfo or {})}
            found = save(image, saving, workflow)
            if hasattr(image, MARK):  # a cancel among the pictures of a folder saves none twice
                note_saved(image, saving, found)
        told = dropped(saving.source)
        return io.NodeOutput(ui={"images": found, **({"text": told} if told else {})})


@dataclass(frozen=True)
class Saving:
    """The inputs of Save Picture beside the picture."""

    filename_prefix: str
    format: str
    quality: int
    source: str
    embed_workflow: bool
    visible_label: bool = False
    label_language: str = "en"
    label_text: str = ""
    label_corner: str = CORNERS[0]
    ai_system: str = ""
    aigc_field: str = "auto"
    producer: str = PRODUCER
    picture_number: str = ""


def save(image: torch.Tensor, saving: Saving, workflow: dict[str, Any]) -> list[dict[str, str]]:
    """Writes each picture of a batch; gives them as the page wants to be told of files.

    workflow: what ComfyUI reads back from a dropped picture. Raises InputError.
    """
    from comfy.cli_args import args

    from ..pipelines.marks.provenance import FORMATS, marked_picture, with_number
    from ..pipelines.marks.visible_label import VisibleLabel

    rows = list(checked(image, "Save Picture", transparent=True).cpu())
    label = None
    if saving.visible_label:
        label = VisibleLabel(saving.label_text, saving.label_language, saving.label_corner)
    marks = marks_of(saving.source, saving.ai_system, saving.aigc_field, saving.producer)
    embedded = None
    if saving.embed_workflow:
        embedded = {} if args.disable_metadata else workflow
    height, width = rows[0].shape[:2]
    place, name = place_of(saving.filename_prefix, width, height)
    folder = Path(folder_paths.get_output_directory()) / place
    ending = ENDINGS[saving.format]
    kind = FORMATS[ending.removeprefix(".")]
    free: dict[str, int] = {}

    def work(index: int) -> str:
        number = saving.picture_number.strip()
        if number and len(rows) > 1:
            number = f"{number}-{index + 1}"
        filled = name.replace("%batch_num%", str(index))
        data = marked_picture(
            _pixels(rows[index], saving.format), kind, quality=saving.quality,
            marks=with_number(marks, number), label=label, workflow=embedded,
        )  # fmt: skip
        first = free.get(filled) or next_number(folder, filled)
        path, taken = write_numbered(folder, filled, first, ending, data)
        free[filled] = taken + 1
        return path.name

    saved = each(range(len(rows)), work)
    return [{"filename": name, "subfolder": place, "type": "output"} for name in saved]


def path_of(found: dict[str, str]) -> Path:
    """Where a file lies that the page is told of."""
    return Path(folder_paths.get_output_directory()) / found["subfolder"] / found["filename"]


def _pixels(row: torch.Tensor, format: str) -> np.ndarray:
    """(height, width, 3 or 4) in 0..1 to uint8 or uint16; for a JPEG, without alpha, on white."""
    row = row.clamp(0, 1)
    if format == "jpeg":
        row = on_white(row)
    kind, full = (np.uint16, 65535) if format == "png 16 bit" else (np.uint8, 255)
    return (row.numpy() * full).round().astype(kind)


def _file_inputs() -> list[io.Input]:
    return [
        io.Image.Input("image", tooltip="Pictures to save. A batch works too."),
        io.String.Input(
            "filename_prefix",
            default="fitting_room/result",
            tooltip="Folder and beginning of the file name in the output folder; %width%, "
            "%height%, %year%, %month%, %day% are filled in.",
        ),
        io.Combo.Input(
            "format",
            options=list(ENDINGS),
            default="png",
            tooltip="png keeps every pixel and transparency; jpeg is small and has none; webp has "
            "both.",
        ),
        io.Int.Input(
            "quality",
            default=92,
            min=1,
            max=100,
            tooltip="Of jpeg and webp. 100 makes webp lossless.",
        ),
        io.Combo.Input(
            "source",
            options=list(SOURCES),
            default="generated",
            tooltip="What made the picture, for programs to read (IPTC). generated: a diffusion "
            "model. preview: the embedded warp, which generates nothing. photos: the preview of "
            "what are known to be photographs. none: no mark.",
        ),
        io.Boolean.Input(
            "embed_workflow",
            default=False,
            tooltip="Whether the file carries the workflow, without what looks like a key. Names "
            "of uploaded files stand in it. Not possible in a jpeg.",
        ),
    ]
