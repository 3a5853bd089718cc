"""JSON files of strangers: small, not nested beyond measure, and told as damaged where they are."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ..errors import InputError, MissingFiles
from ..writing import why

MOST_BYTES = 50_000_000
"""Tokenizers' tables have a few megabytes, configurations some kilobytes."""


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises MissingFiles where it is absent or damaged, InputError where
    it may not be read."""
    if not os.path.isfile(path):
        raise MissingFiles(f"{path} was wanted, and there is no such file.")
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {why(error)}.") from error
    if len(content) > MOST_BYTES:
        raise MissingFiles(f"{path} has over {MOST_BYTES:,} bytes: it is not the published file.")
    return parsed(content, path)


def parsed(content: bytes, path: Path) -> Any:
    """JSON text of a file. Raises MissingFiles for what is none."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        told = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise MissingFiles(
            f"{path} is damaged and not a JSON file ({told}). Get it again."
        ) from error
