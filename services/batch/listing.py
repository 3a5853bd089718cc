"""What a batch wants: every person with every garment of two folders, or the rows of a CSV file."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ...pipelines.errors import InputError
from ...pipelines.picture_files import ENDINGS
from ..backends.options import OPTIONS
from ..request import Seen, TryOnRequest, content_hash, fingerprint_of
from .jobs import WantedPicture

COLUMNS = ("person", "garment", "category", "seed", "steps", "guidance", "model", "name", "width",
           "height", "person_index")  # fmt: skip
"""Of a pairs file; a further column is an option of the model. `name` is the result's."""

WHOLE = ("seed", "steps", "width", "height", "person_index")
PATTERN = "{person}__{garment}"
KEPT_PICTURES = 6


@dataclass(frozen=True)
class Pair:
    """One row: paths, and what differs from the batch's own settings. files: further pictures, by
    their columns."""

    person: Path
    garment: Path
    settings: Mapping[str, Any]
    name: str = ""
    files: Mapping[str, Path] = field(default_factory=dict)


def folder_pairs(people: Path, garments: Path) -> list[Pair]:
    """Every combination, garment by garment. Raises InputError for a folder without pictures."""
    return [
        Pair(person, garment, {})
        for garment in pictures_in(garments)
        for person in pictures_in(people)
    ]


def pictures_in(folder: Path) -> list[Path]:
    """Picture files by their endings, in the order of their names; hidden ones are left out."""
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise InputError(f"A folder of pictures was wanted, and {folder} is none.")
    found = sorted(
        path for path in folder.iterdir()
        if path.suffix.lower() in ENDINGS and not path.name.startswith(".") and path.is_file()
    )  # fmt: skip
    if not found:
        raise InputError(f"There is no picture in {folder} ({', '.join(ENDINGS)}).")
    return found


