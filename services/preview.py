"""The embedded preview as a backend: a request in, a result out, no download, no GPU."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from .request import TryOnRequest, TryOnResult


def preview(request: TryOnRequest, progress: Callable[[str], None] | None = None) -> TryOnResult:
    """Body and garment side by side, then the warp. progress is told each stage's name before it
    begins.

    Raises NobodyFound, NoGarmentFound or another InputError with a message for the user.
    """
    from ..pipelines.masking.body import find_body, load_body_model
    from ..pipelines.preview.garment import read_garment
    from ..pipelines.preview.pipeline import PreviewPipeline
    from ..pipelines.threads import single_thread

    tell = progress or (lambda stage: None)
    start = time.perf_counter()
    tell("person and garment")
    with single_thread(), ThreadPoolExecutor(1) as beside:
        reading = beside.submit(
            read_garment, request.garment, request.category, request.garment_mask
        )
        body = find_body(load_body_model(), request.person, request.person_index)
        garment = reading.result()
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
