"""A person mask of low resolution, sharpened along the edges of the photo."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

SURE = 0.9  # probability from which a cell counts as person; below 1 - SURE it is background
BAND = 3  # cells around the coarse edge that the photo decides about
WINDOW = 6  # cells to each side that teach the colours of person and background
UNSURE_WEIGHT = 0.003  # cells of the band hardly count as teachers
NOISE = 3e-4  # variance of a colour (0..1) below which it is no evidence
CONTRAST = 1.6  # a least-squares fit of two classes stays inside 0..1; this brings it to the ends
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
    fit = _fit(picture, coarse[None, None])
    fit = functional.interpolate(fit, (height, width), mode="bilinear", align_corners=False)[0]
    mask = fit[3]
    for channel in range(3):
        pixels = torch.from_numpy(picture[..., channel].astype(np.float32))
        mask.addcmul_(fit[channel], pixels, value=1 / 255)
    return mask.clamp_(0, 1).numpy()


def _fit(picture: np.ndarray, coarse: Tensor) -> Tensor:
    """(1, 4, rows, columns): mask = sum of the first three times red, green, blue + the fourth."""
    rows, columns = coarse.shape[2:]
    small = Image.fromarray(picture).resize((columns, rows), Image.Resampling.BOX)
    colours = torch.from_numpy(np.array(small)).permute(2, 0, 1)[None].float().div_(255)
    person = _shrink(coarse > SURE)
    background = _shrink(coarse < 1 - SURE)
    weights = person + background + UNSURE_WEIGHT
    slope, offset, told = _regression(colours, (coarse > 0.5).float(), weights)
    slope, offset, told = _mean(torch.cat([slope, offset, told], 1), 2).split((3, 1, 1), 1)
    # Trust the colours where they explain the sure cells.
    trust = ((told - 0.4) / 0.4).clamp(0, 1)
    slope = slope * CONTRAST * trust
    offset = ((offset - 0.5) * CONTRAST + 0.5 + (coarse - 0.5) * PRIOR) * trust
    plain = (coarse - 0.5) * 2 + 0.5
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
    means = _mean(torch.cat(terms + products, 1) * weights, WINDOW)
    means = means[:, 1:] / means[:, :1]
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


def _mean(x: Tensor, reach: int) -> Tensor:
    """Mean over (2 reach + 1) squared cells, fewer at the border."""
    side = 2 * reach + 1
    options = {"stride": 1, "count_include_pad": False}
    x = functional.avg_pool2d(x, (1, side), padding=(0, reach), **options)
    return functional.avg_pool2d(x, (side, 1), padding=(reach, 0), **options)


def _shrink(cells: Tensor) -> Tensor:
    """1 where all cells within BAND are true."""
    return 1 - functional.max_pool2d((~cells).float(), 2 * BAND + 1, 1, BAND)
