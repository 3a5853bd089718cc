"""Whether what comes with a person's photo goes with that person: the mask, the body map."""

from __future__ import annotations

from torch import Tensor

from ..errors import InputError, NobodyFound
from ..fit import FitReport
from ..masking.embedded import CATEGORIES
from ..masking.placed import judge_place
from .common import Readers, Sight
from .person import masked_body

LEAST_BODY = 0.1
"""Share of the mask that the body map of the masked person covers at least; a person's clothes lie
on their body, and a neighbour's body hardly reaches into them."""


def check_place(sight: Sight, readers: Readers, category: str) -> FitReport:
    """Whether the mask lies where a garment of the category is worn, as far as a body is found in
    the photo. Raises InputError where it lies elsewhere alone."""
    if sight.mask is None or category not in CATEGORIES:
        return FitReport()
    try:
        body = masked_body(readers, sight)
    except NobodyFound:
        return FitReport()
    return judge_place(sight.mask[0, 0].cpu().numpy(), body, category)


def check_given_body(body: Tensor, mask: Tensor) -> None:
    """Raises InputError for the body map of another person: a body, but none under the mask.

    body: (1, 3, height, width), 0 is no body; mask: (1, 1, height, width); of one size.
    """
    there = body.amax(dim=1, keepdim=True) > 0
    if there.any() and not (there & (mask >= 0.5)).any():
        raise InputError(
            "The body map shows a person, but not where the mask is: it is of another photo or of "
            "another person. Make both from this photo."
        )


def check_read_body(body: Tensor, mask: Tensor) -> None:
    """Raises NobodyFound where hardly any body lies under the mask: it is a neighbour's."""
    inside = mask >= 0.5
    covered = ((body.amax(dim=1, keepdim=True) > 0) & inside).sum() / inside.sum().clamp(min=1)
    if covered < LEAST_BODY:
        raise NobodyFound(
            "DensePose found a person in this photo, but not the one under the mask "
            f"({covered:.0%} of it is body). Use a photo in which nobody stands before them, crop "
            "it to the person, or connect a body map of theirs."
        )
