"""The small maps that a Painter paints by, and the same ones enlarged to a cut of the photo.

Small they are numpy arrays (h, w) or (h, w, channels); enlarged torch tensors (rows, columns) or
(channels, rows, columns). Distances are signed, in small pixels, negative inside. Colours are in
0..1, everything else too unless it is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

Map = TypeVar("Map")


@dataclass(frozen=True)
class LowerMaps(Generic[Map]):
    """How the lower garment goes on upwards. edge: distance to its outline; axis: the row at which
    the photo is mirrored, so that folds and grain go on; smooth (3 channels): the photo's colours
    there without its grain; colours (3): those to put in their place; grain: how much of it goes
    on; light: brightness of the waistband."""

    edge: Map
    axis: Map
    smooth: Map
    colours: Map
    grain: Map
    light: Map


@dataclass(frozen=True)
class BareBody(Generic[Map]):
    """What the photo shows where the old garment is taken off. background, skin: colours (3);
    trunk, arms: distances to the outlines of the bare skin; lower: what the lower garment shows
    under an old upper one, between both."""

    background: Map
    skin: Map
    trunk: Map
    arms: Map
    lower: LowerMaps[Map] | None


@dataclass(frozen=True)
class Lights(Generic[Map]):
    """Brightness of the garment's parts, 1 = as in its picture; of sleeves only if it has them."""

    trunk: Map
    right_arm: Map | None = None
    left_arm: Map | None = None

    def of(self, part: str) -> Map:
        """That of a part of the garment: "right_arm", "left_arm", or anything on the trunk."""
        found = getattr(self, part) if part.endswith("_arm") else self.trunk
        assert found is not None
        return found


@dataclass(frozen=True)
class Gaps(Generic[Map]):
    """The narrow wedges between sleeve and trunk, or between legs, below what is worn: how much of
    a pixel they cover, and their colours (3)."""

    cover: Map
    colours: Map


@dataclass(frozen=True)
class PaintMaps(Generic[Map]):
    """front, 8 channels: the linear models of `Front`; above: what else is in front of the garment;
    removed: where the old garment is painted over; hidden: the limbs in new sleeves or trouser
    legs; person: distance to the person's outline; free: to where bare arms are in front of the
    torso; falls: the shadow of each piece, if it is known."""

    front: Map
    free: Map
    above: Map
    removed: Map
    hidden: Map
    person: Map
    bare: BareBody[Map]
    lights: Lights[Map]
    gaps: Gaps[Map] | None = None
    falls: tuple[Map, ...] = ()
