"""What the runners share: reading a case's inputs, and the reduced forms that cases record."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np


def as_array(value: Any) -> np.ndarray:
    """A numpy array of a numpy array, a torch tensor on any device, or a nested list."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        if value.dtype.is_floating_point and value.dtype.itemsize < 4:
            value = value.float()  # numpy has no bfloat16
        return value.numpy()
    return np.asarray(value)


def load_tensors(path: Path) -> dict[str, np.ndarray]:
    """Every tensor of a safetensors file by name; none where there is no such file."""
    from safetensors.numpy import load_file

    return dict(load_file(path)) if path.is_file() else {}


def load_pictures(folder: Path) -> dict[str, np.ndarray]:
    """Every PNG below a folder by its path without `.png`; (height, width[, channels]), as stored.

    A grey or palette picture gives its values or indices, so label maps come back as labels.
    """
    from PIL import Image

    pictures = {}
    for path in sorted(folder.rglob("*.png")):
        with Image.open(path) as picture:
            pictures[path.relative_to(folder).as_posix().removesuffix(".png")] = np.array(picture)
    return pictures


def load_inputs(case_dir: Path) -> dict[str, np.ndarray]:
    """A case's inputs: the tensors of inputs.safetensors and the pictures under inputs/."""
    return load_tensors(case_dir / "inputs.safetensors") | load_pictures(case_dir / "inputs")


def load_expected(case_dir: Path) -> dict[str, np.ndarray]:
    """What a case expects, by stage: expected.safetensors and the pictures under expected/.

    A runner reads this only where a case says that a later stage starts from a recorded one.
    """
    return load_tensors(case_dir / "expected.safetensors") | load_pictures(case_dir / "expected")


def random_draws(inputs: dict[str, np.ndarray], prefix: str = "noise") -> list[np.ndarray]:
    """The recorded random draws prefix.0, prefix.1, … in their order."""
    draws = []
    while (name := f"{prefix}.{len(draws)}") in inputs:
        draws.append(inputs[name])
    return draws


def sample_every(value: Any, step: int, axes: tuple[int, int] = (-2, -1)) -> np.ndarray:
    """`.everyN`: every step-th row and column; `axes` says which axes these are."""
    array = as_array(value)
    picks = [slice(None)] * array.ndim
    for axis in axes:
        picks[axis] = slice(None, None, step)
    return array[tuple(picks)]


def channel0(value: Any) -> np.ndarray:
    """`.channel0`: (height, width), the first channel of the first picture of a feature map."""
    array = as_array(value)
    return array[(0,) * (array.ndim - 2)]


def stats(features: Iterable[Any], unbiased: bool = True) -> np.ndarray:
    """`.stats`: (features, 2), mean and standard deviation of each whole feature, in order."""
    arrays = [as_array(feature).astype(np.float64) for feature in features]
    return np.array([[array.mean(), array.std(ddof=int(unbiased))] for array in arrays])


def channel_stats(value: Any, unbiased: bool = True) -> np.ndarray:
    """`_mean_std`: (2, batch, channels), mean and standard deviation of every channel of a
    (batch, channels, height, width) tensor."""
    array = as_array(value).astype(np.float64)
    axes = tuple(range(2, array.ndim))
    return np.stack([array.mean(axis=axes), array.std(axis=axes, ddof=int(unbiased))])


def last_rows(calls: list[Any], count: int) -> Any:
    """The last rows of the tensors that a network gave, whether in one call or in several."""
    import torch

    return torch.cat(calls)[-count:]
