"""A person mask of low resolution, sharpened along the edges of the photo."""

from __future__ import annotations

import math

import numpy as np

from ..images import resize
from ..maps.edges import to_planes

SURE = 0.9  # probability from which a cell counts as person; below 1 - SURE it is background
# The networks draw people a little fat: on photos with clear edges, those lie at this probability.
EDGE = 0.65
BAND = 3  # cells around the coarse edge that the photo decides about
WINDOW = 3  # double cells to each side that teach the colours of person and background
SMOOTH = 1  # double cells to each side over which fits are averaged
UNSURE_WEIGHT = 0.003  # cells of the band hardly count as teachers
NOISE = 3e-4  # variance of a colour (0..1) below which it is no evidence
MOST_LABELLED = 120_000  # pixels
CONTRAST = 1.6  # a least-squares fit of two classes stays inside 0..1; this brings it to the ends
STEEPER = 4  # of the coarse edge, where it stays
PRIOR = 0.5  # how much the coarse mask speaks where the photo decides


def sharpen(picture: np.ndarray, coarse: np.ndarray) -> np.ndarray:
    """The mask of the picture's own size, 0..1, (height, width) float32.

    picture: (height, width, 3) uint8. coarse: float32 (rows, columns) probabilities on a grid over
    the same area that is nowhere finer, best two cells per pixel of the network's mask.

    In every small window, the cells that the coarse mask is sure of teach which colours are person
    and which are background (a linear fit, as in the guided filter of He, Sun and Tang, 2010, but
    taught by sure cells only). The fits are smooth, so they are enlarged and applied to the pixels.
    Where colours do not tell the two apart, the enlarged coarse mask stays.
    """
    import cv2

    height, width = picture.shape[:2]
    fit = _fit(picture, coarse)
    fit[:3] *= np.float32(1 / 255)
    mask, factor = cv2.resize(fit[3], (width, height)), np.empty((height, width), np.float32)
    for channel, plane in enumerate(fit[:3]):  # one after the other: a photo may be large
        cv2.resize(plane, (width, height), dst=factor)
        colour = cv2.extractChannel(picture, channel)
        mask += cv2.multiply(factor, colour, dst=factor, dtype=cv2.CV_32F)
    np.clip(mask, 0, 1, out=mask)
    _remove_specks(mask, coarse)
    return mask


