"""What of the old clothes goes."""

from __future__ import annotations

import math

import numpy as np

from ..maps.colours import length, to_lab
from ..maps.edges import blur
from ..maps.grids import closed, narrowest, widest
from ..masking.figure import projected
from ..masking.kinds import BACKGROUND, HAIR, LOWER, SKIN, UPPER, smooth_step
from .bare import BodyOutlines
from .layers import Front, near_hands, old_sleeves
from .scene import Scene

EDGE = 2.0  # of the photo's pixels beside cloth that may be mixed with it


def find_old(scene: Scene, category: str, front: Front, outlines: BodyOutlines) -> np.ndarray:
    """What of the person's clothes (h, w) gives way to a new garment of this category. outlines:
    the body_distances."""
    figure, kinds = scene.figure, scene.regions.kinds
    level = scene.level
    soft = 0.03 * figure.unit
    waist = scene.waist if kinds[LOWER].max() > 0.5 else np.inf
    above_waist = smooth_step(level - waist, soft, -soft)
    # A dark collar or scarf may have passed for hair, a brown one for skin.
    # Skin is where the body is, whatever looks like it beside neck and arms.
    face = scene.face
    near = np.minimum(np.minimum(outlines.torso, outlines.arms), outlines.legs)
    near = np.maximum(smooth_step(near / figure.unit, 0.2, 0.1), smooth_step(face, 1.9, 1.6))
    near = np.maximum(near, near_hands(scene))
    skin = kinds[SKIN] * front.skin_like * near
    # In the shadow of the chin skin passes for hair.
    neck = smooth_step(level, 0.0, -0.1 * figure.unit)
    skin = skin + kinds[HAIR] * front.skin_like * near * widest(skin, 2) * neck
    around = widest(skin, 2)
    hair = kinds[HAIR] * front.hair_like * widest(front.hair, 3)
    # Where skin and hair go over into each other it is like neither.
    between = np.minimum(around, widest(hair, 2)) * (kinds[SKIN] + kinds[HAIR])
    bare = np.clip(np.maximum(skin + hair, between), 0, 1)
    if category == "lower":
        old = kinds[LOWER] * below_waistband(scene, above_waist)
    else:
        old = kinds[UPPER] + (kinds[LOWER] if category == "dress" else 0)
        # Whatever is neither skin nor hair was put on: collars, scarves, straps.
        within = smooth_step(outlines.torso, 0.0, -2.0)
        person = smooth_step(scene.small_person, 0.5, 0.9) * (1 - kinds[BACKGROUND])
        within = np.maximum(within, person) * above_waist
        chin = projected(scene.points, figure.chin, figure.down) / figure.unit
        # Above the chin not where skin and hair go over into each other.
        apart = 1 - widest(smooth_step(bare, 0.2, 0.5), max(2, round(0.03 * figure.unit)))
        apart = apart * smooth_step(chin, -0.35, -0.28)
        within = within * np.maximum(smooth_step(chin, -0.1, 0.0), apart)
        within = within * smooth_step(face, 1.1, 1.2)
        rim = kinds[BACKGROUND] * around  # where skin goes over into what is behind
        put_on = within * np.clip(1 - bare - rim, 0, 1) * (1 - kinds[LOWER])
        both = np.maximum(np.clip(old, 0, 1), put_on)
        # What is narrow there and apart from the garment is a shadow or jewellery.
        narrow = max(1, round(0.03 * figure.unit))
        put_on *= np.maximum(widest(narrowest(both, narrow), 2 * narrow), 1 - neck)
        old = np.maximum(np.clip(old, 0, 1), put_on)
    # Trimmings and prints that look like something else lie between parts of the garment.
    whole = closed(old, max(1, round(0.04 * figure.unit)))
    if category == "upper":
        bare = np.clip(bare + kinds[LOWER], 0, 1)
    old = np.maximum(old, whole * (1 - bare))
    return old if category == "lower" else np.maximum(old, old_sleeves(scene, over_trousers=True))


def below_waistband(scene: Scene, above_waist: np.ndarray) -> np.ndarray:
    """Where the old lower garment is (h, w), 0..1; of a dress what hangs below the new waistband.
    above_waist (h, w): what lies above the usual one."""
    edge = scene.lower_edge
    if edge is None or scene.regions.one_piece:
        return 1 - above_waist
    unit = scene.figure.unit
    depth = scene.level - edge.level(scene.side)
    return np.maximum(1 - above_waist, smooth_step(depth, -0.12 * unit, -0.09 * unit))


def find_removed(scene: Scene, old: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Where the old garment (h, w) must be painted over: grown by its soft rim and by what sticks
    out of the person beside it, as ruffles and sequins do. background (3, h, w): what is behind."""
    unit, kinds = scene.figure.unit, scene.regions.kinds
    outside = kinds[BACKGROUND]
    near = widest(old, max(2, round(0.06 * unit))) * outside
    near = near * (1 - widest(np.maximum(kinds[SKIN], kinds[HAIR]) * (1 - old), 3))
    some = np.flatnonzero(near > 0)
    behind = background.reshape(3, -1).take(some, 1)
    strange = length(scene.lab.reshape(-1, 3).take(some, 0) - to_lab(behind.T))
    # In front of a lively background less can be told.
    lightness = scene.lab[..., 0]
    lively = outside * np.abs(lightness - blur(lightness, 0.04 * unit))
    lively = blur(lively, 0.2 * unit) / np.maximum(blur(outside, 0.2 * unit), 1e-3)
    strange = near.take(some) * smooth_step(strange - 4 * lively.take(some), 8.0, 14.0)
    old = old.copy()
    old.put(some, np.maximum(old.take(some), strange))
    rim = max(1, round(0.02 * unit))
    small = widest(old, rim)
    # The pixels of a small photo are as large as ours, and so is its edge.
    edge = math.ceil(EDGE * len(scene.small) / len(scene.photo))
    if edge > rim:
        small = np.maximum(small, widest(old, edge) * outside)
    return blur(smooth_step(small, 0.15, 0.5), 0.7)
