"""The embedded preview as a backend: a request in, a result out, no download, no GPU."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING

from .request import TryOnRequest, TryOnResult

if TYPE_CHECKING:
    from ..pipelines.masking.body import BodyModel


@cache
def body_model() -> BodyModel:
    """The networks that find people, loaded once."""
    from ..pipelines.masking.body import load_body_model

    return load_body_model()


def preview(request: TryOnRequest, progress: Callable[[str], None] | None = None) -> TryOnResult:
    """Person and garment side by side, then the warp. progress is told each stage's name before it
    begins.

    Raises NobodyFound, NoGarmentFound or another InputError with a message for the user.
    """
    from ..pipelines.garment.read import read_garment
    from ..pipelines.masking.body import find_body
    from ..pipelines.preview.pipeline import PreviewPipeline
    from ..pipelines.threads import single_thread

    tell = progress or (lambda stage: None)
    start = time.perf_counter()
    tell("person and garment")
    pipeline = PreviewPipeline()
    with single_thread(), ThreadPoolExecutor(1) as beside:
        reading = beside.submit(
            read_garment, request.garment, request.category, request.garment_mask
        )
        body = find_body(body_model(), request.person, request.person_index)
        pipeline.read(request.person, body)
        garment = reading.result()
    tell("fit")
    result = pipeline(request.person, body, garment, request.mask, lighting=request.lighting)
    return TryOnResult(
        image=result.picture,
        mask=result.mask,
        category=garment.category,
        backend="preview",
        seconds=time.perf_counter() - start,
    )