def _remove_specks(mask: np.ndarray, coarse: np.ndarray) -> None:
    """Fills holes and removes islands, in place, that the coarse mask knows nothing of: a white
    stripe on a sleeve before a white wall, a dark spot of the wall."""
    import cv2

    # Labelling many pixels takes a while, and a speck that matters spans more than a few.
    step = max(math.isqrt(mask.size // MOST_LABELLED), 1)
    view = mask[::step, ::step]
    rows, columns = (_centres(n, size) for n, size in zip(coarse.shape, view.shape, strict=True))
    labels = np.empty(view.shape, np.int32)
    for value, inside, agrees in ((1, view < 0.8, coarse < 0.5), (0, view > 0.2, coarse > 0.5)):
        count, _ = cv2.connectedComponents(inside.view(np.uint8), labels, connectivity=4)
        known = np.zeros(count, dtype=bool)
        known[labels.take(rows, 0).take(columns, 1)[agrees]] = True
        known[0] = True
        down, across = np.divmod(np.flatnonzero((~known).take(labels)), view.shape[1])
        for below, beside in np.ndindex(step, step):
            there = mask[below::step, beside::step]
            held = (down < there.shape[0]) & (across < there.shape[1])
            there[down[held], across[held]] = value


def _centres(cells: int, size: int) -> np.ndarray:
    """The pixels in the middle of `cells` cells over `size` pixels."""
    return ((np.arange(cells) + 0.5) * (size / cells)).astype(int)


def _fit(picture: np.ndarray, coarse: np.ndarray) -> np.ndarray:
    """(4, rows, columns): mask = sum of the first three times red, green, blue + the fourth."""
    import cv2

    rows, columns = coarse.shape
    person = _shrink(coarse > SURE)
    background = _shrink(coarse < 1 - SURE)
    # Half the resolution is enough for colours, which are learnt over windows.
    half = ((columns + 1) // 2, (rows + 1) // 2)
    colours = to_planes(resize(picture, *half, "box")) / np.float32(255)
    weights = _halved(person + background + UNSURE_WEIGHT)
    target = _halved((coarse > 0.5).astype(np.float32))
    learnt = _regression(colours, target, weights)
    counts = _sums(np.ones_like(target), SMOOTH)
    fit, told = np.empty((4, rows, columns), np.float32), np.empty((rows, columns), np.float32)
    for plane, enlarged in zip(learnt, (*fit, told), strict=True):
        cv2.resize(_sums(plane, SMOOTH) / counts, (columns, rows), dst=enlarged)
    # Trust the colours where they explain the sure cells.
    trust = np.clip((told - 0.4) / 0.4, 0, 1)
    fit[3] = ((fit[3] - 0.5) * CONTRAST + 0.5 + (coarse - EDGE) * PRIOR) * trust
    fit[3] += ((coarse - EDGE) * STEEPER + 0.5) * (1 - trust)
    # Away from the band there is nothing to decide.
    band = 1 - person - background
    fit[:3] *= CONTRAST * trust * band
    fit[3] *= band
    fit[3] += person
    return fit


def _regression(colours: np.ndarray, target: np.ndarray, weights: np.ndarray) -> list[np.ndarray]:
    """Per window, the weighted least-squares fit of target (h, w) by colours (3, h, w): the three
    slopes, the offset and the share of the variance that it explains, each (h, w)."""
    total = _sums(weights, WINDOW)

    def mean(values: np.ndarray) -> np.ndarray:
        return _sums(values * weights, WINDOW) / total

    def common(one: int, other: int) -> np.ndarray:
        return mean(colours[one] * colours[other]) - means[one] * means[other]

    means, target_mean = [mean(colour) for colour in colours], mean(target)
    x, y, z = (
        mean(colour * target) - own * target_mean
        for colour, own in zip(colours, means, strict=True)
    )
    rr, gg, bb = (common(k, k) + NOISE for k in range(3))
    rg, rb, gb = common(0, 1), common(0, 2), common(1, 2)
    # Inverse of the symmetric 3x3 covariance by its cofactors.
    c_rr, c_rg, c_rb = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    c_gg, c_gb, c_bb = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    determinant = rr * c_rr + rg * c_rg + rb * c_rb
    red = (c_rr * x + c_rg * y + c_rb * z) / determinant
    green = (c_rg * x + c_gg * y + c_gb * z) / determinant
    blue = (c_rb * x + c_gb * y + c_bb * z) / determinant
    offset = target_mean - (red * means[0] + green * means[1] + blue * means[2])
    variance = target_mean * (1 - target_mean) + 1e-3
    told = (red * x + green * y + blue * z) / variance
    return [red, green, blue, offset, told]


def _halved(plane: np.ndarray) -> np.ndarray:
    """Means of two by two cells; of three where their number is odd, so that all are covered."""
    for _ in range(2):
        if len(plane) % 2 and len(plane) > 1:
            ends = [(plane[:1] + plane[1:2]) / 2, (plane[-2:-1] + plane[-1:]) / 2]
            middle = (plane[1:-3:2] + plane[2:-2:2] + plane[3:-1:2]) / 3
            plane = np.concatenate([ends[0], middle, ends[1]])
        elif len(plane) > 1:
            plane = (plane[::2] + plane[1::2]) / 2
        plane = plane.T
    return np.ascontiguousarray(plane)


def _sums(plane: np.ndarray, reach: int) -> np.ndarray:
    """Sums of float32 (h, w) over (2 reach + 1) squared cells, fewer at the border."""
    import cv2

    side = (2 * reach + 1, 2 * reach + 1)
    return cv2.boxFilter(plane, -1, side, normalize=False, borderType=cv2.BORDER_CONSTANT)


def _shrink(cells: np.ndarray) -> np.ndarray:
    """1 where all cells within BAND are true."""
    import cv2

    around = np.ones((2 * BAND + 1, 2 * BAND + 1), np.uint8)
    return cv2.erode(cells.view(np.uint8), around).astype(np.float32)
