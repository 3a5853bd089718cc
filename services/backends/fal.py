"""fal: its queue, for FASHN, Kling, CatVTON and Leffa.

A submission cannot be looked for. Inputs are checked when the job runs, so refusals come with the
result. Failed results (from 500 on) cost nothing. Protocol: docs.fal.ai, official client.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from ..errors import BackendError, OutOfCredit, Unavailable
from ..hosted.addresses import place_to_ask, same_place, service_address
from ..hosted.keys import Keys
from ..hosted.models import HostedModel
from ..hosted.pictures import Encoded
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

KEY = "FAL_KEY"
HOSTS = {
    "queue": "https://queue.fal.run", "rest": "https://rest.fal.ai", "cdn": "https://v3.fal.media",
}  # fmt: skip
SHARE = re.compile(r"(\d{1,3})%\|")
INPUT_ERRORS = ("image_load_error", "content_policy_violation", "file_download_error",
                "image_too_small", "image_too_large", "value_error")  # fmt: skip


class Fal:
    name = "fal"
    title = "fal"
    keys: tuple[str, ...] = (KEY,)
    optional_keys: tuple[str, ...] = ()
    terms = "https://fal.ai/terms"
    finds = False
    cancels = True
    own_results = False

    @property
    def base(self) -> str:
        return self.host("queue")

    def host(self, which: str) -> str:
        """queue, rest or cdn: three hosts, or three paths below FITTING_ROOM_FAL_URL."""
        base = service_address("fal", "")
        if base:
            return f"{re.sub('/(queue|run|rest|cdn)$', '', base)}/{which}"
        official = ("FAL_QUEUE_RUN_HOST",) if which == "queue" else ()
        return service_address("fal", HOSTS[which], *official)

    def authorize(self, keys: Keys) -> dict[str, str]:
        return {"Authorization": f"Key {keys[KEY]}"}

    def pack(self, wire: Wire, order: Order) -> Parcel:
        inputs = order.model.inputs
        given = {
            inputs["person"]: self._upload(wire, "person", order.person),
            inputs["garment"]: self._upload(wire, "garment", order.garments[0]),
            **order.fields(),
        }
        return Parcel(f"{self.host('queue')}/{order.model.remote}", given)

    def _upload(self, wire: Wire, name: str, picture: Encoded) -> str:
        """Into fal's storage, by a token of its own, so that the key stays with the queue."""
        asked = f"{self.host('rest')}/storage/auth/token?storage_type=fal-cdn-v3"
        token = told(self, wire.ask("POST", asked, json={}))
        place = token.get("base_url")
        if not isinstance(place, str) or not self._own_storage(place):
            raise Trouble("fal did not say where pictures are uploaded to")
        headers = {
            "Authorization": f"{token.get('token_type')} {token.get('token')}",
            "Content-Type": picture.mime,
            "X-Fal-File-Name": f"{name}.{picture.ending}",
        }
        found = told(self, wire.ask(
            "POST", f"{place.rstrip('/')}/files/upload", headers=headers, content=picture.data,
            with_key=False,
        ))  # fmt: skip
        address = found.get("access_url")
        if not isinstance(address, str) or "://" not in address:
            raise Trouble("fal did not say where the uploaded picture is")
        return address

    def _own_storage(self, place: str) -> bool:
        if same_place(place, self.host("cdn")):
            return True
        host = urlsplit(place).hostname or ""
        place_to_ask(place)
        return host.endswith((".fal.media", ".fal.ai", ".fal.run"))

    def accepted(self, answer: Answer, parcel: Parcel) -> HostedJob | None:
        """The addresses of the answer are used, as they differ from the submission's, but only
        where they are at the queue itself: the key goes to nobody else."""
        found = answer.told()
        name = identity(found.get("request_id"))
        if not name:
            return None
        usual = self._usual(parcel.address, name)
        links = {
            kind: link if isinstance(link, str) and same_place(link, usual[kind]) else usual[kind]
            for kind in usual
            for link in [found.get(f"{kind}_url")]
        }
        return HostedJob(name, links)

    def _usual(self, address: str, name: str) -> dict[str, str]:
        """Where a job is asked for: of the app's name, its owner and alias only."""
        app = address.removeprefix(self.host("queue")).strip("/").split("/")
        root = f"{self.host('queue')}/{'/'.join(app[:2])}/requests/{part(name)}"
        return {"response": root, "status": f"{root}/status", "cancel": f"{root}/cancel"}

    def refusal(self, answer: Answer) -> BackendError:
        detail = answer.told().get("detail")
        words = text(detail) or text(inner(_first(detail), "msg"))
        if answer.status == 403 and re.search("balance|credit|billing|locked", words, re.I):
            return OutOfCredit(f"fal says: {words}")
        if answer.status == 404:
            return Unavailable(f"fal says 404: {words or 'it has no such model'}.")
        return refusal_of(self.title, answer, words, key_names=self.keys)

    def find(
        self, wire: Wire, key: str, traces: Mapping[str, Any], began: float
    ) -> HostedJob | None:
        return None

    def look(self, wire: Wire, job: HostedJob, model: HostedModel) -> JobState:
        if not all(same_place(link, self.base) for link in job.links.values()):
            raise Unavailable("fal stands at another address now than when the job was sent.")
        found = told(self, wire.ask("GET", _with(job.links["status"], "logs=1")))
        if found.get("status") != "COMPLETED":
            return _unfinished(found)
        kind = text(found.get("error_type"))
        if kind and kind != "client_cancelled":
            words = text(found.get("error")) or kind
            return JobState("failed", reason=f"{kind}: {words}")
        answer = wire.ask("GET", job.links["response"])
        if answer.good:
            output = answer.told()
            if not output:
                raise Trouble("fal gave a result without JSON")
            pictures = output.get("images") or [output.get("image")]
            first = _first(pictures)
            return JobState("done", 1.0, pictures=(inner(first, "url"),), units=_units(answer),
                        billed=True)  # fmt: skip
        return self._failed(answer, ran=inner(found, "metrics", "inference_time") is not None)

    def _failed(self, answer: Answer, ran: bool) -> JobState:
        if answer.status == 404:
            raise Forgotten
        told_so = answer.told()
        first = _first(told_so.get("detail"))
        kind = text(inner(first, "type")) or text(told_so.get("error_type"))
        words = text(inner(first, "msg")) or text(told_so.get("detail"))
        if kind == "client_cancelled" or answer.status == 499:
            return JobState("cancelled", reason=words, billed=ran)
        if answer.status in (400, 413, 415, 422):
            field = ".".join(map(text, inner(first, "loc") or ())) if first else ""
            cure = "Its moderation did not let the pictures pass." if "policy" in kind else ""
            return JobState("refused", reason=f"{kind} {field}: {words}. {cure}".strip())
        if answer.status in (401, 403, 402):
            raise self.refusal(answer)
        if first is not None or answer.headers.get("x-fal-needs-retry") is not None:
            return JobState("failed", reason=f"{kind or answer.status}: {words}")
        raise Trouble(f"fal answered {answer.status}", answer.retry_after)

    def cancel(self, wire: Wire, job: HostedJob) -> bool:
        """Asked for, not done: a job that runs already may still finish, and be billed."""
        return wire.ask("PUT", job.links["cancel"]).good

    def credits(self, wire: Wire) -> str:
        """fal tells no balance; a token for uploads is given for a good key only, at no cost."""
        told(self, wire.ask(
            "POST", f"{self.host('rest')}/storage/auth/token?storage_type=fal-cdn-v3", json={}
        ))  # fmt: skip
        return "the key is accepted; fal does not tell what is left"


def _unfinished(found: Mapping[str, Any]) -> JobState:
    if found.get("status") == "IN_QUEUE":
        place = found.get("queue_position")
        ahead = f"{place} ahead" if isinstance(place, int) and place > 0 else ""
        return JobState("waiting", note=ahead)
    logs = found.get("logs")
    lines = [inner(line, "message") for line in logs] if isinstance(logs, list) else []
    shares = [s for line in lines if isinstance(line, str) for s in SHARE.findall(line)]
    return JobState("running", min(int(shares[-1]), 100) / 100 if shares else 0.3)


def _units(answer: Answer) -> Decimal | None:
    try:
        found = Decimal(answer.headers.get("x-fal-billable-units", ""))
    except InvalidOperation:
        return None
    return found if found.is_finite() and 0 <= found < 1000 else None


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else None


def _with(address: str, query: str) -> str:
    parts = urlsplit(address)
    return urlunsplit(parts._replace(query="&".join(q for q in (parts.query, query) if q)))
