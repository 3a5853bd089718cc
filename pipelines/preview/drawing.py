"""Repaints the photo: the bare person where the old garment was, then the garment's pieces.

What is painted where is worked out at working size; here it is enlarged and painted at the photo's
own, one rectangle after the other, so that no picture of numbers in full size is ever held.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..maps.edges import blur, to_planes
from ..maps.enlarging import Cut, EnlargedMaps, Grid, RareMaps
from ..maps.grids import box_of, closed, each, taken, widest
from ..maps.spreading import spread
from ..masking.kinds import smooth_step
from .grain import NO_GRAINS, Grain, Grains
from .mixing import apply_models, lay, lit, mix, mixed, planes
from .paint_maps import BareBody, Gaps, LowerMaps, PaintMaps
from .scene import Scene
from .warp import STEP, BackwardMap, LayerPicture

SHADOW = 0.30  # how dark the shadow right under a layer's edge is
FAINT = 1e-3  # a shadow that nobody sees


@dataclass(frozen=True)
class Piece:
    """One layer of the garment: which part it is, its backward map (small pixels), the garment's
    picture of it, float32 (h, w, 4) premultiplied colour and alpha, and where that shows the inside
    of the back instead (h, w), bool."""

    part: str
    mapping: BackwardMap
    picture: np.ndarray
    opening: np.ndarray


@dataclass(frozen=True)
class Painted:
    """A rectangle of the photo, as it was and as repainted (3, rows, columns) in 0..1; mask (rows,
    columns): what was repainted; worn: where the new garment lies; alphas:
    where each piece of it does."""

    photo: np.ndarray
    picture: np.ndarray
    mask: np.ndarray
    worn: np.ndarray
    alphas: list[np.ndarray]


class Painter:
    """Paints a photo uint8 (H, W, 3), or any rectangle of it.

    lighting: how dark shadows are, 1 = as usual.
    unit: of the figure, in small pixels. grains: of skin and background, in the photo's pixels.
    """

    def __init__(
        self,
        photo: np.ndarray,
        maps: PaintMaps,
        pieces: list[Piece],
        unit: float,
        lighting: float = 1.0,
        grains: Grains = NO_GRAINS,
    ) -> None:
        height, width = maps.removed.shape
        self.photo, self.pieces, self.unit = photo, pieces, unit
        self.lighting, self.grains = lighting, grains
        grid = Grid((photo.shape[1] / width, photo.shape[0] / height))
        everywhere = maps.free, maps.above, maps.removed, maps.hidden, maps.person, maps.lights
        self.maps = EnlargedMaps(everywhere, grid)
        # What is seen in few places is enlarged apart, and only there.
        self.front = RareMaps(maps.front, grid, np.asarray(maps.front.any(0)))
        shows, bare = maps.removed > 1e-4, maps.bare
        self.bare = RareMaps(replace(bare, lower=None), grid, shows)
        self.lower = self.gaps = None
        if bare.lower is not None:
            near = bare.lower.edge < 1 / min(grid.scale)  # see inside
            self.lower = RareMaps(bare.lower, grid, near & shows)
        if maps.gaps is not None:
            self.gaps = RareMaps(maps.gaps, grid, maps.gaps.cover > 1e-4)
        self.falls = [RareMaps(fall, grid, fall > FAINT) for fall in maps.falls]
        self.scale = float(np.mean(grid.scale))
        needed = shows.copy()
        for piece in pieces:
            left, top = STEP * piece.mapping.left, STEP * piece.mapping.top
            inside = piece.mapping.inside.repeat(STEP, 0).repeat(STEP, 1)
            inside = inside[: height - top, : width - left]
            needed[top : top + inside.shape[0], left : left + inside.shape[1]] |= inside
        for fall in maps.falls:
            needed |= fall > 1 / 255
        self.needed = needed
        self.drawings = [LayerPicture(piece.picture, piece.mapping, grid) for piece in pieces]

    def paint(self, cut: Cut) -> Painted:
        """Paints one rectangle."""
        free, above, removed, hidden, person, lights = self.maps.cut(cut)
        photo = planes(self.photo[cut.slices])
        kept, arms = self.in_front(cut, photo)
        removed = removed * (1 - kept)
        in_person = self.inside(person)
        shaded = in_person * (1 - removed)
        picture = photo.copy()
        if (found := self.bare.cut(cut)) is not None:
            part, bare = found
            there = (..., *part.within(cut))
            colours, uncovered, bare_arms = self.take_off(
                bare, in_person[there], removed[there], part
            )
            mix(picture[there], colours, removed[there])
            np.maximum(arms[there], bare_arms, out=arms[there])
            shaded[there] += uncovered
        shaded *= self.lighting
        arms *= self.inside(free)
        arms *= 1 - hidden
        np.maximum(kept, above, out=kept)
        before_trunk = np.maximum(kept, arms)
        # A shadow falls on the shoulder, and fades where the arm comes to the front.
        arms *= np.clip(free / np.float32(-0.3 * self.unit), 0, 1)
        unshaded = np.maximum(kept, arms, out=arms)
        mask, worn, alphas = removed, np.zeros_like(removed), []
        if self.gaps and (found := self.gaps.cut(cut)) is not None:
            part, gaps = found
            there = (..., *part.within(cut))
            alpha = np.clip(gaps.cover * (1 - before_trunk[there]), 0, 1)
            mix(picture[there], gaps.colours, alpha)
            lay(mask[there], alpha)
        for index, (piece, drawing) in enumerate(zip(self.pieces, self.drawings, strict=True)):
            behind = before_trunk if piece.part == "torso" else kept
            part, alpha, layer = drawing.within(cut), np.zeros_like(removed), None
            if part is not None:  # a sleeve lies in a small part of most cuts
                rows, columns = part.within(cut)
                colours, own = drawn(drawing, part)
                own *= 1 - behind[rows, columns]
                alpha[rows, columns] = own
                layer = part, colours, own
            alphas.append(alpha)
            if self.falls and (found := self.falls[index].cut(cut)) is not None:
                part, fall = found
                there = (..., *part.within(cut))
                shadow = fall * (1 - alpha[there])
                shadow *= shaded[there]
                shadow *= 1 - unshaded[there]
                picture[there] *= 1 - shadow
                np.maximum(mask[there], shadow > 1 / 255, out=mask[there])
            if layer is not None:
                part, colours, own = layer
                rows, columns = part.within(cut)
                lit(colours, lights.of(piece.part)[rows, columns])
                for plane, colour in zip(picture[:, rows, columns], colours, strict=True):
                    mix(plane, colour, own)
                lay(mask[rows, columns], own)
                np.maximum(worn[rows, columns], own, out=worn[rows, columns])
        return Painted(photo, picture, mask, worn, alphas)

    def in_front(self, cut: Cut, photo: np.ndarray) -> tuple[np.ndarray, ...]:
        """What is kept and the visible bare arms (rows, columns), see Front."""
        kept, arms = np.zeros_like(photo[0]), np.zeros_like(photo[0])
        if (found := self.front.cut(cut)) is not None:
            part, models = found
            there = (..., *part.within(cut))
            kept[there], arms[there] = apply_models(models, photo[there])
        return kept, arms

    def parts(self, height: int, width: int) -> list[Cut]:
        """Rectangles of up to this size that cover everything that is painted."""
        needed, cuts = self.needed, []
        rows, columns = self.photo.shape[:2]
        down, right = rows / needed.shape[0], columns / needed.shape[1]
        for top in range(0, rows, height):
            bottom = min(top + height, rows)
            strip = needed[max(0, int(top / down) - 1) : int(bottom / down) + 2].any(0)
            for left in range(0, columns, width):
                first = max(0, int(left / right) - 1)
                there = np.flatnonzero(strip[first : int((left + width) / right) + 2])
                if len(there):
                    start = max(left, int((first + there[0] - 1) * right))
                    stop = min(left + width, columns, int((first + there[-1] + 2) * right) + 1)
                    cuts.append(Cut(top, bottom, start, stop))
        return [cut for cut in cuts if cut.left < cut.right]

    def inside(self, distance: np.ndarray) -> np.ndarray:
        """How much of a pixel lies inside an outline, by the signed distance to it."""
        share = distance * np.float32(-self.scale / 2)
        share += 0.5
        return np.clip(share, 0, 1, out=share)

    def continued(self, lower: LowerMaps, cut: Cut) -> np.ndarray:
        """The lower garment (3, rows, columns) above what is seen of it: the photo mirrored."""
        rows, columns = np.mgrid[cut.slices]
        axis = (lower.axis + 0.5) * self.photo.shape[0] / len(self.needed) - 0.5
        mirrored = np.round(2 * axis - rows).astype(int).clip(0, len(self.photo) - 1)
        first = mirrored.min()
        there = np.ascontiguousarray(self.photo[first : mirrored.max() + 1, cut.slices[1]])
        colours = planes(taken(there, mirrored - first, columns - cut.left))
        colours -= lower.smooth
        colours *= lower.grain
        colours += lower.colours
        colours *= lower.light
        return np.clip(colours, 0, 1, out=colours)

    def take_off(
        self, bare: BareBody, in_person: np.ndarray, removed: np.ndarray, cut: Cut
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The person without the old garment: colours (3, rows, columns), how much of what is
        removed is body, and how much of it is arms."""
        picture = grained(bare.background, self.grains.background, cut)
        skin = grained(bare.skin, self.grains.skin, cut)
        body = self.inside(bare.trunk)
        body *= in_person
        picture = mixed(picture, skin, body)
        if self.lower and (found := self.lower.cut(cut)) is not None:
            part, lower = found
            there = (..., *part.within(cut))
            inside = self.inside(lower.edge)
            inside *= in_person[there]
            if (inside * removed[there]).any():
                mix(picture[there], self.continued(lower, part), inside)
            np.maximum(body[there], inside, out=body[there])
        arms = self.inside(bare.arms)
        arms *= in_person
        mix(picture, skin, arms)
        np.maximum(body, arms, out=body)
        body *= removed
        arms *= removed
        return picture, body, arms


