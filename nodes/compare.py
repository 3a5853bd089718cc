"""Before and after in one picture."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from .convert import checked, paired
from .sockets import CATEGORY


class BeforeAfter(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomBeforeAfter",
            display_name="Before / After",
            category=CATEGORY,
            description="Puts the photo, the garment (if given) and the result into one picture.",
            search_aliases=["compare", "side by side", "before after"],
            inputs=[
                # First: the page passes on the first picture where this node is bypassed.
                io.Image.Input("after", tooltip="The result."),
                io.Image.Input("before", tooltip="The photo as it was."),
                io.Combo.Input(
                    "layout",
                    options=["side by side", "split"],
                    default="side by side",
                    tooltip="side by side: one next to the other. split: one picture, before on "
                    "the left of a line and after on its right.",
                ),
                io.Float.Input(
                    "position",
                    default=0.5,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Where the line stands (split only).",
                ),
                io.Image.Input(
                    "garment",
                    optional=True,
                    tooltip="The garment's photo, shown between (side by side only).",
                ),
            ],
            outputs=[
                io.Image.Output(
                    "comparison", display_name="image", tooltip="The comparison picture."
                )
            ],
        )

    @classmethod
    def execute(
        cls,
        after: torch.Tensor,
        before: torch.Tensor,
        layout: str,
        position: float,
        garment: torch.Tensor | None = None,
    ) -> io.NodeOutput:
        columns = [before, after] if garment is None else [before, garment, after]
        names = ("before", "after") if garment is None else ("before", "garment", "after")
        batches = [list(checked(item, "Before / After").cpu()) for item in columns]
        rows = paired(*batches, names=names)
        join = _side_by_side if layout == "side by side" else _split
        return io.NodeOutput(torch.stack([join(row, position) for row in rows]))


def _side_by_side(row: tuple[torch.Tensor, ...], position: float) -> torch.Tensor:
    """(height, width, 3) pictures at the last one's height, with a white gap between."""
    height = row[-1].shape[0]
    gap = torch.ones(height, max(2, height // 64), 3)
    parts: list[torch.Tensor] = []
    for picture in row:
        parts += [_at_height(picture, height), gap]
    return torch.cat(parts[:-1], dim=1)


def _split(row: tuple[torch.Tensor, ...], position: float) -> torch.Tensor:
    """The first picture left of a white line, the last one right of it."""
    after = row[-1].clone()
    height, width = after.shape[:2]
    before = _sized(row[0], width, height)
    column = round(position * width)
    line = max(1, width // 400)
    after[:, :column] = before[:, :column]
    after[:, max(0, column - line) : column + line] = 1
    return after


def _at_height(picture: torch.Tensor, height: int) -> torch.Tensor:
    return _sized(picture, round(picture.shape[1] * height / picture.shape[0]), height)


def _sized(picture: torch.Tensor, width: int, height: int) -> torch.Tensor:
    from ..pipelines.images import resample

    return resample(picture.movedim(-1, 0)[None], width, height)[0].movedim(0, -1)
