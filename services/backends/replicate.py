"""Replicate: any model by owner, name and version; idm-vton by default.

A lost submission is looked for in the account's list, by the addresses of its uploaded pictures,
which are there only once. Billed by the second that a job ran, stopped and failed ones too.
Protocol: the official client 1.0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from ..errors import BackendError, RateLimited, Refused, Unavailable
from ..hosted.addresses import same_place, service_address
from ..hosted.keys import Keys
from ..hosted.models import HostedModel
from ..hosted.pictures import Encoded
from ..hosted.service import (
    HostedJob,
    JobState,
    Order,
    Parcel,
    Trouble,
    identity,
    inner,
    part,
    refusal_of,
    text,
    told,
)  # fmt: skip
from ..hosted.wire import Answer, Wire

KEY = "REPLICATE_API_TOKEN"
ENDS = {"succeeded": "done", "failed": "failed", "canceled": "cancelled", "aborted": "cancelled"}
MODERATED = re.compile(r"nsfw|safety|moderat|flagged|sensitive|policy", re.IGNORECASE)
SHARE = re.compile(r"(\d{1,3})%\|")
PAGES = 5
"""Pages of the account's list that are searched, newest first, of 100 jobs each."""


class Replicate:
    name = "replicate"
    title = "Replicate"
    keys: tuple[str, ...] = (KEY,)
    optional_keys: tuple[str, ...] = ()
    terms = "https://replicate.com/terms"
    finds = True
    cancels = True
    own_results = False

    @property
    def base(self) -> str:
        return service_address(
            "replicate", "https://api.replicate.com", "REPLICATE_BASE_URL"
        ).removesuffix("/v1")

    def authorize(self, keys: Keys) -> dict[str, str]:
        return {"Authorization": f"Bearer {keys[KEY]}"}

    def pack(self, wire: Wire, order: Order) -> Parcel:
        inputs = order.model.inputs
        pictures = {
            inputs["person"]: self._upload(wire, "person", order.person),
            inputs["garment"]: self._upload(wire, "garment", order.garments[0]),
        }
        owner, _, version = order.model.remote.partition(":")
        given = {**pictures, **order.fields()}
        if version:
            address, body = f"{self.base}/v1/predictions", {"version": version, "input": given}
        else:  # the service's own models have no version to name
            address, body = f"{self.base}/v1/models/{owner}/predictions", {"input": given}
        return Parcel(address, body, traces={"inputs": pictures})

    def _upload(self, wire: Wire, name: str, picture: Encoded) -> str:
        files = {"content": (f"{name}.{picture.ending}", picture.data, picture.mime)}
        found = told(self, wire.ask("POST", f"{self.base}/v1/files", files=files))
        address = inner(found, "urls", "get")
        if not isinstance(address, str) or "://" not in address:
            raise Trouble("Replicate did not say where the uploaded picture is")
        return address

    def accepted(self, answer: Answer, parcel: Parcel) -> HostedJob | None:
        return self._job(answer.told())

    def refusal(self, answer: Answer) -> BackendError:
        found = answer.told()
        title, words = text(found.get("title")), text(found.get("detail"))
        told_so = ": ".join(word for word in (title, words) if word)
        if answer.status == 422 and "version" in title.lower():
            return Unavailable(f"Replicate says: {told_so}. Name another version in models.toml.")
        if answer.status == 422:
            return Refused(f"Replicate says: {told_so}.")
        if answer.status == 429:
            return RateLimited(
                f"Replicate says: {told_so}. Below USD 5 of credit it takes 6 jobs a minute.",
                retry_after=answer.retry_after,
            )
        return refusal_of(self.title, answer, told_so, key_names=self.keys)

    def find(
        self, wire: Wire, key: str, traces: Mapping[str, Any], began: float
    ) -> HostedJob | None:
        wanted = traces.get("inputs") or {}
        address = f"{self.base}/v1/predictions"
        for _ in range(PAGES):
            found = told(self, wire.ask("GET", address))
            listed = found.get("results")
            if not isinstance(listed, list):
                raise Trouble("Replicate's list of jobs cannot be read")
            for each in listed:
                given = inner(each, "input")
                if wanted and all(inner(given, name) == wanted[name] for name in wanted):
                    return self._job(each)
            following = found.get("next")
            if not isinstance(following, str) or not same_place(following, self.base):
                return None
            if listed and _moment(inner(listed[-1], "created_at")) < began - 60:
                return None
            address = following
        return None

    def look(self, wire: Wire, job: HostedJob, model: HostedModel) -> JobState:
        found = told(self, wire.ask("GET", f"{self.base}/v1/predictions/{part(job.remote_id)}"))
        status, output = text(found.get("status")), found.get("output")
        ran = _seconds(found)
        phase = ENDS.get(status)
        if phase is None:
            shares = SHARE.findall(found.get("logs") or "") if _is_text(found.get("logs")) else []
            share = min(int(shares[-1]), 100) / 100 if shares else 0.0
            return JobState("running" if status == "processing" else "waiting", share)
        if phase == "done":
            pictures = tuple(output) if isinstance(output, list) else (output,)
            return JobState("done", 1.0, pictures=pictures[:1], units=ran, billed=True)
        reason = text(found.get("error")) or status
        refused = phase == "failed" and (
            MODERATED.search(reason) or any(word in reason for word in model.refusals)
        )
        if refused and not MODERATED.search(reason):
            reason += ". It found no person or garment to work with: use other pictures."
        return JobState(
            "refused" if refused else phase, reason=reason, units=ran,
            billed=found.get("started_at") is not None,
        )  # fmt: skip

    def cancel(self, wire: Wire, job: HostedJob) -> bool:
        address = f"{self.base}/v1/predictions/{part(job.remote_id)}/cancel"
        return wire.ask("POST", address).good

    def credits(self, wire: Wire) -> str:
        found = told(self, wire.ask("GET", f"{self.base}/v1/account"))
        return f"the key belongs to {text(found.get('username')) or 'an account without a name'}"

    @staticmethod
    def _job(found: Any) -> HostedJob | None:
        name = identity(inner(found, "id"))
        return HostedJob(name) if name else None


def _seconds(found: Mapping[str, Any]) -> Decimal | None:
    """How long it ran, as it is billed."""
    ran = inner(found, "metrics", "predict_time")
    if isinstance(ran, bool) or not isinstance(ran, int | float) or not 0 <= ran < 1e6:
        return None
    return Decimal(str(ran))


def _moment(stamp: Any) -> float:
    try:
        return datetime.fromisoformat(str(stamp).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return float("inf")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)
