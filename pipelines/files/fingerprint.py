"""Whether weights on disk are still those that were read: sizes, times and identities of files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..catalog.models import variant_named
from .licences import RECORD
from .locate import RECEIPT, forms, models_home, places

MOST_FILES = 1_000
"""Of one folder that are looked at."""


def state_of(paths: Iterable[str | Path]) -> tuple[tuple[str, int, int, int], ...]:
    """(path, bytes, time of change in ns, number on the disk) of each file, and of the files in
    each folder; what is not there is left out. Equal as long as nothing was replaced."""
    found = []
    for path in paths:
        for file in _files(Path(path)):
            try:
                now = os.stat(file)
            except (OSError, ValueError):
                continue
            found.append((str(file), now.st_size, now.st_mtime_ns, now.st_ino))
    return tuple(sorted(found))


def state_of_variants(
    names: Sequence[str],
    path: str | Path | None = None,
    folders: Sequence[str | Path] = (),
    terms: bool = True,
) -> str:
    """One word (SHA-256, hex) for all files of these variants of the catalogue wherever they may
    be found: another where one came, went or was replaced.

    path, folders: as `locate.find` takes them. terms: another word, too, where terms were agreed
    to since.
    """
    watched: list[Path] = []
    for name in names:
        for number, source in enumerate(variant_named(name).sources):
            for root in places(source, path, folders, only_given=number == 0):
                watched += [form for file in source.files for form in forms(root / file.path)]
                watched.append(root / RECEIPT)
    if terms:
        watched += [Path(folder) / RECORD for folder in (*folders, models_home())]
    return hashlib.sha256(repr(state_of(dict.fromkeys(watched))).encode()).hexdigest()


def _files(path: Path) -> list[Path]:
    try:
        names = sorted(os.listdir(path))[:MOST_FILES]
    except (OSError, ValueError):  # a file, or nothing
        return [path]
    return [path / name for name in names]
