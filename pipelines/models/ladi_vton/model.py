"""LaDI-VTON behind the door, see `models/door.py`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
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
    unet_working_bytes,
)
from ..idm_vton.pictures import stretch
from ..person import masked_body, points_in, read_pose
from .load import load as load_ladi_vton
from .pictures import pose_map
from .pipeline import GarmentEncoding, LadiVTONPipeline, PersonEncoding

put_back = put_under_mask


def load(located: Located, dtype: torch.dtype) -> LadiVTONPipeline:
    trained, base, clip = located.roots
    name = located.variant.name.split("/")[1]
    return load_ladi_vton(trained, name, base_root=base, clip_root=clip, dtype=dtype)


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
    """With the pose of the masked person as 18 maps, (1, 18, height, width)."""
    assert person.sight is not None and person.crop is not None
    body = masked_body(readers, person.sight)
    points, by = read_pose(readers, person.sight, body)
    height, width = person.photo.shape[-2:]
    drawn = pose_map(points_in(person.crop, points).points, width, height)[None]
    return replace(person, pose=drawn, notes=(*person.notes, f"Pose by {by}."))


def encode_person(pipeline: LadiVTONPipeline, variant: Variant, person: Person) -> PersonEncoding:
    assert person.mask is not None
    return pipeline.encode_person(person.photo, person.mask, person.pose)


def encode_garment(
    pipeline: LadiVTONPipeline, variant: Variant, garment: GarmentView, readers: Readers
) -> GarmentEncoding:
    return pipeline.encode_garment(garment.picture, garment.category)


def dress(
    pipeline: LadiVTONPipeline,
    variant: Variant,
    people: Sequence[PersonEncoding],
    garments: Sequence[GarmentEncoding],
    pairs: Sequence[Pair],
    settings: Settings,
    *run: Any,
) -> Tensor:
    return diffuse(pipeline, stack(people), stacked_garments(garments), pairs, settings, *run)


def stacked_garments(garments: Sequence[GarmentEncoding]) -> GarmentEncoding:
    """Rows of all; of their rows of no words, which are equal, the last."""
    texts = [each.text[:-1] for each in garments] + [garments[-1].text[-1:]]
    return GarmentEncoding(stack([each.pictures for each in garments]), stack(texts))


def working_bytes(dtype: torch.dtype, stage: str, width: int, height: int, rows: int = 1) -> int:
    """Beside the weights. The warping runs in float32, 64 channels at full size; a vision
    transformer's need is small beside its weights."""
    if stage in ("look", "word"):
        return 100_000_000
    if stage == "warp":
        return 64 * 6 * width * height * 4 + rows * 24 * width * height * 4
    return unet_working_bytes(dtype, stage, width, height, rows)


@contextmanager
def sparing(pipeline: LadiVTONPipeline) -> Iterator[None]:
    """There is nothing to spare: its VAE cannot work in tiles, since the decoder is given what the
    encoder saw of the whole picture, and pictures already go through it one at a time."""
    yield


def blocks(pipeline: LadiVTONPipeline) -> list[torch.nn.Module]:
    """Networks of repeated blocks: what is compiled."""
    return [pipeline.denoiser]


def shrink(pipeline: LadiVTONPipeline) -> None:
    """Their weights in 8 bits."""
    store_in_float8(pipeline.denoiser)
