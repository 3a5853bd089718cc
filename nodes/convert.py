"""ComfyUI's IMAGE and MASK tensors to and from what the pipelines take. Nothing else knows both.

IMAGE is (batch, height, width, channels) float in 0..1, MASK (batch, height, width) float in 0..1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import torch

from ..pipelines.errors import InputError
from ..pipelines.images import SMALLEST_SIDE, over_white
from ..pipelines.picture_files import LARGEST_PIXELS

Item = TypeVar("Item")
Result = TypeVar("Result")


def checked(image: torch.Tensor, what: str, transparent: bool = False) -> torch.Tensor:
    """IMAGE as float32 RGB, or an InputError that names the picture and what is wrong.

    Grey becomes RGB. What is transparent is white, never what lies hidden below; with `transparent`
    RGBA stays RGBA. Values a little outside 0..1, as upscalers make them, are kept: a pixel that
    nobody repaints comes back as it was.
    """
    if not isinstance(image, torch.Tensor) or image.ndim != 4:
        came = type(image).__name__
        if isinstance(image, torch.Tensor):
            came = f"a tensor of shape {tuple(image.shape)}"
        raise InputError(f"{what}: a batch of images was wanted, and {came} came.")
    count, height, width, channels = image.shape
    if count == 0:
        raise InputError(f"{what}: the batch holds no image. Connect at least one.")
    if channels not in (1, 3, 4):
        raise InputError(f"{what}: RGB was wanted, and the image has {channels} channels.")
    if min(width, height) < SMALLEST_SIDE:
        raise InputError(
            f"{what}: the picture is {width}x{height} pixels; at least {SMALLEST_SIDE} on each "
            "side are needed. Use the original photo instead of a thumbnail."
        )
    if width * height > LARGEST_PIXELS:
        raise InputError(
            f"{what}: the picture is {width}x{height} pixels; at most "
            f"{LARGEST_PIXELS // 1_000_000} megapixels can be worked on. Scale it down first."
        )
    image = image.float()
    for index in range(count):
        if not torch.isfinite(image[index]).all():
            raise InputError(
                f"{what}: image {index} of the batch holds values that are not numbers (NaN or "
                "infinite). Look at the node that made it; a VAE in half precision is the usual "
                "cause."
            )
    if channels == 1:
        return image.expand(-1, -1, -1, 3)
    return image if transparent else on_white(image)


def pictures(
    image: torch.Tensor, what: str = "Image", transparent: bool = False
) -> list[np.ndarray]:
    """IMAGE to a list of uint8 (height, width, 3) RGB; transparency is laid on white, or kept as a
    fourth channel where `transparent`."""
    rows = checked(image, what, transparent=transparent).clamp(0, 1)
    return list((rows * 255).round().to(torch.uint8).cpu().numpy())


def on_white(rows: torch.Tensor) -> torch.Tensor:
    """(batch, height, width, 3) of RGB or RGBA: what is transparent is white, never what lies
    hidden below. RGB comes back as it is."""
    if rows.shape[-1] != 4:
        return rows
    return over_white(rows[..., :3], rows[..., 3:].clamp(0, 1))


def image_of(rows: Sequence[np.ndarray]) -> torch.Tensor:
    """uint8 (height, width, 3) pictures of one size to IMAGE."""
    return torch.from_numpy(np.stack(rows)).float() / 255


def mask_of(rows: Sequence[np.ndarray]) -> torch.Tensor:
    """float32 (height, width) masks of one size to MASK."""
    return torch.from_numpy(np.stack(rows).astype(np.float32))


def drawn_masks(mask: torch.Tensor | None, image: torch.Tensor) -> list[np.ndarray | None]:
    """The user's masks, one per image, None where there is none.

    A mask that reaches 0.5 nowhere, or only on specks, counts as none: LoadImage gives 64x64 zeros
    for a picture without transparency, and 1/255 everywhere for a CMYK JPEG. One mask serves a
    whole batch. Raises InputError for a drawn mask of another size than the image.
    """
    from ..pipelines.masking.wishes import without_specks

    count, height, width = image.shape[:3]
    if mask is None:
        return [None] * count
    rows = mask.float().reshape(-1, mask.shape[-2], mask.shape[-1])
    if not torch.isfinite(rows).all():
        raise InputError("Mask: it holds values that are not numbers (NaN or infinite).")
    if len(rows) not in (1, count):
        raise InputError(
            f"Mask: {len(rows)} masks came for {count} images. Give one for all, or one for each."
        )
    cleaned = [without_specks(row.clamp(0, 1).cpu().numpy()) for row in rows]
    found = [row if row.any() else None for row in cleaned]
    if any(row is not None and row.shape != (height, width) for row in found):
        raise InputError(
            f"Mask: it is {mask.shape[-1]}x{mask.shape[-2]} pixels and the image {width}x{height}. "
            "Draw it on this image, resize it, or leave it out."
        )
    return found * count if len(found) == 1 else found


def paired(*lists: Sequence, names: Sequence[str] = ()) -> list[tuple]:
    """Items of equally long lists side by side; a list of one goes with every item.

    names: what the lists are to the user, in their order. Raises InputError, which tells how many
    of what came, for lists that do not go together.
    """
    length = max(len(items) for items in lists)
    if any(len(items) not in (1, length) for items in lists):
        told = [
            f"{len(items)} of {name}"
            for items, name in zip(lists, names or ["one input"] * len(lists), strict=False)
            if len(items) != 1
        ]
        raise InputError(
            f"These batches do not go together: {', '.join(dict.fromkeys(told))}. Give equally "
            "many of each, or one for all."
        )
    return [tuple(items[index % len(items)] for items in lists) for index in range(length)]


@contextmanager
def naming(index: int, count: int) -> Iterator[None]:
    """An InputError inside names the image of the batch, where there are several."""
    try:
        yield
    except InputError as error:
        if count == 1:
            raise
        raise type(error)(f"Image {index} of the batch (counted from 0): {error}") from error


def each(items: Sequence[Item], work: Callable[[Item], Result]) -> list[Result]:
    """work(item) for a batch, with progress and interrupt; an error names the item's index."""
    import comfy.model_management
    import comfy.utils

    progress = comfy.utils.ProgressBar(len(items))
    results = []
    for index, item in enumerate(items):
        comfy.model_management.throw_exception_if_processing_interrupted()
        with naming(index, len(items)):
            results.append(work(item))
        progress.update_absolute(index + 1, len(items))
    return results
