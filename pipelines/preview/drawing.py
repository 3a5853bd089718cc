"""Repaints the photo: the bare person where the old garment was, then the garment's pieces.

What is painted where is worked out at working size; here it is enlarged and painted at the photo's
own, one rectangle after the other, so that no picture of numbers in full size is ever held.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..maps.edges import blur
from ..maps.enlarging import Cut, EnlargedMaps, Grid, RareMaps
from ..maps.grids import closed, widest
from ..maps.spreading import spread
from ..masking.regions import smooth_step
from .grain import NO_GRAINS, Grain, Grains
from .paint_maps import BareBody, Gaps, LowerMaps, PaintMaps
from .scene import Scene
from .warp import STEP, BackwardMap, LayerPicture

SHADOW = 0.30  # how dark the shadow right under a layer's edge is
LOW, HIGH = 0.06, 0.94  # of a refined map: what is 0 and what is 1


@dataclass(frozen=True)
class Piece:
    """One layer of the garment: which part it is, its backward map (small pixels), and the
    garment's picture of it, float32 (h, w, 4) premultiplied colour and alpha."""

    part: str
    mapping: BackwardMap
    picture: np.ndarray


@dataclass(frozen=True)
class Painted:
    """A rectangle of the photo, as it was and as repainted (3, rows, columns) in 0..1; mask (rows,
    columns): what was repainted; worn: where the new garment lies; alphas:
    where each piece of it does."""

    photo: Tensor
    picture: Tensor
    mask: Tensor
    worn: Tensor
    alphas: list[Tensor]


