"""The outlines of the bare body under the clothes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..maps.edges import outline
from ..maps.ranking import median
from ..masking.anatomy import ARM_PLACES, ARM_WIDTHS
from ..masking.figure import Limb, LimbFrame, LimbFrames, along, unit_vector
from ..masking.kinds import BACKGROUND, SKIN, smooth_step
from .hips import of_body
from .scene import Scene

STATIONS = np.linspace(0, 1, 41)  # places at which an arm's edges are looked for
LIMBS = ("right_arm", "left_arm", "right_leg", "left_leg")
CLOTH = 0.012  # units: as thick is a sleeve that lies close


@dataclass(frozen=True)
class BodyOutlines:
    """Signed distances (h, w) in pixels, negative inside, to the bare torso with the neck, the same
    going over into the arms (trunk), the arms and the legs."""

    torso: np.ndarray
    trunk: np.ndarray
    arms: np.ndarray
    legs: np.ndarray


def arm_edges(scene: Scene, name: str, covered: float) -> np.ndarray:
    """Distances (2, STATIONS) in pixels from an arm's middle line to its bare outline, inner side
    (towards the trunk) first. covered: the part of it under the old sleeve.

    Measured where the arm is bare. Under the sleeve it goes on from there as wide as it was last,
    swelling to a shoulder, but nowhere out of the sleeve.
    """
    from scipy.ndimage import gaussian_filter1d

    arm, unit = getattr(scene.figure, name), scene.figure.unit
    usual = np.interp(STATIONS, ARM_PLACES, ARM_WIDTHS) * unit
    skin = edges_across(scene, arm, scene.regions.kinds[SKIN])
    person = edges_across(scene, arm, 1 - scene.regions.kinds[BACKGROUND])
    half = skin.mean(0)
    seen = (covered + 0.04 < STATIONS) & (half > 0.5 * usual) & (half < 1.6 * usual)
    seen &= skin.min(0) > 0
    # On a broad body arms are broad.
    usual = usual * float(np.clip(scene.shape.build, 1.0, 1.35))
    edges = np.stack([usual, usual])
    sleeve = person.max(0) < 1.8 * usual
    if seen.sum() > 3:
        # Shoulders differ less than arms do.
        slim = np.interp(STATIONS, [0, 0.3], [0.5, 1])
        near = np.nonzero(seen)[0][:5]
        edges *= median((half / usual)[near]) ** slim
        # A slanting sleeve shows more of the outer side, before the background.
        outside = (covered < STATIONS) & (person[1] < skin[1] + 1) & (skin[1] > 0.5 * usual)
        known = np.stack([seen, seen | (outside & (skin[1] < 1.6 * usual))])
        edges = np.stack([joined_on(edges[k], skin[k], known[k]) for k in (0, 1)])
    elif sleeve.any():  # whose width tells a little
        edges *= max(1.0, 0.75 * float(median((person.mean(0) / usual)[sleeve])))
    cloth = CLOTH * unit * smooth_step(STATIONS, covered + 0.02, covered - 0.1)
    within = np.maximum(person - cloth, 0.6 * usual)
    edges = np.where(STATIONS - covered <= 0.04, np.minimum(edges, within), edges)
    # Around the joint both sides are one.
    share = smooth_step(STATIONS, 0.0, 0.15)
    edges = edges[1] + (edges - edges[1]) * share
    return gaussian_filter1d(edges, 1.0, axis=1, mode="nearest")


def joined_on(usual: np.ndarray, measured: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The usual lengths (STATIONS,) with the measured ones where known; above the first of those
    going over into the usual."""
    first = np.nonzero(known)[0][0]
    lengths = np.interp(STATIONS, STATIONS[known], measured[known])
    share = smooth_step(STATIONS - STATIONS[first], -0.25, 0.0)
    above = usual + (lengths[first] - usual[first]) * share
    return np.where(np.arange(len(STATIONS)) < first, above, lengths)


def edges_across(scene: Scene, arm: Limb, inside: np.ndarray) -> np.ndarray:
    """How far a region (h, w) reaches from an arm's middle line at STATIONS to its inner side and
    to its outer side (2, STATIONS), in pixels; infinite where it has no end there."""
    from scipy.ndimage import map_coordinates

    places = STATIONS * (len(arm.line) - 1)
    line = np.stack([np.interp(places, np.arange(len(arm.line)), axis) for axis in arm.line.T], 1)
    tangent = np.gradient(line, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-6)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1) * inner_side(arm.line, scene.figure.neck)
    steps = np.arange(0, 0.4 * scene.figure.unit)
    result = np.empty((2, len(STATIONS)))
    for k, sign in enumerate((1, -1)):
        points = line[:, None] + sign * steps[:, None] * normal[:, None]
        values = map_coordinates(inside, points[..., ::-1].transpose(2, 0, 1), order=1, cval=1)
        ended = values < 0.5
        last = ended.argmax(1)
        after = values[np.arange(len(last)), last]
        before = values[np.arange(len(last)), np.maximum(last - 1, 0)]
        share = (before - 0.5) / np.maximum(before - after, 1e-6)
        crossing = last - 1 + np.clip(share, 0, 1)
        result[k] = np.where(ended.any(1), np.maximum(crossing, 0), np.inf)
    return result


def bare_frames(scene: Scene) -> LimbFrames:
    """How the pixels lie to the limbs under the clothes: the scene's frames, the arms with their
    bare outlines."""
    right, left = scene.regions.covered
    return replace(
        scene.frames,
        right_arm=bare_arm(scene, "right_arm", right),
        left_arm=bare_arm(scene, "left_arm", left),
    )


