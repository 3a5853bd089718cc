"""Opens networks in ONNX files, where the package onnxruntime is installed."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import InputError, MissingFiles


def open_session(path: Path | str, what: str, instead: str, outputs: int = 1) -> Any:
    """An onnxruntime.InferenceSession on the processor.

    what: the network in words. instead: what does the same without onnxruntime, in words.
    outputs: the least number of them. Raises InputError where onnxruntime is not installed,
    MissingFiles for a file that is absent, damaged or of another network.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError(
            f"{path} needs the package onnxruntime, which is not installed. Install it with "
            f"`{sys.executable} -m pip install onnxruntime`, or {instead}."
        ) from error
    if not Path(path).is_file():
        raise MissingFiles(f"Weights wanted at {path}, but there is no such file.")
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        if len(session.get_outputs()) < outputs:
            raise RuntimeError(
                f"it has {len(session.get_outputs())} outputs and {outputs} were wanted"
            )
    except (RuntimeError, ValueError, *_runtime_errors()) as error:
        raise MissingFiles(
            f"{path} cannot be read as {what}: {str(error).splitlines()[0][:200]}. "
            "Delete it and get it again with `fitting-room download`."
        ) from error
    return session


def _runtime_errors() -> tuple[type[Exception], ...]:
    """onnxruntime's own exceptions; they share no base class but Exception."""
    state = import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    return tuple(
        kind for kind in vars(state).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    )  # fmt: skip
