"""A prompt as ComfyUI's API shows it: in the history, and in the list of jobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .prompts import CANCELLED, DONE, FAILED, QUEUED, RUNNING, Prompt, milliseconds

STATUS = {
    QUEUED: "pending", RUNNING: "in_progress", DONE: "completed", FAILED: "failed",
    CANCELLED: "cancelled",
}  # fmt: skip
STATES = {status: state for state, status in STATUS.items()}

PICTURES = ("images", "video", "audio", "3d")
MEDIA = (*PICTURES, "text")
ENDINGS_3D = (".obj", ".fbx", ".gltf", ".glb", ".usdz")
ENDINGS_TEXT = (".txt", ".md", ".json")
LONGEST_TEXT = 1024


def history_entry(prompt: Prompt) -> dict[str, Any]:
    return {"prompt": prompt.row(), **prompt.entry}


def state_of(entry: Mapping[str, Any]) -> str:
    """Of a finished run."""
    status = entry.get("status") or {}
    if status.get("status_str") != "error":
        return DONE
    names = [message[0] for message in status.get("messages", ())]
    return CANCELLED if "execution_interrupted" in names else FAILED


def summary(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What the list of jobs tells of a finished run."""
    found: dict[str, Any] = {}
    for name, data in (entry.get("status") or {}).get("messages", ()):
        if name == "execution_start":
            found["execution_start_time"] = data.get("timestamp")
        elif name in ("execution_success", "execution_error", "execution_interrupted"):
            found["execution_end_time"] = data.get("timestamp")
            if name == "execution_error":
                found["execution_error"] = data
    files = list(_files(entry.get("outputs") or {}))
    found["outputs_count"] = len(files)
    found["previewable_outputs_count"] = sum(_rank(medium, each) < 9 for _, medium, each in files)
    shown = min(
        ((_rank(medium, each), place) for place, (_, medium, each) in enumerate(files)),
        default=(9, 0),
    )
    if shown[0] < 9:
        node, medium, each = files[shown[1]]
        found["preview_output"] = {"mediaType": medium, **each, "nodeId": node}
    elif text := _first_text(entry.get("outputs") or {}):
        found["preview_output"] = text
    return {name: value for name, value in found.items() if value is not None}


def job(prompt: Prompt, whole: bool = False) -> dict[str, Any]:
    """One job of the list; whole: with outputs, status and workflow."""
    number = prompt.row()[0]
    shown = {
        "id": prompt.id, "status": STATUS[prompt.state], "priority": number,
        "create_time": milliseconds(prompt.created), "outputs_count": 0,
        "previewable_outputs_count": 0, **prompt.summary,
    }  # fmt: skip
    if prompt.workflow:
        shown["workflow_id"] = prompt.workflow
    if whole and prompt.entry:
        _, _, graph, extra, _ = prompt.row()
        shown["outputs"] = {
            node: _with_3d(told) for node, told in prompt.entry.get("outputs", {}).items()
        }
        shown["execution_status"] = prompt.entry.get("status")
        shown["workflow"] = {"prompt": graph, "extra_data": extra}
    return shown


def files_of(outputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The files among the outputs: {filename, subfolder, type} each."""
    return [each for _, _, each in _files(outputs) if {"filename", "type"} <= set(each)]


def _files(outputs: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(node, medium, file) of everything that counts as an output."""
    for node, told in outputs.items():
        if not isinstance(told, dict):
            continue
        for medium, items in told.items():
            if medium == "animated" or not isinstance(items, list):
                continue
            for item in items:
                if isinstance(item, dict):
                    yield node, medium, item
                elif isinstance(item, str) and item.lower().endswith(ENDINGS_3D):
                    yield node, medium, _file_3d(item)


def _file_3d(name: str) -> dict[str, Any]:
    return {"filename": name, "type": "output", "subfolder": "", "mediaType": "3d"}


def _with_3d(told: Any) -> Any:
    """Names of 3D files as files; nothing where there is none."""
    if not isinstance(told, dict):
        return told
    return {
        medium: [
            _file_3d(each) if isinstance(each, str) and each.lower().endswith(ENDINGS_3D) else each
            for each in items
            if each is not None
        ]
        if isinstance(items, list) and medium != "animated"
        else items
        for medium, items in told.items()
    }


def _rank(medium: str, each: Mapping[str, Any]) -> int:
    """What is shown first: saved pictures 0, other pictures 1, texts 2; 9 for what is not shown."""
    name, form = str(each.get("filename", "")).lower(), str(each.get("format", ""))
    if medium == "text" or name.endswith(ENDINGS_TEXT):
        return 2
    if medium in PICTURES or form.startswith(("video/", "audio/")) or name.endswith(ENDINGS_3D):
        return 0 if each.get("type") == "output" else 1
    return 9


def _first_text(outputs: Mapping[str, Any]) -> dict[str, Any] | None:
    for node, told in outputs.items():
        items = told.get("text") if isinstance(told, dict) else None
        for item in items if isinstance(items, list) else ():
            if not isinstance(item, dict):
                text = str(item[0] if isinstance(item, list) and item else item)
                cut = {"truncated": True} if len(text) > LONGEST_TEXT else {}
                return {
                    "content": text[:LONGEST_TEXT], **cut, "nodeId": node, "mediaType": "text",
                }  # fmt: skip
    return None


def failed_entry(prompt_id: str, kind: str, message: str, moment: int) -> dict[str, Any]:
    """The history of a run that no engine could end, as ComfyUI tells of a failed one."""
    told = {
        "prompt_id": prompt_id, "node_id": None, "node_type": None, "executed": [],
        "exception_message": f"{message}\n", "exception_type": kind, "traceback": [],
        "current_inputs": {}, "current_outputs": [], "timestamp": moment,
    }  # fmt: skip
    interrupted = kind == "Interrupted"
    name = "execution_interrupted" if interrupted else "execution_error"
    status = {"status_str": "error", "completed": False, "messages": [[name, told]]}
    return {"outputs": {}, "status": status, "meta": {}}
