"""The garment's layers in drawing order: each part draped on the body, with its own cut-out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..garment.parts import INSIDE, lies_in
from ..garment.read import Garment
from ..maps.edges import blur
from ..maps.grids import box_of, within
from .drape import drape
from .drawing import Piece
from .mesh import Patch, backward
from .scene import Scene
from .shoulders import SIDES
from .warp import STEP

RIM = 0.04  # units of a neckline, under which the neck goes on
WIDE = 0.6  # of the shoulders' width: a neckline that is wider leaves them bare
POINTED = 0.7  # of the neck's width: a neckline that is deeper ends in a tip


def place_garment(garment: Garment, scene: Scene) -> list[Piece]:
    """The layers of a garment in drawing order; empty if none of it falls into the photo."""
    pieces, cuts = [], {}
    height, width = (-(-side // STEP) for side in scene.small.shape[:2])
    for patch in drape(garment, scene):
        target = (patch.target + 0.5) / STEP - 0.5
        mapping = backward(patch.source, target, width, height)
        if patch.labels not in cuts:  # a sleeve that folds has two layers of one picture
            cuts[patch.labels] = cut_part(garment, patch)
        cut = cuts[patch.labels]
        if mapping is not None and cut is not None:
            picture, opening, corner = cut
            mapping = replace(mapping, source=mapping.source - np.array(corner, np.float32))
            pieces.append(Piece(patch.part, mapping, picture, opening))
    return pieces


def solid_places(piece: Piece, size: tuple[int, ...]) -> np.ndarray:
    """Where a piece's cloth lies in the small picture of this size (h, w), bool."""
    return places_of(piece, piece.picture[..., 3] > 0.5, size)


def neck_opening(
    garment: Garment, pieces: list[Piece], size: tuple[int, ...], unit: float
) -> np.ndarray:
    """Where one looks into a wide or deep neck of a garment in the small picture of this size
    (h, w), 0..1, and under its rim: there its photo shows the inside of its back."""
    opened, cloth = np.zeros(size, bool), np.zeros(size, bool)
    if not (is_wide(garment) or is_pointed(garment)):
        return opened.astype(np.float32)
    for piece in pieces:
        cloth |= solid_places(piece, size)
        if piece.part == "torso":
            opened |= places_of(piece, piece.opening, size)
    opened |= within(opened, max(2, round(RIM * unit))) & cloth
    return blur(opened.astype(np.float32), 0.7)


def is_wide(garment: Garment) -> bool:
    """Whether its neckline leaves the shoulders bare."""
    if garment.category == "lower":
        return False
    return garment.distance("neck_left", "neck_right") > WIDE * garment.shoulder_width


def is_pointed(garment: Garment) -> bool:
    """Whether its neckline is so deep that it ends in a tip, which is as narrow as a gap."""
    if garment.category == "lower":
        return False
    necks = [garment.points[f"neck_{side}"][1] for side in SIDES]
    depth = garment.points["neck_bottom"][1] - sum(necks) / 2
    return depth > POINTED * garment.distance("neck_left", "neck_right")


def places_of(piece: Piece, marks: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Where in the small picture of this size (h, w) what is marked in a piece's own lies, bool."""
    mapping = piece.mapping
    last = np.array(marks.shape[::-1]) - 1
    x, y = np.moveaxis(np.clip(np.round(mapping.source), 0, last).astype(int), -1, 0)
    solid = marks[y, x] & mapping.inside
    solid = solid.repeat(STEP, 0).repeat(STEP, 1)
    places = np.zeros(size, bool)
    top, left = STEP * mapping.top, STEP * mapping.left
    window = places[top : top + solid.shape[0], left : left + solid.shape[1]]
    window[:] = solid[: window.shape[0], : window.shape[1]]
    return places


def cut_part(
    garment: Garment, patch: Patch
) -> tuple[np.ndarray, np.ndarray, tuple[int, int]] | None:
    """The garment's picture of one part, float32 (h, w, 4), premultiplied; where it shows the
    inside of the back (h, w), bool; and the corner (x, y) it was cut at. Along a seam both parts
    keep a rim of each other, so that no gap opens between the layers. None for a part that the
    garment does not have."""
    import cv2

    mine = lies_in(garment.parts, patch.labels)
    rows, columns = box_of(mine)
    if rows.start == rows.stop:
        return None
    rim = max(3, round(max(garment.alpha.shape) / 250))
    top, left = max(0, rows.start - 2 * rim), max(0, columns.start - 2 * rim)
    cut = (slice(top, rows.stop + 2 * rim), slice(left, columns.stop + 2 * rim))
    opening = garment.parts[cut] == INSIDE
    near = within(mine[cut], rim) & ~opening
    share = blur(near.astype(np.float32), rim / 3)
    alpha = garment.alpha[cut] * np.clip(1.6 * share, 0, 1)
    share = alpha / np.float32(255)
    colours = [colour * share for colour in cv2.split(garment.picture[cut])]
    return cv2.merge([*colours, alpha]), opening, (left, top)
