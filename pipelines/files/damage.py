"""Why a file could not be read, told apart: damaged, not permitted, or no memory for it."""

from __future__ import annotations

import errno
import pickle
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import InputError, MissingFiles
from ..writing import why

ASKED = re.compile(r"(?:allocate|alloc)[^0-9]{0,60}([0-9]{6,})\s*(?:bytes|B\b)?", re.IGNORECASE)
"""How torch tells how many bytes it wanted: "you tried to allocate 35184372088832 bytes"."""

NO_MEMORY = re.compile(
    r"out of memory|not enough memory|allocate memory|bad alloc|std::bad_alloc", re.IGNORECASE
)
TIMES_ITS_SIZE = 16
"""A file that asks for more than so many times its own size is damaged."""

UNSAFE_ADVICE = ("trust_remote_code", "weights_only", "use_safetensors", "pickle")
"""Words of other libraries' messages that advise to switch a protection off."""


def unreadable(path: Path, error: BaseException) -> InputError:
    """The error to raise in the place of what a library raised while reading weights at `path`.

    InputError where the file may be good (no permission, no memory, a disk that fails),
    MissingFiles where it is not. Never raises itself.
    """
    size = _size(path)
    of_the_file = (None, 0, errno.ENOENT, errno.EINVAL, errno.ENOMEM)
    if isinstance(error, OSError) and error.errno not in of_the_file:
        return InputError(f"{path} cannot be read: {why(error)}. The file itself may be good.")
    if _is_out_of_memory(error) and not _asks_too_much(error, size):
        return InputError(
            f"There is not enough memory to read {path} ({size:,} bytes). The file itself may be "
            "good: close other programs, unload other models, or convert it to a smaller precision "
            "with `fitting-room convert`."
        )
    return MissingFiles(
        f"{path} ({size:,} bytes) cannot be read as weights: {_reason(path, error)}. "
        "Delete it and get it again with `fitting-room download`."
    )


@contextmanager
def memory_told(source: str) -> Iterator[None]:
    """What runs out of main memory inside is an InputError that names `source`; a graphics card's
    own error goes on, for whoever manages its memory."""
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as error:
        if type(error).__name__ == "OutOfMemoryError" or not _is_out_of_memory(error):
            raise
        raise InputError(
            f"There is not enough memory for {source}. Close other programs, unload other models, "
            "or convert it to a smaller precision with `fitting-room convert`."
        ) from error


def in_our_words(error: BaseException) -> str:
    """The first line of a library's message, without advice to switch a protection off."""
    text = first_line(error)
    if any(word in str(error) for word in UNSAFE_ADVICE):
        return "it asks for code of its own or for a pickle, and neither is ever run"
    return text


def first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError) and NO_MEMORY.search(str(error)) is not None


def _asks_too_much(error: BaseException, size: int) -> bool:
    asked = ASKED.search(str(error))
    return asked is not None and int(asked[1]) > max(size, 1) * TIMES_ITS_SIZE


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0


def _reason(path: Path, error: BaseException) -> str:
    """From the file's first bytes, where they tell."""
    try:
        with path.open("rb") as file:
            start = file.read(64)
        archive = zipfile.is_zipfile(path)
    except (OSError, ValueError):
        return f"it went away while it was read ({first_line(error)})"
    if start.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer, not the file itself: fetch it with git lfs pull"
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "it is a web page, most likely the error page of a failed download"
    if isinstance(error, pickle.UnpicklingError):
        told = first_line(error)
        if "weights_only" in str(error):  # torch advises to read the file without protection
            unsupported = re.search(r"Unsupported (?:global|operand|class): ?[\w. ]+", str(error))
            told = unsupported[0] if unsupported else "it asks for more than tensors"
        kind = "holds more than weights" if archive else "is no plain weights pickle"
        return f"it {kind} ({told}); nothing in it was run"
    if _asks_too_much(error, _size(path)):
        return "it asks for many times the memory that its own size would need"
    return f"it is cut short or of another kind ({first_line(error)})"
