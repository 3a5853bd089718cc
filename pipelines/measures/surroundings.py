"""What a try-on did where it should do nothing, and at the border of what it repainted.

No network is needed. photo, picture: uint8 (height, width, 3) of one size; mask: float32 (height,
width), above 0 where the picture may differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError


@dataclass(frozen=True)
class Outside:
    """Of the pixels outside the mask. changed: the share that differs at all, 0..1. difference:
    how far they are off on average, in grey levels (0..255); None where the mask covers all."""

    changed: float | None
    difference: float | None


def changed_outside(photo: np.ndarray, picture: np.ndarray, mask: np.ndarray) -> Outside:
    """Raises InputError for pictures of different sizes."""
    expect_one_size(photo, picture, mask)
    outside = mask <= 0
    if not outside.any():
        return Outside(None, None)
    away = np.abs(photo[outside].astype(np.int16) - picture[outside])
    return Outside(float((away > 0).any(axis=1).mean()), float(away.mean()))


def seam_gradient(photo: np.ndarray, picture: np.ndarray, mask: np.ndarray) -> float | None:
    """How much steeper the picture is across the mask's border than the photo is there, in grey
    levels: 0 where nothing shows, d where all that was repainted is d brighter.

    None where the mask has no border in the picture. Raises InputError as `changed_outside`.
    """
    expect_one_size(photo, picture, mask)
    inside = mask > 0
    steps = []
    for axis in (0, 1):
        border = np.diff(inside, axis=axis)
        before, after = (
            np.abs(np.diff(each.astype(np.float32).mean(axis=2), axis=axis))[border]
            for each in (photo, picture)
        )
        steps.append(after - before)
    found = np.concatenate(steps)
    return float(found.mean()) if found.size else None


def expect_one_size(photo: np.ndarray, picture: np.ndarray, mask: np.ndarray | None = None) -> None:
    """Raises InputError that names both sizes where they differ."""
    for name, other in (("picture", picture), ("mask", mask)):
        if other is not None and other.shape[:2] != photo.shape[:2]:
            raise InputError(
                f"Photo and {name} must be of one size to be compared; the photo is "
                f"{photo.shape[1]}x{photo.shape[0]}, the {name} {other.shape[1]}x{other.shape[0]}."
            )
