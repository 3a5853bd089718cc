"""Everything that is read from the photo once: its window, geometry and regions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..maps.colours import to_lab
from ..maps.edges import resized_map
from ..masking.anatomy import WAIST
from ..masking.body import WORKING_SIDE, Body
from ..masking.figure import (
    Figure,
    LimbFrames,
    build_figure,
    face_distance,
    limb_frames,
    pixel_grid,
)
from ..masking.regions import Regions, fine_regions
from .shape import BodyShape, measure_limbs, read_shape


@dataclass(frozen=True)
class Scene:
    """window: left, top, right, bottom of the photo that the work is done in; photo uint8
    (H, W, 3), its pixels. small float32 (h, w, 3) in 0..1: the photo at working size, lab its
    colours, small_person (h, w) who of it is the person. The rest is in small pixels; frames tell
    for each limb how the pixels lie to it."""

    window: tuple[int, int, int, int]
    photo: np.ndarray
    small: np.ndarray
    lab: np.ndarray
    small_person: np.ndarray
    figure: Figure
    regions: Regions
    shape: BodyShape
    frames: LimbFrames

    @cached_property
    def points(self) -> np.ndarray:
        """The small pixels' centres (h, w, 2)."""
        return pixel_grid(*self.small.shape[:2])

    @cached_property
    def level(self) -> np.ndarray:
        """Of each small pixel (h, w), see Figure.level."""
        return self.figure.level(self.points)

    @cached_property
    def side(self) -> np.ndarray:
        """Of each small pixel (h, w), see Figure.side."""
        return self.figure.side(self.points)

    @cached_property
    def face(self) -> np.ndarray:
        """The face_distance of each small pixel (h, w)."""
        return face_distance(self.points, self.figure)

    @cached_property
    def half_width(self) -> np.ndarray:
        """Of the body at each small pixel (h, w), see BodyShape."""
        return self.shape.half_width(self.level, self.side)

    @property
    def waist(self) -> float:
        """Level of the waistband in small pixels: where the photo shows it, else the usual."""
        seen = self.regions.waist
        return (seen if 0.55 < seen < 0.92 else WAIST) * self.figure.torso


def read_scene(picture: np.ndarray, body: Body) -> Scene:
    """Reads a photo uint8 (H, W, 3) and the body found in it."""
    window = body.window
    cut = (slice(window[1], window[3]), slice(window[0], window[2]))
    photo, person = picture[cut], body.mask[cut]
    pixels = body.small if body.small is not None else body.seen_in(picture).small
    assert pixels is not None
    small, size = pixels.astype(np.float32) / 255, pixels.shape[:2]
    scale = max(1.0, max(photo.shape[:2]) / WORKING_SIDE)
    small_person = resized_map(person, *size)
    figure = build_figure(body, (window[0], window[1]), 1 / scale)
    regions = fine_regions(small, small_person, figure)
    figure = measure_limbs(figure, regions)
    shape = read_shape(figure, regions)
    frames = limb_frames(figure, *size)
    return Scene(window, photo, small, to_lab(small), small_person, figure, regions, shape, frames)
