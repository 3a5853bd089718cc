"""One request and one result for local models, hosted services and batches alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TryOnRequest:
    """What a try-on needs, whoever carries it out.

    person, garment: uint8 (height, width, 3) RGB. category: "auto", "upper", "lower" or "dress".
    mask: float32 (height, width) of the person's photo, 1 = repaint, or None for an automatic one.
    garment_mask: float32 (height, width) cut-out of the garment's photo, or None.
    person_index: which person of the photo, the largest is 0.
    """

    person: np.ndarray
    garment: np.ndarray
    category: str = "auto"
    mask: np.ndarray | None = None
    garment_mask: np.ndarray | None = None
    person_index: int = 0
    lighting: float = 1.0


@dataclass(frozen=True)
class TryOnResult:
    """image: uint8 (height, width, 3), the photo's size. mask: float32 (height, width), what was
    repainted. category: what the garment was taken for. backend: who did it. seconds: how long."""

    image: np.ndarray
    mask: np.ndarray
    category: str
    backend: str
    seconds: float
