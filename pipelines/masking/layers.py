"""Layers that take their sizes from the tensors of a weight file.

The published parsing, pose and DensePose networks have one layout each; their widths and depths
are read from the file, so a network of other sizes loads with the same code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import nn

from ..errors import MissingFiles
from ..files.weights import empty, load_strict, looks_like, read_state

Shapes = Mapping[str, Sequence[int]]
Network = TypeVar("Network", bound=nn.Module)


class FrozenNorm(nn.Module):
    """Batch norm with stored statistics: (batch, channels, height, width) -> the same."""

    weight: torch.Tensor
    bias: torch.Tensor
    running_mean: torch.Tensor
    running_var: torch.Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        for name in ("weight", "bias", "running_mean", "running_var"):
            self.register_buffer(name, torch.zeros(channels))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return F.batch_norm(features, self.running_mean, self.running_var, self.weight, self.bias)


def norm(shapes: Shapes, name: str) -> FrozenNorm:
    return FrozenNorm(shapes[f"{name}.weight"][0])


def conv(shapes: Shapes, name: str, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    """The convolution `name`, padded so that stride 1 keeps the size."""
    channels_out, channels_in, size, _ = shapes[f"{name}.weight"]
    return nn.Conv2d(
        channels_in,
        channels_out,
        size,
        stride=stride,
        padding=dilation * (size // 2),
        dilation=dilation,
        bias=f"{name}.bias" in shapes,
    )


def linear(shapes: Shapes, name: str) -> nn.Linear:
    channels_out, channels_in = shapes[f"{name}.weight"]
    return nn.Linear(channels_in, channels_out)


def count(shapes: Shapes, name: str) -> int:
    """How many numbered parts `name.0`, `name.1`, … there are."""
    prefix = f"{name}."
    return len({key[len(prefix) :].split(".")[0] for key in shapes if key.startswith(prefix)})


def load_network(
    kind: type[Network], path: Path | str, prefix: str = "", unused: Sequence[str] = ()
) -> Network:
    """A network of the sizes that the file at `path` has, with its weights, ready to run.

    kind: a module class that is built from a table of shapes. prefix: stands before every name in
    the file. unused: shell-style patterns of names that the file has and the network does not want.
    Raises MissingFiles where the file is absent, damaged, or belongs to another network.
    """
    state = read_state(path, prefix)
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    try:
        with empty():
            network = kind(shapes)  # pyright: ignore[reportCallIssue]
    except (KeyError, ValueError) as error:
        found = looks_like(read_state(path) if prefix else state)
        raise MissingFiles(
            f"{path} does not hold the weights of {kind.__name__} ({error} is missing or has an "
            f"unexpected shape); it looks like {found}. Put the published file there, or get it "
            "again with `fitting-room download`."
        ) from error
    return load_strict(network, state, source=str(path), dtype=torch.float32, allowed_extra=unused)  # pyright: ignore[reportReturnType]
