"""FASHN (fashn.ai): one call to run, one to ask, results as links for three days.

A submission cannot be looked for and a job cannot be stopped. Failed jobs cost nothing. Protocol:
docs.fashn.ai and the official client 0.9.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from ..errors import BackendError, OutOfCredit, RateLimited
from ..hosted.addresses import service_address
from ..hosted.keys import Keys
from ..hosted.models import HostedModel
from ..hosted.service import (
    HostedJob,
    JobState,
    Order,
    Parcel,
    identity,
    inner,
    part,
    refusal_of,
    text,
    told,
)
from ..hosted.wire import Answer, Wire

KEY = "FASHN_API_KEY"
ENDS = {"completed": "done", "failed": "failed", "canceled": "cancelled", "time_out": "failed"}
BEFORE_AN_ID = ("BadRequest", "UnauthorizedAccess", "NotFound", "RateLimitExceeded",
                "ConcurrencyLimitExceeded", "OutOfCredits")  # fmt: skip
"""Errors that say that no job was made; after others (InternalServerError) it may be there."""
REFUSALS = ("ImageLoadError", "ContentModerationError", "PoseError", "InputValidationError")
CURES = {
    "ContentModerationError": "Its moderation did not let the pictures pass.",
    "PoseError": "Use a photo in which the body is seen clearly.",
    "ImageLoadError": "Use another picture.",
}


class Fashn:
    name = "fashn"
    title = "FASHN"
    keys: tuple[str, ...] = (KEY,)
    optional_keys: tuple[str, ...] = ()
    terms = "https://fashn.ai/terms"
    finds = False
    cancels = False
    own_results = False

    @property
    def base(self) -> str:
        return service_address("fashn", "https://api.fashn.ai", "FASHN_BASE_URL").removesuffix(
            "/v1"
        )

    def authorize(self, keys: Keys) -> dict[str, str]:
        return {"Authorization": f"Bearer {keys[KEY]}"}

    def pack(self, wire: Wire, order: Order) -> Parcel:
        inputs = order.model.inputs
        given = {
            inputs["person"]: order.person.uri(),
            inputs["garment"]: order.garments[0].uri(),
            **order.fields(),
        }
        return Parcel(f"{self.base}/v1/run", {"model_name": order.model.remote, "inputs": given})

    def accepted(self, answer: Answer, parcel: Parcel) -> HostedJob | None:
        found = answer.told()
        name = identity(found.get("id"))
        if not name and text(found.get("error")) in BEFORE_AN_ID:
            raise self.refusal(answer)
        return HostedJob(name) if name else None

    def refusal(self, answer: Answer) -> BackendError:
        """Three kinds of 429, and each has its own cure."""
        found = answer.told()
        kind, words = text(found.get("error")), text(found.get("message"))
        if kind == "OutOfCredits":
            return OutOfCredit(f"FASHN says: {words}. Buy credits at app.fashn.ai.")
        if kind == "ConcurrencyLimitExceeded":
            return RateLimited(
                f"FASHN says: {words}. Run fewer at once, or wait until one is done.",
                retry_after=answer.retry_after,
            )
        if kind == "RateLimitExceeded":
            return RateLimited(
                f"FASHN says: {words}. Send them more slowly.", retry_after=answer.retry_after
            )
        return refusal_of(self.title, answer, words or kind, key_names=self.keys)

    def find(
        self, wire: Wire, key: str, traces: Mapping[str, Any], began: float
    ) -> HostedJob | None:
        return None

    def look(self, wire: Wire, job: HostedJob, model: HostedModel) -> JobState:
        answer = wire.ask("GET", f"{self.base}/v1/status/{part(job.remote_id)}")
        found = told(self, answer)
        phase = ENDS.get(text(found.get("status")))
        if phase is None:
            running = found.get("status") == "processing"
            return JobState("running" if running else "waiting", 0.4 if running else 0.0)
        if phase == "done":
            output = found.get("output")
            pictures = tuple(output) if isinstance(output, list) else (output,)
            units = _credits(answer)
            return JobState("done", 1.0, pictures=pictures, units=units, billed=True)
        kind = text(inner(found, "error", "name"))
        words = text(inner(found, "error", "message")) or text(found.get("status"))
        reason = f"{kind or 'failed'}: {words}. {CURES.get(kind, '')}".strip()
        return JobState("refused" if kind in REFUSALS else phase, reason=reason)

    def cancel(self, wire: Wire, job: HostedJob) -> bool:
        return False  # there is no such call

    def credits(self, wire: Wire) -> str:
        found = told(self, wire.ask("GET", f"{self.base}/v1/credits"))
        return f"{inner(found, 'credits', 'total')} credits left"


def _credits(answer: Answer) -> Decimal | None:
    try:
        used = Decimal(answer.headers.get("x-fashn-credits-used", ""))
    except InvalidOperation:
        return None
    return used if used.is_finite() and 0 <= used < 1000 else None
