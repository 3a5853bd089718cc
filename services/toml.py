"""Reading TOML files, the shipped ones and the user's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..pipelines.errors import InputError


def read_toml(path: Path) -> dict[str, Any]:
    """Its content; {} where there is no such file. Raises InputError that names file and line."""
    try:
        import tomllib
    except ImportError:  # before Python 3.11
        import tomli as tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error
