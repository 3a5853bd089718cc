"""StyleGAN-Human's published pickle, read without running anything in it.

The file is a pickle of whole network objects, with the source code of their classes in it, which
its own loader imports and runs. Here every object is a table of what it holds, its code is never
looked at, and the tensors are renamed to those of rosinality's layout, as StyleGAN-Human's own
conversion does (`legacy.py`).
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import MissingFiles
from ...files.damage import unreadable
from ...files.pickles import ArraysOnly, expect_flat
from ...files.weights import State, own_memory

OLD_PARTS = 5
"""Pickles in the bytes of one tensor's numbers, as PyTorch writes them inside a pickle."""

MOST_OBJECTS, LONGEST_NAME = 10_000, 500
"""Of a file: one object may stand in another twice, and so on, and a small file lead to 2^40."""

BLUR = 4
"""Times which that layout stores the blur kernel."""


class _Object(dict):
    """An object of the pickle: a table of its attributes. Its class is gone."""


def _object(meta: dict) -> _Object:
    """In the place of the function that would run the code in `meta`."""
    return _Object(meta["state"])


def _storage(content: bytes) -> Any:
    """Numbers of a tensor; torch's own reader of plain weights reads them."""
    for_torch = io.BytesIO(content)
    for _ in range(OLD_PARTS):
        expect_flat(for_torch)
    for_torch.seek(0)
    return torch.load(for_torch, map_location="cpu", weights_only=True)


class _TensorsOnly(ArraysOnly):
    """Rebuilds tensors, arrays and built-in containers; objects become tables; every other name is
    refused."""

    INSTEAD = {
        ("torch_utils.persistence", "_reconstruct_persistent_obj"): _object,
        ("dnnlib.util", "EasyDict"): _Object,
        ("torch.storage", "_load_from_bytes"): _storage,
    }
    TORCH = {("torch._utils", "_rebuild_tensor_v2"), ("torch._utils", "_rebuild_parameter")}

    def find_class(self, module_name: str, global_name: str) -> Any:
        name = (module_name, global_name)
        if name in self.INSTEAD:
            return self.INSTEAD[name]
        if name in self.TORCH:
            return pickle.Unpickler.find_class(self, *name)
        return super().find_class(module_name, global_name)


def read_stylegan_pickle(path: Path) -> State:
    """The tensors of the generator (the averaged one, G_ema) in rosinality's layout, under g_ema.,
    and latent_avg.

    Raises MissingFiles for a file that is broken, holds anything else or another network.
    """
    try:
        with path.open("rb") as file:
            expect_flat(file)
            file.seek(0)
            found = dict(_tensors(_TensorsOnly(file, encoding="latin1").load()["G_ema"]))
    except Exception as error:  # readers of strangers' files may raise anything
        raise unreadable(path, error) from error
    try:
        return renamed(found)
    except KeyError as error:
        raise MissingFiles(
            f"{path} is not StyleGAN-Human's generator: it lacks {error}. Put the published "
            "stylegan_human_v2_1024.pkl there."
        ) from error


def _tensors(found: dict) -> Iterator[tuple[str, Tensor]]:
    """Parameters and buffers of an object and of those inside it, under the names that they have in
    a network. Raises TypeError for objects in objects beyond all measure."""
    waiting, objects = [("", found)], 0
    while waiting:
        before, inner = waiting.pop()
        objects += 1
        if objects > MOST_OBJECTS or len(before) > LONGEST_NAME:
            raise TypeError("it holds networks in networks beyond all measure")
        for kind in ("_parameters", "_buffers"):
            for name, tensor in inner.get(kind, {}).items():
                if isinstance(tensor, Tensor):
                    yield before + name, own_memory(tensor.detach())
        for name, part in inner.get("_modules", {}).items():
            if isinstance(part, dict):
                waiting.append((f"{before}{name}.", part))


def renamed(state: State) -> State:
    """NVIDIA's names and shapes to rosinality's. Raises KeyError."""
    made: State = {"latent_avg": state["mapping.w_avg"]}
    for number in range(sum(n.startswith("mapping.fc") and n.endswith("bias") for n in state)):
        for kind in ("weight", "bias"):
            made[f"g_ema.style.{number + 1}.{kind}"] = state[f"mapping.fc{number}.{kind}"]
    made["g_ema.input.input"] = state["synthesis.b4.const"][None]
    _convolution(made, "conv1", 0, state, "synthesis.b4.conv1")
    _picture(made, "to_rgb1", state, "synthesis.b4")
    level, side = 0, 8
    while f"synthesis.b{side}.conv0.weight" in state:
        for number in (0, 1):
            place = 2 * level + number
            _convolution(made, f"convs.{place}", place + 1, state,
                         f"synthesis.b{side}.conv{number}")  # fmt: skip
        _picture(made, f"to_rgbs.{level}", state, f"synthesis.b{side}")
        kernel = BLUR * state["synthesis.b4.resample_filter"]
        made[f"g_ema.convs.{2 * level}.conv.blur.kernel"] = kernel
        made[f"g_ema.to_rgbs.{level}.upsample.kernel"] = kernel
        level, side = level + 1, 2 * side
    return made


def _convolution(made: State, name: str, noise: int, state: State, old: str) -> None:
    name = f"g_ema.{name}"
    made[f"{name}.conv.weight"] = state[f"{old}.weight"][None]
    made[f"{name}.activate.bias"] = state[f"{old}.bias"]
    made[f"{name}.conv.modulation.weight"] = state[f"{old}.affine.weight"]
    made[f"{name}.conv.modulation.bias"] = state[f"{old}.affine.bias"]
    made[f"{name}.noise.weight"] = state[f"{old}.noise_strength"].reshape(1)
    made[f"g_ema.noises.noise_{noise}"] = state[f"{old}.noise_const"][None, None]


def _picture(made: State, name: str, state: State, old: str) -> None:
    name = f"g_ema.{name}"
    made[f"{name}.conv.weight"] = state[f"{old}.torgb.weight"][None]
    made[f"{name}.bias"] = state[f"{old}.torgb.bias"].reshape(1, -1, 1, 1)
    made[f"{name}.conv.modulation.weight"] = state[f"{old}.torgb.affine.weight"]
    made[f"{name}.conv.modulation.bias"] = state[f"{old}.torgb.affine.bias"]
