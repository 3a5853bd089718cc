"""What is evaluated: rows of a CSV file, or the test lists of VITON-HD and Dress Code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...pipelines.errors import InputError
from ..batch.listing import csv_pairs

PAIRED, UNPAIRED = "paired", "unpaired"
SETTINGS = (PAIRED, UNPAIRED)
TRUTH, MASK = "truth", "mask"
"""Columns of a pairs file beside those of a batch."""

PARTS = {"upper_body": "upper", "lower_body": "lower", "dresses": "dress"}
"""Folders of Dress Code -> category."""


@dataclass(frozen=True)
class EvaluatedPair:
    """name: of its row, once in a list. truth: a photo of this person in this garment, None where
    there is none. mask: what is to be repainted, white, of the photo's size. settings: of the
    request, where they differ from the others'."""

    name: str
    person: Path
    garment: Path
    truth: Path | None = None
    mask: Path | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def setting(self) -> str:
        return UNPAIRED if self.truth is None else PAIRED


@dataclass(frozen=True)
class PairsList:
    """layout: of the source. source: where it was read."""

    layout: str
    source: Path
    pairs: tuple[EvaluatedPair, ...]

    def fingerprint(self) -> str:
        """SHA-256 (hex) over the names of the files, categories and settings, in order, but not
        where the folder lies: two lists of one hash ask for the same."""
        base = self.source if self.source.is_dir() else self.source.parent
        told = [
            [each.name, *(_below(base, path) for path in
                          (each.person, each.garment, each.truth, each.mask)), each.settings]
            for each in self.pairs
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _below(base: Path, path: Path | None) -> str:
    if path is None:
        return ""
    return (path.relative_to(base) if path.is_relative_to(base) else path).as_posix()


def from_csv(path: Path, masks: bool, limit: int | None = None) -> PairsList:
    """A pairs file as `fitting-room batch` takes it, with the columns truth and mask beside.

    masks: whether those of the column are taken. Raises InputError, also for a row without one
    then, and for a column model: every model runs over the whole list.
    """
    found = []
    for number, row in enumerate(csv_pairs(path, (TRUTH, MASK))[:limit], start=1):
        if "model" in row.settings:
            raise InputError(
                f"The pairs file {path} names a model in row {number + 1}; here every model runs "
                "over the whole list. Leave the column out, and name models with --model."
            )
        settings = {name: each for name, each in row.settings.items() if name != "options" or each}
        name = row.name or f"{row.person.stem}__{row.garment.stem}"
        truth, mask = row.files.get(TRUTH), row.files.get(MASK) if masks else None
        if masks and mask is None:
            raise InputError(
                f"--masks given takes the column mask, and row {number + 1} of {path} has none."
            )
        found.append(EvaluatedPair(name, row.person, row.garment, truth, mask, settings))
    return PairsList("csv", path, _named_once(found))


def from_viton_hd(
    root: Path, settings: Sequence[str], masks: bool, limit: int | None = None
) -> PairsList:
    """The test set of VITON-HD: test_pairs.txt, test/image, test/cloth, test/agnostic-mask.

    settings: of SETTINGS; in a paired one every person of the list wears the garment of their own
    name, and their photo is the truth. masks: whether the set's own masks are taken. limit: of each
    setting. Raises InputError that says what was looked for.
    """
    lines = _lines(root / "test_pairs.txt", "VITON-HD")
    test = root / "test"
    found = []
    for setting in settings:
        for person, garment, *_ in lines[:limit]:
            photo = test / "image" / person
            worn = person if setting == PAIRED else garment
            mask = test / "agnostic-mask" / f"{Path(person).stem}_mask.png" if masks else None
            found.append(_pair(setting, photo, test / "cloth" / worn, mask, "upper"))
    return PairsList("viton-hd", root, _there(_named_once(found)))


def from_dress_code(
    root: Path, settings: Sequence[str], masks: bool, limit: int | None = None
) -> PairsList:
    """The test set of Dress Code: in upper_body, lower_body and dresses the lists
    test_pairs_paired.txt and test_pairs_unpaired.txt and the folder images.

    masks: whether <part>/agnostic_masks is taken, which some copies have. limit: of each list.
    Raises InputError as `from_viton_hd`; a part without a folder is left out.
    """
    parts = [name for name in PARTS if (root / name).is_dir()]
    if not parts:
        raise InputError(
            f"Dress Code was wanted, and {root} has none of the folders {', '.join(PARTS)}."
        )
    found = []
    for setting in settings:
        for name in parts:
            part = root / name
            for person, garment, *_ in _lines(part / f"test_pairs_{setting}.txt", "Dress Code")[
                :limit
            ]:
                images = part / "images"
                mask = part / "agnostic_masks" / f"{Path(person).stem}.png" if masks else None
                pair = _pair(setting, images / person, images / garment, mask, PARTS[name])
                found.append(pair)
    return PairsList("dress-code", root, _there(_named_once(found)))


def _pair(
    setting: str, person: Path, garment: Path, mask: Path | None, category: str
) -> EvaluatedPair:
    truth = person if setting == PAIRED else None
    name = f"{setting}-{category}-{person.stem}__{garment.stem}"
    return EvaluatedPair(name, person, garment, truth, mask, {"category": category})


def _lines(path: Path, layout: str) -> list[list[str]]:
    """The words of each line that has any. Raises InputError."""
    try:
        lines = [line.split() for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{layout} was wanted, and its list {path} cannot be read: {error}."
        ) from error
    if not lines or any(len(words) < 2 for words in lines):
        raise InputError(f"Each line of {path} must name a person and a garment.")
    return lines


def _named_once(pairs: Iterable[EvaluatedPair]) -> tuple[EvaluatedPair, ...]:
    """Raises InputError for two pairs of one name."""
    found: dict[str, EvaluatedPair] = {}
    for pair in pairs:
        if pair.name in found:
            raise InputError(
                f"Two pairs are called {pair.name}. Give one of them another name in the column "
                "name."
            )
        found[pair.name] = pair
    return tuple(found.values())


def _there(pairs: tuple[EvaluatedPair, ...]) -> tuple[EvaluatedPair, ...]:
    """Raises InputError where files of a data set are not there: the copy is not whole."""
    wanted = {
        path
        for each in pairs
        for path in (each.person, each.garment, each.mask)
        if path is not None
    }
    missing = sorted(str(path) for path in wanted if not path.is_file())
    if missing:
        raise InputError(
            f"{len(missing)} of {len(wanted)} files of this data set are not there, such as "
            f"{missing[0]}."
        )
    return pairs
