"""What lies in front of what, and the drawing of the layers on the photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .edges import blur, refine, resize
from .figure import face_distance, pixel_grid
from .fill import limb_frame
from .regions import HAIR, SKIN, UPPER, hand_discs, smooth_step
from .scene import Scene
from .warp import BackwardMap, sample


@dataclass(frozen=True)
class Piece:
    """One layer of the garment: which part it is, its backward map (small pixels), and the
    garment's picture of it, float32 (h, w, 4) premultiplied colour and alpha."""

    part: str
    mapping: BackwardMap
    picture: np.ndarray


@dataclass(frozen=True)
class Front:
    """Soft maps (H, W) at the photo's size. kept: face, hair and hands, in front of everything.
    arms: the visible bare arms, in front of the torso."""

    kept: np.ndarray
    arms: np.ndarray


def find_front(scene: Scene) -> Front:
    """What of the person stays in front of a new garment."""
    figure, kinds = scene.figure, scene.regions.kinds
    points = pixel_grid(*scene.small.shape[:2])
    skin = smooth_step(kinds[SKIN], 0.35, 0.65)
    face = smooth_step(face_distance(points, figure), 1.12, 1.02)
    hands = smooth_step(hand_discs(points, figure), 1.05, 0.85) * skin
    kept = np.maximum(np.maximum(smooth_step(kinds[HAIR], 0.3, 0.7), face), hands)
    level = (points - figure.neck) @ figure.down
    arms = np.zeros(skin.shape)
    for limb in (figure.right_arm, figure.left_arm):
        place, _, beyond = limb_frame(points, limb)
        near = smooth_step(beyond, 0.10 * figure.unit, 0.05 * figure.unit)
        arms = np.maximum(arms, near * np.maximum(
            smooth_step(level, 0.22 * figure.unit, 0.30 * figure.unit), smooth_step(place, 0.25, 0.4)
        ))  # fmt: skip
    stack = np.stack([kept, arms * skin], -1).astype(np.float32)
    large = refine(stack, scene.small, scene.photo, 2, 1e-4)
    return Front(large[..., 0], large[..., 1])


def find_removed(scene: Scene, old: np.ndarray) -> np.ndarray:
    """Where the old garment (h, w) must be painted over, at the photo's size (H, W): grown by its
    soft rim, but not into hair, face and hands."""
    from scipy.ndimage import maximum_filter

    reach = max(1, round(0.008 * scene.figure.unit))
    small = smooth_step(maximum_filter(old, 2 * reach + 1), 0.15, 0.5)
    small = blur(small.astype(np.float32), 0.7)
    return resize(small, *scene.photo.shape[:2])


class Canvas:
    """The photo being repainted: picture float32 (H, W, 3), mask (H, W) of what was repainted."""

    def __init__(self, photo: np.ndarray):
        self.picture = photo.copy()
        self.mask = np.zeros(photo.shape[:2], dtype=np.float32)

    def cover(self, colours: np.ndarray, alpha: np.ndarray) -> None:
        """Paints colours (H, W, 3) where alpha (H, W)."""
        self.picture += (colours - self.picture) * alpha[..., None]
        self.mask = 1 - (1 - self.mask) * (1 - alpha)

    def darken(self, amount: np.ndarray) -> None:
        """Multiplies the picture by 1 - amount (H, W)."""
        self.picture *= 1 - amount[..., None]
        self.mask = np.maximum(self.mask, amount > 1 / 255)


def draw_piece(scene: Scene, piece: Piece) -> tuple[np.ndarray, np.ndarray]:
    """Colours (H, W, 3), not premultiplied, and alpha (H, W) of a piece in the photo."""
    height, width = scene.photo.shape[:2]
    mapping, scale = piece.mapping, scene.scale
    rows, columns = mapping.inside.shape
    box = (
        max(0, int(mapping.left * scale)), max(0, int(mapping.top * scale)),
        min(width, int(np.ceil((mapping.left + columns) * scale))),
        min(height, int(np.ceil((mapping.top + rows) * scale))),
    )  # fmt: skip
    drawn = sample(piece.picture, mapping, scale, box)
    colours = np.zeros((height, width, 3), dtype=np.float32)
    alpha = np.zeros((height, width), dtype=np.float32)
    cut = (slice(box[1], box[3]), slice(box[0], box[2]))
    alpha[cut] = drawn[..., 3]
    colours[cut] = np.clip(drawn[..., :3] / np.maximum(drawn[..., 3:], 1e-3), 0, 1)
    return colours, alpha


def contact_shadow(alpha: np.ndarray, unit: float) -> np.ndarray:
    """Soft shadow (H, W) that a layer throws on what lies just below its edge."""
    reach = 0.035 * unit
    down = np.roll(blur(alpha, reach), round(0.6 * reach), axis=0)
    return 0.30 * np.clip(down, 0, 1) * (1 - alpha)


def old_of(scene: Scene, category: str) -> np.ndarray:
    """What of the person's clothes gives way to a new garment of this category (h, w)."""
    from .regions import LOWER

    kinds = scene.regions.kinds
    return {"upper": kinds[UPPER], "lower": kinds[LOWER]}.get(
        category, np.clip(kinds[UPPER] + kinds[LOWER], 0, 1)
    )
