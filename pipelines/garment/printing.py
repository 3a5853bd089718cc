"""Lays a print on the chest of a blank garment: where its landmarks say, with its folds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..fit import FitReport, doubtful
from ..maps.ranking import median

if TYPE_CHECKING:
    from .read import Garment

GROUNDS = ("white is fabric", "keep")
LOWEST = 0.92
"""How far down a print may reach, of the way from the neckline to the hem."""
SHADES = (0.3, 1.4)
FINE, COARSE = 0.006, 0.25
"""Of the chest's width: the blur that leaves folds, and the one that leaves the whole light."""
BEND = 0.06
"""How far a fold moves what lies on it, of the chest's width for a slope of one."""
MOST_BEND = 0.012
PLAIN = 0.12
"""Folds of a plain garment change its light by less than this, as a share of the usual light."""


@dataclass(frozen=True)
class Placed:
    """picture: the garment's photo with the print, uint8 (height, width, 3); outside the print as
    it was. ink: float32 (height, width), 0..1, how much of each pixel is print. corners: of the
    print in the photo, from its upper left on, clockwise as seen, float (4, 2). fit: doubtful where
    the garment has a pattern of its own, which passes for folds."""

    picture: np.ndarray
    ink: np.ndarray
    corners: np.ndarray
    fit: FitReport


def place_print(
    photo: np.ndarray,
    garment: Garment,
    printed: np.ndarray,
    *,
    size: float = 0.6,
    below: float = 0.15,
    aside: float = 0.0,
    turn: float = 0.0,
    ground: str = GROUNDS[0],
) -> Placed:
    """The print on the garment's front.

    photo: uint8 (height, width, 3), the photo that `garment` was read from. printed: uint8 (height,
    width, 3 or 4); alpha tells what is print. size: its width, of the chest's (between the
    armpits). below: from the lowest point of the neckline to its upper edge, aside: of its middle
    from the garment's towards the right as seen; both of the chest's width. turn: degrees,
    clockwise. ground: "white is fabric": white lets the fabric through, as when printed without a
    white base; "keep": all is ink. A print that would reach the hem is made smaller.

    Raises InputError where the garment has no chest, or nothing of the print lies on it.
    """
    if garment.category == "lower":
        raise InputError("A print is placed on the chest, and this garment has none: give a top or "
                         "a dress.")  # fmt: skip
    if photo.shape[:2] != garment.alpha.shape:
        raise InputError(
            f"The photo is {photo.shape[1]}x{photo.shape[0]} and the garment was read from one of "
            f"{garment.alpha.shape[1]}x{garment.alpha.shape[0]}. Give the same photo to both."
        )
    colour, alpha = _ink_of(printed, ground)
    corners = _corners(garment, printed.shape[1] / printed.shape[0], size, below, aside, turn)
    lay = _Lay(photo, garment)
    colour, ink = lay.warped(colour, alpha, corners)
    if not (ink > 0.5).any():
        raise InputError("Nothing of the print lies on the garment. Move it nearer to the neckline "
                         "and the middle, or give a print that is not all white.")  # fmt: skip
    weight = ink[..., None]
    made = photo * (1 - weight) + np.clip(colour * lay.shade[..., None], 0, 255) * weight
    picture = np.where(weight > 0, np.rint(made), photo).astype(np.uint8)
    return Placed(picture, ink, corners, _judged(lay.shade[ink > 0]))


def _judged(shade: np.ndarray) -> FitReport:
    changes = float(shade.std())
    if changes <= PLAIN:
        return FitReport()
    return doubtful([
        f"The garment is not plain (its light changes by {changes:.0%} under the print), so its "
        "own pattern passes for folds."
    ])  # fmt: skip


