"""Runs of this machine: a row of the ledger around each, what it costs its owner, kept results."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from ..pipelines.errors import InputError, MissingFiles
from .backends import Backend, Progress, Stopped, never, silent
from .costs.prices import PriceBook
from .errors import Cancelled, Refused, Unavailable
from .ledger import Attempt, Ledger
from .request import PREVIEW, TryOnRequest, TryOnResult
from .results import ResultStore

logger = logging.getLogger(__name__)

OWN_CARD = "local"
"""The entry of the price book that says what the user's own card costs, a second or a picture; one
with a model's name says it of that model."""


@dataclass(frozen=True)
class OwnMachine:
    """keep: whether results are kept, and kept ones given. project: who asks, for the ledger."""

    ledger: Ledger
    store: ResultStore
    book: PriceBook
    keep: bool = False
    project: str = ""

    def run(
        self, backend: Backend, request: TryOnRequest, progress: Progress = silent,
        cancelled: Stopped = never,
    ) -> tuple[TryOnResult, int]:  # fmt: skip
        """The result, and 1 where it was made now. Raises what the backend raises, with the ledger
        saying the same; Unavailable where the memory did not suffice."""
        fingerprint = request.fingerprint(revision_of_files(backend, request) if self.keep else "")
        if self.keep and (kept := self.store.get(fingerprint)) is not None:
            return kept, 0
        attempt = self.ledger.begin(
            backend.name, request.model, fingerprint, project=self.project, price=Decimal(0)
        )
        start = time.perf_counter()
        try:
            result = backend.run(request, progress, cancelled)
        except BaseException as error:
            self.ledger.note(
                attempt, state=_end_of(error), error=type(error).__name__[:32], message=str(error),
                seconds=time.perf_counter() - start,
                **self._charge(request.model, time.perf_counter() - start),
            )  # fmt: skip
            if type(error).__name__ != "OutOfMemoryError":  # torch's, which need not be loaded
                raise
        else:
            return self._made(attempt, fingerprint, result), 1
        # Outside of the handler: until here the error held what was on the card.
        raise Unavailable(
            f"The memory of this machine did not suffice for {request.model}.", backend=backend.name
        )

    def _made(self, attempt: Attempt, fingerprint: str, result: TryOnResult) -> TryOnResult:
        charge = self._charge(result.model, result.seconds)
        result = replace(
            result,
            cost=charge.get("charged", result.cost),
            currency=charge.get("currency", result.currency),
        )
        if self.keep:
            result = self._kept(fingerprint, result)
        self.ledger.note(
            attempt,
            **{"state": "done", "seconds": result.seconds, "charged": result.cost, **charge},
        )
        return result

    def _kept(self, fingerprint: str, result: TryOnResult) -> TryOnResult:
        try:
            self.store.put(fingerprint, result)
        except OSError as error:
            said = f"The picture could not be kept for later: {error.strerror or error}."
            logger.warning("%s", said)
            return replace(result, warnings=(*result.warnings, said))
        return result

    def _charge(self, model: str, seconds: float) -> dict[str, Any]:
        """What the owner says that it costs, for the ledger; nothing where they say nothing, and
        for the preview, which needs no card."""
        price = self.book.prices.get(model)
        if price is None and model not in ("", PREVIEW):
            price = self.book.prices.get(OWN_CARD)
        if price is None:
            return {}
        units = Decimal(str(round(seconds, 3))) if price.per == "second" else price.units
        return {"charged": price.amount * units, "currency": price.currency, "billed": True}


def revision_of_files(backend: Backend, request: TryOnRequest) -> str:
    """Another word where the files that a model of this machine works with were replaced, or where
    it works with another precision; "" for the preview."""
    from ..pipelines.catalog.models import VARIANTS, variants_of
    from ..pipelines.files.fingerprint import state_of_variants
    from .backends.local import LocalBackend

    if not isinstance(backend, LocalBackend) or request.model not in VARIANTS:
        return ""
    helpers = [each.name for each in variants_of("tool")]
    state = state_of_variants([request.model, *helpers], folders=backend.folders, terms=False)
    return f"{state} {backend.device} {backend.precision}"


def _end_of(error: BaseException) -> str:
    if isinstance(error, (Cancelled, KeyboardInterrupt)):
        return "cancelled"
    refused = isinstance(error, (Refused, InputError)) and not isinstance(error, MissingFiles)
    return "refused" if refused else "failed"