def grained(colours: np.ndarray, grain: Grain | None, cut: Cut) -> np.ndarray:
    """Colours (3, rows, columns) with the grain that the photo has on them."""
    if grain is None:
        return colours
    result = colours + grain.cut(cut)
    return np.clip(result, 0, 1, out=result)


def drawn(drawing: LayerPicture, part: Cut) -> tuple[list[np.ndarray], np.ndarray]:
    """Colours, each (rows, columns), and alpha (rows, columns) of a layer in a part of the photo
    that lies within it."""
    *colours, alpha = drawing.draw(part)
    opaque = np.maximum(alpha, np.float32(1e-3))
    for colour in colours:
        colour /= opaque
    return colours, alpha


def fallen(alpha: np.ndarray, reach: float) -> np.ndarray:
    """The shadow that a layer with this alpha (h, w) throws downwards; reach in pixels."""
    soft = blur(alpha, max(0.4, reach))
    drop = int(0.6 * reach)
    share = np.float32(0.6 * reach - drop)
    rows, columns = box_of(soft > 0)
    rows = slice(rows.start, min(rows.stop + drop + 1, len(soft)))
    soft = SHADOW * np.clip(soft[rows, columns], 0, 1)
    padded = np.pad(soft, ((drop + 1, 0), (0, 0)))
    result = np.zeros_like(alpha)
    result[rows, columns] = padded[1 : len(soft) + 1] * (1 - share) + padded[: len(soft)] * share
    return result