def _ink_of(printed: np.ndarray, ground: str) -> tuple[np.ndarray, np.ndarray]:
    """float32 colour 0..255 and alpha 0..1 of a print."""
    if ground not in GROUNDS:
        raise InputError(f"The ground of a print is one of {', '.join(GROUNDS)}, not {ground!r}.")
    colour = printed[..., :3].astype(np.float32)
    alpha = np.ones(printed.shape[:2], np.float32)
    if printed.shape[2] == 4:
        alpha = printed[..., 3].astype(np.float32) / 255
    if ground == GROUNDS[0]:
        # What is left of white when the least ink that explains the colour is taken away.
        thick = 1 - colour.min(-1) / 255
        pure = (colour - 255 * (1 - thick[..., None])) / np.maximum(thick[..., None], 1e-3)
        colour, alpha = np.clip(pure, 0, 255), alpha * thick
    return colour, alpha


def _corners(
    garment: Garment, ratio: float, size: float, below: float, aside: float, turn: float
) -> np.ndarray:
    points = {name: np.array(point) for name, point in garment.points.items()}
    left, right = sorted((points["armpit_left"], points["armpit_right"]), key=lambda p: p[0])
    chest = float(np.hypot(*(right - left)))
    across = (right - left) / chest
    down = np.array([-across[1], across[0]])
    neck = points["neck_bottom"]
    ends = [points[name] for name in ("hem_center", "crotch") if name in points]
    long = max(float((end - neck) @ down) for end in ends) if ends else 2 * chest
    width = size * chest
    height = width / ratio
    room = LOWEST * long - below * chest
    if height > room > 0:
        width, height = width * room / height, room
    middle = (left + right) / 2
    upper = neck + down * below * chest
    upper = upper + across * (float((middle - upper) @ across) + aside * chest)
    centre = upper + down * height / 2
    angle = np.deg2rad(turn)
    u = across * np.cos(angle) + down * np.sin(angle)
    v = -across * np.sin(angle) + down * np.cos(angle)
    signs = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    return np.array([centre + u * x * width / 2 + v * y * height / 2 for x, y in signs])


class _Lay:
    """How the fabric lies: its shade, 1 where it is as light as usual; where folds move a print."""

    def __init__(self, photo: np.ndarray, garment: Garment):
        import cv2

        from .parts import TORSO

        self.on = np.where(garment.parts == TORSO, garment.alpha, 0).astype(np.float32)
        chest = garment.distance("armpit_left", "armpit_right")
        light = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32)
        fabric = self.on > 0.5
        usual = float(median(light[fabric])) if fabric.any() else 255.0
        light = np.where(fabric, light, usual)
        fine = cv2.GaussianBlur(light, (0, 0), max(FINE * chest, 0.8))
        self.shade = np.clip(fine / max(usual, 1), *SHADES)
        coarse = cv2.GaussianBlur(light, (0, 0), COARSE * chest)
        height = np.asarray((fine - coarse) / max(usual, 1), np.float32)
        reach = BEND * chest * FINE * chest
        most = MOST_BEND * chest
        smooth = cv2.GaussianBlur(height, (0, 0), max(2 * FINE * chest, 1))
        self.moved = tuple(
            np.clip(cv2.Sobel(smooth, cv2.CV_32F, *axis) / 8 * reach, -most, most)
            for axis in ((1, 0), (0, 1))
        )

    def warped(
        self, colour: np.ndarray, alpha: np.ndarray, corners: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Colour and ink of the print in the photo's pixels."""
        import cv2

        rows, columns = self.on.shape
        height, width = alpha.shape
        # Made small first where it shrinks much: a warp alone would leave out fine lines.
        shrink = np.hypot(*(corners[1] - corners[0])) / width
        if shrink < 0.5:
            small = (max(1, round(width * 2 * shrink)), max(1, round(height * 2 * shrink)))
            colour = cv2.resize(colour, small, interpolation=cv2.INTER_AREA)
            alpha = cv2.resize(alpha, small, interpolation=cv2.INTER_AREA)
            height, width = alpha.shape
        frame = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32) - 0.5
        back = cv2.getPerspectiveTransform(corners.astype(np.float32), frame)
        y, x = np.mgrid[:rows, :columns].astype(np.float32)
        place = np.stack([x + self.moved[0], y + self.moved[1]], -1)
        u, v = np.moveaxis(cv2.perspectiveTransform(place, back), -1, 0)
        ink = cv2.remap(alpha, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        colour = cv2.remap(colour, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return colour, ink * self.on
