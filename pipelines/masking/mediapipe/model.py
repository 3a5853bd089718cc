"""The three networks with the weights of this folder."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from .networks import PersonDetector, PoseLandmarks
from .segmentation import SelfieSegmentation

FOLDER = Path(__file__).parent


class BodyModel(nn.Module):
    """`detector`, `landmarks` and `segmentation`, ready to run."""

    def __init__(self):
        super().__init__()
        self.detector = PersonDetector()
        self.landmarks = PoseLandmarks()
        self.segmentation = SelfieSegmentation()

    @property
    def device(self) -> torch.device:
        return self.landmarks.flag.weight.device


def load_body_model(device: str | torch.device = "cpu") -> BodyModel:
    """The networks in 32 bits on `device`, about 25 MB of memory."""
    with torch.device("meta"):
        model = BodyModel()
    for part, file in (
        (model.detector, "person_detector"),
        (model.landmarks, "pose_landmarks"),
        (model.segmentation, "selfie_segmentation"),
    ):
        weights = load_file(FOLDER / f"{file}.safetensors")
        part.load_state_dict({k: w.float() for k, w in weights.items()}, assign=True)
    model = model.eval().requires_grad_(False)
    return model.to(device).to(memory_format=torch.channels_last)
