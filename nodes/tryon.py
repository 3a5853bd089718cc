"""Try on: people dressed in encoded garments by a diffusion model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from comfy_api.latest import io

from ..pipelines.errors import InputError
from ..pipelines.models.common import FRAMINGS
from .doubts import told
from .items import left_out
from .sockets import CATEGORY, EncodedGarmentSocket, ModelSocket

if TYPE_CHECKING:
    from .encode import EncodedGarment
    from .model import TryOnModel

SCHEDULERS = ("published", "dpmpp_2m", "unipc", "euler", "lcm")
PAIRINGS = ("one to one", "every combination")
LARGEST_SEED = 2**53 - 1
"""What a page can hold exactly."""


def sampling_inputs(steps: int = 30, guidance: float = 2.5) -> list[io.Input]:
    return [
        io.Int.Input(
            "seed",
            default=0,
            min=0,
            max=LARGEST_SEED,
            control_after_generate=True,
            tooltip="The same seed gives the same picture. Picture i of a batch uses seed + i.",
        ),
        io.Int.Input(
            "steps",
            default=steps,
            min=1,
            max=200,
            tooltip="Denoising steps. The report of Load Try-On Model says what the authors use.",
        ),
        io.Float.Input(
            "guidance",
            default=guidance,
            min=1.0,
            max=10.0,
            step=0.1,
            tooltip="How strongly the garment is followed; the report of Load Try-On Model says "
            "what the authors use. 1 is none, and takes half the time.",
        ),
        io.Combo.Input(
            "scheduler",
            options=list(SCHEDULERS),
            default="published",
            tooltip="published: the authors' own. dpmpp_2m and unipc do with 15 steps; lcm is for "
            "weights distilled for it.",
        ),
    ]


def accelerated_input() -> io.Boolean.Input:
    return io.Boolean.Input(
        "accelerated",
        default=False,
        tooltip="Look at the garment once instead of at every step; about 40 % fewer operations, "
        "slightly other pictures. Models that cannot, ignore it and say so.",
    )


class TryOn(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomTryOn",
            display_name="Try On",
            category=CATEGORY,
            description=(
                "Dresses people in an encoded garment with a diffusion model. The photo is cut "
                "around the mask, repainted at the model's size and put back at its own; pixels "
                "outside the mask come back unchanged. A model that takes no mask sees the whole "
                "person, and what it did not change comes back unchanged."
            ),
            search_aliases=["try on", "tryon", "virtual try-on", "vton", "inpaint garment"],
            inputs=[
                ModelSocket.Input("model", tooltip="From Load Try-On Model."),
                io.Image.Input("image", tooltip="Photo of a person, of any size. A batch works."),
                EncodedGarmentSocket.Input("garment", tooltip="From Encode Garment."),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="What is repainted (1 = repaint), such as from Garment Mask. Only "
                    "models that take no mask do without.",
                ),
                *sampling_inputs(),
                io.Combo.Input(
                    "framing",
                    options=list(FRAMINGS),
                    default="fit",
                    tooltip="fit: cut around the mask, nothing stretched. reference: the framing "
                    "of the model's authors, for comparison.",
                ),
                io.Float.Input(
                    "context",
                    default=0.25,
                    min=0.0,
                    max=2.0,
                    step=0.05,
                    tooltip="fit: how much of the surroundings the model sees on each side, as a "
                    "share of the mask's longer side.",
                ),
                io.Int.Input(
                    "feather",
                    default=8,
                    min=0,
                    max=256,
                    tooltip="Pixels over which the new picture fades in, inside the mask's edge.",
                ),
                accelerated_input(),
                io.Combo.Input(
                    "pairing",
                    options=list(PAIRINGS),
                    default="one to one",
                    tooltip="one to one: the first person in the first garment, and so on; one of "
                    "either goes with all. every combination: every person in every garment.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.05,
                    max=1.0,
                    step=0.05,
                    tooltip="Below 1: begin from the start picture, with that share of the steps.",
                ),
                io.Image.Input(
                    "start",
                    optional=True,
                    tooltip="The picture to begin from at a strength below 1, such as that of "
                    "Preview Try-On. Of the photo's size.",
                ),
                io.Image.Input(
                    "body_map",
                    optional=True,
                    tooltip="DensePose picture of the photo, of its size, for models that want it. "
                    "Where none is connected it is made here, if DensePose is installed.",
                ),
                io.Int.Input(
                    "samples",
                    default=1,
                    min=1,
                    max=16,
                    optional=True,
                    tooltip="Pictures of each pair, each with the next seed.",
                ),
                io.Int.Input(
                    "batch",
                    default=1,
                    min=0,
                    max=64,
                    optional=True,
                    tooltip="Pictures that go through the network together. 0: as many as the free "
                    "memory holds. The same pictures, up to rounding.",
                ),
                io.Int.Input(
                    "skip_guidance",
                    default=-1,
                    min=-1,
                    max=200,
                    optional=True,
                    tooltip="How many of the last steps do without guidance, against colours that "
                    "grow too strong, where the model can. -1: as its authors do.",
                ),
                io.Boolean.Input(
                    "published_times",
                    default=False,
                    optional=True,
                    tooltip="Round the times of the steps as the authors' own program does on a "
                    "card, where the model can. Off: exact times.",
                ),
                io.Boolean.Input(
                    "whole_picture",
                    default=False,
                    optional=True,
                    tooltip="For models without a mask: put back everything that the model drew, "
                    "not only what it changed of the garments.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    "dressed", display_name="image", tooltip="The photo with the garment on."
                ),
                io.Image.Output(
                    "model_picture",
                    display_name="model's picture",
                    tooltip="What the model made, at its size, before it was put back.",
                ),
                io.String.Output(
                    "report",
                    display_name="report",
                    tooltip="Photos that were left out and why, settings that this model does not "
                    "know, and what it read of the photos.",
                ),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, **inputs: object) -> str:
        from .perception import state_of_helpers

        return state_of_helpers("try_on")

    @classmethod
    @left_out("Try On")
    def execute(
        cls,
        model: TryOnModel,
        image: torch.Tensor,
        garment: tuple,
        seed: int,
        steps: int,
        guidance: float,
        scheduler: str,
        framing: str,
        context: float,
        feather: int,
        accelerated: bool,
        pairing: str,
        strength: float,
        mask: torch.Tensor | None = None,
        start: torch.Tensor | None = None,
        body_map: torch.Tensor | None = None,
        samples: int = 1,
        batch: int = 1,
        skip_guidance: int = -1,
        published_times: bool = False,
        whole_picture: bool = False,
    ) -> io.NodeOutput:
        from ..pipelines.diffusion.run import every_pair, pair_up
        from ..pipelines.models.common import Settings, Sight
        from .dressing import dress_rows, photo_rows
        from .model import check_kind, tell

        check_kind(model, "try_on")
        width, height = _size_of(garment, model)
        if strength < 1 and start is None:
            raise InputError("A strength below 1 needs a picture to begin from: connect start.")
        rows = photo_rows(image, mask, start if strength < 1 else None, body_map)
        sights = [Sight(row.photo, row.mask, width, height, framing, context) for row in rows]
        pair = pair_up if pairing == PAIRINGS[0] else every_pair
        settings = Settings(
            steps=steps, guidance=guidance, seed=seed, scheduler=scheduler, strength=strength,
            accelerated=accelerated, samples=samples,
            skip_guidance=None if skip_guidance < 0 else skip_guidance,
            published_times=published_times, whole_picture=whole_picture,
        )  # fmt: skip
        made = dress_rows(
            model, rows, sights, garment, pair(len(rows), len(garment)), settings,
            batch=batch, feather=feather,
        )  # fmt: skip
        report = "\n".join(made.notes)
        if report:
            tell(report)
        ui = told(made.fits)
        return io.NodeOutput(torch.cat(made.finished), torch.cat(made.made), report, ui=ui)


def _size_of(garments: Sequence[EncodedGarment], model: TryOnModel) -> tuple[int, int]:
    """The size that all garments were encoded at; raises InputError for another model's."""
    for garment in garments:
        if garment.variant != model.variant.name:
            raise InputError(
                f"The garment was encoded with {garment.variant}, and the model is "
                f"{model.variant.name}. Connect the same model to Encode Garment and Try On."
            )
    return garments[0].width, garments[0].height
