"""SieveNet behind the door, see `models/door.py`.

The network itself takes no mask and draws the whole picture, background and all, at 192x256. The
mask says what of that is put back: the rest of the photo stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ...catalog.types import Variant
from ...diffusion.latents import to_bytes
from ...diffusion.run import Pair, Progress
from ...errors import InputError
from ...files.locate import Located
from ...images import Crop
from ...masking.parsing import parse
from ...masking.people import find_people
from .. import framing as frames
from ..common import FIT, GarmentView, Person, Readers, Settings, Sight, put_under_mask, stack
from ..matching import HEIGHT, WIDTH
from ..person import labels_of, masked_body, points_in, read_pose
from . import pictures
from .load import load as load_sievenet
from .pipeline import GarmentEncoding, PersonEncoding, SieveNetPipeline

put_back = put_under_mask


def load(located: Located, dtype: torch.dtype) -> SieveNetPipeline:
    return load_sievenet(located.root, dtype=dtype)


def person_crop(variant: Variant, sight: Sight, readers: Readers) -> Crop:
    _check_size(sight.width, sight.height)
    if sight.framing == FIT:
        return frames.around_mask(sight)
    return frames.whole(sight.photo, sight.width, sight.height)


def frame_photo(variant: Variant, picture: Tensor, crop: Crop, framing: str) -> Tensor:
    return frames.framed(picture, crop, framing, _stretched)


def frame_garment(
    variant: Variant, picture: Tensor, width: int, height: int, framing: str
) -> Tensor:  # fmt: skip
    _check_size(width, height)
    if framing == FIT:
        return frames.on_white(picture, width, height)
    return frames.resampled(picture, frames.whole(picture, width, height), _stretched)


def read_person(variant: Variant, person: Person, readers: Readers) -> Person:
    """With the labels of the masked person (LIP) and their key points."""
    sight, crop = person.sight, person.crop
    assert sight is not None and crop is not None
    photo = to_bytes(sight.photo)[0]
    body = masked_body(readers, sight)
    (lip,) = readers.schp("lip")
    (labels,) = parse(lip, [photo])
    alone = len(find_people(readers.body(), photo)) < 2
    framed = frames.framed_labels(labels_of(body, labels, alone), crop)
    points, by = read_pose(readers, sight, body)
    return replace(
        person,
        parsing=framed[0, 0].numpy().astype(np.uint8),
        pose=points_in(crop, points).points,
        notes=(*person.notes, f"Pose by {by}, labels by SCHP."),
    )


def encode_person(pipeline: SieveNetPipeline, variant: Variant, person: Person) -> PersonEncoding:
    return pipeline.encode_person(person.photo, [person.parsing], [person.pose])


def encode_garment(
    pipeline: SieveNetPipeline, variant: Variant, garment: GarmentView, readers: Readers
) -> GarmentEncoding:
    return pipeline.encode_garment(garment.picture)


def dress(
    pipeline: SieveNetPipeline,
    variant: Variant,
    people: Sequence[PersonEncoding],
    garments: Sequence[GarmentEncoding],
    pairs: Sequence[Pair],
    settings: Settings,
    seeds: Sequence[int],
    start: Tensor | None,
    progress: Progress,
) -> Tensor:
    return pipeline(stack(people), stack(garments), pairs=pairs, progress=progress)


def working_bytes(dtype: torch.dtype, stage: str, width: int, height: int, rows: int = 1) -> int:
    """Pictures go through one after the other."""
    return 64 * 4 * width * height * 4


@contextmanager
def sparing(pipeline: SieveNetPipeline) -> Iterator[None]:
    """It is small: there is nothing to spare."""
    yield


def _check_size(width: int, height: int) -> None:
    if (width, height) != (WIDTH, HEIGHT):
        raise InputError(
            f"SieveNet works at {WIDTH}x{HEIGHT} alone; {width}x{height} came. Set width "
            f"{WIDTH} and height {HEIGHT} in Encode Garment."
        )


def _stretched(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    return pictures.stretch(picture)
