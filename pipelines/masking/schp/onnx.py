"""The published ONNX exports of the same networks, where onnxruntime is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ..onnx import open_session

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
    instead = "get the same network as a .pth file with `fitting-room download human_parsing/pth`"
    return OnnxSchp(open_session(path, "a parsing network", instead, outputs=SCORES + 1))
