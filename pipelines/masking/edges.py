"""A person mask of low resolution, sharpened along the edges of the photo."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..images import resize
from ..maps.edges import resized_map

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


def sharpen(picture: np.ndarray, coarse: Tensor) -> np.ndarray:
    """The mask of the picture's own size, 0..1, (height, width) float32.

    picture: (height, width, 3) uint8. coarse: (rows, columns) probabilities on a coarser grid over
    the same area, best two cells per pixel of the network's mask.

    In every small window, the cells that the coarse mask is sure of teach which colours are person
    and which are background (a linear fit, as in the guided filter of He, Sun and Tang, 2010, but
    taught by sure cells only). The fits are smooth, so they are enlarged and applied to the pixels.
    Where colours do not tell the two apart, the enlarged coarse mask stays.
    """
    height, width = picture.shape[:2]
    fit = _fit(picture, coarse[None, None])[0].numpy()
    mask = resized_map(fit[3], height, width)
    for channel, plane in enumerate(fit[:3]):  # one after the other: a photo may be large
        factor = resized_map(plane, height, width)
        factor *= picture[..., channel]
        factor *= np.float32(1 / 255)
        mask += factor
    np.clip(mask, 0, 1, out=mask)
    _remove_specks(mask, coarse.numpy())
    return mask


def _remove_specks(mask: np.ndarray, coarse: np.ndarray) -> None:
    """Fills holes and removes islands, in place, that the coarse mask knows nothing of: a white
    stripe on a sleeve before a white wall, a dark spot of the wall."""
    from scipy import ndimage

    # Labelling many pixels takes a while, and a speck that matters spans more than a few.
    step = max(math.isqrt(mask.size // MOST_LABELLED), 1)
    view = mask[::step, ::step]
    cells = np.ix_(*(_centres(n, size) for n, size in zip(coarse.shape, view.shape, strict=True)))
    for value, inside, agrees in ((1, view < 0.8, coarse < 0.5), (0, view > 0.2, coarse > 0.5)):
        labels = np.empty(view.shape, dtype=np.int32)
        ndimage.label(inside, output=labels)
        known = np.zeros(labels.max() + 1, dtype=bool)
        known[labels[cells][agrees]] = True
        known[0] = True
        specks = ~known[labels]
        if specks.any():
            specks = specks.repeat(step, 0).repeat(step, 1)[: mask.shape[0], : mask.shape[1]]
            mask[specks] = value


def _centres(cells: int, size: int) -> np.ndarray:
    """The pixels in the middle of `cells` cells over `size` pixels."""
    return ((np.arange(cells) + 0.5) * (size / cells)).astype(int)


def _fit(picture: np.ndarray, coarse: Tensor) -> Tensor:
    """(1, 4, rows, columns): mask = sum of the first three times red, green, blue + the fourth."""
    rows, columns = coarse.shape[2:]
    person = _shrink(coarse > SURE)
    background = _shrink(coarse < 1 - SURE)
    # Half the resolution is enough for colours, which are learnt over windows.
    half = ((rows + 1) // 2, (columns + 1) // 2)
    small = resize(picture, half[1], half[0], "box")
    colours = torch.from_numpy(small).permute(2, 0, 1)[None].float().div_(255)
    weights = person + background + UNSURE_WEIGHT
    weights = functional.interpolate(weights, half, mode="area")
    target = functional.interpolate((coarse > 0.5).float(), half, mode="area")
    slope, offset, told = _regression(colours, target, weights)
    sums = _sums(torch.cat([torch.ones_like(told), slope, offset, told], 1), SMOOTH)
    smooth = functional.interpolate(sums[:, 1:] / sums[:, :1], (rows, columns), mode="bilinear")
    slope, offset, told = smooth.split((3, 1, 1), 1)
    # Trust the colours where they explain the sure cells.
    trust = ((told - 0.4) / 0.4).clamp(0, 1)
    slope = slope * CONTRAST * trust
    offset = ((offset - 0.5) * CONTRAST + 0.5 + (coarse - EDGE) * PRIOR) * trust
    plain = (coarse - EDGE) * STEEPER + 0.5
    fit = torch.cat([slope, offset + plain * (1 - trust)], 1)
    # Away from the band there is nothing to decide.
    fit = fit * (1 - person) * (1 - background)
    fit[:, 3:] += person
    return fit


def _regression(colours: Tensor, target: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Per window, the weighted least-squares fit of target (1, 1, h, w) by colours (1, 3, h, w):
    slope (1, 3, h, w), offset (1, 1, h, w) and the share of the variance that it explains."""
    r, g, b = colours.split(1, 1)
    terms = [torch.ones_like(r), colours, target, colours * target]
    products = [r * r, r * g, r * b, g * g, g * b, b * b]
    sums = _sums(torch.cat(terms + products, 1) * weights, WINDOW)
    means = sums[:, 1:] / sums[:, :1]
    mean, target_mean, common = means[:, :3], means[:, 3:4], means[:, 4:7]
    common = common - mean * target_mean
    r, g, b = mean.unbind(1)
    rr, rg, rb, gg, gb, bb = means[:, 7:].unbind(1)
    rr, gg, bb = rr - r * r + NOISE, gg - g * g + NOISE, bb - b * b + NOISE
    rg, rb, gb = rg - r * g, rb - r * b, gb - g * b
    # Inverse of the symmetric 3x3 covariance by its cofactors.
    c_rr, c_rg, c_rb = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    c_gg, c_gb, c_bb = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    determinant = rr * c_rr + rg * c_rg + rb * c_rb
    x, y, z = common.unbind(1)
    slope = torch.stack(
        [
            c_rr * x + c_rg * y + c_rb * z,
            c_rg * x + c_gg * y + c_gb * z,
            c_rb * x + c_gb * y + c_bb * z,
        ],
        1,
    ) / determinant.unsqueeze(1)
    offset = target_mean - (slope * mean).sum(1, keepdim=True)
    variance = target_mean * (1 - target_mean) + 1e-3
    told = (slope * common).sum(1, keepdim=True) / variance
    return slope, offset, told


def _sums(x: Tensor, reach: int) -> Tensor:
    """Sums over (2 reach + 1) squared cells, fewer at the border.

    Two convolutions with ones, which torch runs ten times faster than its pooling.
    """
    channels, side = x.shape[1], 2 * reach + 1
    x = x.contiguous(memory_format=torch.channels_last)
    ones = torch.ones(channels, 1, 1, side)
    x = functional.conv2d(x, ones, padding=(0, reach), groups=channels)
    x = functional.conv2d(x, ones.transpose(2, 3), padding=(reach, 0), groups=channels)
    return x.contiguous()


def _shrink(cells: Tensor) -> Tensor:
    """1 where all cells within BAND are true."""
    return (_sums((~cells).float(), BAND) < 0.5).float()
