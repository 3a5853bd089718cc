"""The embedded preview as a backend: a request in, a result out, no download, no GPU."""

from __future__ import annotations

import time
from collections.abc import Callable

from .request import TryOnRequest, TryOnResult

STAGES = ("person", "garment", "fit")


def preview(request: TryOnRequest, progress: Callable[[str], None] | None = None) -> TryOnResult:
    """Body, garment, warp. progress is told each stage's name before it begins.

    Raises NobodyFound, NoGarmentFound or another InputError with a message for the user.
    """
    from ..pipelines.masking.body import find_body, load_body_model
    from ..pipelines.preview.garment import read_garment
    from ..pipelines.preview.pipeline import PreviewPipeline

    tell = progress or (lambda stage: None)
    start = time.perf_counter()
    tell("person")
    body = find_body(load_body_model(), request.person, request.person_index)
    tell("garment")
    garment = read_garment(request.garment, request.category, request.garment_mask)
    tell("fit")
    result = PreviewPipeline()(
        request.person, body, garment, request.mask, lighting=request.lighting
    )
    return TryOnResult(
        image=result.picture,
        mask=result.mask,
        category=garment.category,
        backend="preview",
        seconds=time.perf_counter() - start,
    )
