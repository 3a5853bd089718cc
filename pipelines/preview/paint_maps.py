"""The small maps that a Painter paints by, and the same ones enlarged to a cut of the photo.

Small they are arrays (h, w) or (channels, h, w); enlarged (rows, columns) or (channels, rows,
columns). Distances are signed, in small pixels, negative inside. Colours are in
0..1, everything else too unless it is said.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LowerMaps:
    """How the lower garment goes on upwards. edge: distance to its outline; axis: the row at which
    the photo is mirrored, so that folds and grain go on; smooth (3 channels): the photo's colours
    there without its grain; colours (3): those to put in their place; grain: how much of it goes
    on; light: brightness of the waistband."""

    edge: np.ndarray
    axis: np.ndarray
    smooth: np.ndarray
    colours: np.ndarray
    grain: np.ndarray
    light: np.ndarray


@dataclass(frozen=True)
class BareBody:
    """What the photo shows where the old garment is taken off. background, skin: colours (3);
    trunk, arms: distances to the outlines of the bare skin; lower: what the lower garment shows
    under an old upper one, between both."""

    background: np.ndarray
    skin: np.ndarray
    trunk: np.ndarray
    arms: np.ndarray
    lower: LowerMaps | None


@dataclass(frozen=True)
class Lights:
    """Brightness of the garment's parts, 1 = as in its picture; of sleeves only if it has them."""

    trunk: np.ndarray
    right_arm: np.ndarray | None = None
    left_arm: np.ndarray | None = None

    def of(self, part: str) -> np.ndarray:
        """That of a part of the garment: "right_arm", "left_arm", or anything on the trunk."""
        found = getattr(self, part) if part.endswith("_arm") else self.trunk
        assert found is not None
        return found


@dataclass(frozen=True)
class Gaps:
    """The narrow wedges between sleeve and trunk, or between legs, below what is worn: how much of
    a pixel they cover, and their colours (3)."""

    cover: np.ndarray
    colours: np.ndarray


@dataclass(frozen=True)
class PaintMaps:
    """front, 8 channels: the linear models of `Front`; above: what else is in front of the garment;
    removed: where the old garment is painted over; hidden: the limbs in new sleeves or trouser
    legs; person: distance to the person's outline; free: to where bare arms are in front of the
    torso; falls: the shadow of each piece, if it is known."""

    front: np.ndarray
    free: np.ndarray
    above: np.ndarray
    removed: np.ndarray
    hidden: np.ndarray
    person: np.ndarray
    bare: BareBody
    lights: Lights
    gaps: Gaps | None = None
    falls: tuple[np.ndarray, ...] = ()
