"""Published parameter names and shapes, and random weights of such shapes."""

import json
from pathlib import Path

import pytest
import torch

GOLDEN = Path(__file__).resolve().parent.parent / "golden"


@pytest.fixture(scope="session")
def published_shapes():
    """(model, file) -> {parameter name: shape} of a published weight file."""

    def shapes(model, file):
        keys = json.loads((GOLDEN / model / "full_size_keys.json").read_text(encoding="utf-8"))
        return keys[file]

    return shapes


@pytest.fixture(scope="session")
def random_weights():
    """shapes -> random float32 tensors that keep signals of a usable size through many layers."""

    def weights(shapes, seed=0):
        generator = torch.Generator().manual_seed(seed)
        state = {}
        for name, shape in shapes.items():
            values = torch.randn(*shape, generator=generator)
            if name.endswith("running_var"):
                state[name] = 1 + 0.1 * values.abs()
            elif len(shape) == 1:
                state[name] = 0.1 * values + float(name.endswith("weight"))
            else:
                fan_in = values[0].numel()
                state[name] = values * (2 / fan_in) ** 0.5
        return state

    return weights
