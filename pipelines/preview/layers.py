"""What lies in front of what."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..garment.read import Garment
from ..maps.colours import distance
from ..maps.edges import guided_models
from ..maps.grids import box_of, pieces, sizes_of
from ..maps.ranking import medians
from ..masking.figure import along, projected, unit_vector
from ..masking.hands import hand_box, hand_disc
from ..masking.kinds import BACKGROUND, HAIR, LOWER, SHOES, SKIN, UPPER, smooth_step
from ..masking.limbs import SEEN
from .bare import inner_side, leaving
from .lower import old_hem
from .scene import Scene
from .trunk import EASE

SURE = 0.8  # visibility of a joint from which it is surely seen
HAND = 1.05  # see hand_disc: further away is none
LEAST_HAND = 0.008  # of the square of the unit: less than this of a hand is none


@dataclass(frozen=True)
class Front:
    """Small maps (h, w). free: see free_arms. models (8, h, w): how the photo's colours tell what
    is kept (face, hair, hands: in front of everything) and the visible bare arms (in front of the
    torso); see guided_models. skin_like and hair_like: see like_face and like_head_hair; hands
    and hair: those that are seen."""

    free: np.ndarray
    models: np.ndarray
    skin_like: np.ndarray
    hair_like: np.ndarray
    hands: np.ndarray
    hair: np.ndarray


def find_front(scene: Scene, garment: Garment) -> Front:
    """What of the person stays in front of a new garment."""
    figure, kinds = scene.figure, scene.regions.kinds
    skin = smooth_step(kinds[SKIN], 0.35, 0.65)
    face = smooth_step(scene.face, 1.12, 1.02)
    skin_like, hair_like = like_face(scene), like_head_hair(scene)
    hands = near_hands(scene, garment.reach) * skin
    if min(figure.right_arm.seen[2], figure.left_arm.seen[2]) < SURE:
        # Where a wrist is hardly seen, metal and white straps pass for skin at a glance.
        sure = near_hands(scene, garment.reach, SURE) * skin
        hands = np.maximum(hands * like_face(scene, 17.0, 11.0), sure * skin_like)
    else:
        hands = hands * skin_like
    hands = hands * not_small(hands > 0.3, LEAST_HAND * figure.unit**2)
    hair = smooth_step(kinds[HAIR], 0.3, 0.7) * hair_like
    # It grows on the head, whose upper part the photo may not show.
    head = scene.face < 1.7
    head &= projected(scene.points, figure.chin, figure.down) < -0.2 * figure.unit
    head[0] = True
    hair = hair * joined(hair > 0.3, head)
    kept = np.maximum(np.maximum(hair, face), hands)
    shown = np.zeros_like(skin)
    for name, covered in zip(("right_arm", "left_arm"), scene.regions.covered, strict=True):
        frame = scene.frames.of(name)
        bare = smooth_step(frame.place, covered - 0.08, covered)
        if getattr(figure, name).seen[1:].min() > SEEN:
            shown = np.maximum(shown, skin * bare * smooth_step(frame.beyond, 4.0, 0.0))
    if garment.category == "lower":
        # Trousers and skirts leave the arms, and a top that hangs over them, as they are.
        kept = np.maximum(kept, smooth_step(visible_arms(scene), 0.35, 0.65))
        kept = np.maximum(kept, smooth_step(kinds[UPPER], 0.35, 0.65) * above_hem(scene))
    # Bare shins may pass for shoes.
    shoes = smooth_step(kinds[SHOES], 0.35, 0.65)
    kept = np.maximum(kept, shoes * (1 - skin_like * figure.face_seen))
    models = guided_models(np.stack([kept, shown]), scene.small, 2, 1e-4)
    return Front(free_arms(scene, hands), models, skin_like, hair_like, hands, hair)


def free_arms(scene: Scene, hands: np.ndarray) -> np.ndarray:
    """Signed distance (h, w) in pixels, negative inside, to where a bare arm is in front of a
    garment: beside the trunk from the armpits down, and everywhere further down the arm."""
    figure, unit = scene.figure, scene.figure.unit
    level, side = scene.level, scene.side
    trunk = scene.half_width + 1.4 * EASE * unit
    result = np.full(level.shape, sum(level.shape), np.float32)  # far: no arm is in front
    for name in ("right_arm", "left_arm"):
        frame, arm = scene.frames.of(name), getattr(figure, name)
        if arm.seen[1:].min() <= SEEN and arm.depth[2] > -0.5 * unit:
            continue  # behind the trunk
        beside = trunk * (1 - smooth_step(frame.place, 0.15, 0.5)) - np.abs(side)
        beside = np.maximum(beside, 0.22 * unit - level)
        lower = np.minimum(beside, (0.5 - frame.place) * unit)
        result = np.minimum(result, np.maximum(frame.beyond - 0.08 * unit, lower))
        step = leaving(arm, level.shape, unit, hands)
        if step.any():
            beyond = along(scene.points, arm.line[-1], arm.line[-1] + step)[1]
            result = np.minimum(result, beyond - 0.15 * unit)
    return result


def not_small(region: np.ndarray, least: float) -> np.ndarray:
    """The pieces of a region (h, w), bool, of at least so many pixels."""
    labels, count = pieces(region)
    return (sizes_of(labels, count) >= least)[labels] & region


def joined(region: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """The pieces of a region (h, w), bool, that reach the seeds (h, w)."""
    labels, count = pieces(region)
    reached = np.zeros(count + 1, bool)
    reached[labels[seeds]] = True
    reached[0] = False
    return reached[labels]


def below_top(scene: Scene) -> np.ndarray:
    """Where a lower garment shows (h, w): below the hem of a top that hangs over its waistband, and
    beside it not above."""
    unit = scene.figure.unit
    hem, touching = old_hem(scene, scene.level)
    below = np.arange(len(scene.level))[:, None] - hem
    shown = smooth_step(below.astype(np.float32), -0.05 * unit, -0.02 * unit)
    return np.maximum(shown, np.float32(1 - touching))


def above_hem(scene: Scene) -> np.ndarray:
    """Where what looks like the top is one (h, w): further down it is a buckle or a print."""
    unit = scene.figure.unit
    hem, touching = old_hem(scene, scene.level)
    below = np.arange(len(scene.level))[:, None] - hem
    return 1 - smooth_step(below.astype(np.float32), 0.03 * unit, 0.07 * unit) * touching


def near_hands(
    scene: Scene,
    sleeves: float = 0.0,
    seen: float = SEEN,
) -> np.ndarray:
    """Around the hands 1 (h, w); in front of a leg, which may be bare, only close to them. sleeves:
    the part of the arms 0..1 that new sleeves cover, where no hand is. seen: visibility of a wrist
    from which its hand counts."""
    figure, frames, unit = scene.figure, scene.frames, scene.figure.unit
    ends = (sleeves, sleeves + 0.03)
    hands = np.zeros(scene.level.shape, np.float32)
    x, y = scene.points
    for name, arm in (("right_arm", figure.right_arm), ("left_arm", figure.left_arm)):
        if arm.seen[2] <= seen:
            continue
        there = hand_box(arm, unit, hands.shape, HAND)
        legs = np.minimum(frames.right_leg.beyond[there], frames.left_leg.beyond[there])
        reach = 1 - 0.4 * smooth_step(legs, 0.0, -0.05 * unit)
        disc = hand_disc((x[there[1]], y[there[0]]), arm, unit)
        near = smooth_step(disc / reach, HAND, 0.85)
        if sleeves > 0:
            frame = frames.of(name)
            place = frame.place[there]
            if ends[1] > 1:  # a long sleeve ends straight across the wrist, and not beside it
                way = unit_vector(arm.line[-1] - arm.line[-2]) / max(arm.length, 1.0)
                beyond = projected((x[there[1]], y[there[0]]), arm.line[-1], way)
                aside = 0.1 * (np.abs(frame.offset[there]) - 1.3)
                place = place + np.maximum(beyond, aside.clip(0, 0.03))
            near = near * smooth_step(place, *ends)
        hands[there] = np.maximum(hands[there], near)
    return hands


def like_face(scene: Scene, strange_at: float = 24.0, like_at: float = 14.0) -> np.ndarray:
    """How much a pixel (h, w) has the colour of the face in any light, 0..1; 1 without a face. See
    Scene.unlike_face for the limits."""
    strange = scene.unlike_face
    if strange is None:
        return np.ones(scene.level.shape, np.float32)
    return smooth_step(strange, strange_at, like_at)


def like_head_hair(scene: Scene) -> np.ndarray:
    """Below the chin: how much a pixel (h, w) has the colour of the hair on the head, 0..1. Dark
    collars, straps and prints also pass for hair there. Above the chin 1."""
    figure = scene.figure
    away = scene.face
    height = projected(scene.points, figure.face_centre, figure.face_up)
    top = (away > 1.15) & (away < 1.7) & (height > 0) & (scene.regions.kinds[HAIR] > 0.6)
    if top.sum() < 30:
        return np.ones(away.shape, np.float32)
    colours = scene.lab_planes[:, top]
    middle = medians(colours)
    spread = medians(np.abs(colours - middle[:, None]))
    scale = np.maximum(spread, np.array([6, 2.5, 2.5], np.float32))
    below = smooth_step(projected(scene.points, figure.chin, figure.down), -0.1 * figure.unit, 0.0)
    rows = box_of(below > 0)[0]
    result = np.ones_like(below)
    strange = distance(scene.lab_planes[:, rows], middle, scale)
    result[rows] -= below[rows] * smooth_step(strange, 3.5, 5.0)
    return result


def old_sleeves(scene: Scene, over_trousers: bool = False) -> np.ndarray:
    """Where the old sleeves go around the arms (h, w), whatever shows through or hangs there.
    over_trousers: also what looks like the trousers behind them, as wide as arms usually are."""
    unit, skin = scene.figure.unit, scene.regions.kinds[SKIN]
    hands = near_hands(scene) * skin
    sleeves = np.zeros(skin.shape, np.float32)
    for name, covered in zip(("right_arm", "left_arm"), scene.regions.covered, strict=True):
        if covered > 0.45:
            frame = scene.frames.of(name)
            there = box_of(frame.beyond < 0.12 * unit)
            near = smooth_step(frame.beyond[there], 0.12 * unit, 0.08 * unit)
            near = near * smooth_step(frame.place[there], covered + 0.06, covered)
            # A dress looks the same beside the sleeve, but not on its outer side.
            inwards = inner_side(getattr(scene.figure, name).line, scene.figure.neck)
            outside = smooth_step(inwards * frame.offset[there], 0.0, -0.3)
            outside = outside * scene.regions.one_piece
            if over_trousers and getattr(scene.figure, name).seen[2] > SEEN:
                core = smooth_step(frame.beyond[there], 0.0, -0.03 * unit)
                outside = np.maximum(outside, core)
            near = near * (1 - scene.regions.kinds[LOWER][there] * (1 - outside))
            sleeves[there] = np.maximum(sleeves[there], near)
    kinds = scene.regions.kinds
    return sleeves * (1 - hands) * (1 - kinds[BACKGROUND])


def visible_arms(scene: Scene) -> np.ndarray:
    """The arms with their hands and old sleeves (h, w): what a lower garment leaves as it is."""
    unit, kinds = scene.figure.unit, scene.regions.kinds
    near = np.minimum(scene.frames.right_arm.beyond, scene.frames.left_arm.beyond)
    hands = near_hands(scene)
    limb = np.maximum(smooth_step(near, 0.10 * unit, 0.05 * unit), hands)
    return np.maximum(limb * np.clip(kinds[SKIN] + kinds[UPPER], 0, 1), old_sleeves(scene))


def occluders(scene: Scene) -> np.ndarray:
    """What is not the person around an elbow and a wrist (h, w) that are hardly seen: the arm is
    behind it."""
    unit = scene.figure.unit
    result = np.zeros(scene.small.shape[:2], np.float32)
    others = smooth_step(scene.small_person, 0.5, 0.2)
    for name in ("right_arm", "left_arm"):
        hidden = smooth_step(getattr(scene.figure, name).seen, 0.5, 0.3)
        if not hidden[1:].any():
            continue
        frame = scene.frames.of(name)
        share = np.interp(frame.place, [0.2, 0.4, 0.8, 1.0], [0, *hidden[[1, 1, 2]]])
        near = smooth_step(frame.beyond, 0.3 * unit, 0.2 * unit)
        result = np.maximum(result, near * share * others)
    return result
