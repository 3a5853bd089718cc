"""The embedded preview as a backend: a request in, a result out, no download, no GPU."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING

from ..errors import Cancelled
from ..request import PREVIEW, TryOnRequest, TryOnResult
from . import Estimate, Progress, Stopped, never, silent

if TYPE_CHECKING:
    from ...pipelines.masking.body import BodyModel

SECONDS_A_MEGAPIXEL = 0.8
"""Two cores, warm: docs/performance.md."""


def body_model() -> BodyModel:
    """The networks that find people, loaded once."""
    from ...pipelines.masking.body import embedded_body_model

    return embedded_body_model()


class PreviewBackend:
    """Warps the garment's photo onto the body. Needs nothing that is not in this package; where a
    parsing network is installed, it reads a garment that somebody wears in its photo."""

    name = "preview"

    def accepts(self, request: TryOnRequest) -> Sequence[str]:
        problems = []
        if request.model not in ("", PREVIEW):
            problems.append(f"{request.model} was asked for, and this is the embedded preview.")
        if len(request.garments) != 1:
            problems.append(f"The preview takes one garment, and {len(request.garments)} came.")
        if request.frames:
            problems.append("The preview takes one photo, and a video came.")
        return problems

    def estimate(self, request: TryOnRequest) -> Estimate:
        height, width = request.person.shape[:2]
        return Estimate(SECONDS_A_MEGAPIXEL * height * width / 1e6, Decimal(0), shop="yes")

    def run(
        self, request: TryOnRequest, progress: Progress = silent, cancelled: Stopped = never
    ) -> TryOnResult:
        """Person and garment side by side, then the warp.

        Raises NobodyFound, NoGarmentFound or another InputError with a message for the user.
        """
        from ...pipelines.garment.read import read_garment
        from ...pipelines.masking.body import find_body
        from ...pipelines.masking.installed import installed_parse
        from ...pipelines.preview.pipeline import PreviewPipeline
        from ...pipelines.threads import single_thread
        from .readers import networks_beside

        start = time.perf_counter()
        progress("person and garment", 0.0)
        pipeline, networks = PreviewPipeline(), body_model()
        with single_thread(), ThreadPoolExecutor(1) as beside:
            reading = beside.submit(
                read_garment, request.garment, request.category, request.garment_mask, networks,
                parse=installed_parse(networks_beside()),
            )  # fmt: skip
            body = find_body(networks, request.person, request.person_index)
            pipeline.read(request.person, body)
            garment = reading.result()
        if cancelled():
            raise Cancelled("Stopped before the fit.", backend=self.name)
        progress("fit", 0.5)
        lighting = float(request.options.get("lighting", 1.0))
        made = pipeline(request.person, body, garment, request.mask, lighting=lighting)
        return TryOnResult(
            picture=made.picture,
            mask=made.mask,
            category=garment.category,
            backend=self.name,
            model=PREVIEW,
            seed=request.seed,
            seconds=time.perf_counter() - start,
            cost=Decimal(0),
            fit=made.fit,
        )
