"""What the header of a .safetensors file says, before anything trusts it."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import MissingFiles
from ..writing import why
from .json_files import parsed

LONGEST_HEADER = 100_000_000
"""Bytes of a header, as the library of the format has it."""


def header_problem(path: Path, found: int) -> str:
    """What the header of a file of `found` bytes says that cannot be; empty where all is well."""
    try:
        wanted = safetensors_length(path)
    except OSError as error:
        return f"unreadable: {path}: {why(error)}"
    if wanted == 0:
        return f"damaged: {path}: its header is no table of tensors"
    if wanted != found:
        return (
            f"cut short or another file: {path}: its header says {wanted:,} bytes, {found:,} found"
        )
    return ""


def safetensors_length(path: Path) -> int:
    """Bytes that a file must have by its own header; 0 where that is damaged."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(os.fstat(file.fileno()).st_size, LONGEST_HEADER):
            return 0
        try:
            header = parsed(file.read(length), path)
        except MissingFiles:
            return 0
    if not isinstance(header, dict):
        return 0
    ends = [_end(entry) for name, entry in header.items() if name != "__metadata__"]
    return 0 if None in ends else 8 + length + max((end or 0 for end in ends), default=0)


def _end(entry: object) -> int | None:
    """Where a tensor ends, from the first byte behind the header; None where it makes no sense."""
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    if not isinstance(offsets, list) or len(offsets) != 2:
        return None
    begin, end = offsets
    return end if type(begin) is int and type(end) is int and 0 <= begin <= end else None
