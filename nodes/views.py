"""Views and View Sheet: camera sentences for an editing model, and all stills on one sheet."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from ..pipelines.errors import InputError
from ..pipelines.views import SHOWN, STYLES
from .convert import checked, image_of, pictures
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
            is_input_list=True,
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
                io.Image.Input(
                    "images", optional=True,
                    tooltip="Pictures of dressed people: every view of each. A list or batches.",
                ),
                io.String.Input(
                    "captions", default="", multiline=True, optional=True,
                    tooltip="For several pictures: one line each, put before the view's name.",
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
                io.Image.Output(
                    "people", display_name="images", is_output_list=True,
                    tooltip="The picture that belongs to each sentence.",
                ),
            ],
        )  # fmt: skip

    @classmethod
    def execute(
        cls,
        names: list[str],
        style: list[str],
        garment_shows: list[str],
        images: list[torch.Tensor] | None = None,
        captions: list[str] | None = None,
    ) -> io.NodeOutput:
        from ..pipelines.views import chosen, label, words

        views = chosen(names[0])
        people = [row[None] for batch in images or [] for row in checked(batch, "Views")]
        lines = _lines(captions or [])
        if lines and len(lines) != len(people):
            raise InputError(f"{len(people)} pictures and {len(lines)} captions came, one a line.")
        before = [f"{line}, " for line in lines] or [""] * max(len(people), 1)
        return io.NodeOutput(
            [words(view, style[0]) for _ in before for view in views],
            [start + label(v.name, v.angle, garment_shows[0]) for start in before for v in views],
            [person for person in people for _ in views],
        )


def _lines(texts: list[str]) -> list[str]:
    return [line.strip() for text in texts for line in text.splitlines() if line.strip()]


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
        lines = _lines(labels)
        if lines and len(lines) != len(rows):
            raise InputError(
                f"{len(rows)} pictures and {len(lines)} labels came. Give one line for each "
                "picture, or leave the labels empty."
            )
        lines = lines or [str(index + 1) for index in range(len(rows))]
        return io.NodeOutput(image_of([sheet(rows, lines, columns[0], cell[0])]))