class Painter:
    """Paints a photo uint8 (H, W, 3), or any rectangle of it.

    lighting: how dark shadows are, 1 = as usual.
    unit: of the figure, in small pixels. grains: of skin and background, in the photo's pixels.
    """

    def __init__(
        self,
        photo: np.ndarray,
        maps: PaintMaps[np.ndarray],
        pieces: list[Piece],
        unit: float,
        lighting: float = 1.0,
        grains: Grains = NO_GRAINS,
    ) -> None:
        height, width = maps.removed.shape
        self.photo, self.pieces, self.unit = photo, pieces, unit
        self.lighting, self.grains = lighting, grains
        grid = Grid((photo.shape[1] / width, photo.shape[0] / height))
        # What is seen in few places is enlarged apart, and only there.
        lower, gaps = maps.bare.lower, maps.gaps
        usual = replace(maps, bare=replace(maps.bare, lower=None), gaps=None)
        self.maps = EnlargedMaps(usual, grid)
        self.lower = self.gaps = None
        if lower is not None:
            self.lower = RareMaps(lower, grid, (lower.edge < 2) & (maps.removed > 1e-4))
        if gaps is not None:
            self.gaps = RareMaps(gaps, grid, gaps.cover > 1e-4)
        self.scale = float(np.mean(grid.scale))
        needed = maps.removed > 1e-4
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
        maps: PaintMaps[Tensor] = self.maps.cut(cut)
        pixels = np.moveaxis(self.photo[cut.slices], -1, 0)
        photo = torch.from_numpy(np.ascontiguousarray(pixels)).float().div_(255)
        kept, arms = apply_models(maps.front, photo)
        removed = maps.removed * (1 - kept)
        in_person = self.inside(maps.person)
        bare, uncovered, bare_arms = self.take_off(maps.bare, in_person, removed, cut)
        picture = torch.lerp(photo, bare, removed)
        arms = torch.maximum(arms, bare_arms).mul_(self.inside(maps.free)).mul_(1 - maps.hidden)
        shaded = self.lighting * (in_person * (1 - removed) + uncovered)
        kept = torch.maximum(kept, maps.above)
        before_trunk = torch.maximum(kept, arms)
        # A shadow falls on the shoulder, and fades where the arm comes to the front.
        unshaded = arms * (maps.free / (-0.3 * self.unit)).clamp_(0, 1)
        mask, worn, alphas = removed.clone(), torch.zeros_like(removed), []
        gaps: Gaps[Tensor] | None = self.gaps.cut(cut) if self.gaps else None
        if gaps is not None:
            alpha = (gaps.cover * (1 - before_trunk)).clamp_(0, 1)
            picture = torch.lerp(picture, gaps.colours, alpha)
            mask = 1 - (1 - mask) * (1 - alpha)
        for index, (piece, drawing) in enumerate(zip(self.pieces, self.drawings, strict=True)):
            behind = before_trunk if piece.part == "torso" else kept
            part, alpha, layer = drawing.within(cut), torch.zeros_like(removed), None
            if part is not None:  # a sleeve lies in a small part of most cuts
                rows, columns = part.within(cut)
                colours, own = drawn(drawing, part)
                own *= 1 - behind[rows, columns]
                alpha[rows, columns] = own
                layer = rows, columns, colours, own
            alphas.append(alpha)
            if maps.falls and maps.falls[index].any():
                shadow = maps.falls[index] * (1 - alpha) * shaded
                shadow *= 1 - torch.maximum(kept, unshaded)
                picture *= 1 - shadow
                mask = torch.maximum(mask, (shadow > 1 / 255).float())
            if layer is not None:
                rows, columns, colours, own = layer
                lit = colours.mul_(maps.lights.of(piece.part)[rows, columns]).clamp_(0, 1)
                picture[:, rows, columns].lerp_(lit, own)
                mask[rows, columns] = 1 - (1 - mask[rows, columns]) * (1 - own)
                worn[rows, columns] = torch.maximum(worn[rows, columns], own)
        return Painted(photo, picture, mask, worn, alphas)

    def parts(self, pixels: int) -> list[Cut]:
        """Rectangles of about so many pixels that cover everything that is painted."""
        needed = self.needed
        height, width = self.photo.shape[:2]
        rows = np.nonzero(needed.any(1))[0]
        down, right = height / needed.shape[0], width / needed.shape[1]
        step = max(1, pixels // width)
        cuts = []
        top = max(0, int((rows.min(initial=len(needed)) - 1) * down))
        bottom = min(height, int((rows.max(initial=0) + 2) * down) + 1)
        for start in range(top, bottom, step):
            stop = min(start + step, bottom)
            strip = needed[max(0, int(start / down) - 1) : int(stop / down) + 2]
            columns = np.nonzero(strip.any(0))[0]
            if len(columns):
                first = max(0, int((columns[0] - 1) * right))
                last = min(width, int((columns[-1] + 2) * right) + 1)
                cuts.append(Cut(start, stop, first, last))
        return cuts

    def inside(self, distance: Tensor) -> Tensor:
        """How much of a pixel lies inside an outline, by the signed distance to it."""
        return (0.5 - distance * (self.scale / 2)).clamp_(0, 1)

    def continued(self, lower: LowerMaps[Tensor], cut: Cut) -> Tensor:
        """The lower garment (3, rows, columns) above what is seen of it: the photo mirrored."""
        rows, columns = np.mgrid[cut.slices]
        axis = (lower.axis.numpy() + 0.5) * self.photo.shape[0] / len(self.needed) - 0.5
        mirrored = np.round(2 * axis - rows).astype(int).clip(0, len(self.photo) - 1)
        pixels = np.moveaxis(self.photo[mirrored, columns], -1, 0)
        seen = torch.from_numpy(np.ascontiguousarray(pixels)).float().div_(255)
        grain = (seen - lower.smooth) * lower.grain
        return ((lower.colours + grain) * lower.light).clamp_(0, 1)

    def take_off(
        self, bare: BareBody[Tensor], in_person: Tensor, removed: Tensor, cut: Cut
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The person without the old garment: colours (3, rows, columns), how much of what is
        removed is body, and how much of it is arms."""
        picture = grained(bare.background, self.grains.background, cut)
        skin = grained(bare.skin, self.grains.skin, cut)
        body = self.inside(bare.trunk) * in_person
        picture = torch.lerp(picture, skin, body)
        lower: LowerMaps[Tensor] | None = self.lower.cut(cut) if self.lower else None
        if lower is not None:
            inside = self.inside(lower.edge) * in_person
            if (inside * removed).any():
                picture = torch.lerp(picture, self.continued(lower, cut), inside)
            body = torch.maximum(body, inside)
        arms = self.inside(bare.arms) * in_person
        picture = torch.lerp(picture, skin, arms)
        return picture, torch.maximum(body, arms) * removed, arms * removed


def grained(colours: Tensor, grain: Grain | None, cut: Cut) -> Tensor:
    """Colours (3, rows, columns) with the grain that the photo has on them."""
    return colours if grain is None else (colours + grain.cut(cut)).clamp_(0, 1)


def drawn(drawing: LayerPicture, part: Cut) -> tuple[Tensor, Tensor]:
    """Colours (3, rows, columns) and alpha (rows, columns) of a layer in a part of the photo that
    lies within it."""
    result = drawing.draw(part)
    return result[:3] / result[3].clamp_min(1e-3), result[3]


def apply_models(models: Tensor, photo: Tensor) -> Tensor:
    """Soft maps (n, rows, columns) from linear models (4 n, rows, columns) of the colours."""
    red, green, blue, offset = models.unflatten(0, (4, -1))
    values = offset.addcmul(red, photo[0]).addcmul_(green, photo[1]).addcmul_(blue, photo[2])
    place = values.sub_(LOW).div_(HIGH - LOW).clamp_(0, 1)
    return place * place * (3 - 2 * place)


def fallen(alpha: np.ndarray, reach: float) -> np.ndarray:
    """The shadow that a layer with this alpha (h, w) throws downwards; reach in pixels."""
    soft = SHADOW * np.clip(blur(alpha, max(0.4, reach)), 0, 1)
    drop = int(0.6 * reach)
    share = np.float32(0.6 * reach - drop)
    padded = np.pad(soft, ((drop + 1, 0), (0, 0)))
    return padded[1 : len(alpha) + 1] * (1 - share) + padded[: len(alpha)] * share


def close_gaps(scene: Scene, first: Painted, bare: np.ndarray) -> Gaps[np.ndarray] | None:
    """The narrow wedges between sleeve and trunk, or between legs, and the shaded fabric in them.

    Only where the photo showed the person: a gap that shows the background is one; and not on
    bare arms (h, w).
    """
    reach = max(2, round(0.1 * scene.figure.unit))
    worn = first.worn.numpy()
    whole = closed(np.pad(worn, reach), reach)[reach:-reach, reach:-reach]
    there = smooth_step(scene.small_person, 0.5, 0.8) * (1 - bare)
    gaps = np.clip(whole - worn, 0, 1) * there
    if gaps.max() < 0.1:
        return None
    # Under the rims of the layers as well, or what is behind them would shine through.
    gaps = blur(np.minimum(widest(gaps, 2), whole * there), 0.7)
    colours = first.picture.permute(1, 2, 0).numpy()
    fabric = spread(colours, smooth_step(worn, 0.85, 0.99))
    # The trunk goes on behind the arm: its stripes and prints too, mirrored at its edge.
    mirrored, known = beside_trunk(colours, first.alphas[0].numpy())
    fabric = fabric + (mirrored - fabric) * known[..., None]
    return Gaps(1.3 * gaps, 0.72 * fabric)


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
    known = (trunk[rows, source] > 0.97) & inside.any(1, keepdims=True)
    return colours[rows, source], blur(known.astype(np.float32), 1.0)