def close_gaps(scene: Scene, first: Painted, bare: np.ndarray) -> Gaps | None:
    """The narrow wedges between sleeve and trunk, or between legs, and the shaded fabric in them.

    Only where the photo showed the person: a gap that shows the background is one; and not on
    bare arms (h, w).
    """
    reach = max(2, round(0.1 * scene.figure.unit))
    worn = first.worn
    whole = closed(np.pad(worn, reach), reach)[reach:-reach, reach:-reach]
    there = smooth_step(scene.small_person, 0.5, 0.8) * (1 - bare)
    gaps = np.clip(whole - worn, 0, 1) * there
    if gaps.max() < 0.1:
        return None
    # Under the rims of the layers as well, or what is behind them would shine through.
    gaps = blur(np.minimum(widest(gaps, 2), whole * there), 0.7)
    colours = np.ascontiguousarray(np.moveaxis(first.picture, 0, -1))
    fabric = spread(colours, smooth_step(worn, 0.85, 0.99))
    # The trunk goes on behind the arm: its stripes and prints too, mirrored at its edge.
    mirrored, known = beside_trunk(colours, first.alphas[0])
    fabric = fabric + (mirrored - fabric) * each(known)
    return Gaps(1.3 * gaps, to_planes(0.72 * fabric))


def beside_trunk(colours: np.ndarray, trunk: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The colours (h, w, 3) of what is drawn as the trunk, alpha (h, w), mirrored sideways at its
    edge, and where that is known (h, w)."""
    height, width = trunk.shape
    rows, columns = np.arange(height)[:, None], np.arange(width)
    inside = trunk > 0.97
    first = inside.argmax(1)[:, None] + 1
    last = width - 2 - inside[:, ::-1].argmax(1)[:, None]
    source = np.where(columns < first, 2 * first - columns, 2 * last - columns)
    source = np.where((columns < first) | (columns > last), source, columns).clip(0, width - 1)
    known = (taken(trunk, rows, source) > 0.97) & inside.any(1, keepdims=True)
    return taken(colours, rows, source), blur(known.astype(np.float32), 1.0)