def csv_pairs(path: Path, files: Sequence[str] = ()) -> list[Pair]:
    """The rows of a file with the columns person and garment. Paths are relative to it.

    files: further columns that may name pictures. Raises InputError that names every row that
    cannot be understood.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            header = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = header
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"The pairs file {path} cannot be read: {error}.") from error
    problems = [f"there is no column {name}" for name in COLUMNS[:2] if name not in header]
    problems += [
        f"nobody knows a column {name}"
        for name in header
        if name not in (*COLUMNS, *OPTIONS, *files)
    ]
    pairs = []
    for number, row in enumerate(rows, start=2):
        if None in row:
            problems.append(f"row {number} has more cells than the first row")
            continue
        try:
            cells = {name: (text or "").strip() for name, text in row.items()}
            further = {name: cells.pop(name) for name in files if name in cells}
            pair = _pair(path.parent, cells)
            named = {name: path.parent / text for name, text in further.items() if text}
            pairs.append(replace(pair, files=named))
        except (ValueError, KeyError) as error:
            problems.append(f"row {number}: {error}")
    if problems:
        raise InputError(f"The pairs file {path} cannot be used: {'; '.join(problems[:20])}.")
    if not pairs:
        raise InputError(f"The pairs file {path} has no rows.")
    return pairs


def _pair(base: Path, row: Mapping[str, str]) -> Pair:
    if not row["person"] or not row["garment"]:
        raise ValueError("person and garment must be named")
    settings: dict[str, Any] = {"options": {}}
    for name, text in row.items():
        if not text or name in ("person", "garment", "name"):
            continue
        if name in OPTIONS:
            settings["options"][name] = _typed(text, OPTIONS[name])
        elif name in WHOLE:
            settings[name] = int(text)
        else:
            settings[name] = float(text) if name == "guidance" else text
    return Pair(base / row["person"], base / row["garment"], settings, row.get("name", ""))


def _typed(text: str, kind: type) -> Any:
    if kind is not bool:
        return kind(text)
    if text.lower() not in ("true", "false", "0", "1"):
        raise ValueError(f"true or false was wanted, and {text} came")
    return text.lower() in ("true", "1")


@dataclass(frozen=True)
class _Facts:
    pixels: str
    shape: list[int]
    alpha: str
    alpha_shape: list[int] | None


class Listing:
    """Turns pairs into jobs: names, and keys over the decoded pixels, each file read once."""

    def __init__(self, settings: Mapping[str, Any], pattern: str = PATTERN) -> None:
        """settings: of TryOnRequest, for every pair. pattern: of the results' names, with {person},
        {garment}, {category}, {seed}, {model} and {n}."""
        self.settings = settings
        self.pattern = pattern
        self._seen: dict[Path, _Facts | InputError] = {}
        self._names: dict[str, int] = {}

    def wanted(self, pairs: list[Pair]) -> Iterator[WantedPicture]:
        for pair in pairs:
            settings = merged(self.settings, pair.settings)
            name = self._name(pair, settings)
            person, garment = self._facts(pair.person), self._facts(pair.garment)
            wrong = [str(each) for each in (person, garment) if isinstance(each, InputError)]
            key = ""
            if isinstance(person, _Facts) and isinstance(garment, _Facts):
                key = self._key(settings, person, garment)
            yield WantedPicture(
                name=name,
                key=key,
                model=settings.get("model", ""),
                person=str(pair.person),
                garment=str(pair.garment),
                settings=settings,
                problem=" ".join(wrong),
            )

    def _facts(self, path: Path) -> _Facts | InputError:
        """Of a file's pixels and transparency, or why it cannot be read."""
        if path not in self._seen:
            try:
                pixels, alpha = read(path)
                self._seen[path] = _Facts(
                    content_hash(pixels), list(pixels.shape),
                    "-" if alpha is None else content_hash(alpha),
                    None if alpha is None else list(alpha.shape),
                )  # fmt: skip
            except InputError as error:
                self._seen[path] = error
        return self._seen[path]

    def _key(self, settings: Mapping[str, Any], person: _Facts, garment: _Facts) -> str:
        """What `fingerprint()` of the request gives, without reading the pictures again."""
        nothing = np.zeros((1, 1, 3), np.uint8)
        whole = TryOnRequest(nothing, (nothing,), **settings).settings()
        seen: list[Seen] = [
            ("person", person.pixels, person.shape),
            ("mask", "-", None),
            ("garment", garment.pixels, garment.shape),
            ("garment_mask", garment.alpha, garment.alpha_shape),
        ]
        return fingerprint_of(whole, seen)

    def _name(self, pair: Pair, settings: Mapping[str, Any]) -> str:
        """Once in a batch: a second one of a name gets __2, and so on."""
        if pair.name:
            name = pair.name
        else:
            known = {
                "person": pair.person.stem, "garment": pair.garment.stem, "n": "{n}",
                "category": settings.get("category", "auto"), "seed": settings.get("seed", 0),
                "model": str(settings.get("model", "")).replace("/", "-"),
            }  # fmt: skip
            try:
                name = self.pattern.format(**known)
            except (KeyError, IndexError, ValueError) as error:
                raise InputError(
                    f"The pattern {self.pattern!r} of names cannot be used ({error}). It may hold "
                    "{person}, {garment}, {category}, {seed}, {model}, {n}."
                ) from error
        name = re.sub(r'[\x00-\x1f<>:"/\\|?*]', "_", name).strip(". ")[:200] or "picture"
        count = self._names[name] = self._names.get(name, 0) + 1
        if "{n}" in name:
            return name.replace("{n}", str(count))
        return name if count == 1 else f"{name}__{count}"


def merged(settings: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    options = {**settings.get("options", {}), **more.get("options", {})}
    return {**settings, **more, "options": options}


@lru_cache(maxsize=KEPT_PICTURES)
def _read(path: str, changed: int) -> tuple[Any, Any]:
    from ...pipelines.images import read_picture
    from ...pipelines.picture_files import on_white

    picture = read_picture(path)
    if picture.mode != "RGBA":
        return np.asarray(picture), None
    alpha = np.asarray(picture)[..., 3].astype(np.float32) / 255
    return np.asarray(on_white(picture)), alpha


def read(path: Path) -> tuple[Any, Any]:
    """(uint8 (height, width, 3) on white, transparency float32 (height, width) or None).

    Raises InputError, which names the file.
    """
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise InputError(f"The picture {path} cannot be read: {error.strerror}.") from error
    return _read(str(path), changed)


def request_of(person: str, garment: str, settings: Mapping[str, Any]) -> TryOnRequest:
    """The request of a job. Raises InputError for a file that is gone or cannot be read."""
    photo, _ = read(Path(person))
    product, alpha = read(Path(garment))
    return TryOnRequest(
        person=photo, garments=(product,), garment_masks=() if alpha is None else (alpha,),
        **settings,
    )  # fmt: skip
