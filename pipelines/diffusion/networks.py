"""Building networks of diffusers from published config files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from ..errors import MissingFiles
from ..files.json_files import read_json

Network = TypeVar("Network", bound=nn.Module)


def read_config(path: Path) -> dict:
    """A network's configuration. Raises MissingFiles where it is absent or damaged."""
    config = read_json(path)
    if not isinstance(config, dict):
        raise MissingFiles(f"{path} is damaged: it holds no table. Get it again.")
    return config


def known_options(kind: Any, config: dict) -> dict:
    """Of a config what the class takes: class names and training notes lie in the files too."""
    return {key: value for key, value in config.items() if key in kind._get_init_keys(kind)}


def converted(network: Network, dtype: torch.dtype) -> Network:
    """nn.Module.to; that of diffusers' models warns of layers to keep in float32, naming none."""
    nn.Module.to(network, dtype)  # changes the network itself
    return network
