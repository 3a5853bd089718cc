"""FASHN VTON v1.5 behind the door, see `models/door.py`.

A model without a mask: it sees the whole person. Where a mask comes nevertheless, what it covers is
hidden from the model, as its authors do in their masked mode, and only that is put back.
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
from ...files.locate import Located
from ...images import Crop, cut, letterbox, paste
from ...masking.body import find_body
from .. import framing as frames
from ..changed import Wearing, find_changes
from ..common import (
    FIT,
    FramedPerson,
    GarmentView,
    Person,
    PutBack,
    Readers,
    Settings,
    Sight,
    put_under_mask,
    stack,
)
from ..person import around_person, masked_body
from . import pictures
from .load import load as load_fashn_vton
from .pipeline import FashnVtonPipeline, GarmentEncoding, PersonEncoding
from .reading import (
    draw_pose,
    read_pose,
    read_wearing,
    view_of,
    whole_view,
    worn_cloth,
)

WIDTH = 1280
PATCH = 12
"""Of the published network, which alone is too large to be careless with."""

VECTORS_AT_ONCE = 26
"""Of WIDTH for each token, that a block holds at its fullest (linear1's result, its halves and what
attention copies)."""


def load(located: Located, dtype: torch.dtype) -> FashnVtonPipeline:
    return load_fashn_vton(located.root, dtype=dtype)


def person_crop(variant: Variant, sight: Sight, readers: Readers) -> Crop:
    """Around the whole person and the mask, inside the photo as far as that goes."""
    height, width = sight.photo.shape[-2:]
    if sight.framing != FIT:
        return letterbox(width, height, sight.width, sight.height)
    return around_person(readers, sight)


def frame_photo(variant: Variant, picture: Tensor, crop: Crop, framing: str) -> Tensor:
    """Black beyond the photo's edges, as the authors' bars are."""
    if framing == FIT:
        return cut(picture, crop, "constant")
    return frames.resampled(picture, crop, _published)


def frame_garment(
    variant: Variant, picture: Tensor, width: int, height: int, framing: str
) -> Tensor:  # fmt: skip
    """Whole, on black, in either framing."""
    crop = letterbox(picture.shape[-1], picture.shape[-2], width, height)
    return frames.resampled(picture, crop, _published)


def read_person(variant: Variant, person: Person, readers: Readers) -> Person:
    """With the pose drawn, and, where no mask says it, what the garment may change."""
    sight, crop = person.sight, person.crop
    assert sight is not None and crop is not None
    photo = to_bytes(sight.photo)[0]
    body = masked_body(readers, sight)
    height, width = person.photo.shape[-2:]
    view = view_of(to_bytes(person.photo)[0], crop)
    if sight.framing == FIT:
        points, by = read_pose(readers, view, body)
        pose = view.placed(draw_pose(points), width, height)
    else:  # the authors look for the pose, and draw it, before the picture has its final size
        small = whole_view(pictures.shrunk(photo, width, height), *photo.shape[1::-1])
        points, by = read_pose(readers, small, body)
        pose, _ = pictures.fitted(draw_pose(points), width, height, nearest=True)
    notes = [f"Pose by {by}."]
    wearing = None
    if person.mask is None:
        found, by = read_wearing(readers, view, body, person.category)
        old, kept, reach = (view.placed(each, width, height)
                            for each in (found.old, found.kept, found.reach))  # fmt: skip
        wearing = Wearing(old, kept, reach, found.sure)
        notes.append(f"What must stay of the photo by {by}.")
    return replace(person, pose=pose, parsing=wearing, notes=(*person.notes, *notes))


def encode_person(pipeline: FashnVtonPipeline, variant: Variant, person: Person) -> PersonEncoding:
    pixels = to_bytes(person.photo)[0]
    if person.mask is not None:
        pixels = pictures.hidden(pixels, person.mask[0, 0].numpy() >= 0.5)
    return PersonEncoding(pictures.network_input(pixels, person.pose))


def encode_garment(
    pipeline: FashnVtonPipeline, variant: Variant, garment: GarmentView, readers: Readers
) -> GarmentEncoding:
    """A worn garment is cut out of its photo and comes with its wearer's pose."""
    height, width = garment.picture.shape[-2:]
    shown, pose = to_bytes(garment.picture)[0], np.zeros((height, width), np.uint8)
    if garment.worn:
        photo = garment.picture if garment.photo is None else garment.photo
        pixels = to_bytes(photo)[0]
        body = find_body(readers.body(), pixels)
        view = whole_view(pictures.shrunk(pixels, width, height), *pixels.shape[1::-1])
        points, _ = read_pose(readers, view, body)
        cloth = worn_cloth(readers, view, body, pixels, garment.category)
        shown, _ = pictures.fitted(pictures.hidden(view.pixels, ~cloth), width, height)
        pose, _ = pictures.fitted(draw_pose(points), width, height, nearest=True)
    category = torch.tensor([pictures.CATEGORIES[garment.category]])
    return GarmentEncoding(pictures.network_input(shown, pose), category)


