"""Kling: kolors-virtual-try-on, with a JSON web token of two keys.

Our key goes along as `external_task_id`, which is unique for the account: a lost submission is
found by it, and sending it again makes no second job. A job cannot be stopped. Protocol: the
vendor's API documentation.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ..errors import BackendError, OutOfCredit, RateLimited, Refused, Unavailable
from ..hosted.addresses import service_address
from ..hosted.keys import Keys
from ..hosted.models import HostedModel
from ..hosted.service import (
    Forgotten,
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

KEYS = ("KLING_ACCESS_KEY", "KLING_SECRET_KEY")
PATH = "/v1/images/kolors-virtual-try-on"
TOKEN_SECONDS = 1800
EARLY_SECONDS = 30
"""How much a clock may be ahead of the service's before its tokens count as too early."""
OWN_TROUBLE = 5000
"""Codes from here on are the service's own trouble: whether it took the job, they do not say."""
ENDS = {"succeed": "done", "failed": "failed"}
REFUSED_WORDS = ("risk control", "no human", "image", "pixel", "content", "sensitive", "human")
CURES = {
    1003: "Set this machine's clock.", 1004: "Set this machine's clock.",
    1302: "Send them more slowly.", 1303: "Run fewer at once, or wait until one is done.",
    1304: "Add this machine's address to the account's list.",
    1100: "Look at the account.", 1101: "Pay the account.", 1102: "Buy a resource pack.",
}  # fmt: skip


class Kling:
    name = "kling"
    title = "Kling"
    keys: tuple[str, ...] = KEYS
    optional_keys: tuple[str, ...] = ()
    terms = "https://app.klingai.com/global/dev/document-api/protocols/paidServiceProtocol"
    finds = True
    cancels = False
    own_results = False

    @property
    def base(self) -> str:
        return service_address("kling", "https://api-singapore.klingai.com").removesuffix("/v1")

    def authorize(self, keys: Keys) -> dict[str, str]:
        return {"Authorization": f"Bearer {_token(keys, time.time())}"}

    def pack(self, wire: Wire, order: Order) -> Parcel:
        inputs = order.model.inputs
        body = {
            "model_name": order.model.remote,
            inputs["person"]: order.person.base64(),
            inputs["garment"]: order.garments[0].base64(),
            "external_task_id": order.key,
            **order.fields(),
        }
        return Parcel(f"{self.base}{PATH}", body)

    def accepted(self, answer: Answer, parcel: Parcel) -> HostedJob | None:
        found = answer.told()
        code = found.get("code")
        if isinstance(code, int) and 0 < code < OWN_TROUBLE:
            raise self.refusal(answer)
        return self._job(found)

    def refusal(self, answer: Answer) -> BackendError:
        """Five kinds of 429, told apart by the code of the body."""
        found = answer.told()
        code, words = found.get("code"), text(found.get("message"))
        code = code if isinstance(code, int) else 0
        said = f"Kling says {code or answer.status}: {words}. {CURES.get(code, '')}".strip()
        if code in (1302, 1303):
            return RateLimited(said, retry_after=answer.retry_after)
        if code in (1100, 1101, 1102):
            return OutOfCredit(said)
        if code in (1304, 1103, 1202, 1203):
            return Unavailable(said)
        if code in (1200, 1201, 1300, 1301):
            return Refused(said)
        if 1000 <= code <= 1004:
            return Unavailable(f"{said} The keys are not accepted: look at {' and '.join(KEYS)}.")
        return refusal_of(self.title, answer, words, key_names=KEYS)

    def find(
        self, wire: Wire, key: str, traces: Mapping[str, Any], began: float
    ) -> HostedJob | None:
        try:
            return self._job(self._told(wire.ask("GET", f"{self.base}{PATH}/{part(key)}")))
        except Forgotten:
            return None

    def look(self, wire: Wire, job: HostedJob, model: HostedModel) -> JobState:
        found = self._told(wire.ask("GET", f"{self.base}{PATH}/{part(job.remote_id)}"))
        data = found.get("data")
        status = text(inner(data, "task_status"))
        phase = ENDS.get(status)
        if phase is None:
            running = status == "processing"
            return JobState("running" if running else "waiting", 0.4 if running else 0.0)
        if phase == "done":
            images = inner(data, "task_result", "images")
            first = images[0] if isinstance(images, list) and images else None
            return JobState(
                "done", 1.0, pictures=(inner(first, "url"),), units=Decimal(1), billed=True
            )
        reason = text(inner(data, "task_status_msg")) or "failed"
        refused = any(word in reason.lower() for word in REFUSED_WORDS)
        return JobState("refused" if refused else "failed", reason=reason)

    def cancel(self, wire: Wire, job: HostedJob) -> bool:
        return False  # there is no such call

    def credits(self, wire: Wire) -> str:
        self._told(wire.ask("GET", f"{self.base}{PATH}?pageNum=1&pageSize=1"))
        return "the keys are accepted; Kling does not tell what is left"

    def _told(self, answer: Answer) -> dict[str, Any]:
        """A 429 is passing only by its code."""
        if answer.status == 429 and not isinstance(self.refusal(answer), RateLimited):
            raise self.refusal(answer)
        found = told(self, answer)
        if found.get("code") not in (0, None):
            raise Trouble(f"Kling says {found.get('code')}: {text(found.get('message'))}")
        return found

    @staticmethod
    def _job(found: Any) -> HostedJob | None:
        name = identity(inner(found, "data", "task_id"))
        return HostedJob(name) if name else None


def _token(keys: Keys, moment: float) -> str:
    """HS256 over the claims that the service asks for."""
    claims = {
        "iss": keys[KEYS[0]],
        "exp": int(moment) + TOKEN_SECONDS,
        "nbf": int(moment) - EARLY_SECONDS,
    }
    told_so = ".".join(_packed(json.dumps(each).encode()) for each in (
        {"alg": "HS256", "typ": "JWT"}, claims,
    ))  # fmt: skip
    signature = hmac.new(keys[KEYS[1]].encode(), told_so.encode(), hashlib.sha256).digest()
    return f"{told_so}.{_packed(signature)}"


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
