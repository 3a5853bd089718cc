"""The callers' files: what they uploaded, what was made for them, what the page keeps for them.

<root>/<caller>/input|output|temp/…      removed after a set time
<root>/<caller>/user/…                   settings and workflows, kept
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...pipelines.errors import InputError
from ...pipelines.writing import write_new, write_whole

KINDS = ("input", "output", "temp")


class OutsideFolder(InputError):
    """A name that leads out of the folder in which it belongs."""


@dataclass(frozen=True)
class StoredInput:
    """A file of a caller that a graph reads. name: "kind/subfolder/file.png". key: 32 hexadecimal
    digits, of its content and whose it is."""

    name: str
    path: Path
    key: str


class Files:
    """root: made when needed."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def folder(self, caller: str, kind: str) -> Path:
        return self.root / caller / kind

    def place(self, caller: str, kind: str, *names: str) -> Path:
        """Where a file of that name belongs. Raises OutsideFolder."""
        folder = self.folder(caller, kind)
        joined = "/".join(name.replace("\\", "/") for name in names if name)
        if "\0" in joined or any(Path(name).is_absolute() for name in names):
            raise OutsideFolder(f"{joined[:100]!r} is no name inside a folder.")
        path = Path(os.path.normpath(folder / joined))
        if not path.is_relative_to(folder) or path == folder:
            raise OutsideFolder(f"{joined[:100]!r} leads out of its folder.")
        return path

    def find(self, caller: str, kind: str, *names: str) -> Path | None:
        """The file of that name, None where there is none."""
        try:
            path = self.place(caller, kind, *names)
            return path if path.is_file() else None
        except (OutsideFolder, OSError, ValueError):
            return None

    def upload(
        self, caller: str, kind: str, subfolder: str, name: str, data: bytes, overwrite: bool
    ) -> str:
        """Keeps an uploaded file; its name, which is another where that one is taken by other
        content. Raises OutsideFolder, or InputError for a disk that takes nothing more."""
        path = self.place(caller, kind, subfolder, name)
        if overwrite:
            write_whole(path, data)
            return path.name
        number, wanted = 0, path
        while not write_new(wanted, data):
            if wanted.is_file() and wanted.read_bytes() == data:
                os.utime(wanted)
                break
            number += 1
            wanted = path.with_name(f"{path.stem} ({number}){path.suffix}")
        return wanted.name

    def keep(self, caller: str, kind: str, name: str, data: bytes) -> Path:
        """Keeps a result under its name."""
        path = self.place(caller, kind, name)
        write_whole(path, data)
        return path

    def stored_input(self, caller: str, secret: str, kind: str, name: str) -> StoredInput | None:
        """The caller's file of that name, for an engine to read."""
        path = self.find(caller, kind, name)
        if path is None:
            return None
        os.utime(path)
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        key = hashlib.sha256(f"{secret}\n{content}".encode()).hexdigest()[:32]
        relative = path.relative_to(self.folder(caller, kind)).as_posix()
        return StoredInput(f"{kind}/{relative}", path, key)

    def listed(self, caller: str, kind: str) -> list[str]:
        """Names of the files that lie on top of a folder, the newest first."""
        folder = self.folder(caller, kind)
        if not folder.is_dir():
            return []
        found = [each for each in os.scandir(folder) if each.is_file()]
        found = [each for each in found if not each.name.startswith(".")]
        return [each.name for each in sorted(found, key=lambda each: -each.stat().st_mtime)]

    def sweep(self, hours: float, wanted: set[tuple[str, str]]) -> int:
        """Removes what was last used more than so many hours ago, except what is (caller,
        "kind/name") wanted; how many files."""
        oldest, gone = time.time() - hours * 3600, 0
        for caller, kind, path in self._all():
            relative = f"{kind}/{path.relative_to(self.folder(caller, kind)).as_posix()}"
            if path.stat().st_mtime < oldest and (caller, relative) not in wanted:
                path.unlink(missing_ok=True)
                gone += 1
                parent = path.parent
                while parent != self.folder(caller, kind) and not any(parent.iterdir()):
                    parent.rmdir()
                    parent = parent.parent
        return gone

    def _all(self) -> Iterator[tuple[str, str, Path]]:
        for kind in KINDS:
            for folder in list(self.root.glob(f"*/{kind}")):
                for path in sorted(folder.rglob("*")):
                    if path.is_file():
                        yield folder.parent.name, kind, path
