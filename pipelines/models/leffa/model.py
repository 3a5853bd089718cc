"""Leffa behind the door, see `models/door.py`."""

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
from ...images import Crop, letterbox
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
from .load import load as load_leffa
from .pictures import letterbox as letterboxed
from .pictures import read_body_map
from .pipeline import GarmentEncoding, LeffaPipeline, PersonEncoding

put_back = put_under_mask
working_bytes = unet_working_bytes
sparing = tiled_vae


def load(located: Located, dtype: torch.dtype) -> LeffaPipeline:
    return load_leffa(located.root, _own(located.variant), dtype=dtype)


def person_crop(variant: Variant, sight: Sight, readers: Readers) -> Crop:
    height, width = sight.photo.shape[-2:]
    if variant.kind == "try_on" and sight.framing == FIT:
        return frames.around_mask(sight)
    return letterbox(width, height, sight.width, sight.height)


def frame_photo(variant: Variant, picture: Tensor, crop: Crop, framing: str) -> Tensor:
    if variant.kind == "try_on":
        return frames.framed(picture, crop, framing, letterboxed)
    return frame_garment(variant, picture, crop.model_width, crop.model_height, framing)


def frame_garment(
    variant: Variant, picture: Tensor, width: int, height: int, framing: str
) -> Tensor:  # fmt: skip
    if framing == FIT:
        return frames.on_white(picture, width, height)
    crop = letterbox(picture.shape[-1], picture.shape[-2], width, height)
    return frames.resampled(picture, crop, letterboxed)


def read_person(variant: Variant, person: Person, readers: Readers) -> Person:
    """With the body map of the masked person; pose transfer has no mask and takes the best."""
    if person.body_map is not None:
        return person
    box = box_of(person.mask) if person.mask is not None else None
    pixels = to_bytes(person.photo)[0]
    drawn = read_body_map(readers.densepose(), pixels, _own(variant), box)
    return replace(person, body_map=frames.unit(drawn))


def encode_person(pipeline: LeffaPipeline, variant: Variant, person: Person) -> PersonEncoding:
    mask = person.mask
    if mask is None:  # pose transfer makes the whole picture anew
        mask = torch.ones_like(person.photo[:, :1])
    assert person.body_map is not None
    return pipeline.encode_person(person.photo, mask, person.body_map)


def encode_garment(
    pipeline: LeffaPipeline, variant: Variant, garment: GarmentView, readers: Readers
) -> GarmentEncoding:
    return pipeline.encode_garment(garment.picture)


def read_ahead(pipeline: LeffaPipeline, garment: GarmentEncoding, steps: int) -> GarmentEncoding:
    """All timesteps, among them that of accelerated runs."""
    return pipeline.read_ahead(garment, steps=steps, accelerated=False)


def dress(
    pipeline: LeffaPipeline,
    variant: Variant,
    people: Sequence[PersonEncoding],
    garments: Sequence[GarmentEncoding],
    pairs: Sequence[Pair],
    settings: Settings,
    *run: Any,
) -> Tensor:
    return diffuse(
        pipeline,
        stack(people),
        stack(garments),
        pairs,
        settings,
        *run,
        accelerated=settings.accelerated,
    )


def blocks(pipeline: LeffaPipeline) -> list[torch.nn.Module]:
    """Networks of repeated blocks: what is compiled."""
    return [pipeline.denoiser, pipeline.reference]


def shrink(pipeline: LeffaPipeline) -> None:
    """Their weights in 8 bits."""
    for unet in blocks(pipeline):
        store_in_float8(unet)


def keep_unconditional(pipeline: LeffaPipeline, most_bytes: float) -> None:
    """How much main memory the tokens of the unconditional half may take; 0 keeps none."""
    pipeline.unconditional.most_bytes = most_bytes


def _own(variant: Variant) -> str:
    return variant.name.split("/")[1]
