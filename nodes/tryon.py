"""Try on: people dressed in encoded garments by a diffusion model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from comfy_api.latest import io

from ..pipelines.errors import InputError
from ..pipelines.images import Crop, paste
from ..pipelines.models.framing import (
    FRAMINGS,
    framed_body,
    framed_mask,
    framed_photo,
    person_crop,
)
from .convert import checked, naming, on_white, paired
from .sockets import CATEGORY, EncodedGarmentSocket, ModelSocket

if TYPE_CHECKING:
    from ..pipelines.diffusion.run import Progress, Step
    from ..pipelines.models.door import Person
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
            tooltip="Denoising steps. The authors use 20 (OOTDiffusion) or 30 (the others).",
        ),
        io.Float.Input(
            "guidance",
            default=guidance,
            min=1.0,
            max=10.0,
            step=0.1,
            tooltip="How strongly the garment is followed: 2 for OOTDiffusion and IDM-VTON, 2.5 "
            "for Leffa. 1 is none, and takes half the time.",
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
        tooltip="Leffa only: look at the garment once instead of at every step; about 40 % fewer "
        "operations, slightly other pictures. The other models ignore it.",
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
                "outside the mask come back unchanged."
            ),
            search_aliases=["try on", "tryon", "virtual try-on", "vton", "inpaint garment"],
            inputs=[
                ModelSocket.Input("model", tooltip="From Load Try-On Model."),
                io.Image.Input("image", tooltip="Photo of a person, of any size. A batch works."),
                EncodedGarmentSocket.Input("garment", tooltip="From Encode Garment."),
                io.Mask.Input(
                    "mask", tooltip="What is repainted (1 = repaint), such as from Garment Mask."
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
                    tooltip="DensePose picture of the photo, of its size, for IDM-VTON and Leffa. "
                    "Where none is connected it is made here, if DensePose is installed.",
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
            ],
        )

    @classmethod
    def execute(
        cls,
        model: TryOnModel,
        image: torch.Tensor,
        garment: tuple,
        mask: torch.Tensor,
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
        start: torch.Tensor | None = None,
        body_map: torch.Tensor | None = None,
    ) -> io.NodeOutput:
        from ..pipelines.diffusion.run import every_pair, pair_up
        from ..pipelines.models.door import dress
        from .model import check_variant

        check_variant(model, pose_transfer=False)
        width, height = _size_of(garment, model)
        begin = None
        if strength < 1:
            if start is None:
                raise InputError("A strength below 1 needs a picture to begin from: connect start.")
            begin = start
        people = photo_rows(image, mask, begin, body_map)
        look = _Look(model, framing, context, width, height)
        pair = pair_up if pairing == PAIRINGS[0] else every_pair
        pairs = pair(len(people), len(garment))
        settings = {
            "steps": steps, "guidance": guidance, "scheduler": scheduler, "strength": strength,
            "accelerated": accelerated,
        }  # fmt: skip
        finished, pictures = [], []
        for index, (place, item) in enumerate(pairs):
            with naming(index, len(pairs)):
                photo, drawn = people[place][:2]
                person, crop = look(*people[place])
                made = model.run(
                    lambda person=person, item=item, index=index: dress(
                        model.pipeline, model.variant, person, garment[item].encoding,
                        seed=seed + index, progress=shown(index, len(pairs)), **settings,
                    ), width, height,
                ).float().cpu()  # fmt: skip
            pictures.append(made)
            finished.append(paste(photo, made, drawn, crop, feather))
        return io.NodeOutput(
            torch.cat(finished).movedim(1, -1), torch.cat(pictures).movedim(1, -1)
        )  # fmt: skip


@dataclass(frozen=True)
class _Look:
    """People as the model sees them: framed alike, with their body map."""

    model: TryOnModel
    framing: str
    context: float
    width: int
    height: int

    def __call__(
        self, photo: torch.Tensor, mask: torch.Tensor, start: torch.Tensor | None,
        body: torch.Tensor | None,
    ) -> tuple[Person, Crop]:  # fmt: skip
        from ..pipelines.models.door import Person, check_body, needs_body, read_body
        from .body_map import densepose_network

        variant = self.model.variant
        crop = person_crop(
            variant.model, self.framing, mask[0, 0], self.width, self.height, self.context
        )
        framed = framed_photo(photo, variant.model, self.framing, crop)
        seen = framed_mask(mask, crop)
        if start is not None:
            start = framed_photo(start, variant.model, self.framing, crop)
        if not needs_body(variant):
            body = None
        elif body is not None:
            check_body(body, mask)
            body = framed_body(body, crop)
        else:
            body = read_body(densepose_network(), variant, framed)
        return Person(framed, seen, body, start), crop


def photo_rows(image: torch.Tensor, mask: torch.Tensor, *others: torch.Tensor | None) -> list:
    """(photo, mask, …) for each photo, each (1, channels, height, width); None stays None.

    Raises InputError for pictures that are not of the photo's size.
    """
    from .crop import masks_for

    photos = on_white(checked(image, "Try On")).movedim(-1, 1).cpu()
    rows: list[list[torch.Tensor | None]] = [
        [*photos.split(1)],
        [*masks_for(mask.cpu(), photos)[:, None].split(1)],
    ]
    for name, other in zip(("start picture", "body map"), others, strict=False):
        if other is None:
            rows.append([None])
            continue
        given = on_white(checked(other, f"Try On, {name}")).movedim(-1, 1).cpu()
        if given.shape[-2:] != photos.shape[-2:]:
            raise InputError(
                f"The {name} is {given.shape[-1]}x{given.shape[-2]} pixels and the photo "
                f"{photos.shape[-1]}x{photos.shape[-2]}. Connect the one made of this photo."
            )
        rows.append([*given.split(1)])
    return paired(*rows)


def shown(index: int, count: int) -> Progress:
    """Steps of run `index` of `count` on one progress bar, with a rough picture of each."""
    import comfy.model_management
    import comfy.utils
    from PIL import Image

    from ..pipelines.diffusion.latents import to_bytes

    bars: list[comfy.utils.ProgressBar] = []

    def progress(done: int, total: int, step: Step) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()
        bars[:] = bars or [comfy.utils.ProgressBar(count * total)]
        picture = Image.fromarray(to_bytes(step.preview())[0])
        bars[0].update_absolute(index * total + done, count * total, ("JPEG", picture, 512))

    return progress


def _size_of(garments: Sequence[EncodedGarment], model: TryOnModel) -> tuple[int, int]:
    """The size that all garments were encoded at; raises InputError for another model's."""
    for garment in garments:
        if garment.variant != model.variant.name:
            raise InputError(
                f"The garment was encoded with {garment.variant}, and the model is "
                f"{model.variant.name}. Connect the same model to Encode Garment and Try On."
            )
    return garments[0].width, garments[0].height
