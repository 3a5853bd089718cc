"""One check of all that arrives on a node's inputs, before the node sees it.

The engine compares the types of links and the values of widgets. It does not look at what a link
brings (a number out of its range, NaN, what another package sends under our type), nor at what an
API client writes where a link was wanted. Every node of the package is wrapped once, in the list
that the engine is given; what a node unpacks is then of the kind that its schema names.
"""

from __future__ import annotations

import functools
import inspect
import math
import numbers
import sys
from collections.abc import Callable, Mapping
from typing import Any

import torch
from comfy_api.latest import Input, io

from ..pipelines.errors import InputError, readable

PACKAGE = __name__.rpartition(".nodes.")[0]

SOCKETS = {
    "FITTING_ROOM_BODY": ("pipelines.masking.body", "Body", "Body Pose"),
    "FITTING_ROOM_GARMENT": ("pipelines.garment.read", "Garment", "Garment Cut-out"),
    "FITTING_ROOM_CROP": ("pipelines.images", "Crop", "Crop for Try-On"),
    "FITTING_ROOM_FILTER": ("nodes.judging", "Filter", "Safety Filter"),
    "FITTING_ROOM_SAFETY": ("nodes.judging", "Checked", "Safety Check"),
    "FITTING_ROOM_MODEL": ("nodes.model", "TryOnModel", "Load Try-On Model"),
    "FITTING_ROOM_ENCODED_GARMENT": ("nodes.encode", "EncodedGarment", "Encode Garment"),
    "FITTING_ROOM_PARSING": ("pipelines.masking.sources", "Sources", "Human Parsing"),
    "FITTING_ROOM_DENSEPOSE": ("pipelines.masking.sources", "Sources", "DensePose"),
}
"""Type of a link of ours -> module and class of what it carries, and the node that makes it."""

ALONE = ("FITTING_ROOM_FILTER", "FITTING_ROOM_MODEL")
"""What a link carries by itself; all others carry a tuple with one object per image."""


def careful(node: type[io.ComfyNode]) -> type[io.ComfyNode]:
    """The node, which refuses with an InputError whatever its schema does not allow."""
    wrapped: dict[str, Any] = {"__module__": node.__module__, "__doc__": node.__doc__}
    for name in ("execute", "check_lazy_status"):
        own = next((each for each in node.__mro__ if name in each.__dict__), None)
        if own is not None and own.__module__.startswith(PACKAGE):
            wrapped[name] = classmethod(_checking(node, own.__dict__[name].__func__))
    return type(node.__name__, (node,), wrapped)


def _checking(node: type[io.ComfyNode], run: Callable[..., Any]) -> Callable[..., Any]:
    lazily = run.__name__ == "check_lazy_status"
    if inspect.iscoroutinefunction(run):

        @functools.wraps(run)
        async def checked_later(cls: type, *args: Any, **inputs: Any) -> Any:
            check_inputs(node.define_schema(), inputs, some=lazily)
            return await run(cls, *args, **inputs)

        return checked_later

    @functools.wraps(run)
    def checked(cls: type, *args: Any, **inputs: Any) -> Any:
        check_inputs(node.define_schema(), inputs, some=lazily)
        return run(cls, *args, **inputs)

    return checked


def check_inputs(schema: io.Schema, inputs: Mapping[str, Any], some: bool = False) -> None:
    """Raises InputError, which names the node and every input that holds what its kind cannot.

    inputs: values by id; lists of values for a node that takes lists. some: those that are not
    there yet are None.
    """
    problems = []
    for wanted in schema.inputs or []:
        if wanted.id not in inputs:
            continue
        value = inputs[wanted.id]
        for item in _items(value) if schema.is_input_list else (value,):
            if item is None and (some or wanted.optional or getattr(wanted, "lazy", False)):
                continue
            if problem := _problem(wanted, item):
                problems.append(f"{wanted.id}: {problem}")
                break
    if problems:
        raise InputError(f"{schema.display_name or schema.node_id}, {'; '.join(problems)}.")


def _items(value: Any) -> list | tuple:
    return value if isinstance(value, (list, tuple)) and value else (None,)


def _problem(wanted: io.Input, value: Any) -> str:
    """What is wrong with a value, in words; empty where nothing is."""
    kinds = wanted.get_io_type().split(",")
    found = [_told(kind, wanted, value) for kind in kinds]
    if not all(found):
        return ""
    return found[0] if len(found) == 1 else f"{found[0]} (or another kind: {', '.join(kinds[1:])})"


