"""Another machine's ComfyUI: a workflow in API format, posted with two pictures of its own.

The job's id is ours, so that a lost submission is found by it. The nodes titled as the model's
inputs say (Person and Garment) get the pictures; the first picture that the workflow saves is the
result.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from ...pipelines.errors import InputError
from ..errors import BackendError, Unavailable
from ..hosted.addresses import service_address
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

TOKEN = "FITTING_ROOM_COMFYUI_TOKEN"
WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows" / "api"


class RemoteComfyUI:
    name = "comfyui"
    title = "ComfyUI"
    keys: tuple[str, ...] = ()
    optional_keys: tuple[str, ...] = (TOKEN,)
    terms = "your own machine"
    finds = True
    cancels = True
    own_results = True

    @property
    def base(self) -> str:
        found = service_address("comfyui", "")
        if not found:
            raise InputError("FITTING_ROOM_COMFYUI_URL must be set to the other machine's ComfyUI.")
        return found

    def authorize(self, keys: Keys) -> dict[str, str]:
        return {"Authorization": f"Bearer {keys[TOKEN]}"} if TOKEN in keys.values else {}

    def pack(self, wire: Wire, order: Order) -> Parcel:
        graph = read_workflow(order.model.remote)
        pictures = {"person": order.person, "garment": order.garments[0]}
        for name, picture in pictures.items():
            node = _titled(graph, order.model.inputs[name], order.model.name)
            node["inputs"]["image"] = self._upload(wire, f"{order.key}_{name}", picture)
        for node in graph.values():
            _set(node, "category", order.category)
            _set(node, "seed", order.request.seed)
            _set(node, "noise_seed", order.request.seed)
        name = str(uuid.UUID(hex=order.key))
        return Parcel(f"{self.base}/prompt", {"prompt": graph, "prompt_id": name})

    def _upload(self, wire: Wire, name: str, picture: Encoded) -> str:
        files = {"image": (f"{name}.{picture.ending}", picture.data, picture.mime)}
        form = {"subfolder": "fitting_room", "type": "input", "overwrite": "true"}
        found = told(
            self, wire.ask("POST", f"{self.base}/upload/image", files=files, data=form)
        )  # fmt: skip
        kept, folder = text(found.get("name")), text(found.get("subfolder"))
        if not kept:
            raise Trouble("ComfyUI did not say where the uploaded picture is")
        return f"{folder}/{kept}" if folder else kept

    def accepted(self, answer: Answer, parcel: Parcel) -> HostedJob | None:
        """Errors of nodes mean that a part of the workflow will not run: it is no success."""
        found = answer.told()
        name = identity(found.get("prompt_id"))
        return HostedJob(name) if name == parcel.body["prompt_id"] else None

    def refusal(self, answer: Answer) -> BackendError:
        found = answer.told()
        words = text(inner(found, "error", "message")) or text(found.get("error"))
        details = text(inner(found, "error", "details"))
        if answer.status == 400:
            return Unavailable(f"That ComfyUI cannot run the workflow: {words} {details}".strip())
        return refusal_of(self.title, answer, words, key_names=self.optional_keys)

    def find(
        self, wire: Wire, key: str, traces: Mapping[str, Any], began: float
    ) -> HostedJob | None:
        name = str(uuid.UUID(hex=key))
        if self._history(wire, name) is not None or self._place(wire, name) is not None:
            return HostedJob(name)
        return None

    def look(self, wire: Wire, job: HostedJob, model: HostedModel) -> JobState:
        entry = self._history(wire, job.remote_id)
        if entry is not None:
            return _ended(entry)
        place = self._place(wire, job.remote_id)
        if place is None:
            entry = self._history(wire, job.remote_id)  # it may have ended between the two calls
            if entry is None:
                raise Forgotten
            return _ended(entry)
        if place:
            return JobState("waiting", note=f"{place - 1} ahead" if place > 1 else "")
        return JobState("running", 0.4)

    def _history(self, wire: Wire, name: str) -> dict[str, Any] | None:
        answer = wire.ask("GET", f"{self.base}/history/{part(name)}")
        if answer.good and answer.body.strip() == b"{}":
            return None
        found = told(self, answer).get(name)
        return found if isinstance(found, dict) else None

    def _place(self, wire: Wire, name: str) -> int | None:
        """0 while it runs, 1 for the next in the queue, None where it is not there."""
        found = told(self, wire.ask("GET", f"{self.base}/queue"))
        running, pending = found.get("queue_running") or [], found.get("queue_pending") or []
        if name in map(_second, running):
            return 0
        ordered = [_second(each) for each in sorted(pending, key=lambda each: each[0])]
        return ordered.index(name) + 1 if name in ordered else None

    def cancel(self, wire: Wire, job: HostedJob) -> bool:
        wire.ask("POST", f"{self.base}/queue", json={"delete": [job.remote_id]})
        return wire.ask(
            "POST", f"{self.base}/interrupt", json={"prompt_id": job.remote_id}
        ).good  # fmt: skip

    def credits(self, wire: Wire) -> str:
        found = told(self, wire.ask("GET", f"{self.base}/system_stats"))
        return f"ComfyUI {text(inner(found, 'system', 'comfyui_version'))}"


def read_workflow(name: str) -> dict[str, Any]:
    """The nodes of a workflow in API format: a file's path, or a shipped workflow's name.

    Raises InputError for a file that is none.
    """
    path = Path(name).expanduser()
    if not path.suffix:
        path = WORKFLOWS / f"{name}.json"
    try:
        graph = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"The workflow {path} cannot be read: {error}.") from error
    if not isinstance(graph, dict) or not all(
        isinstance(node, dict) and isinstance(node.get("inputs"), dict) for node in graph.values()
    ):
        raise InputError(f"{path} is no workflow in API format (Workflow > Export (API)).")
    return graph


def _titled(graph: Mapping[str, Any], title: str, model: str) -> dict[str, Any]:
    found = [node for node in graph.values() if inner(node, "_meta", "title") == title]
    if len(found) != 1 or "image" not in found[0]["inputs"]:
        raise InputError(
            f"The workflow of {model} needs exactly one node titled {title} that loads a picture, "
            f"and has {len(found)}."
        )
    return found[0]


def _set(node: Mapping[str, Any], name: str, value: Any) -> None:
    """Sets an input that stands in the node itself, and leaves one that is linked."""
    if type(node["inputs"].get(name)) is type(value):
        node["inputs"][name] = value


def _ended(entry: Mapping[str, Any]) -> JobState:
    messages = inner(entry, "status", "messages")
    for message in messages if isinstance(messages, list) else []:
        kind, said = (message[0], message[1]) if _second(message) is not None else ("", None)
        if kind == "execution_interrupted":
            return JobState("cancelled", reason="it was interrupted")
        if kind == "execution_error":
            words = text(inner(said, "exception_message"))
            # the engine names a package's modules by the folder that it lies in
            error = text(inner(said, "exception_type"))
            theirs = ".pipelines.errors." in error
            missing = error.endswith(".MissingFiles")
            return JobState("refused" if theirs and not missing else "failed", reason=words or kind)
    outputs = inner(entry, "outputs")
    kept = [
        picture
        for _, output in sorted((outputs or {}).items(), key=lambda each: _number(each[0]))
        for picture in (inner(output, "images") or [])
        if inner(picture, "type") == "output"
    ]
    link = None
    if kept:
        names = ("filename", "subfolder", "type")
        link = "/view?" + urlencode({name: text(kept[0].get(name)) for name in names})
    return JobState("done", 1.0, pictures=(link,))


def _second(value: Any) -> Any:
    return value[1] if isinstance(value, list) and len(value) > 1 else None


def _number(name: str) -> tuple[int, str]:
    return (int(name), "") if name.isdigit() else (10**9, name)
