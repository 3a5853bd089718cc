"""Builds the networks of FASHN VTON v1.5 from its published file, `model.safetensors`.

There is no config file: every width and depth shows in the tensors. Only the published size of the
pictures (576x864) and the split of a head into an unturned eighth and two equal parts do not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import torch

from ...diffusion.networks import converted
from ...errors import MissingFiles
from ...files.locate import weight_file
from ...files.weights import State, empty, load_strict, looks_like, read_state
from ...masking.layers import Shapes, count
from .modulation import Modulation
from .network import PICTURE, Sizes, Transformer
from .pipeline import FashnVtonPipeline

FILE = "model.safetensors"

UNUSED = "patch_mixer_token"
"""In the file, and read by nothing."""

OF_MODULATION = re.compile(r"[ty]_embedder\.|.*(\.modulation|_mod|\.adaLN_modulation)\.")
"""Names that belong to `Modulation`."""

HEAD_STEP = 32
"""A head's width is a multiple of this, so that an eighth and two equal parts are whole pairs."""


@dataclass(frozen=True)
class Networks:
    modulation: Modulation
    transformer: Transformer


def build(shapes: Shapes) -> Networks:
    """Networks of the sizes that a file's tensors have, without memory for their parameters.

    Raises KeyError for a tensor that is not there, ValueError for one of a shape that cannot be.
    """
    width = shapes["t_embedder.mlp.out_layer.weight"][0]
    head_width = shapes["double_blocks.0.img_attn.norm.query_norm.scale"][0]
    if head_width % HEAD_STEP or width % head_width:
        raise ValueError(f"heads of {head_width} in a width of {width}")
    sizes = Sizes(
        width=width,
        heads=width // head_width,
        hidden=shapes["double_blocks.0.img_mlp.0.weight"][0],
        patch=shapes["x_embedder.proj.weight"][-1],
        mixer_blocks=count(shapes, "x_patch_mixer"),
        double_blocks=count(shapes, "double_blocks"),
        single_blocks=count(shapes, "single_blocks"),
        categories=shapes["y_embedder.weight"][0] - 1,
    )
    if tuple(shapes[UNUSED]) != (1, 1, PICTURE * sizes.patch**2):
        raise ValueError(UNUSED)
    with empty():
        return Networks(Modulation(sizes), Transformer(sizes))


def load(root: Path, *, dtype: torch.dtype = torch.float32) -> FashnVtonPipeline:
    """The pipeline of the published file in a folder, on the CPU. Raises MissingFiles."""
    path = weight_file(root / FILE, dtype)
    return from_state(read_state(path), source=str(path), dtype=dtype)


def from_state(
    state: State, *, source: str, dtype: torch.dtype = torch.float32
) -> FashnVtonPipeline:
    """The pipeline from tensors by their published names; every name must fit, none be left over.

    Raises MissingFiles.
    """
    try:
        networks = build({name: tuple(tensor.shape) for name, tensor in state.items()})
    except (KeyError, IndexError, ValueError) as error:
        raise MissingFiles(
            f"{source} is not a FASHN VTON checkpoint ({error} is missing or has an unexpected "
            f"shape); it looks like {looks_like(state)}. Get the right file with "
            "`fitting-room download fashn_vton/v1_5`."
        ) from error
    of_modulation, of_transformer = split(state)
    load_strict(networks.modulation, of_modulation, source=source)
    load_strict(networks.transformer, of_transformer, source=source)
    transformer = converted(networks.transformer, dtype)
    transformer.split_last()
    return FashnVtonPipeline(converted(networks.modulation, dtype), transformer, dtype=dtype)


def split(state: State) -> tuple[State, State]:
    """The tensors of `Modulation` and of `Transformer`, by the names that these have."""
    named = {here(name): tensor for name, tensor in state.items() if name != UNUSED}
    modulation = {name for name in named if OF_MODULATION.match(name)}
    return (
        {name: tensor for name, tensor in named.items() if name in modulation},
        {name: tensor for name, tensor in named.items() if name not in modulation},
    )


def here(published: str) -> str:
    """A parameter's name in the networks: norms have a `weight`, published as `scale`."""
    name = published.removesuffix(".scale")
    return published if name == published else f"{name}.weight"
