"""CatVTON behind the door, see `models/door.py`."""

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
from ..changed import Wearing
from ..common import (
    FIT,
    GarmentView,
    Person,
    Readers,
    Settings,
    Sight,
    diffuse,
    stack,
    store_in_float8,
    tiled_vae,
    unet_working_bytes,
)
from ..fashn_vton.model import put_back as put_back_changed
from ..fashn_vton.reading import read_wearing, view_of
from ..person import around_person, masked_body
from .load import load as load_catvton
from .pictures import centre_box, pad, stretch
from .pipeline import CatVTONPipeline, GarmentEncoding, PersonEncoding

put_back = put_back_changed
"""Under the mask; of a picture that was made without one, only what was changed."""

sparing = tiled_vae

STRETCHED = ("vitonhd", "dresscode")
"""Variants of the authors' script for data sets, which stretches; their application does not."""


def load(located: Located, dtype: torch.dtype) -> CatVTONPipeline:
    attention, base, vae = located.roots
    return load_catvton(
        attention, _own(located.variant), base_root=base, vae_root=vae, dtype=dtype
    )  # fmt: skip


def person_crop(variant: Variant, sight: Sight, readers: Readers) -> Crop:
    if sight.framing == FIT:
        return frames.around_mask(sight) if variant.mask_rule else around_person(readers, sight)
    if _own(variant) in STRETCHED:
        return frames.whole(sight.photo, sight.width, sight.height)
    height, width = sight.photo.shape[-2:]
    left, top, right, bottom = centre_box(width, height, sight.width, sight.height)
    return Crop(left, top, right - left, bottom - top, sight.width, sight.height, width, height)


def frame_photo(variant: Variant, picture: Tensor, crop: Crop, framing: str) -> Tensor:
    return frames.framed(picture, crop, framing, stretch)


def frame_garment(
    variant: Variant, picture: Tensor, width: int, height: int, framing: str
) -> Tensor:  # fmt: skip
    if framing == FIT:
        return frames.on_white(picture, width, height)
    resample = stretch if _own(variant) in STRETCHED else pad
    return frames.resampled(picture, frames.whole(picture, width, height), resample)


def read_person(variant: Variant, person: Person, readers: Readers) -> Person:
    """The model looks at the photo alone. Where no mask says it, what the garment may change."""
    sight, crop = person.sight, person.crop
    assert sight is not None and crop is not None
    if person.mask is not None:
        return person
    height, width = person.photo.shape[-2:]
    view = view_of(to_bytes(person.photo)[0], crop)
    found, by = read_wearing(readers, view, masked_body(readers, sight), person.category)
    old, kept, reach = (
        view.placed(each, width, height) for each in (found.old, found.kept, found.reach)
    )
    notes = (*person.notes, f"What must stay of the photo by {by}.")
    return replace(person, parsing=Wearing(old, kept, reach, found.sure), notes=notes)


def encode_person(pipeline: CatVTONPipeline, variant: Variant, person: Person) -> PersonEncoding:
    return pipeline.encode_person(person.photo, person.mask if pipeline.masked else None)


def encode_garment(
    pipeline: CatVTONPipeline, variant: Variant, garment: GarmentView, readers: Readers
) -> GarmentEncoding:
    return pipeline.encode_garment(garment.picture)


def dress(
    pipeline: CatVTONPipeline,
    variant: Variant,
    people: Sequence[PersonEncoding],
    garments: Sequence[GarmentEncoding],
    pairs: Sequence[Pair],
    settings: Settings,
    *run: Any,
) -> Tensor:
    return diffuse(pipeline, stack(people), stack(garments), pairs, settings, *run)


def working_bytes(dtype: torch.dtype, stage: str, width: int, height: int, rows: int = 1) -> int:
    """As that of a UNet with reference tokens: the garment stands in the same picture."""
    return unet_working_bytes(dtype, stage, width, height, rows)


def blocks(pipeline: CatVTONPipeline) -> list[torch.nn.Module]:
    """Networks of repeated blocks: what is compiled."""
    return [pipeline.denoiser]


def shrink(pipeline: CatVTONPipeline) -> None:
    """Their weights in 8 bits."""
    store_in_float8(pipeline.denoiser)


def _own(variant: Variant) -> str:
    return variant.name.split("/")[1]
