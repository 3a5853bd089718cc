"""What a request says to a model that runs on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...pipelines.catalog.types import Variant
from ...pipelines.errors import InputError
from ..request import TryOnRequest, content_hash

if TYPE_CHECKING:
    import torch

    from ...pipelines.garment.read import Garment as ReadGarment
    from ...pipelines.models.common import Settings

OPTIONS = {
    "description": str, "framing": str, "context": float, "feather": int, "scheduler": str,
    "strength": float, "accelerated": bool, "skip_guidance": int, "published_times": bool,
    "whole_picture": bool, "photo_type": str, "ahead_steps": int,
}  # fmt: skip
"""What a request's `options` may hold, and of which type."""


def size_of(request: TryOnRequest, variant: Variant) -> tuple[int, int]:
    return request.width or variant.width, request.height or variant.height


def settings_of(request: TryOnRequest, variant: Variant) -> Settings:
    """The request's settings, the variant's own where it names none. Raises InputError for options
    that nobody knows or that are of another type."""
    from ...pipelines.models.common import Settings

    problems = []
    for name, value in request.options.items():
        kind = OPTIONS.get(name)
        if kind is None:
            problems.append(f"no model has an option {name} (known: {', '.join(OPTIONS)})")
        elif isinstance(value, bool) != (kind is bool) or not isinstance(
            value, (int, float) if kind is float else kind
        ):
            problems.append(f"option {name} takes {kind.__name__}, and {value!r} came")
    if problems:
        raise InputError("This cannot be run: " + "; ".join(problems) + ".")
    known = ("scheduler", "strength", "accelerated", "skip_guidance", "published_times",
             "whole_picture")  # fmt: skip
    return Settings(
        steps=variant.steps if request.steps is None else request.steps,
        guidance=variant.guidance if request.guidance is None else request.guidance,
        seed=request.seed,
        **{name: request.options[name] for name in known if name in request.options},
    )


def category_of(
    request: TryOnRequest, variant: Variant
) -> tuple[str, ReadGarment | None, list[str]]:
    """(category, the garment as it was read, warnings). A model without categories has "".

    Raises NoGarmentFound where the category is to be read and no garment can be told, InputError
    where another was chosen than the picture surely shows.
    """
    from ...pipelines.garment.category import contradiction
    from ...pipelines.garment.read import read_garment

    if not variant.categories:
        return "", None, []
    mask = request.garment_mask
    if request.category == "auto":
        read = read_garment(request.garment, "auto", mask)
        return read.category, read, []
    try:
        read = read_garment(request.garment, "auto", mask)
    except InputError as error:
        told = f"The garment's shape could not be read: {error}"
        return request.category, None, [told]
    known = variant.categories
    if request.category in known and (problem := contradiction(request.category, read, known)):
        raise InputError(problem)
    if read.category != request.category:
        read = read_garment(request.garment, request.category, mask)
    return request.category, read, []


def garment_photo(request: TryOnRequest) -> torch.Tensor:
    """(1, 3, height, width) in 0..1; where a cut-out was given, on white."""
    import torch

    from ...pipelines.images import over_white
    from ...pipelines.models.framing import unit

    photo = unit(request.garment)
    if request.garment_mask is None:
        return photo
    alpha = torch.from_numpy(request.garment_mask)[None, None].float()
    return over_white(photo, alpha)


def tensor_hash(tensor: torch.Tensor) -> str:
    return content_hash(tensor.numpy())