def _told(kind: str, wanted: io.Input, value: Any) -> str:
    if kind in SOCKETS:
        return _socket_problem(kind, value)
    if kind == "POSE_KEYPOINT":
        people = value if isinstance(value, (list, tuple)) else [value]
        if people and all(isinstance(each, Mapping) for each in people):
            return ""
        return f"OpenPose JSON was wanted, one table for each picture, and {_came(value)} came"
    test = {
        "IMAGE": _image_problem, "MASK": _mask_problem, "STRING": _text_problem,
        "COMBO": _choice_problem, "INT": _number_problem, "FLOAT": _number_problem,
        "BOOLEAN": _switch_problem, "VIDEO": _video_problem,
    }.get(kind, _nested_problem)  # fmt: skip
    return test(wanted, value)


def _socket_problem(kind: str, value: Any) -> str:
    module, name, maker = SOCKETS[kind]
    # An object of the class can only be there if its module is.
    expected = getattr(sys.modules.get(f"{PACKAGE}.{module}"), name, ())
    if kind in ALONE and isinstance(value, expected):
        return ""
    if (
        kind not in ALONE
        and isinstance(value, tuple)
        and value
        and all(isinstance(each, expected) for each in value)
    ):
        return ""
    return f"what the node {maker} makes was wanted, and {_came(value)} came"


def _video_problem(wanted: io.Input, value: Any) -> str:
    if isinstance(value, Input.Video):
        return ""
    return f"a video was wanted, and {_came(value)} came"


def _image_problem(wanted: io.Input, value: Any) -> str:
    if isinstance(value, torch.Tensor) and value.ndim == 4:
        return ""
    return f"a batch of images was wanted, and {_came(value)} came"


def _mask_problem(wanted: io.Input, value: Any) -> str:
    if not isinstance(value, torch.Tensor) or value.ndim not in (2, 3, 4):
        return f"a batch of masks was wanted, and {_came(value)} came"
    if not value.numel():
        return "the batch holds no mask; connect at least one"
    if not torch.isfinite(value).all():
        return "the mask holds values that are not numbers (NaN or infinite)"
    return ""


def _text_problem(wanted: io.Input, value: Any) -> str:
    if not isinstance(value, str):
        return f"text was wanted, and {_came(value)} came"
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        return "the text has characters that cannot be written (half a surrogate pair, or NUL)"
    return ""


def _choice_problem(wanted: io.Input, value: Any) -> str:
    options = getattr(wanted, "options", None)
    if isinstance(value, str) and (not options or value in options):
        return ""
    some = ", ".join(map(str, list(options or ())[:20]))
    return f"one of {some} was wanted, and {_came(value)} came"


def _number_problem(wanted: io.Input, value: Any) -> str:
    low, high = getattr(wanted, "min", None), getattr(wanted, "max", None)
    whole = wanted.get_io_type() == "INT"
    if (
        isinstance(value, numbers.Integral if whole else numbers.Real)
        and (isinstance(value, numbers.Integral) or math.isfinite(value))
        and (low is None or value >= low)
        and (high is None or value <= high)
    ):
        return ""
    reach = "" if low is None or high is None else f" from {low:g} to {high:g}"
    return f"a {'whole ' if whole else ''}number{reach} was wanted, and {_came(value)} came"


def _switch_problem(wanted: io.Input, value: Any) -> str:
    return (
        "" if isinstance(value, (bool, int)) else f"yes or no was wanted, and {_came(value)} came"
    )


def _nested_problem(wanted: io.Input, value: Any) -> str:
    """Of an input that opens others: its own choice and theirs."""
    if value is None and wanted.get_io_type().startswith("COMFY_DYNAMIC"):
        return ""  # the engine drops a choice that is not in the list; the node tells of it
    for inner in value.values() if isinstance(value, Mapping) else ():
        if isinstance(inner, str) and (problem := _text_problem(wanted, inner)):
            return problem
        if isinstance(inner, float) and not math.isfinite(inner):
            return f"a number was wanted, and {inner} came"
    return ""


def _came(value: Any) -> str:
    """A value in a few words."""
    if value is None:
        return "nothing"
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, int) and value.bit_length() > 200:
        return f"a whole number of {value.bit_length():,} bits"
    if isinstance(value, (str, int, float)):
        shown = readable(repr(value)[:80])
        return f"the {'text' if isinstance(value, str) else 'value'} {shown}"
    if isinstance(value, (tuple, list)):
        inside = sorted({type(each).__name__ for each in value})
        return f"a {type(value).__name__} of {len(value)} ({', '.join(inside[:3]) or 'empty'})"
    return f"a {type(value).__name__}"
