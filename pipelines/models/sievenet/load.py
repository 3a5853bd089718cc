"""Builds SieveNet's networks from three state dicts, which a user puts in place by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from ...files.locate import weight_file
from ...files.weights import State, empty, load_strict, read_state
from ..matching import shaped
from .networks import UNet, Warping
from .pipeline import SieveNetPipeline

FILES = {
    "warping": "GMM/gmm_final.pth",
    "labelling": "SEG/segm_final.pth",
    "texturing": "TOM/tom_final.pth",
}

Network = TypeVar("Network", bound=nn.Module)


def load(root: Path, *, dtype: torch.dtype = torch.float32) -> SieveNetPipeline:
    """The pipeline of a checkpoint, on the CPU, in float32: the networks are small, and splines
    want every bit. root: the folder that holds GMM/, SEG/ and TOM/. dtype: of files to prefer.

    Raises MissingFiles for files that are missing, of another model or incomplete.
    """
    return SieveNetPipeline(
        _network(root, "warping", Warping.shaped_like, dtype),
        _network(root, "labelling", UNet.shaped_like, dtype),
        _network(root, "texturing", UNet.shaped_like, dtype),
    )


def _network(
    root: Path, name: str, make: Callable[[State], Network], dtype: torch.dtype
) -> Network:
    path = weight_file(root / FILES[name], dtype)
    state = read_state(path)

    def built(tensors: State) -> Network:
        with empty():
            return make(tensors)

    network = shaped(built, state, str(path), f"SieveNet's {name} network")
    load_strict(network, state, source=str(path), dtype=torch.float32)
    return network
