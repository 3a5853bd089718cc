"""Place Print: a print on the chest of a blank garment, where its landmarks say, with its folds."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from ..pipelines.garment.printing import GROUNDS
from .convert import each, image_of, mask_of, paired, pictures
from .sockets import CATEGORY, GarmentSocket


class PlacePrint(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomPlacePrint",
            display_name="Place Print",
            category=CATEGORY,
            description=(
                "Lays a print on the chest of a blank top or dress: between the armpits, below the "
                "neckline, as the garment's landmarks say; its folds shade and bend the print."
            ),
            search_aliases=["print", "logo", "motif", "t-shirt print", "composite", "mockup"],
            inputs=[
                io.Image.Input("image", tooltip="Photo of the blank garment."),
                GarmentSocket.Input("garment", tooltip="The same photo, by Garment Cut-out."),
                io.Image.Input(
                    "printed",
                    display_name="print",
                    tooltip="The print. Where it has transparency, that says what is print.",
                ),
                io.Combo.Input(
                    "ground",
                    options=list(GROUNDS),
                    default=GROUNDS[0],
                    tooltip="white is fabric: white lets the fabric through, as when printed "
                    "without a white base. keep: the whole picture is ink.",
                ),
                io.Float.Input(
                    "size", default=0.6, min=0.05, max=1.2, step=0.05,
                    tooltip="Width of the print, as a share of the chest's between the armpits. "
                    "Made smaller where it would reach the hem.",
                ),
                io.Float.Input(
                    "below", default=0.15, min=-0.2, max=1.5, step=0.05,
                    tooltip="From the lowest point of the neckline to the upper edge of the print, "
                    "as a share of the chest's width.",
                ),
                io.Float.Input(
                    "aside", default=0.0, min=-0.6, max=0.6, step=0.05,
                    tooltip="Of the print's middle from the garment's, to the right as seen, as a "
                    "share of the chest's width.",
                ),
                io.Float.Input(
                    "turn", default=0.0, min=-180.0, max=180.0, step=1.0,
                    tooltip="Degrees, clockwise.",
                ),
            ],
            outputs=[
                io.Image.Output("result", display_name="image",
                                tooltip="The garment's photo with the print."),
                io.Mask.Output("ink", display_name="print mask", tooltip="1 = print."),
                io.String.Output("fit", display_name="fit report",
                                 tooltip="For each image: ok, or doubtful and why."),
            ],
        )  # fmt: skip

    @classmethod
    def execute(
        cls,
        image: torch.Tensor,
        garment: tuple,
        printed: torch.Tensor,
        ground: str,
        size: float,
        below: float,
        aside: float,
        turn: float,
    ) -> io.NodeOutput:
        from ..pipelines.garment.printing import place_print

        photos = pictures(image, "Place Print")
        prints = pictures(printed, "Place Print", transparent=True)
        made = each(
            paired(photos, garment, prints, names=("photos", "garments", "prints")),
            lambda row: place_print(
                row[0], row[1], row[2], size=size, below=below, aside=aside, turn=turn,
                ground=ground,
            ),
        )  # fmt: skip
        return io.NodeOutput(
            image_of([placed.picture for placed in made]),
            mask_of([placed.ink for placed in made]),
            "\n".join(f"{index}: {placed.fit}" for index, placed in enumerate(made)),
        )
