"""The preview try-on: fit the garment to the body, take the old one off, light it, lay it on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..masking.body import Body
from .drawing import Canvas, Piece, close_gaps, lay_on, take_off
from .edges import SingleThread, bands, resize
from .fill import undress
from .garment import Garment
from .layers import (
    below_top,
    covered_limbs,
    find_front,
    find_old,
    find_removed,
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

    @SingleThread()
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
        """Tries the garment on.

        picture: uint8 (H, W, 3) RGB, of any size, and the body found in it. mask: (H, W), 1 =
        may be repainted; without it the region follows from both garments. lighting: how much of
        the photo's folds and shadows the garment takes, 0 to 2. progress(step, 4) is called after
        each step and may raise to stop. Raises InputError for what cannot be tried on.
        """
        check(picture, body, garment, mask)
        tell = progress or (lambda step, total: None)
        scene = read_scene(picture, body)
        tell(1, 4)
        pieces = place_garment(garment, scene)
        check_visible(pieces, scene, garment)
        tell(2, 4)
        front = find_front(scene, garment.category)
        old = find_old(scene, garment.category, front)
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
        tell(3, 4)
        folds = lighting * fold_shading(scene.small, scene.figure, scene.regions)
        if garment.category == "lower":
            front = front.under(below_top(scene))
        trousers = any(piece.part.endswith("_leg") for piece in pieces)
        for piece in pieces:
            behind = np.maximum(front.kept, arms) if piece.part == "torso" else front.kept
            round_light = body_shading(
                scene.figure, scene.shape, scene.frames, piece.part, trousers
            )
            lay_on(scene, canvas, piece, behind, np.exp(folds) * round_light, lighting * body_now)
        if not trousers:
            close_gaps(scene, canvas, np.maximum(front.kept, arms))
        tell(4, 4)
        return finish(picture, scene, canvas, mask)


def check(picture: np.ndarray, body: Body, garment: Garment, mask: np.ndarray | None) -> None:
    """Raises InputError for what cannot be tried on."""
    height, width = picture.shape[:2]
    if body.mask.shape != (height, width):
        raise InputError(
            f"The body was found in a photo of {body.mask.shape[1]}x{body.mask.shape[0]} pixels, "
            f"but this one has {width}x{height}. Give the photo that the body was found in."
        )
    if mask is not None and mask.shape != (height, width):
        raise InputError(
            f"The mask must have the photo's size, {width}x{height} pixels, but it has "
            f"{mask.shape[1]}x{mask.shape[0]}. Resize it or leave it out."
        )
    joints = body.landmarks[[11, 12]] if garment.category != "lower" else body.landmarks[[23, 24]]
    inside = (joints[:, :2] > -0.1 * width).all(1) & (joints[:, 0] < 1.1 * width)
    if not (inside & (joints[:, 1] < height)).any():
        part = "hips" if garment.category == "lower" else "shoulders"
        raise InputError(
            f"To try on a garment of the category {garment.category!r} the photo must show the "
            f"person's {part}, but they are outside it. Use a photo that shows more of the person."
        )


def check_visible(pieces: list[Piece], scene: Scene, garment: Garment) -> None:
    """Raises InputError where next to nothing of the garment would be inside the photo."""
    shown = sum(int(piece.mapping.inside.sum()) for piece in pieces)
    if shown < 0.05 * scene.figure.unit**2:
        raise InputError(
            f"The {garment.category} garment would lie outside the photo. Use a photo that shows "
            "more of the person, or choose another category."
        )


def finish(
    picture: np.ndarray, scene: Scene, canvas: Canvas, mask: np.ndarray | None
) -> PreviewResult:
    """The canvas laid into the photo, within the user's mask where there is one."""
    left, top, right, _ = scene.window
    result = picture.copy()
    whole = np.zeros(picture.shape[:2], dtype=np.float32)
    for start, stop in bands(*canvas.mask.shape):
        window = (slice(top + start, top + stop), slice(left, right))
        changed, painted = canvas.mask[start:stop], canvas.picture[start:stop]
        if mask is not None:
            photo = scene.photo[start:stop]
            painted = photo + (painted - photo) * mask[window][..., None]
            changed = changed * mask[window]
        changed = np.where(changed > 1 / 255, changed, 0)
        rounded = np.clip(np.round(painted * 255), 0, 255).astype(np.uint8)
        whole[window] = changed
        result[window] = np.where((changed > 0)[..., None], rounded, picture[window])
    return PreviewResult(result, whole)
