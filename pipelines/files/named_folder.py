"""A folder that the user named, as the user named it."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import InputError
from .json_files import read_json


def home_named(path: str | Path) -> Path:
    """With a user's home in the place of ~; as it is where there is no such user."""
    return Path(os.path.expanduser(path))


def looks_like(path: str | Path | None) -> str:
    """What the folder that the user named is instead, where that can be told."""
    if path is None:
        return ""
    folder = home_named(path)
    if not os.path.isdir(folder):
        kind = "a file" if os.path.isfile(folder) else "not there"
        return f" A folder in the published layout was wanted; {folder} is {kind}."
    if os.path.exists(folder / "adapter_config.json") or _has_lora(folder):
        return " It looks like the folder of a LoRA, not of a whole model."
    try:
        index = read_json(folder / "model_index.json")
        return f" It looks like the folder of a {index['_class_name']} of diffusers."
    except (InputError, KeyError, TypeError):
        return ""


def _has_lora(folder: Path) -> bool:
    try:
        return any(folder.glob("*lora*.safetensors"))
    except OSError:
        return False
