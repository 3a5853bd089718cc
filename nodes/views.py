"""Views and View Sheet: camera sentences for an editing model, and all stills on one sheet."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from ..pipelines.errors import InputError
from ..pipelines.views import SHOWN, STYLES
from .convert import image_of, pictures
from .sockets import CATEGORY


class Views(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomViews",
            display_name="Views",
            category=CATEGORY,
            description=(
                "A list of camera sentences, one a view: what is connected after it runs once for "
                "each. View Sheet lays the stills on one sheet and says which sides are invented."
            ),
            search_aliases=["angles", "multi view", "camera", "turnaround", "multiple angles"],
            inputs=[
                io.String.Input(
                    "names", default="", multiline=True,
                    tooltip="Which views, separated by commas: front, front left, left side, back "
                    "left, back, back right, right side, front right. Empty: all eight.",
                ),
                io.Combo.Input(
                    "style", options=list(STYLES), default=STYLES[0],
                    tooltip="angles LoRA: the words that the multiple-angles LoRA of "
                    "Qwen-Image-Edit-2511 knows. sentences: for an editing model without it.",
                ),
                io.Combo.Input(
                    "garment_shows", options=list(SHOWN), default="front",
                    tooltip="Which side of the garment its photo shows. Other sides are invented "
                    "by the model and labelled so.",
                ),
            ],
            outputs=[
                io.String.Output(
                    "sentences", display_name="sentences", is_output_list=True,
                    tooltip="What the model is told, one a view.",
                ),
                io.String.Output(
                    "labels", display_name="labels", is_output_list=True,
                    tooltip="What stands under each view, for View Sheet.",
                ),
            ],
        )  # fmt: skip

    @classmethod
    def execute(cls, names: str, style: str, garment_shows: str) -> io.NodeOutput:
        from ..pipelines.views import chosen, label, words

        views = chosen(names)
        return io.NodeOutput(
            [words(view, style) for view in views],
            [label(view.name, view.angle, garment_shows) for view in views],
        )


class ViewSheet(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomViewSheet",
            display_name="View Sheet",
            category=CATEGORY,
            description=(
                "Lays pictures on one white sheet, each with its label: views of one person, many "
                "garments, or both."
            ),
            search_aliases=["contact sheet", "lookbook", "grid", "collage"],
            is_input_list=True,
            inputs=[
                io.Image.Input("images", tooltip="Pictures, as a list or as batches."),
                io.String.Input(
                    "labels", default="", multiline=True,
                    tooltip="One label a picture: a list, or lines of text. Empty: numbers.",
                ),
                io.Int.Input("columns", default=4, min=1, max=20, tooltip="Pictures in a row."),
                io.Int.Input(
                    "cell", default=768, min=64, max=2048,
                    tooltip="Pixels of each picture's longer side on the sheet.",
                ),
            ],
            outputs=[io.Image.Output("sheet", display_name="image", tooltip="The sheet.")],
        )  # fmt: skip

    @classmethod
    def execute(
        cls,
        images: list[torch.Tensor],
        labels: list[str],
        columns: list[int],
        cell: list[int],
    ) -> io.NodeOutput:
        from ..pipelines.views import sheet

        rows = [row for batch in images for row in pictures(batch, "View Sheet")]
        lines = [line.strip() for text in labels for line in text.splitlines() if line.strip()]
        if lines and len(lines) != len(rows):
            raise InputError(
                f"{len(rows)} pictures and {len(lines)} labels came. Give one line for each "
                "picture, or leave the labels empty."
            )
        lines = lines or [str(index + 1) for index in range(len(rows))]
        return io.NodeOutput(image_of([sheet(rows, lines, columns[0], cell[0])]))