def bare_arm(scene: Scene, name: str, covered: float) -> LimbFrame:
    """The frame of an arm with its bare outline."""
    frame, arm = scene.frames.of(name), getattr(scene.figure, name)
    near = frame.beyond < 0.25 * scene.figure.unit
    place, offset = frame.place[near], frame.offset[near]
    radius = np.interp(place, np.linspace(0, 1, len(arm.radii)), arm.radii)
    inner, outer = (np.interp(place, STATIONS, edge) for edge in arm_edges(scene, name, covered))
    edge = np.where(offset * inner_side(arm.line, scene.figure.neck) > 0, inner, outer)
    offsets, beyond = frame.offset.copy(), frame.beyond.copy()
    offsets[near] *= radius / edge
    beyond[near] += radius - edge
    if covered > 0.9:  # a cuff may hide the way from the wrist to the hand
        hand = along(scene.points, arm.line[-1], arm.end)[1]
        beyond = np.minimum(beyond, hand - ARM_WIDTHS[-1] * scene.figure.unit)
    return LimbFrame(frame.place, offsets, beyond)


def inner_side(line: np.ndarray, middle: np.ndarray) -> float:
    """The sign of offsets (see LimbFrame) on the side of a limb where the body's middle lies."""
    (x, y), (u, v) = line[-1] - line[0], middle - line[0]
    return 1.0 if v * x - u * y > 0 else -1.0


def leaving(arm: Limb, size: tuple[int, ...], unit: float, hands: np.ndarray) -> np.ndarray:
    """The step (2,) from the wrist of an arm to where it leaves a photo of this size (h, w), if its
    hand is outside, or not seen (hands (h, w)) and close to the edge; else no step."""
    height, width = size
    step = unit_vector(arm.end - arm.joints[2]) * 0.9 * unit
    x, y = np.round(arm.end).astype(int)
    if 0 <= x < width and 0 <= y < height:
        reach = max(2, round(0.2 * unit))
        around = hands[max(0, y - reach) : y + reach, max(0, x - reach) : x + reach]
        end = arm.end + 0.4 * step
        if (around > 0.5).mean() > 0.1 or ((end >= 0) & (end < (width, height))).all():
            return np.zeros(2)
    return step


def lower_half_widths(scene: Scene) -> np.ndarray:
    """Half widths (h, w) of the lower garment under an old hem: close to the waist, as seen at the
    hem."""
    unit, growth = scene.figure.unit, scene.hip_growth
    hem = scene.regions.waist * scene.figure.torso
    near = smooth_step(hem - scene.level, 0.3 * unit, 0)
    rest = (growth - of_body(growth, unit)).astype(np.float32)
    body = scene.trunk_half_width + CLOTH * unit
    return body + near * np.where(scene.side < 0, *rest)


def body_distances(
    scene: Scene, frames: LimbFrames, hands: np.ndarray, skin_like: np.ndarray
) -> BodyOutlines:
    """The outlines of the bare body. frames: the bare_frames; hands
    (h, w): where some are seen; skin_like (h, w): what of the skin is like the face's."""
    figure, shape, regions = scene.figure, scene.shape, scene.regions
    unit, points = figure.unit, scene.points
    side, level = scene.side, scene.level
    trunk = np.maximum(np.abs(side) - scene.trunk_half_width, -level - shape.rise(side))
    np.maximum(trunk, level - 1.28 * figure.torso, out=trunk)
    down, beside = along(points, figure.chin, figure.neck)
    neck = beside - (0.165 + 0.035 * down) * unit * float(np.clip(shape.build, 1.0, 1.2))
    # Beside the neck the photo tells, and where it shows neck and shoulders bare they are.
    ended = outline(1 - regions.kinds[BACKGROUND], 1.0)
    ended = np.where(ended > -1, ended, -unit)  # only near its line a distance
    neck = np.maximum(neck, ended)
    trunk = np.where(level < -0.15 * unit, np.maximum(trunk, ended), trunk)
    near = np.minimum(neck, trunk) + 0.3 * np.maximum(level, 0)
    seen = regions.kinds[SKIN] * skin_like * smooth_step(near, 0.12 * unit, 0.08 * unit)
    shown = outline(seen, 1.0)
    neck = np.where(shown < 1, np.minimum(neck, shown), neck)
    # A covered leg is as wide as its cloth, up to a limit; a bare one as it was measured.
    limbs = {name: frames.of(name).beyond for name in LIMBS}
    for name, covered in zip(("right_leg", "left_leg"), regions.legs, strict=True):
        cloth = 0.045 * smooth_step(frames.of(name).place, 1.0, 0.6) if covered > 0.45 else 0.008
        limbs[name] = limbs[name] - cloth * unit
    for name in ("right_arm", "left_arm"):
        arm = getattr(figure, name)
        step = leaving(arm, level.shape, unit, hands)
        if step.any():
            beyond = along(points, arm.line[-1], arm.line[-1] + step)[1] - float(arm.radii[-1])
            limbs[name] = np.minimum(limbs[name], beyond)
    arms = np.minimum(limbs["right_arm"], limbs["left_arm"])
    # Shoulders go over into the arms without a notch.
    round_off = 0.2 * unit
    share = np.clip(0.5 + 0.5 * (arms - trunk) / round_off, 0, 1)
    both = arms + (trunk - arms) * share - round_off * share * (1 - share)
    shoulders = trunk + (both - trunk) * smooth_step(level, 0.35 * unit, 0.05 * unit)
    return BodyOutlines(
        torso=np.minimum(trunk, neck),
        trunk=np.minimum(shoulders, neck),
        arms=arms,
        legs=np.minimum(limbs["right_leg"], limbs["left_leg"]),
    )
