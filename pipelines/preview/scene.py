"""Everything that is read from the photo once: its window, geometry and regions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..maps.colours import distance, to_lab
from ..maps.edges import resized_map, to_planes
from ..maps.ranking import medians, percentile
from ..masking.anatomy import WAIST
from ..masking.body import WORKING_SIDE, Body
from ..masking.figure import (
    Coordinates,
    Figure,
    LimbFrames,
    build_figure,
    face_distance,
    limb_frames,
    pixel_grid,
)
from ..masking.kinds import LOWER, SKIN
from ..masking.regions import Regions, fine_regions
from .hips import near_hips, of_body, read_growth, read_lower
from .shape import BodyShape, measure_limbs, read_shape

CORE = 0.9  # of the body's half width, within which the upper edge of trousers is looked for


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
    def points(self) -> Coordinates:
        """The small pixels' centres, see pixel_grid."""
        return pixel_grid(*self.small.shape[:2])

    @cached_property
    def planes(self) -> np.ndarray:
        """The same pixels as small, (3, h, w)."""
        return to_planes(self.small)

    @cached_property
    def lab_planes(self) -> np.ndarray:
        """The same colours as lab, (3, h, w)."""
        return to_planes(self.lab)

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
    def face_colour(self) -> np.ndarray | None:
        """The median of the face's colours (3,) in Lab. None without a face."""
        face = (self.face < 0.8) & (self.regions.kinds[SKIN] > 0.8)
        if not self.figure.face_seen or face.sum() < 40:
            return None
        return medians(self.lab_planes[:, face])

    @cached_property
    def unlike_face(self) -> np.ndarray | None:
        """How far the colour of each small pixel (h, w) is from the face's, in any light: in Lab
        where lightness counts a third. None without a face."""
        if self.face_colour is None:
            return None
        return distance(self.lab_planes, self.face_colour, np.array([3, 1, 1], np.float32))

    @cached_property
    def half_width(self) -> np.ndarray:
        """Of the body at each small pixel (h, w), see BodyShape."""
        return self.shape.half_width(self.level, self.side)

    @cached_property
    def lower_region(self) -> np.ndarray:
        """Where the lower garment is seen (h, w), see read_lower."""
        return read_lower(self.regions, self.frames, self.figure.unit)

    @cached_property
    def hip_growth(self) -> np.ndarray:
        """How far (2,) the lower garment stands off the usual body, see read_growth."""
        return read_growth(self.lower_region, self.regions, self.figure, self.shape)

    @cached_property
    def trunk_half_width(self) -> np.ndarray:
        """Half widths (h, w) of the bare trunk, which goes over into the hips that the photo
        shows."""
        grown = of_body(self.hip_growth, self.figure.unit).astype(np.float32)
        hips = near_hips(self.level, self.regions, self.figure)
        return self.half_width + hips * np.where(self.side < 0, *grown)

    @cached_property
    def lower_edge(self) -> LowerEdge | None:
        """The upper edge of the lower garment that the photo shows."""
        return read_lower_edge(self)

    @property
    def waist(self) -> float:
        """Level of the waistband in small pixels: where the photo shows it, else the usual."""
        seen = self.regions.waist
        return (seen if 0.55 < seen < 0.92 else WAIST) * self.figure.torso


@dataclass(frozen=True)
class LowerEdge:
    """The upper edge of the lower garment that a photo shows: levels in pixels as a polynomial of
    the side in units, within `reach` (2,) of the sides."""

    curve: np.ndarray
    reach: tuple[float, float]
    unit: float

    def level(self, side: np.ndarray | float) -> np.ndarray:
        """At a side in pixels."""
        return np.polyval(self.curve, np.clip(np.asarray(side) / self.unit, *self.reach))


def read_lower_edge(scene: Scene) -> LowerEdge | None:
    """None where the photo shows no lower garment."""
    figure, unit = scene.figure, scene.figure.unit
    level = scene.level
    there = (scene.regions.kinds[LOWER] > 0.5) & (np.abs(scene.side) < CORE * scene.half_width)
    there &= (level > 0.3 * figure.torso) & (level < 1.3 * figure.torso)
    columns = np.nonzero(there.any(0))[0]
    if len(columns) < 8:
        return None
    rows = there[:, columns].argmax(0)
    places, tops = scene.side[rows, columns] / unit, level[rows, columns]
    # Here and there belly, shadow or a hand passes for it or hides it: what is far off counts
    # little, what is higher than the rest of it counts more.
    weights = np.ones(len(places))
    curve = np.array([0.0, 0.0, float(percentile(tops, 30))])
    for _ in range(6):
        off = (tops - np.polyval(curve, places)) / (0.05 * unit)
        weights = np.where(off < 0, 1.5, 1.0) / (1 + off * off)
        curve = np.polyfit(places, tops, 2, w=np.sqrt(weights))
    return LowerEdge(curve, (float(places.min()), float(places.max())), unit)


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
