"""Everything that is read from the photo once: its window, geometry and regions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F

from ..maps.colours import to_lab
from ..maps.edges import refine, resize
from ..masking.body import Body
from ..masking.figure import Figure, LimbFrame, build_figure, limb_frame
from ..masking.regions import WAIST, Regions, read_regions, split_at_waist
from .shape import Shape, measure_limbs, read_shape

WORKING_SIDE = 360  # pixels of the longer side in which geometry is worked out
READING_SIDE = 224  # and in which regions are told apart


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
    shape: Shape
    frames: dict[str, LimbFrame]

    @property
    def waist(self) -> float:
        """Level of the waistband in small pixels: where the photo shows it, else the usual."""
        seen = self.regions.waist
        return (seen if 0.55 < seen < 0.92 else WAIST) * self.figure.torso


def read_scene(picture: np.ndarray, body: Body) -> Scene:
    """Reads a photo uint8 (H, W, 3) and the body found in it."""
    height, width = picture.shape[:2]
    left, top, right, bottom = body.box
    margin = 0.2 * max(right - left, bottom - top)
    window = (
        int(max(0, left - margin)), int(max(0, top - margin)),
        int(min(width, right + margin)), int(min(height, bottom + margin)),
    )  # fmt: skip
    cut = (slice(window[1], window[3]), slice(window[0], window[2]))
    photo, person = picture[cut], body.mask[cut]
    scale = max(1.0, max(photo.shape[:2]) / WORKING_SIDE)
    size = (round(photo.shape[0] / scale), round(photo.shape[1] / scale))
    small = reduced(photo, *size)
    small_person = resize(person, *size)
    tiny_scale = max(1.0, max(size) / READING_SIDE)
    tiny_size = (round(size[0] / tiny_scale), round(size[1] / tiny_scale))
    tiny = resize(small, *tiny_size)
    origin = (window[0], window[1])
    regions = read_regions(
        tiny, build_figure(body, origin, 1 / (scale * tiny_scale)), resize(small_person, *tiny_size)
    )
    kinds = refine(regions.kinds, tiny, small, 2, 3e-4)
    kinds = kinds / np.maximum(kinds.sum(0), 1e-6)
    figure = build_figure(body, origin, 1 / scale)
    if regions.one_piece:
        kinds = split_at_waist(kinds, figure)
    regions = replace(regions, kinds=kinds.astype(np.float32))
    figure = measure_limbs(figure, regions)
    shape = read_shape(figure, regions)
    frames = {
        name: limb_frame(getattr(figure, name), *size)
        for name in ("right_arm", "left_arm", "right_leg", "left_leg")
    }
    return Scene(window, photo, small, to_lab(small), small_person, figure, regions, shape, frames)


def reduced(photo: np.ndarray, height: int, width: int) -> np.ndarray:
    """A photo uint8 (H, W, 3) as float32 (height, width, 3) in 0..1, averaged."""
    whole = torch.from_numpy(np.array(photo)).permute(2, 0, 1)[None]
    small = F.interpolate(whole, (height, width), mode="bilinear", antialias=True)[0]
    return small.permute(1, 2, 0).numpy().astype(np.float32) / 255
