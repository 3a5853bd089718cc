"""The published ONNX exports of the same networks, where onnxruntime is installed."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from ...errors import InputError, MissingFiles

SCORES = 1
"""Which output the published programs use: the fused scores."""


class OnnxSchp:
    """Takes and gives what `Schp` does; runs on the processor.

    session: an onnxruntime.InferenceSession.
    """

    def __init__(self, session: Any) -> None:
        self.session = session

    @property
    def labels(self) -> int:
        return int(self.session.get_outputs()[SCORES].shape[1])

    def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
        name = self.session.get_inputs()[0].name
        # The exports have a fixed batch of one.
        scores = [
            torch.from_numpy(self.session.run(None, {name: one[None].cpu().numpy()})[SCORES])
            for one in pictures
        ]
        return torch.cat(scores)


def load_onnx(path: Path | str) -> OnnxSchp:
    """Opens parsing_atr.onnx or parsing_lip.onnx.

    Raises InputError where onnxruntime is not installed, MissingFiles for a file it cannot read.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError(
            f"{path} needs the package onnxruntime, which is not installed. Install it with "
            "`pip install onnxruntime`, or get the same network as a .pth file with "
            "`fitting-room download human_parsing/pth`."
        ) from error
    if not Path(path).is_file():
        raise MissingFiles(f"Weights wanted at {path}, but there is no such file.")
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        if len(session.get_outputs()) <= SCORES:
            raise RuntimeError("it has one output; the parsing networks have several")
    except (RuntimeError, ValueError, *_runtime_errors()) as error:
        raise MissingFiles(
            f"{path} cannot be read as a parsing network: {str(error).splitlines()[0][:200]}. "
            "Delete it and get it again with `fitting-room download`."
        ) from error
    return OnnxSchp(session)


def _runtime_errors() -> tuple[type[Exception], ...]:
    """onnxruntime's own exceptions; they share no base class but Exception."""
    state = import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    return tuple(
        kind for kind in vars(state).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    )  # fmt: skip
