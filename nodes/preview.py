"""Preview try-on: the garment warped onto the person in about a second, without any weights."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from .convert import checked, drawn_masks, each, image_of, mask_of, paired, pictures
from .doubts import told
from .items import left_out
from .sockets import CATEGORY, BodySocket, GarmentSocket


class PreviewTryOn(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomPreviewTryOn",
            display_name="Preview Try-On",
            category=CATEGORY,
            description=(
                "Fits the garment to the body by warping it: a quick preview of colour, print, "
                "length and fit, not a photograph. No model download. Pixels outside the mask "
                "come back unchanged."
            ),
            search_aliases=["try on", "tryon", "virtual try-on", "dress", "outfit"],
            inputs=[
                io.Image.Input("image", tooltip="The photo that the body was found in."),
                BodySocket.Input("body", tooltip="From Body Pose."),
                GarmentSocket.Input("garment", tooltip="From Garment Cut-out."),
                io.Float.Input(
                    "lighting",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="How much of the photo's own folds and shadows falls on the garment.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Repaint only here (1 = repaint), drawn in the mask editor. A mask of "
                    "specks, or of a cut-out's surroundings, counts as none.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    "preview",
                    display_name="image",
                    tooltip="The photo with the garment on, at its own size.",
                ),
                io.Mask.Output(
                    "repainted",
                    display_name="repainted mask",
                    tooltip="What was repainted (1 = repainted).",
                ),
                io.String.Output(
                    "fit",
                    display_name="fit report",
                    tooltip="For each image: ok, or doubtful and why.",
                ),
            ],
        )

    @classmethod
    @left_out("Preview Try-On")
    def execute(
        cls,
        image: torch.Tensor,
        body: tuple,
        garment: tuple,
        lighting: float,
        mask: torch.Tensor | None = None,
    ) -> io.NodeOutput:
        from ..pipelines.fit import doubtful
        from ..pipelines.images import composite
        from ..pipelines.preview.pipeline import PreviewPipeline

        originals = checked(image, "Preview Try-On")
        pipeline = PreviewPipeline()
        rows = paired(
            list(originals), pictures(image, "Preview Try-On"), body, garment,
            drawn_masks(mask, image), names=("image", "image", "body", "garment", "mask"),
        )  # fmt: skip
        results = each(rows, lambda row: pipeline(*row[1:], lighting=lighting))
        # The photo's own values come back where nothing is repainted, whatever their precision.
        originals = torch.stack([row[0] for row in rows]).movedim(-1, 1)
        repainted = image_of([result.picture for result in results]).movedim(-1, 1)
        masks = mask_of([result.mask for result in results])
        touched = (masks > 0).float()[:, None]
        picture = composite(originals.cpu(), repainted, touched)
        report = "\n".join(f"{index}: {result.fit}" for index, result in enumerate(results))
        fits = [  # what is said of the garment, Garment Cut-out has told
            doubtful(why for why in result.fit.reasons if why not in row[3].fit.reasons)
            for row, result in zip(rows, results, strict=True)
        ]
        return io.NodeOutput(picture.movedim(1, -1), masks, report, ui=told(fits))
