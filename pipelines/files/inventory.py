"""What is installed of everything in the catalogue, for a doctor's report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..catalog.models import VARIANTS
from .licences import license_accepted
from .locate import how_to_get, survey, wrong_hashes


@dataclass(frozen=True)
class Installed:
    """state: ready; incomplete (some files are there, `lines` tell what is wrong); damaged (a file
    that is there cannot be used); absent."""

    name: str
    title: str
    state: str
    accepted: bool  # its licence
    folders: tuple[str, ...]
    lines: tuple[str, ...]
    command: str  # that completes it, or where to get it by hand; empty where nothing is to do

    def as_dict(self) -> dict:
        return asdict(self)


def inventory(
    folders: Sequence[str | Path] = (),
    verify: bool = False,
    progress: Callable[[str], None] | None = None,
) -> list[Installed]:
    """Every variant of the catalogue, in its order.

    folders: models folders (ComfyUI's). verify: also compares the sha256 of files where it is
    known, which reads them whole; `progress` is called with the path of each before.
    """
    return [_look(name, folders, verify, progress) for name in VARIANTS]


def _state(lines: Sequence[str]) -> str:
    if any(line.startswith(("damaged:", "unreadable:")) for line in lines):
        return "damaged"
    return "incomplete" if lines else "ready"


def _look(
    name: str, folders: Sequence[str | Path], verify: bool, progress: Callable | None
) -> Installed:
    variant = VARIANTS[name]
    accepted = license_accepted(name, folders)
    located, lines = survey(variant, folders=folders)
    total = sum(len(source.files) for source in variant.sources)
    if sum(line.startswith("missing:") for line in lines) == total:
        how = how_to_get(variant, folders)
        return Installed(name, variant.title, "absent", accepted, (), (), how)
    if verify and not lines:
        lines = wrong_hashes(located, progress)
    return Installed(
        name,
        variant.title,
        _state(lines),
        accepted,
        tuple(str(root) for root in located.roots),
        tuple(lines),
        "" if accepted and not lines else how_to_get(variant, folders),
    )
