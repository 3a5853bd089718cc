"""Classifier-free guidance."""

from __future__ import annotations

from torch import Tensor


def guide(unconditional: Tensor, conditional: Tensor, scale: float) -> Tensor:
    """unconditional + scale * (conditional - unconditional)."""
    return unconditional + scale * (conditional - unconditional)


def rescale(guided: Tensor, conditional: Tensor, share: float) -> Tensor:
    """Mixes a guided prediction with one of the conditional prediction's standard deviation.

    (batch, channels, height, width); `share` of the latter (section 3.4 of "Common Diffusion Noise
    Schedules and Sample Steps are Flawed", arXiv 2305.08891). A share above 1 extrapolates: Leffa
    passes its guidance scale, which is kept (golden stage noise_pred.first fails otherwise).
    """
    over = tuple(range(1, guided.ndim))
    spread = conditional.std(dim=over, keepdim=True) / guided.std(dim=over, keepdim=True)
    return share * guided * spread + (1 - share) * guided
