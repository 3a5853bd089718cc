"""Alibaba Cloud's DashScope (Model Studio, Beijing): aitryon and aitryon-plus.

Pictures go through its temporary storage, which gives oss:// addresses for 48 hours. A submission
cannot be looked for; a task can be stopped only while it waits. Protocol: help.aliyun.com.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

from ..errors import BackendError, OutOfCredit, RateLimited, Refused, Unavailable
from ..hosted.addresses import ForbiddenAddress, place_to_ask, same_place, service_address
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

KEY = "DASHSCOPE_API_KEY"
SUBMIT = "/api/v1/services/aigc/image2image/image-synthesis"
ENDS = {"SUCCEEDED": "done", "FAILED": "failed", "CANCELED": "cancelled"}
SHARES = {"PRE-PROCESSING": 0.1, "RUNNING": 0.4, "POST-PROCESSING": 0.8}
REFUSED = ("DataInspectionFailed", "InvalidPerson", "InvalidURL", "InvalidInputLength",
           "InvalidGarment", "InvalidParameter", "InvalidFile")  # fmt: skip


class DashScope:
    name = "dashscope"
    title = "DashScope"
    keys: tuple[str, ...] = (KEY,)
    optional_keys: tuple[str, ...] = ()
    terms = "https://www.alibabacloud.com/help/en/legal"
    finds = False
    cancels = True
    own_results = False

    @property
    def base(self) -> str:
        return service_address(
            "dashscope", "https://dashscope.aliyuncs.com", "DASHSCOPE_HTTP_BASE_URL"
        ).removesuffix("/api/v1")

    def authorize(self, keys: Keys) -> dict[str, str]:
        return {"Authorization": f"Bearer {keys[KEY]}"}

    def pack(self, wire: Wire, order: Order) -> Parcel:
        inputs, model = order.model.inputs, order.model.remote
        places = [inputs["garment"], inputs["lower_garment"]]
        if order.category == "lower" and len(order.garments) == 1:
            places = [inputs["lower_garment"]]
        given = {inputs["person"]: self._upload(wire, model, "person", order.person)}
        for place, garment in zip(places, order.garments, strict=False):
            given[place] = self._upload(wire, model, place, garment)
        return Parcel(
            f"{self.base}{SUBMIT}",
            {"model": model, "input": given, "parameters": order.fields()},
            {"X-DashScope-Async": "enable", "X-DashScope-OssResourceResolve": "enable"},
        )

    def _upload(self, wire: Wire, model: str, name: str, picture: Encoded) -> str:
        """A form with a policy that the service signs; the key does not go to the storage."""
        policy = inner(
            told(self, wire.ask(
                "GET", f"{self.base}/api/v1/uploads?action=getPolicy&model={part(model)}"
            )),
            "data",
        )  # fmt: skip
        host, folder = inner(policy, "upload_host"), inner(policy, "upload_dir")
        if not isinstance(host, str) or not isinstance(folder, str):
            raise Trouble("DashScope did not say where pictures are uploaded to")
        try:
            if not same_place(host, self.base):
                place_to_ask(host)
        except ForbiddenAddress as error:
            raise Trouble(
                f"DashScope named a place for pictures that is not used: {error}"
            ) from None
        key = str(PurePosixPath(folder) / f"{name}.{picture.ending}")
        form = {
            "OSSAccessKeyId": text(policy.get("oss_access_key_id")),
            "Signature": text(policy.get("signature")),
            "policy": policy.get("policy") or "",
            "x-oss-object-acl": text(policy.get("x_oss_object_acl")),
            "x-oss-forbid-overwrite": text(policy.get("x_oss_forbid_overwrite")),
            "key": key,
            "success_action_status": "200",
        }
        files = {"file": (f"{name}.{picture.ending}", picture.data, picture.mime)}
        answer = wire.ask("POST", host, data=form, files=files, with_key=False)
        if not answer.good:
            raise Trouble(f"DashScope's storage answered {answer.status}", answer.retry_after)
        return f"oss://{key}"

    def accepted(self, answer: Answer, parcel: Parcel) -> HostedJob | None:
        name = identity(inner(answer.told(), "output", "task_id"))
        return HostedJob(name) if name else None

    def refusal(self, answer: Answer) -> BackendError:
        found = answer.told()
        code, words = text(found.get("code")), text(found.get("message"))
        said = f"DashScope says {code or answer.status}: {words}"
        if code == "Arrearage" or code.startswith("Throttling.AllocationQuota"):
            return OutOfCredit(f"{said} Pay the account, or raise its quota.")
        if code.startswith("Throttling"):
            return RateLimited(
                f"{said} Ten submissions a second and five tasks at once are allowed.",
                retry_after=answer.retry_after,
            )
        if code in ("ModelNotExist", "ModelUnavailable", "AccessDenied"):
            return Unavailable(said)
        if code in REFUSED:
            return Refused(said)
        return refusal_of(self.title, answer, f"{code} {words}".strip(), key_names=self.keys)

    def find(
        self, wire: Wire, key: str, traces: Mapping[str, Any], began: float
    ) -> HostedJob | None:
        return None

    def look(self, wire: Wire, job: HostedJob, model: HostedModel) -> JobState:
        """Failures come with HTTP 200 here; so does a task that is not known (any more)."""
        found = told(self, wire.ask("GET", f"{self.base}/api/v1/tasks/{part(job.remote_id)}"))
        output = found.get("output")
        status = text(inner(output, "task_status"))
        if status == "UNKNOWN":
            raise Forgotten
        phase = ENDS.get(status)
        if phase is None:
            share = SHARES.get(status)
            return JobState("waiting" if share is None else "running", share or 0.0)
        if phase == "done":
            count = inner(found, "usage", "image_count")
            units = Decimal(count) if type(count) is int and 0 <= count < 100 else None
            return JobState("done", 1.0, pictures=(inner(output, "image_url"),), units=units,
                        billed=True)  # fmt: skip
        code = text(inner(output, "code"))
        reason = f"{code or status}: {text(inner(output, 'message'))}"
        return JobState("refused" if code in REFUSED else phase, reason=reason)

    def cancel(self, wire: Wire, job: HostedJob) -> bool:
        """Only a task that still waits is stopped."""
        return wire.ask("POST", f"{self.base}/api/v1/tasks/{part(job.remote_id)}/cancel").good

    def credits(self, wire: Wire) -> str:
        """DashScope tells no balance; a policy for uploads is given for a good key, for nothing."""
        told(self, wire.ask("GET", f"{self.base}/api/v1/uploads?action=getPolicy&model=aitryon"))
        return "the key is accepted; DashScope does not tell what is left"
