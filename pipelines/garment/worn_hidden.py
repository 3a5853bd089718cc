"""A worn garment continued where arms, hands or hair hide it."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ..images import resize
from ..maps.edges import blur, in_bytes
from ..maps.grids import narrowest, within
from ..maps.patches import continue_background
from ..maps.spreading import spread
from .worn import WornCloth


def filled(photo: np.ndarray, small: np.ndarray, cloth: WornCloth) -> tuple[np.ndarray, np.ndarray]:
    """The photo uint8 (H, W, 3) and its reduced copy, with the garment continued where it is hidden
    and its edge free of what lies before it."""
    hole = within(cloth.hidden, 2) & cloth.torso
    if not hole.any():
        return photo, small
    known = narrowest(cloth.torso & ~within(cloth.hidden, 2), 1)
    picture = small.astype(np.float32) / 255
    rows, columns = np.flatnonzero(cloth.torso.any(1)), np.flatnonzero(cloth.torso.any(0))
    cut = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    made = continue_background(picture[cut], known[cut], hole[cut])
    if made is None:
        made = spread(picture[cut], known[cut])
    result = picture.copy()
    result[cut] = np.where(hole[cut][..., None], made, picture[cut])
    small, soft = in_bytes(result), in_bytes(blur(hole.astype(np.float32), 0.7))
    (top, bottom, y), (left, right, x) = (
        enlarged_span(np.atleast_1d(soft.any(1 - axis)), photo.shape[axis]) for axis in (0, 1)
    )
    size, box = (x.stop - x.start, y.stop - y.start), (left, top, right, bottom)
    mask = resize(soft, *size, "bilinear", box)
    images = (Image.fromarray(part) for part in (resize(small, *size, box=box), photo[y, x], mask))
    large = photo.copy()
    large[y, x] = Image.composite(*images)
    return large, small


def enlarged_span(touched: np.ndarray, size: int) -> tuple[float, float, slice]:
    """Along one side of a map (n,) that becomes `size` pixels long: from where to where it is
    touched (bool), with a pixel on either side, and which pixels that becomes."""
    places, scale = np.flatnonzero(touched), size / len(touched)
    first = max(0, int((places[0] - 1) * scale))
    last = min(size, int((places[-1] + 2) * scale) + 1)
    return first / scale, last / scale, slice(first, last)
