"""SieveNet: three state dicts in three folders."""

from __future__ import annotations

from pathlib import Path

import torch

from .weights import narrower, published_shapes, random_state

FILES = ("GMM/gmm_final.pth", "SEG/segm_final.pth", "TOM/tom_final.pth")
KEPT = ("regression_zero.conv.0.weight", "regression_one.conv.0.weight")
"""Whose input is no width but the 192 places of a picture."""


def write(variant, roots: tuple[Path, ...]) -> None:
    (root,) = roots
    write_checkpoint(root)


def write_checkpoint(root: Path) -> None:
    for file in FILES:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        torch.save(random_state(narrow(file), file), root / file)


def narrow(file: str, divisor: int = 32) -> dict[str, list[int]]:
    published = published_shapes("sievenet", file)
    shapes = narrower(published, divisor)
    for name, shape in published.items():
        if name in KEPT:
            shapes[name] = [shape[0] // divisor, *shape[1:]]
        elif ".linear." in name:
            shapes[name] = [shape[0], *(side // divisor for side in shape[1:])]
    return shapes
