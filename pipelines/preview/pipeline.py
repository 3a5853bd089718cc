"""The preview try-on: fit the garment to the body, take the old one off, light it, lay it on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..masking.body import Body
from .edges import resize
from .fill import undress
from .garment import Garment
from .layers import (
    Canvas,
    close_gaps,
    contact_shadow,
    covered_limbs,
    draw_piece,
    find_front,
    find_old,
    find_removed,
    take_off,
)
from .light import body_shading, fold_shading
from .place import place_garment
from .regions import BACKGROUND
from .scene import Scene, read_scene


@dataclass(frozen=True)
class PreviewResult:
    """picture uint8 (H, W, 3); mask float32 (H, W): what was repainted, 0 = untouched."""

    picture: np.ndarray
    mask: np.ndarray


class PreviewPipeline:
    """Weight-free try-on on one photo."""

    def __call__(
        self,
        picture: np.ndarray,
        body: Body,
        garment: Garment,
        mask: np.ndarray | None = None,
        *,
        lighting: float = 1.0,
        progress: Callable[[int, int], None] | None = None,
    ) -> PreviewResult:
        scene = read_scene(picture, body)
        pieces = place_garment(garment, scene)
        front = find_front(scene, garment.category)
        old = find_old(scene, garment.category)
        hidden = covered_limbs(scene, garment)
        person = 1 - scene.regions.kinds[BACKGROUND]
        removed = find_removed(scene, np.maximum(old, hidden * person)) * (1 - front.kept)
        bare = undress(
            scene.small, scene.figure, scene.shape, scene.regions, scene.frames,
            garment.category, old, hidden,
        )  # fmt: skip
        canvas = Canvas(scene.photo)
        drawn = take_off(scene, canvas, bare, removed)
        arms = np.maximum(front.arms, front.free * drawn["arms"])
        # Where a new sleeve goes around the arm, the trunk goes on behind it.
        arms = arms * (1 - resize(hidden, *arms.shape))
        body_now = scene.person * (1 - removed) + np.maximum.reduce(list(drawn.values()))
        folds = lighting * fold_shading(scene.small, scene.figure, scene.regions)
        worn = np.zeros_like(canvas.mask)
        trousers = any(piece.part.endswith("_leg") for piece in pieces)
        for piece in pieces:
            colours, alpha = draw_piece(scene, piece)
            behind = np.maximum(front.kept, arms) if piece.part == "torso" else front.kept
            alpha = alpha * (1 - behind)
            light = np.exp(folds) * body_shading(
                scene.figure, scene.shape, scene.frames, piece.part, trousers
            )
            light = resize(light.astype(np.float32), *alpha.shape)
            shadow = contact_shadow(alpha, scene.figure.unit * scene.scale)
            canvas.darken(lighting * shadow * body_now * (1 - behind))
            canvas.cover(np.clip(colours * light[..., None], 0, 1), alpha)
            worn = np.maximum(worn, alpha)
        close_gaps(scene, canvas, worn, np.maximum(front.kept, arms))
        return finish(picture, scene, canvas, mask)


def finish(
    picture: np.ndarray, scene: Scene, canvas: Canvas, mask: np.ndarray | None
) -> PreviewResult:
    """The canvas laid into the photo, within the user's mask where there is one."""
    left, top, right, bottom = scene.window
    changed = canvas.mask
    painted = canvas.picture
    if mask is not None:
        share = mask[top:bottom, left:right]
        painted = scene.photo + (painted - scene.photo) * share[..., None]
        changed = changed * share
    result = picture.copy()
    whole = np.zeros(picture.shape[:2], dtype=np.float32)
    whole[top:bottom, left:right] = np.where(changed > 1 / 255, changed, 0)
    rounded = np.clip(np.round(painted * 255), 0, 255).astype(np.uint8)
    result[top:bottom, left:right] = np.where(
        (whole[top:bottom, left:right] > 0)[..., None], rounded, picture[top:bottom, left:right]
    )
    return PreviewResult(result, whole)
