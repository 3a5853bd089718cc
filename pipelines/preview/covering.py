"""What of the person the new sleeves and trouser legs cover."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..garment.parts import LEFT_LEG, LEFT_SLEEVE, RIGHT_LEG, RIGHT_SLEEVE
from ..garment.read import Garment
from ..maps.grids import box_of
from ..maps.ranking import percentile
from ..masking.figure import Limb, LimbFrame
from ..masking.kinds import smooth_step
from .bare import inner_side
from .drape import leg_reach
from .drawing import Piece
from .place import solid_places
from .scene import Scene

LIMB_OF = {
    RIGHT_SLEEVE: "right_arm", LEFT_SLEEVE: "left_arm", RIGHT_LEG: "right_leg", LEFT_LEG: "left_leg"
}  # fmt: skip
BARE_SHOULDER = 0.17  # of an arm: a sleeve that begins lower is worn off the shoulder
ACROSS = np.array([-1.0, -0.5, 0.0, 0.5])  # offsets on an arm at which a sleeve's end is looked up


def limb_place(limb: Limb, share: float) -> float:
    """The place (see LimbFrame), in whose terms the elbow is at 0.5, at a share of the length."""
    upper = float(np.linalg.norm(limb.joints[1] - limb.joints[0])) / max(limb.length, 1e-6)
    return float(np.interp(share, [0, np.clip(upper, 0.01, 0.99), 1], [0, 0.5, 1]))


def covered_limbs(
    scene: Scene, garment: Garment, layers: Sequence[Piece]
) -> tuple[np.ndarray, np.ndarray]:
    """Where limbs (h, w) lie that the new sleeves or trouser legs cover, and the part of it where
    none of them may look out: all around the legs, on the outside of the arms as far as the sleeve
    lies there. Between sleeve and trunk one looks at the arm, not through it. layers: the garment
    as it is drawn, which begins below the shoulders where it is worn off them."""
    figure = scene.figure
    covered = np.zeros(scene.small.shape[:2], np.float32)
    gone = np.zeros_like(covered)
    for part, name in LIMB_OF.items():
        if part not in garment.limbs:
            continue
        frame, arm = scene.frames.of(name), name.endswith("arm")
        limb = getattr(figure, name)
        reach = limb_place(limb, garment.reach) if arm else leg_reach(garment)
        wide, near = (0.12, 0.08) if arm else (0.16, 0.10)
        there = box_of(frame.beyond < wide * figure.unit)
        place = frame.place[there]
        around = smooth_step(frame.beyond[there], wide * figure.unit, near * figure.unit)
        sleeve = cloth_of(name, layers, covered.shape) if arm else None
        start = 0.0 if sleeve is None else sleeve_start(frame, sleeve)
        if start > BARE_SHOULDER:
            around = around * smooth_step(place, start - 0.02, start + 0.01)
        # The trunk ends where the sleeve does.
        hidden = around * smooth_step(place, reach, reach - (0.015 if arm else 0.04))
        covered[there] = np.maximum(covered[there], hidden)
        if sleeve is not None:
            side = inner_side(limb.line, figure.neck)
            ends = sleeve_ends(frame, side, sleeve)
            inwards = side * frame.offset[there]
            ends = np.minimum(np.interp(inwards, ACROSS, ends), reach)
            hidden = smooth_step(place - ends, 0.0, -0.03) * around
            hidden = hidden * smooth_step(inwards, 0.4, 0.1)
        gone[there] = np.maximum(gone[there], hidden)
    return covered, gone


def cloth_of(part: str, layers: Sequence[Piece], size: tuple[int, ...]) -> np.ndarray:
    """Where the cloth of a part of the garment lies in the small picture of this size (h, w)."""
    there = np.zeros(size, bool)
    for one in layers:
        if one.part == part:
            there |= solid_places(one, size)
    return there


def sleeve_start(frame: LimbFrame, sleeve: np.ndarray) -> float:
    """The place along an arm, 0..1, at which its new sleeve begins. sleeve (h, w): where it lies,
    bool."""
    places = frame.place[sleeve & (frame.beyond < 0)]
    return float(percentile(places, 2)) if len(places) else 0.0


def sleeve_ends(frame: LimbFrame, inwards: float, sleeve: np.ndarray) -> np.ndarray:
    """How far down an arm (see LimbFrame) its sleeve lies at ACROSS. inwards: the sign of offsets
    towards the trunk; sleeve (h, w): where it lies, bool."""
    ends = np.ones(len(ACROSS))
    place, side = frame.place[sleeve], inwards * frame.offset[sleeve]
    for k, middle in enumerate(ACROSS):
        near = place[np.abs(side - middle) < 0.25]
        if len(near) > 8:
            ends[k] = percentile(near, 98)
    return ends
