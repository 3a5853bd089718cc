"""Repaints the photo: the bare person where the old garment was, then the garment's pieces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .edges import Enlarged, bands, blur, resize
from .fill import Bare, spread
from .regions import smooth_step
from .scene import Scene
from .warp import BackwardMap, sample

SHADOW = 0.30  # how dark the shadow right under a layer's edge is


@dataclass(frozen=True)
class Piece:
    """One layer of the garment: which part it is, its backward map (small pixels), and the
    garment's picture of it, float32 (h, w, 4) premultiplied colour and alpha."""

    part: str
    mapping: BackwardMap
    picture: np.ndarray


class Canvas:
    """The photo being repainted: picture float32 (H, W, 3), mask (H, W) of what was repainted, worn
    (H, W) where the new garment lies."""

    def __init__(self, photo: np.ndarray):
        self.picture = photo.copy()
        self.mask = np.zeros(photo.shape[:2], dtype=np.float32)
        self.worn = np.zeros(photo.shape[:2], dtype=np.float32)

    def cover(self, colours: np.ndarray, alpha: np.ndarray, part: tuple = (...,)) -> None:
        """Paints colours (h, w, 3) where alpha (h, w), in a part of the picture."""
        picture = self.picture[part]
        picture += (colours - picture) * alpha[..., None]
        self.mask[part] = 1 - (1 - self.mask[part]) * (1 - alpha)

    def darken(self, amount: np.ndarray, part: tuple = (...,)) -> None:
        """Multiplies a part of the picture by 1 - amount (h, w)."""
        self.picture[part] *= 1 - amount[..., None]
        self.mask[part] = np.maximum(self.mask[part], amount > 1 / 255)


def take_off(
    scene: Scene, canvas: Canvas, bare: Bare, removed: np.ndarray
) -> dict[str, np.ndarray]:
    """Paints the layers of the bare person where `removed` (H, W); returns where each one lies."""
    height, width = scene.photo.shape[:2]
    background = Enlarged(bare.background, height, width)
    layers = [
        (name, Enlarged(colours, height, width), Enlarged(distance, height, width))
        for name, colours, distance in bare.layers
    ]
    places = {name: np.zeros((height, width), np.float32) for name, _, _ in layers}
    columns = np.nonzero(removed.any(0))[0]
    across = slice(columns.min(initial=width), columns.max(initial=0) + 1)
    for start, stop in bands(height, width):
        part = (slice(start, stop), across)
        if not removed[part].any():
            continue
        picture = background.rows(start, stop)[:, across]
        for name, colours, distance in layers:
            reach = distance.rows(start, stop)[:, across] * (scene.scale / 2)
            inside = np.clip(0.5 - reach, 0, 1) * scene.person[part] * (removed[part] > 0)
            rows = np.nonzero(inside.any(1))[0]
            if not len(rows):
                continue
            some = slice(rows[0], rows[-1] + 1)
            fresh = colours.rows(start + some.start, start + some.stop)[:, across]
            picture[some] += (fresh - picture[some]) * inside[some][..., None]
            places[name][part] = inside * removed[part]
        canvas.cover(picture, removed[part], part)
    return places


def lay_on(
    scene: Scene, canvas: Canvas, piece: Piece, behind: np.ndarray, light: np.ndarray,
    shaded: np.ndarray,
) -> None:  # fmt: skip
    """Draws a piece of the garment.

    behind (H, W): what hides it; light (h, w), small: its brightness; shaded (H, W): how much
    the shadow that it throws shows there.
    """
    height, width = scene.photo.shape[:2]
    mapping, scale = piece.mapping, scene.scale
    reach = max(1.0, 0.035 * scene.figure.unit * scale)
    rows, columns = mapping.inside.shape
    rim = int(3 * reach) + 1
    left, top = int(mapping.left * scale) - rim, int(mapping.top * scale) - rim
    right = int((mapping.left + columns) * scale) + rim
    bottom = int((mapping.top + rows) * scale) + rim
    box = (max(0, left), max(0, top), min(width, right), min(height, bottom))
    alpha = np.empty((box[3] - box[1], box[2] - box[0]), np.float32)
    colours = np.empty((*alpha.shape, 3), np.float16)
    for start, stop in bands(*alpha.shape):
        rows = (box[0], box[1] + start, box[2], box[1] + stop)
        drawn = sample(piece.picture, mapping, scale, rows)
        colours[start:stop] = drawn[..., :3] / np.maximum(drawn[..., 3:], 1e-3)
        alpha[start:stop] = drawn[..., 3] * (1 - behind[rows[1] : rows[3], rows[0] : rows[2]])
    drop = min(round(0.6 * reach), len(alpha))
    fall = np.pad(blur(alpha, reach), ((drop, 0), (0, 0)))[: len(alpha)]
    bright = Enlarged(light.astype(np.float32), height, width)
    for start, stop in bands(*alpha.shape):
        part = (slice(box[1] + start, box[1] + stop), slice(box[0], box[2]))
        here = alpha[start:stop]
        shadow = SHADOW * np.clip(fall[start:stop], 0, 1) * (1 - here)
        canvas.darken(shadow * shaded[part] * (1 - behind[part]), part)
        lit = colours[start:stop] * bright.rows(box[1] + start, box[1] + stop)[:, part[1], None]
        canvas.cover(np.clip(lit, 0, 1), here, part)
        canvas.worn[part] = np.maximum(canvas.worn[part], here)


def close_gaps(scene: Scene, canvas: Canvas, front: np.ndarray) -> None:
    """Fills the narrow wedges between sleeve and trunk, or between legs, with shaded fabric.

    front (H, W): what stays in front of the garment. Only where the photo showed the person: a
    gap that shows the background is one.
    """
    from scipy.ndimage import maximum_filter, minimum_filter

    size, worn = scene.small.shape[:2], canvas.worn
    reach = 2 * max(2, round(0.07 * scene.figure.unit)) + 1
    small = resize(worn, *size)
    padded = np.pad(small, reach)
    closed = minimum_filter(maximum_filter(padded, reach), reach)[reach:-reach, reach:-reach]
    open_by = blur(np.clip(closed - small, 0, 1), 0.7) * smooth_step(
        resize(scene.person, *size), 0.5, 0.8
    )
    if open_by.max() < 0.1:
        return
    fabric = 0.72 * spread(resize(canvas.picture, *size), smooth_step(small, 0.85, 0.99))
    gaps = Enlarged(1.3 * open_by.astype(np.float32), *worn.shape)
    colours = Enlarged(fabric, *worn.shape)
    for start, stop in bands(*worn.shape):
        part = slice(start, stop)
        alpha = gaps.rows(start, stop) * (1 - front[part]) * (1 - worn[part])
        if alpha.any():
            canvas.cover(colours.rows(start, stop), np.clip(alpha, 0, 1), (part,))
