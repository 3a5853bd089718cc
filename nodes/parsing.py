"""Human parsing: which pixel is hair, upper clothes, left arm, …"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from comfy_api.latest import io

from ..pipelines.errors import InputError
from ..pipelines.masking.rules_common import ATR, FRAME_HEIGHT, FRAME_WIDTH, LIP, labelled
from .convert import each, image_of, mask_of, paired, pictures
from .sockets import CATEGORY, BodySocket, ParsingSocket

if TYPE_CHECKING:
    from ..pipelines.masking.body import Body
    from ..pipelines.masking.sources import Sources

SCHP = {"schp": ("atr", "lip"), "schp_atr": ("atr",), "schp_lip": ("lip",)}
CLOTHES = {name: f"human_parsing/{name}" for name in ("segformer", "fashn", "sapiens2")}
"""Networks of transformers by their catalogue names; they do where SCHP is not installed."""

SOURCES = (*SCHP, *CLOTHES, "transformers")
DETAILS = ("published", "photo")
LONGEST = 1536
"""Pixels of the longer side beyond which a network sees no more."""


class HumanParsing(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomParsing",
            display_name="Human Parsing",
            category=CATEGORY,
            description=(
                "Labels hair, garments and limbs in each photo, for the published mask rules. SCHP "
                "(MIT) with `fitting-room download human_parsing/pth`, or human_parsing/segformer, "
                "/fashn, /sapiens2, or such a network of yours. No compiler needed."
            ),
            search_aliases=["schp", "segmentation", "clothes segmentation", "human parser", "atr"],
            inputs=[
                io.Image.Input("image", tooltip="Photo of a person. A batch works too."),
                io.Combo.Input(
                    "source",
                    options=list(SOURCES),
                    default="schp",
                    tooltip="schp: both networks of SCHP, as the authors of the try-on models do. "
                    "schp_atr, schp_lip: only one. segformer, fashn: not for commercial use. "
                    "transformers: the network in `folder`.",
                ),
                io.Combo.Input(
                    "detail",
                    options=list(DETAILS),
                    default="published",
                    tooltip="published: the network sees 384x512, as in the authors' programs. "
                    "photo: it sees the photo's own size; finer edges, other masks than theirs.",
                ),
                io.String.Input(
                    "labels",
                    default="",
                    tooltip="What the mask shows: names as in the legend, separated by commas, "
                    "such as `upper, dress`. Empty: the whole person.",
                ),
                BodySocket.Input(
                    "body", optional=True, tooltip="From Body Pose: where the person is."
                ),
                io.String.Input(
                    "folder",
                    default="",
                    optional=True,
                    tooltip="For transformers: a folder with config.json, preprocessor_config.json "
                    "and model.safetensors, absolute or below ComfyUI/models/fitting_room.",
                ),
            ],
            outputs=_outputs(),
        )

    @classmethod
    def fingerprint_inputs(cls, folder: str = "", **others: object) -> str:
        from .perception import state_of_networks

        return state_of_networks(folder)

    @classmethod
    def execute(
        cls,
        image: torch.Tensor,
        source: str,
        detail: str,
        labels: str,
        body: tuple | None = None,
        folder: str = "",
    ) -> io.NodeOutput:
        from ..pipelines.masking.overlay import parsing_over_photo
        from ..pipelines.masking.sources import read_sources

        names = ATR if source != "schp_lip" else LIP
        wanted = _wanted(labels, names)
        photos = pictures(image, "Human Parsing")
        networks = _networks(source, folder)

        def work(row: tuple[np.ndarray, Body | None]) -> tuple[Sources, np.ndarray, np.ndarray]:
            photo, person = row
            size = (FRAME_WIDTH, FRAME_HEIGHT)
            if detail != DETAILS[0]:
                size = _own_size(photo, person)
            found = read_sources(photo, body=person, size=size, **networks)
            shown = found.map_of_photo("lip" if names is LIP else "atr")
            return found, parsing_over_photo(photo, shown, names), labelled(shown, names, wanted)

        found, overlays, masks = zip(
            *each(paired(photos, body or (None,), names=("image", "body")), work), strict=True
        )  # fmt: skip
        return io.NodeOutput(tuple(found), image_of(overlays), mask_of(masks))


def _outputs() -> list[io.Output]:
    return [
        ParsingSocket.Output("parsing", display_name="parsing", tooltip="For Garment Mask."),
        io.Image.Output(
            "overlay",
            display_name="labels over photo",
            tooltip="Each label in a colour of its own, with a legend.",
        ),
        io.Mask.Output(
            "selected", display_name="mask", tooltip="1 = one of the labels that were named."
        ),
    ]


def _networks(source: str, folder: str) -> dict[str, Any]:
    """The networks of a source, as read_sources takes them."""
    from . import perception

    if source == "transformers":
        return {"atr": perception.NETWORKS.clothes_parser(folder)}
    if source in CLOTHES:
        return {"atr": perception.NETWORKS.installed_clothes_parser(CLOTHES[source])}
    kinds = SCHP[source]
    return dict(zip(kinds, perception.NETWORKS.schp(*kinds), strict=True))


def _own_size(photo: np.ndarray, body: Body | None) -> tuple[int, int]:
    """Width and height of the region that is looked at, in whole pixels, not above LONGEST."""
    from ..pipelines.masking.sources import columns_of, frame_region

    columns = columns_of(body.keypoints) if body else None
    _, _, width, height = frame_region(photo.shape[1], photo.shape[0], columns)
    scale = min(1, LONGEST / max(width, height))
    return round(width * scale), round(height * scale)


def _wanted(text: str, names: Any) -> list[str]:
    """Names out of the user's text. Raises InputError for others than the network's."""
    given = [part.strip().lower().replace(" ", "_") for part in text.split(",") if part.strip()]
    known = [name for name, number in names.items() if number]
    if unknown := [name for name in given if name not in known]:
        raise InputError(
            f"There is no label {', '.join(unknown)}. Choose from: {', '.join(known)}."
        )
    return given or known
