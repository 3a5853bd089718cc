"""The garment's layers in drawing order: each part draped on the body, with its own cut-out."""

from __future__ import annotations

import numpy as np

from .drape import drape
from .edges import blur
from .garment import Garment
from .layers import Piece
from .mesh import Patch, backward
from .parts import INSIDE
from .scene import Scene


def place_garment(garment: Garment, scene: Scene) -> list[Piece]:
    """The layers of a garment in drawing order; empty if none of it falls into the photo."""
    pieces = []
    for patch in drape(garment, scene):
        mapping = backward(patch.source, patch.target, *scene.small.shape[1::-1])
        if mapping is not None:
            pieces.append(Piece(patch.part, mapping, cut_part(garment, patch)))
    return pieces


def cut_part(garment: Garment, patch: Patch) -> np.ndarray:
    """The garment's picture of one part, float32 (h, w, 4), premultiplied. Along a seam both
    parts keep a rim of each other, so that no gap opens between the layers."""
    from scipy.ndimage import maximum_filter

    mine = np.isin(garment.parts, patch.labels)
    rim = max(3, round(max(garment.alpha.shape) / 250))
    near = maximum_filter(mine, 2 * rim + 1) & (garment.parts != INSIDE)
    share = blur(near.astype(np.float32), rim / 3)
    alpha = garment.alpha * np.clip(1.6 * share, 0, 1)
    colours = garment.picture.astype(np.float32) / 255 * alpha[..., None]
    return np.concatenate([colours, alpha[..., None]], -1).astype(np.float32)
