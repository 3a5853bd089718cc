"""What a person looks like below any clothes: read once, for every garment that is tried on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..masking.figure import LimbFrames
from ..masking.kinds import BACKGROUND, SKIN
from .bare import bare_frames
from .fill import skin_plate
from .grain import Grains, mottled, read_grain
from .light import fold_shading
from .scene import Scene


@dataclass(frozen=True)
class Undressed:
    """scene: the photo as it was read; frames: the bare_frames; skin (3, h, w): the skin_plate;
    folds (h, w): the fold_shading; grains: of skin and background in the photo."""

    scene: Scene
    frames: LimbFrames
    skin: np.ndarray
    folds: np.ndarray
    grains: Grains


def read_undressed(scene: Scene) -> Undressed:
    """Reads the person of a scene."""
    frames = bare_frames(scene)
    folds = fold_shading(scene.small, scene.figure, scene.regions)
    return Undressed(scene, frames, skin_plate(scene, frames), folds, read_grains(scene))


def read_grains(scene: Scene) -> Grains:
    """The grain of skin and background."""
    kinds = scene.regions.kinds
    face = scene.face < 1.1
    skin = kinds[SKIN] * scene.small_person
    return Grains(
        read_grain(scene.photo, skin * ~face, mottled) or read_grain(scene.photo, skin, mottled),
        read_grain(scene.photo, kinds[BACKGROUND] * (1 - scene.small_person)),
    )
