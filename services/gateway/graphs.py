"""What passes between a caller and an engine, in either direction.

On an engine everything of a caller lies below one folder, under names that cannot be guessed:

    input/fitting_room_gateway/in_<key>/<file>      what a graph reads; key: of content and caller
    output/fitting_room_gateway/<job>/…             what a graph saves; job: its prompt_id

The caller knows of neither: files have the names under which they were uploaded, and results lie in
a subfolder <job>.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...pipelines.errors import InputError
from .files import StoredInput

ROOM = "fitting_room_gateway"
NOWHERE = f"{ROOM}/none"
PREFIX_INPUT = "filename_prefix"
ANNOTATED = re.compile(r"(?P<name>.*) \[(?P<kind>input|output|temp)\]", re.DOTALL)
IN_ROOM = re.compile(rf"{ROOM}/(?:in_[0-9a-f]{{32}}|none|[0-9a-f]{{32}})/")
HIDDEN = re.compile(rf"{ROOM}(?:[/\\]+(?:in_[0-9a-f]{{32}}|none))?[/\\]*")
MODEL_ENDINGS = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".onnx")
MODEL_INPUTS = {"variant", "model", "ckpt_name", "unet_name"}

Kinds = Mapping[str, Mapping[str, str]]
"""Node class -> input -> its type."""
Find = Callable[[str, str], "StoredInput | None"]
"""(kind, name) -> the caller's file."""


class RefusedGraph(InputError):
    """A graph that the gateway does not pass on."""


@dataclass(frozen=True)
class Translated:
    """A graph as an engine gets it, and the files that must lie there."""

    graph: dict[str, Any]
    inputs: tuple[StoredInput, ...]


