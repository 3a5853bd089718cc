"""How an editing model changed a photo's colours, and their way back.

Pictures are uint8 (height, width, 3) RGB.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .alignment import NotAligned, check_sizes
from .masking.rules_common import opencv

RING = 0.06  # of the longer side: how wide the ring is on which colours are compared
STEADY_LEVELS = 12.0  # a ring flatter than this tells the offset of a colour, hardly its gain


@dataclass(frozen=True)
class Cast:
    """How the result's colours lie relative to the photo's: result = gain * photo + offset, per
    channel. offset: levels of 0..255. levels: mean change in the ring, per channel."""

    gain: tuple[float, float, float]
    offset: tuple[float, float, float]
    levels: tuple[float, float, float]

    @property
    def text(self) -> str:
        red, green, blue = self.levels
        return f"colour cast red {red:+.1f}, green {green:+.1f}, blue {blue:+.1f} levels"


def colour_cast(photo: np.ndarray, result: np.ndarray, changed: np.ndarray) -> Cast:
    """How the colours of an aligned result differ on the ring around what changed.

    All of the photo's size; changed as in `measure`; without a ring inside the picture the whole
    unchanged rest is taken. Pixels that differ for another reason (moved things) are left out.
    """
    cv2 = opencv()
    check_sizes(photo, result, changed)
    reach = max(3, round(RING * max(photo.shape[:2])))
    touched = (changed > 0).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    ring = (cv2.dilate(touched, kernel) > 0) & (touched == 0)
    if ring.sum() < 500:
        ring = touched == 0
    if ring.sum() < 500:
        raise NotAligned("The mask covers the whole picture: no colour can be compared.")
    smooth = [cv2.GaussianBlur(picture, (0, 0), 1.5) for picture in (photo, result)]
    one, other = (picture[ring].astype(np.float64) for picture in smooth)
    fits = [_line(one[:, channel], other[:, channel]) for channel in range(3)]
    gain, offset, levels = zip(*fits, strict=True)
    return Cast(gain, offset, levels)


def without_cast(result: np.ndarray, cast: Cast) -> np.ndarray:
    """The result in the photo's colours."""
    plain = (result.astype(np.float32) - np.array(cast.offset, np.float32)) / np.array(
        cast.gain, np.float32
    )
    return np.rint(plain.clip(0, 255)).astype(np.uint8)


def _line(one: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
    """Gain, offset and mean change of other = gain * one + offset; others are left out."""
    used = np.ones(len(one), bool)
    gain, offset = 1.0, float(np.median(other - one))
    for _ in range(6):
        rest = np.abs(other - gain * one - offset)
        used = rest <= max(3.0, 2.5 * float(np.median(rest[used])))
        used &= (other > 2) & (other < 253) | (rest <= 3)  # clipped values say nothing of a line
        x, y = one[used], other[used]
        middle_x, middle_y = x.mean(), y.mean()
        steady = STEADY_LEVELS**2
        covariance = ((x - middle_x) * (y - middle_y)).mean()
        gain = float((covariance + steady) / (((x - middle_x) ** 2).mean() + steady))
        gain = min(max(gain, 0.5), 2.0)
        offset = float(middle_y - gain * middle_x)
    return gain, offset, float((gain - 1) * one[used].mean() + offset)
