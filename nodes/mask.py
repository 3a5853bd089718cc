"""Garment mask: what a try-on model may repaint, by the best rule that can be used."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from comfy_api.latest import io

from ..pipelines.errors import NobodyFound
from ..pipelines.masking.rules import RULES
from ..pipelines.masking.select import AUTO, EMBEDDED, masked_models
from .body import marks_surroundings
from .convert import drawn_masks, each, image_of, mask_of, paired, pictures
from .items import left_out
from .pose import pose_rows
from .sockets import (
    CATEGORY,
    BodySocket,
    DensePoseSocket,
    GarmentSocket,
    ParsingSocket,
    PoseSocket,
)

if TYPE_CHECKING:
    from ..pipelines.masking.body import Body
    from ..pipelines.masking.sources import Sources


class GarmentMask(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomGarmentMask",
            display_name="Garment Mask",
            category=CATEGORY,
            description=(
                "The region that a try-on model repaints, by the best that is at hand: the "
                "published rule of the model that will run, with parsing and pose, else the body "
                "alone. The report says which, and why. A mask that you draw always wins."
            ),
            search_aliases=["mask", "agnostic mask", "inpaint mask", "clothes mask"],
            inputs=[
                io.Image.Input("image", tooltip="The photo that the body was found in."),
                *_shape_inputs(),
                *_known_inputs(),
                *_rule_inputs(),
            ],
            outputs=[
                io.Mask.Output("garment_mask", display_name="mask", tooltip="1 = repaint."),
                io.Image.Output(
                    "overlay",
                    display_name="mask over photo",
                    tooltip="The mask in red over the photo.",
                ),
                io.String.Output(
                    "report",
                    display_name="report",
                    tooltip="Which mask was used for each image, and why.",
                ),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, **inputs: object) -> str:
        from .perception import state_of_networks

        return state_of_networks()

    @classmethod
    @left_out("Garment Mask")
    def execute(
        cls,
        image: torch.Tensor,
        category: str,
        sleeves: str,
        grow: float,
        feather: float,
        body: tuple | None = None,
        garment: tuple | None = None,
        mask: torch.Tensor | None = None,
        parsing: tuple | torch.Tensor | None = None,
        keypoints: list | dict | None = None,
        densepose: tuple | torch.Tensor | None = None,
        model: str = AUTO,
        rule: str = AUTO,
        keep_hands: bool = False,
        fill_holes: bool = False,
    ) -> io.NodeOutput:
        from ..pipelines.masking.overlay import mask_over_photo
        from ..pipelines.masking.wishes import told_wish

        asked = Asked(category, sleeves, grow, feather, model, rule, keep_hands, fill_holes)

        def work(row: tuple) -> tuple[np.ndarray, str]:
            photo, person, item, drawn, *known = row
            if drawn is None:
                return asked.mask(asked.sources(photo, item, person, *known), item)
            if not marks_surroundings(drawn, photo, person):
                return drawn, told_wish(drawn)
            mask, said = asked.mask(asked.sources(photo, item, person, *known), item)
            return mask, f"{said}; your mask marks what is around the person and counts as none"

        photos = pictures(image, "Garment Mask")
        rows = paired(
            photos, body or (None,), garment or (None,), drawn_masks(mask, image),
            _parsing_rows(parsing), pose_rows(keypoints), _densepose_rows(densepose),
            names=("image", "body", "garment", "mask", "parsing", "keypoints", "densepose"),
        )  # fmt: skip
        results = each(rows, work)
        overlays = [mask_over_photo(row[0], made[0]) for row, made in paired(rows, results)]
        report = "\n".join(f"{index}: {made[1]}" for index, made in enumerate(results))
        return io.NodeOutput(mask_of([made[0] for made in results]), image_of(overlays), report)


def _shape_inputs() -> list[io.Input]:
    return [
        io.Combo.Input(
            "category",
            options=["auto", "upper", "lower", "dress"],
            default="auto",
            tooltip="Which part of the body. auto: that of the connected garment, upper "
            "where none is connected.",
        ),
        io.Combo.Input(
            "sleeves",
            options=["auto", "none", "short", "long"],
            default="auto",
            tooltip="Sleeves of the new garment; none and short leave bare arms alone. auto: as "
            "the published rule has it; from the body alone, those of the connected garment, "
            "long where none is connected.",
        ),
        io.Float.Input(
            "grow",
            default=0.0,
            min=-0.2,
            max=0.5,
            step=0.01,
            tooltip="Grows the mask (negative: shrinks it), as a share of the shoulder width.",
        ),
        io.Float.Input(
            "feather",
            default=0.0,
            min=0.0,
            max=0.5,
            step=0.01,
            tooltip="Softens the mask's edge, as a share of the shoulder width.",
        ),
    ]


def _known_inputs() -> list[io.Input]:
    return [
        BodySocket.Input(
            "body",
            optional=True,
            tooltip="From Body Pose. Where none is connected, the largest person is taken.",
        ),
        GarmentSocket.Input("garment", optional=True, tooltip="From Garment Cut-out."),
        io.Mask.Input(
            "mask",
            optional=True,
            tooltip="Your own mask; it wins. One that is black but for specks, or a cut-out's "
            "surroundings, counts as none.",
        ),
        io.MultiType.Input(
            "parsing",
            types=[ParsingSocket, io.Image],
            optional=True,
            tooltip="From Human Parsing; or a label picture of another package: ATR's labels as "
            "numbers or in the palette of Pascal VOC.",
        ),
        PoseSocket.Input(
            "keypoints",
            optional=True,
            tooltip="POSE_KEYPOINT of OpenPose, Body Pose or another package. The body's own "
            "where none are connected.",
        ),
        io.MultiType.Input(
            "densepose",
            types=[DensePoseSocket, io.Image],
            optional=True,
            tooltip="From DensePose; or such a picture of another package: coloured (parula), "
            "part numbers, or U, V and part.",
        ),
    ]


def _rule_inputs() -> list[io.Input]:
    return [
        io.Combo.Input(
            "model",
            options=[AUTO, *masked_models()],
            default=AUTO,
            optional=True,
            tooltip="The model that will run: its published rule is used; what that rule needs "
            "and is not connected is read here, where it is installed. auto: only what is "
            "connected counts.",
        ),
        io.Combo.Input(
            "rule",
            options=[AUTO, EMBEDDED, *RULES],
            default=AUTO,
            optional=True,
            tooltip="auto: the best that can be used. embedded: from the body alone. Or a "
            "published rule; what it needs and is not connected is read here, and must then be "
            "installed.",
        ),
        io.Boolean.Input(
            "keep_hands",
            default=False,
            optional=True,
            tooltip="Never repaint hands. From the body alone they are always kept.",
        ),
        io.Boolean.Input(
            "fill_holes", default=False, optional=True, tooltip="Repaint what the mask encloses."
        ),
    ]


@dataclass(frozen=True)
class Asked:
    """What the user asks for, alike for all photos of the batch."""

    category: str
    sleeves: str
    grow: float
    feather: float
    model: str
    rule: str
    keep_hands: bool
    fill_holes: bool

    def sources(
        self,
        photo: np.ndarray,
        garment: Any,
        body: Body | None,
        parsing: Any,
        keypoints: Any,
        densepose: Any,
    ) -> Sources:
        """What is known of the person: what is connected, and what had to be read here."""
        from ..pipelines.masking.automatic import known_sources
        from ..pipelines.masking.body import find_body
        from ..pipelines.masking.sources import Sources
        from .perception import NETWORKS
        from .placement import body_model

        height, width = photo.shape[:2]
        if isinstance(parsing, dict):
            parsing = Sources(width, height, parsing)
        if isinstance(densepose, np.ndarray):
            densepose = Sources(width, height, {"densepose": densepose})
        if body is None:
            try:
                body = find_body(body_model(), photo)
            except NobodyFound:
                if parsing is None:  # else a published rule may do without
                    raise
        model = None if self.model == AUTO else self.model
        return known_sources(
            photo, NETWORKS, self.category_of(garment), model, self.rule,
            body=body, parsing=parsing, densepose=densepose, keypoints=keypoints,
        )  # fmt: skip

    def category_of(self, garment: Any) -> str:
        """upper, lower or dress."""
        return getattr(garment, "category", "upper") if self.category == AUTO else self.category

    def mask(self, sources: Sources, garment: Any) -> tuple[np.ndarray, str]:
        """The mask, and for the report which it is."""
        from ..pipelines.masking.refine import MaskOptions
        from ..pipelines.masking.select import best_mask

        category = self.category_of(garment)
        options = MaskOptions(
            self.grow, self.feather, "as rule" if self.sleeves == AUTO else self.sleeves,
            self.keep_hands, self.fill_holes,
        )  # fmt: skip
        model = None if self.model == AUTO else self.model
        made = best_mask(sources, category, model, self.rule, options)
        if made.rule != EMBEDDED:
            return made.mask, f"{made.why}: {category}"
        if self.sleeves == AUTO and garment is not None:
            options = replace(options, sleeves=garment.sleeves)
            made = replace(best_mask(sources, category, rule=EMBEDDED, options=options),
                           why=made.why)  # fmt: skip
        length = "long" if options.sleeves == "as rule" else options.sleeves
        return made.mask, f"{made.why}: {category}, sleeves {length}"


def _parsing_rows(parsing: tuple | torch.Tensor | None) -> list:
    """For each photo Sources, or label maps by name out of another package's picture, or None."""
    from ..pipelines.masking.given import parsing_of_picture

    if isinstance(parsing, torch.Tensor):
        return [parsing_of_picture(picture) for picture in pictures(parsing, "Parsing")]
    return list(parsing or (None,))


def _densepose_rows(densepose: tuple | torch.Tensor | None) -> list:
    """For each photo Sources, or part numbers out of another package's picture, or None."""
    from ..pipelines.masking.given import densepose_of_picture

    if isinstance(densepose, torch.Tensor):
        return [densepose_of_picture(picture) for picture in pictures(densepose, "DensePose")]
    return list(densepose or (None,))
