"""Files written whole or not at all, and never over something that nobody meant to replace."""

from __future__ import annotations

import errno
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import InputError

LONGEST_NAME = 255
"""Bytes that a name may have on the file systems in use."""

WHY = {
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "writing there is not permitted",
    errno.EPERM: "writing there is not permitted",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the space that this user may take is used up",
    errno.ENAMETOOLONG: f"the name is too long ({LONGEST_NAME} bytes at most)",
    errno.EISDIR: "there is a folder of that name",
    errno.ENOTDIR: "a part of the path is a file and no folder",
    errno.EINVAL: "it is a device or a pipe, or the name cannot be used",
    errno.EEXIST: "a part of the path is a file and no folder",
    errno.ENOENT: "a part of the path is not there",
}
"""Error number -> what a user can understand of it."""

FULL = (errno.ENOSPC, errno.EDQUOT)


class DiskFull(InputError):
    """There is no room for a file now; later there may be."""


def write_whole(path: str | Path, data: bytes) -> None:
    """Writes a file under its name at once; what was there before is replaced at the very end.

    Whoever watches the folder sees the old file or the new one, and a full disk or a crash leaves
    the old one. A link stays a link. Raises InputError, which says what was kept, for a place that
    cannot be written.
    """
    path = _followed(Path(path))
    with _beside(path) as unfinished, _explained(path):
        _write(unfinished, data)
        os.replace(unfinished, path)


def write_new(path: str | Path, data: bytes) -> bool:
    """Writes a file only where there is none of that name; where one is, gives False.

    Holds between programs too: of two that want one name at once, one gets True.
    Raises InputError for a place that cannot be written.
    """
    path = Path(path)
    with _beside(path) as unfinished, _explained(path):
        _write(unfinished, data)
        try:
            os.link(unfinished, path)
        except FileExistsError:
            return False
        except OSError:  # a file system without links: take the name first, then fill it
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            except FileExistsError:
                return False
            os.replace(unfinished, path)
    return True


def next_number(folder: str | Path, name: str) -> int:
    """One above the highest number of a file NAME_00001_… in the folder; 1 where there is none."""
    numbered = re.compile(re.escape(os.path.normcase(name)) + r"_(\d{1,9})_", re.ASCII)
    highest = 0
    with suppress(OSError, ValueError):
        for found in os.listdir(folder):
            if fits := numbered.match(os.path.normcase(found)):
                highest = max(highest, int(fits[1]))
    return highest + 1


def write_numbered(
    folder: str | Path, name: str, number: int, ending: str, data: bytes
) -> tuple[Path, int]:
    """Writes NAME_00007_.png under the first free number from `number` on; where, and which.

    Another program that wants the same number gets the next. Raises InputError as `write_new`.
    """
    while True:
        path = Path(folder) / f"{name}_{number:05}_{ending}"
        if write_new(path, data):
            return path, number
        number += 1


def why(error: OSError | ValueError) -> str:
    """An error of the file system in words, without the paths that it repeats."""
    if isinstance(error, OSError):
        return WHY.get(error.errno or 0, error.strerror or str(error))
    return f"the name cannot be used ({error})"


def _followed(path: Path) -> Path:
    try:
        return path.resolve() if path.is_symlink() else path
    except (OSError, ValueError, RuntimeError):  # a circle of links; told when it is written
        return path


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A short name of its own in the folder of `path`; nothing of that name is left behind."""
    unfinished = path.with_name(f".unfinished-{uuid.uuid4().hex[:16]}") if path.name else path
    try:
        yield unfinished
    finally:
        with suppress(OSError, ValueError):
            if unfinished != path:
                os.unlink(unfinished)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        if not path.name or path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "Is a directory")
        if path.exists() and not path.is_file():
            raise OSError(errno.EINVAL, "Invalid argument")
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except (OSError, ValueError) as error:
        kept = " What was there before is unchanged." if os.path.isfile(path) else ""
        full = isinstance(error, OSError) and error.errno in FULL
        kind = DiskFull if full else InputError
        raise kind(f"{path} cannot be written: {why(error)}.{kept}") from error


def _write(path: Path, data: bytes) -> None:
    """The data on the disk itself, so that a later rename cannot outrun it."""
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
