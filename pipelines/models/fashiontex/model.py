"""FashionTex behind the door, see `models/door.py`: clothes from words, no garment photo."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from ...catalog.types import Variant
from ...files.locate import Located
from .load import load as load_fashiontex
from .pictures import own_texture, patch_of
from .pipeline import FashionTexPipeline

HEIGHT, WIDTH = 1024, 512


def load(located: Located, dtype: torch.dtype) -> FashionTexPipeline:
    """In float32 whatever dtype is asked for."""
    return load_fashiontex(located.root, clip_root=located.roots[1])


def design(
    pipeline: FashionTexPipeline,
    variant: Variant,
    photo: Tensor,
    words: tuple[str, str],
    textures: tuple[Tensor | None, Tensor | None],
    strength: float,
) -> Tensor:
    """One person in other clothes, (1, 3, 1024, 512) in 0..1.

    photo: (1, 3, height, width), an aligned person. words: the types of the upper and the lower
    garment. textures: photos of cloth of any size, (1, 3, height, width); None keeps that of the
    clothes that the person wears. Raises InputError.
    """
    codes = pipeline.invert(photo)
    own = torch.nn.functional.interpolate(photo, (HEIGHT, WIDTH), mode="bilinear", antialias=True)
    upper, lower = (
        own_texture(own, part) if cloth is None else patch_of(cloth)
        for part, cloth in zip(("upper", "lower"), textures, strict=True)
    )
    return pipeline(codes, pipeline.read([words], (upper, lower)), strength)


def working_bytes(dtype: torch.dtype, stage: str, width: int, height: int, rows: int = 1) -> int:
    """Beside the weights: some maps of 64 channels at full size."""
    return 64 * 6 * WIDTH * HEIGHT * 4 if stage == "draw" else 200_000_000


@contextmanager
def sparing(pipeline: FashionTexPipeline) -> Iterator[None]:
    """It draws one picture at a time: there is nothing to spare."""
    yield
