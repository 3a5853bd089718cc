"""Published parameter names and shapes, and random weights of such shapes."""

import pytest
from tiny import weights


@pytest.fixture(scope="session")
def published_shapes():
    """(model, file) -> {parameter name: shape} of a published weight file."""
    return weights.published_shapes


@pytest.fixture(scope="session")
def random_weights():
    """shapes -> random float32 tensors that keep signals of a usable size through many layers."""
    return weights.random_state
