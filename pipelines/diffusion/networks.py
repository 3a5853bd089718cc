"""Building networks of diffusers from published config files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from ..errors import MissingFiles

Network = TypeVar("Network", bound=nn.Module)


def read_config(path: Path) -> dict:
    """A JSON file. Raises MissingFiles where it is absent or broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MissingFiles(f"{path} was wanted, and there is no such file.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise MissingFiles(f"{path} is not a JSON file: {error}. Get it again.") from error


def known_options(kind: Any, config: dict) -> dict:
    """Of a config what the class takes: class names and training notes lie in the files too."""
    return {key: value for key, value in config.items() if key in kind._get_init_keys(kind)}


def converted(network: Network, dtype: torch.dtype) -> Network:
    """nn.Module.to; that of diffusers' models warns of layers to keep in float32, naming none."""
    nn.Module.to(network, dtype)  # changes the network itself
    return network
