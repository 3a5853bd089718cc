"""IDM-VTON behind the door, see `models/door.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...catalog.types import Variant
from ...diffusion.latents import to_bytes
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
    box_of,
    diffuse,
    put_under_mask,
    stack,
    store_in_float8,
    tiled_vae,
    unet_working_bytes,
)
from .load import load as load_idm_vton
from .pictures import centre_box, stretch
from .pipeline import GarmentEncoding, IdmVtonPipeline, PersonEncoding
from .prompts import Prompts

put_back = put_under_mask
working_bytes = unet_working_bytes
sparing = tiled_vae

WORDS = {"upper": "top", "lower": "trousers", "dress": "dress"}
"""What the model is told of a garment that nobody described."""

DENSEPOSE_SCORE = 0.8
"""Least score of a person in the authors' program, which looks at half the model's size."""


def load(located: Located, dtype: torch.dtype) -> IdmVtonPipeline:
    """Of DressCode, only the try-on UNet is its own; the rest is the second source."""
    return load_idm_vton(located.roots[-1], unet_root=located.root, dtype=dtype)


def person_crop(variant: Variant, sight: Sight, readers: Readers) -> Crop:
    if sight.framing == FIT:
        return frames.around_mask(sight)
    height, width = sight.photo.shape[-2:]
    left, top, right, bottom = (round(side) for side in centre_box(width, height))
    size = (sight.width, sight.height, width, height)
    return Crop(left, top, right - left, bottom - top, *size)


def frame_photo(variant: Variant, picture: Tensor, crop: Crop, framing: str) -> Tensor:
    return frames.framed(picture, crop, framing, stretch)


def frame_garment(
    variant: Variant, picture: Tensor, width: int, height: int, framing: str
) -> Tensor:  # fmt: skip
    if framing == FIT:
        return frames.on_white(picture, width, height)
    return frames.resampled(picture, frames.whole(picture, width, height), stretch)


def read_person(variant: Variant, person: Person, readers: Readers) -> Person:
    """With DensePose's picture of the masked person."""
    if person.body_map is not None:
        return person
    from ...masking.densepose import coloured, read_densepose

    assert person.mask is not None
    pixels = to_bytes(person.photo)[0]
    height, width = pixels.shape[:2]
    small = stretch(pixels, width // 2, height // 2)  # 384x512 of 768x1024
    box = [side / 2 for side in box_of(person.mask)]
    found = read_densepose(readers.densepose(), small, threshold=DENSEPOSE_SCORE, person=box)
    return replace(person, body_map=frames.unit(stretch(coloured(found), width, height)))


def encode_person(pipeline: IdmVtonPipeline, variant: Variant, person: Person) -> PersonEncoding:
    assert person.mask is not None and person.body_map is not None
    return pipeline.encode_person(person.photo, person.mask, person.body_map)


def encode_garment(
    pipeline: IdmVtonPipeline, variant: Variant, garment: GarmentView, readers: Readers
) -> GarmentEncoding:
    words = garment.description or WORDS[garment.category]
    return pipeline.encode_garment(garment.picture, Prompts.of([words]))


def read_ahead(pipeline: IdmVtonPipeline, garment: GarmentEncoding, steps: int) -> GarmentEncoding:
    return pipeline.read_ahead(garment, steps=steps)


def dress(
    pipeline: IdmVtonPipeline,
    variant: Variant,
    people: Sequence[PersonEncoding],
    garments: Sequence[GarmentEncoding],
    pairs: Sequence[Pair],
    settings: Settings,
    *run: Any,
) -> Tensor:
    return diffuse(pipeline, stack(people), stacked_garments(garments), pairs, settings, *run)


def stacked_garments(garments: Sequence[GarmentEncoding]) -> GarmentEncoding:
    """Rows of all, and once the row of the unconditional half, which is the same in each."""
    if len(garments) == 1:
        return garments[0]
    whole = stack(garments)
    shared = {
        name: torch.cat([*(getattr(each, name)[:-1] for each in garments), last[-1:]])
        for name in ("text", "vectors", "image")
        for last in [getattr(garments[-1], name)]
    }
    return replace(whole, **shared)


def blocks(pipeline: IdmVtonPipeline) -> list[torch.nn.Module]:
    """Networks of repeated blocks: what is compiled."""
    return [pipeline.denoiser, pipeline.reference]


def shrink(pipeline: IdmVtonPipeline) -> None:
    """Their weights in 8 bits."""
    for unet in blocks(pipeline):
        store_in_float8(unet)