def kinds_of(object_info: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The types of all inputs; a list of choices is "COMBO"."""
    found: dict[str, dict[str, str]] = {}
    for name, node in object_info.items():
        sections = node.get("input", {})
        found[name] = {
            each: spec[0] if isinstance(spec[0], str) else "COMBO"
            for section in ("required", "optional")
            for each, spec in (sections.get(section) or {}).items()
            if spec
        }
    return found


def translated(graph: Any, kinds: Kinds, job: str, find: Find) -> Translated:
    """The graph with an engine's names of files. Raises RefusedGraph."""
    if not isinstance(graph, dict):
        raise RefusedGraph("A workflow in API format is an object with a node for each id.")
    inputs: dict[str, StoredInput] = {}
    changed: dict[str, Any] = {}
    for name, node in graph.items():
        values = node.get("inputs") if isinstance(node, dict) else None
        if not isinstance(values, dict):
            changed[name] = node
            continue
        types = kinds.get(str(node.get("class_type")), {})
        passed = dict(values)
        for each, value in values.items():
            if not isinstance(value, str):
                if ROOM in json.dumps(value):
                    raise RefusedGraph(f"The name {ROOM} is reserved; leave it out of {each}.")
            else:
                passed[each] = _value(each, value, types.get(each, "COMBO"), job, find, inputs)
        changed[name] = {**node, "inputs": passed}
    return Translated(changed, tuple(inputs.values()))


def _value(
    name: str, value: str, kind: str, job: str, find: Find, inputs: dict[str, StoredInput]
) -> str:
    plain = IN_ROOM.sub("", value)  # of a graph that came out of a picture's metadata
    if name == PREFIX_INPUT:
        return f"{ROOM}/{job}/{_inside(plain)}"
    if kind == "STRING":
        if ROOM in plain:
            raise RefusedGraph(f"The name {ROOM} is reserved; leave it out of {name}.")
        return value
    fits = ANNOTATED.fullmatch(plain)
    bare, folder = (fits["name"], fits["kind"]) if fits else (plain, "input")
    stored = find(folder, bare)
    if stored is not None:
        inputs[stored.key] = stored
        return f"{ROOM}/in_{stored.key}/{stored.path.name}"
    if ROOM in plain or folder != "input":
        return f"{NOWHERE}/{bare.replace(chr(92), '/').rpartition('/')[2]}"
    return plain


def _inside(prefix: str) -> str:
    parts = [part for part in prefix.replace("\\", "/").split("/") if part not in ("", ".")]
    if ".." in parts or prefix.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", prefix):
        raise RefusedGraph(
            f"The {PREFIX_INPUT} has to name a place in the output folder, and {prefix[:100]!r} "
            "does not."
        )
    return "/".join(parts) or "ComfyUI"


def model_key(graph: Mapping[str, Any]) -> str:
    """What an engine has loaded after this graph: 16 digits, "" where no model can be told."""
    found = sorted(
        f"{node.get('class_type')} {name} {value}"
        for node in graph.values()
        if isinstance(node, dict) and isinstance(node.get("inputs"), dict)
        for name, value in node["inputs"].items()
        if isinstance(value, str)
        and (name in MODEL_INPUTS or value.lower().endswith(MODEL_ENDINGS))
    )
    return hashlib.sha256("\n".join(found).encode()).hexdigest()[:16] if found else ""


def refused_nodes(graph: Any, refused: frozenset[str]) -> list[str]:
    """Classes in the graph that may not run here."""
    nodes = graph.values() if isinstance(graph, dict) else ()
    classes = {node.get("class_type") for node in nodes if isinstance(node, dict)}
    return sorted(str(each) for each in classes & refused)


@dataclass(frozen=True)
class Produced:
    """A file that an engine made, and where the caller finds it. kind: output or temp."""

    filename: str
    kind: str
    subfolder: str
    own_subfolder: str

    @property
    def name(self) -> str:
        return f"{self.own_subfolder}/{self.filename}"


def adopted(value: Any, job: str, names: Mapping[str, str]) -> tuple[Any, list[Produced]]:
    """Outputs of an engine as the caller sees them, and the files among them.

    names: an input's key -> the caller's name of it, "kind/subfolder/file".
    """
    found: list[Produced] = []

    def visit(each: Any) -> Any:
        if isinstance(each, list):
            return [visit(one) for one in each]
        if not isinstance(each, dict):
            return each
        if isinstance(each.get("filename"), str) and isinstance(each.get("type"), str):
            return _adopted_file(each, job, names, found)
        return {key: visit(one) for key, one in each.items()}

    return visit(value), found


def _adopted_file(
    shown: dict[str, Any], job: str, names: Mapping[str, str], found: list[Produced]
) -> dict[str, Any]:
    subfolder = str(shown.get("subfolder") or "").replace("\\", "/").strip("/")
    if shown["type"] == "input":
        own = names.get(subfolder.removeprefix(f"{ROOM}/in_"), "")
        kind, _, rest = own.partition("/")
        return {**shown, "type": kind, "subfolder": rest.rpartition("/")[0]} if own else shown
    rest = subfolder.removeprefix(f"{ROOM}/{job}").strip("/")
    mine = f"{job}/{rest}" if rest else job
    found.append(Produced(shown["filename"], shown["type"], subfolder, mine))
    return {**shown, "subfolder": mine}


def hidden(text: str) -> str:
    """A text of an engine, JSON or not, without the engine's names of the caller's folders."""
    return HIDDEN.sub("", text) if ROOM in text else text


def hidden_value(value: Any) -> Any:
    """The same of any JSON value."""
    text = json.dumps(value)
    return json.loads(hidden(text)) if ROOM in text else value


def with_own_files(object_info: dict[str, Any], listed: Callable[[str], list[str]]) -> None:
    """Puts the caller's uploads among the choices of the nodes that read files, in place; no other
    caller's folder stands there. listed: kind of file, such as image -> names."""
    for spec, options in _choices(object_info):
        if any(isinstance(each, str) and ROOM in each for each in options):
            options[:] = [each for each in options if not (isinstance(each, str) and ROOM in each)]
        settings = spec[1] if len(spec) > 1 and isinstance(spec[1], dict) else {}
        if settings.get("image_folder", "input") != "input":
            continue
        for kind in ("image", "video", "audio"):
            if settings.get(f"{kind}_upload"):
                options[:] = sorted({*options, *listed(kind)})


def _choices(object_info: Mapping[str, Any]) -> Iterator[tuple[list[Any], list[Any]]]:
    for node in object_info.values():
        for section in ("required", "optional"):
            for spec in ((node.get("input") or {}).get(section) or {}).values():
                if spec and isinstance(spec[0], list):
                    yield spec, spec[0]
                elif len(spec) > 1 and isinstance(spec[1], dict):
                    options = spec[1].get("options")
                    if isinstance(options, list):
                        yield spec, options
