"""OOTDiffusion behind the door, see `models/door.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ...catalog.types import Variant
from ...diffusion.run import Pair
from ...files.locate import Located
from ...images import Crop
from .. import framing as frames
from ..common import (
    FIT,
    GarmentView,
    Person,
    Readers,
    Settings,
    Sight,
    diffuse,
    put_under_mask,
    stack,
    store_in_float8,
    tiled_vae,
    unet_working_bytes,
)
from ..idm_vton.pictures import stretch
from .load import load as load_ootdiffusion
from .pipeline import GarmentEncoding, OOTDiffusionPipeline, PersonEncoding

put_back = put_under_mask
working_bytes = unet_working_bytes
sparing = tiled_vae


def load(located: Located, dtype: torch.dtype) -> OOTDiffusionPipeline:
    name = located.variant.name.split("/")[1]
    return load_ootdiffusion(located.root, name, clip_root=located.roots[1], dtype=dtype)


def person_crop(variant: Variant, sight: Sight, readers: Readers) -> Crop:
    if sight.framing == FIT:
        return frames.around_mask(sight)
    return frames.whole(sight.photo, sight.width, sight.height)


def frame_photo(variant: Variant, picture: Tensor, crop: Crop, framing: str) -> Tensor:
    return frames.framed(picture, crop, framing, stretch)


def frame_garment(
    variant: Variant, picture: Tensor, width: int, height: int, framing: str
) -> Tensor:  # fmt: skip
    if framing == FIT:
        return frames.on_white(picture, width, height)
    return frames.resampled(picture, frames.whole(picture, width, height), stretch)


def read_person(variant: Variant, person: Person, readers: Readers) -> Person:
    """It looks at the photo alone."""
    return person


def encode_person(
    pipeline: OOTDiffusionPipeline, variant: Variant, person: Person
) -> PersonEncoding:  # fmt: skip
    assert person.mask is not None
    return pipeline.encode_person(person.photo, person.mask)


def encode_garment(
    pipeline: OOTDiffusionPipeline, variant: Variant, garment: GarmentView, readers: Readers
) -> GarmentEncoding:
    return pipeline.encode_garment(garment.picture, garment.category)


def dress(
    pipeline: OOTDiffusionPipeline,
    variant: Variant,
    people: Sequence[PersonEncoding],
    garments: Sequence[GarmentEncoding],
    pairs: Sequence[Pair],
    settings: Settings,
    *run: Any,
) -> Tensor:
    return diffuse(pipeline, stack(people), stacked_garments(garments), pairs, settings, *run)


def stacked_garments(garments: Sequence[GarmentEncoding]) -> GarmentEncoding:
    """Rows of all: their tokens come first, those of their unconditional halves after them."""
    if len(garments) == 1:
        return garments[0]
    halves = [
        [
            {name: each.chunk(2)[half] for name, each in garment.tokens.items()}
            for garment in garments
        ]
        for half in (0, 1)
    ]
    return GarmentEncoding(
        stack([garment.context for garment in garments]), stack([*halves[0], *halves[1]])
    )


def blocks(pipeline: OOTDiffusionPipeline) -> list[torch.nn.Module]:
    """Networks of repeated blocks: what is compiled."""
    return [pipeline.denoiser, pipeline.reference]


def shrink(pipeline: OOTDiffusionPipeline) -> None:
    """Their weights in 8 bits."""
    for unet in blocks(pipeline):
        store_in_float8(unet)
