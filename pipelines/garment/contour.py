"""Outlines of silhouettes as polygons, and back."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

# Ahead of a pixel corner, by walking direction: the pixel on the right and on the left hand.
AHEAD = {
    (1, 0): ((0, 0), (0, -1)),
    (0, 1): ((-1, 0), (0, 0)),
    (-1, 0): ((-1, -1), (-1, 0)),
    (0, -1): ((0, -1), (-1, -1)),
}


def trace(mask: np.ndarray) -> list[np.ndarray]:
    """All outlines of a boolean (height, width) mask, each (n, 2) x and y of pixel corners.

    Clockwise around pieces, counter-clockwise around holes; pixel centres have whole coordinates.
    """
    solid = np.pad(mask, 1)
    rows = solid.tolist()
    # Every outline has a piece of upper edge somewhere: start there, once each.
    places = list(zip(*map(np.ndarray.tolist, np.nonzero(solid[1:] & ~solid[:-1])), strict=True))
    starts = set(places)
    outlines = []
    for above, left in places:  # from the top, and from the left
        if (above, left) not in starts:
            continue  # walked along already
        begin = (left, above + 1)
        (x, y), (dx, dy) = begin, (1, 0)
        walked = []
        while not walked or (x, y) != begin or (dx, dy) != (1, 0):
            walked.append((x, y))
            if dx == 1:
                starts.discard((y - 1, x))
            x, y = x + dx, y + dy
            (rx, ry), (lx, ly) = AHEAD[dx, dy]
            if not rows[y + ry][x + rx]:
                dx, dy = -dy, dx
            elif rows[y + ly][x + lx]:
                dx, dy = dy, -dx
        outlines.append(np.array(walked, np.float64) - 1.5)
    return outlines


def enclosed_area(outline: np.ndarray) -> float:
    """Positive for clockwise outlines (pieces), negative for holes."""
    x, y = outline.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2


def fill(outlines: list[np.ndarray], height: int, width: int, scale: float = 1.0) -> np.ndarray:
    """Coverage float32 (height, width), 0..1, of outlines whose pixels are `scale` pixels here."""
    fine = 3
    canvas = Image.new("L", (width * fine, height * fine))
    draw = ImageDraw.Draw(canvas)
    for outline in sorted(outlines, key=lambda o: -abs(enclosed_area(o))):
        points = (outline + 0.5) * scale * fine - 0.5
        value = 255 if enclosed_area(outline) > 0 else 0
        draw.polygon([tuple(point) for point in points], fill=value)
    return np.asarray(canvas.reduce(fine), np.float32) / 255


def resampled(line: np.ndarray, step: float, around: bool = False) -> np.ndarray:
    """The same polyline with points every `step` pixels; `around` joins its ends."""
    if around:
        line = np.concatenate([line, line[:1]])
    along = np.r_[0, np.cumsum(np.hypot(*np.diff(line, axis=0).T))]
    wanted = np.linspace(0, along[-1], max(2, round(along[-1] / step) + 1))
    points = np.stack([np.interp(wanted, along, line[:, i]) for i in (0, 1)], -1)
    return points[:-1] if around else points


def smoothed(outline: np.ndarray, sigma: float) -> np.ndarray:
    """A closed outline without its pixel steps."""
    from scipy import ndimage

    return ndimage.gaussian_filter1d(outline, sigma, axis=0, mode="wrap")