def dress(
    pipeline: FashnVtonPipeline,
    variant: Variant,
    people: Sequence[PersonEncoding],
    garments: Sequence[GarmentEncoding],
    pairs: Sequence[Pair],
    settings: Settings,
    seeds: Sequence[int],
    start: Tensor | None,
    progress: Progress,
) -> Tensor:
    skipped = settings.skip_guidance
    return pipeline(
        stack(people),
        stack(garments),
        pairs=pairs,
        seed=list(seeds),
        steps=settings.steps,
        guidance=settings.guidance,
        skip_guidance=1 if skipped is None else skipped,
        published_times=settings.published_times,
        progress=progress,
    )


def put_back(
    variant: Variant,
    sight: Sight,
    seen: FramedPerson,
    made: Tensor,
    feather: int,
    settings: Settings,
) -> PutBack:
    """Only what the model changed, or what a mask covers."""
    if sight.mask is not None or settings.whole_picture:
        return PutBack(*put_under_mask(variant, sight, seen, made, feather, settings))
    changed = find_changes(
        to_bytes(seen.person.photo)[0], to_bytes(made)[0], seen.person.parsing
    )  # fmt: skip
    region = torch.from_numpy(changed.region)[None, None].float()
    mask = paste(torch.zeros_like(sight.photo[:, :1]), region,
                 torch.ones_like(sight.photo[:, :1]), seen.crop)  # fmt: skip
    mask = (mask >= 0.5).float()
    picture = paste(sight.photo, frames.unit(changed.picture), mask, seen.crop, feather)
    return PutBack(picture, mask, changed.notes, changed.fit)


def working_bytes(dtype: torch.dtype, stage: str, width: int, height: int, rows: int = 1) -> int:
    """Beside the weights. Pictures go through the network one after the other, with and without
    guidance, so only their states grow with the rows."""
    tokens = 2 * (width // PATCH) * (height // PATCH)
    states = rows * 6 * 3 * width * height * 4
    return tokens * WIDTH * VECTORS_AT_ONCE * dtype.itemsize + states


@contextmanager
def sparing(pipeline: FashnVtonPipeline) -> Iterator[None]:
    """There is nothing left to spare: pictures already go through one at a time. The caller keeps
    less of the network on the card."""
    yield


def blocks(pipeline: FashnVtonPipeline) -> list[torch.nn.Module]:
    """What is compiled."""
    network = pipeline.transformer
    return [*network.x_patch_mixer, *network.double_blocks, *network.single_blocks]


def shrink(pipeline: FashnVtonPipeline) -> None:
    """The blocks' weights in 8 bits (e4m3), half of 16; norms, embeddings and the last layer
    stay."""
    for block in blocks(pipeline):
        for module in block.modules():
            if isinstance(module, torch.nn.Linear):
                stored = module.weight.data.to(torch.float8_e4m3fn)
                module.weight = torch.nn.Parameter(stored, requires_grad=False)


def _published(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    return pictures.fitted(pictures.shrunk(picture, width, height), width, height)[0]
