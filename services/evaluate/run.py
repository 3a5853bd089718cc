"""Runs models over pairs and measures every picture; the same call goes on where it was stopped.

    <out>/results/…            the pictures, by what was asked for (services/results.py)
    <out>/rows/<key>.json      what was measured of each, written when the picture is kept

A row counts only for the pictures, settings and measures that it was made with.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...pipelines.catalog.models import VARIANTS
from ...pipelines.errors import InputError, MissingFiles
from ...pipelines.files.licences import require_accepted
from ...pipelines.files.locate import find, models_home
from ...pipelines.images import read_mask
from ...pipelines.writing import write_whole
from ..backends import Stopped, never, silent
from ..backends.local import LocalBackend
from ..batch.listing import merged, read, request_of
from ..errors import BackendError, Cancelled
from ..request import PREVIEW, TryOnRequest, TryOnResult, content_hash
from ..results import ResultStore
from .measuring import Measuring
from .memory import PeakMemory
from .pairs import EvaluatedPair, PairsList

Row = dict[str, Any]
MASK_NOTE = "Mask: "

Watch = Callable[[EvaluatedPair, str, Row, bool], None]
"""(pair, model, its row, whether it was there already)."""


@dataclass
class Evaluation:
    """settings: of TryOnRequest, for all pairs and models. measured: which measures, by which
    packages: rows of other ones are measured anew."""

    backend: LocalBackend
    out: Path
    pairs: PairsList
    models: tuple[str, ...]
    settings: Mapping[str, Any]
    measuring: Measuring
    memory: PeakMemory
    measured: str

    def __post_init__(self) -> None:
        for name in self.models:
            self._expect_ready(name)
        self.store = ResultStore(self.out / "results", sys.maxsize)

    def _expect_ready(self, model: str) -> None:
        """Raises before anything is begun: InputError, MissingFiles."""
        if model == PREVIEW:
            return
        if model not in VARIANTS:
            raise InputError(
                f"No model is called {model!r}. `fitting-room download` lists them; {PREVIEW} is "
                "built in."
            )
        folders = (*self.backend.folders, models_home())
        find(model, folders=self.backend.folders)
        require_accepted(model, folders)

    def run(self, watch: Watch = lambda *_: None, stopped: Stopped = never) -> list[Row]:
        """A row for every model and pair, model by model, so that each is loaded once.

        A pair that a model cannot do has a row with its `problem`. Raises Cancelled, and what no
        other pair could do better, such as a full disk.
        """
        rows = []
        for model in self.models:
            for pair in self.pairs.pairs:
                if stopped():
                    raise Cancelled("Stopped.")
                row, kept = self._row(pair, model, stopped)
                watch(pair, model, row, kept)
                rows.append(row)
        return rows

    def picture(self, row: Row) -> np.ndarray:
        """The picture of a row without a problem. Raises InputError where it is gone."""
        result = self.store.get(row["fingerprint"])
        if result is None:
            raise InputError(
                f"The picture of {row['name']} by {row['model']} is no longer in {self.out}. Run "
                "the same command again: it is made anew."
            )
        return result.picture

    def _row(self, pair: EvaluatedPair, model: str, stopped: Stopped) -> tuple[Row, bool]:
        row: Row = {"name": pair.name, "model": model, "setting": pair.setting}
        row |= {"person": str(pair.person), "garment": str(pair.garment)}
        row["truth_path"] = str(pair.truth or "")
        try:
            request, truth = self._request(pair, model)
            row["fingerprint"] = request.fingerprint(f"{self.backend.device} "
                                                     f"{self.backend.precision}")  # fmt: skip
            row["truth"] = "" if truth is None else content_hash(truth)
            row["measured"] = self.measured
            kept = self._kept(row)
            if kept.get("measured") == self.measured:
                return kept, True
            result, facts = self._result(request, row, kept, stopped)
            values, missing = self.measuring(request, result, truth)
        except (Cancelled, MissingFiles):
            raise
        except (InputError, BackendError) as error:
            return row | {"problem": str(error)}, False
        masks = [note for note in result.warnings if note.startswith(MASK_NOTE)]
        row |= {
            "category": result.category or request.category, "seed": request.seed,
            "mask": "given with the pair" if request.mask is not None
                    else masks[0].removeprefix(MASK_NOTE) if masks else "",
            "notes": [note for note in result.warnings if note not in masks],
            "picture": self._place(row["fingerprint"]), **facts,
            "measures": values, "left_out": missing, "problem": "",
        }  # fmt: skip
        write_whole(self._path(row), json.dumps(row, ensure_ascii=False, indent=1).encode())
        return row, False

    def _request(self, pair: EvaluatedPair, model: str) -> tuple[TryOnRequest, np.ndarray | None]:
        settings = {**merged(self.settings, pair.settings), "model": model}
        request = request_of(str(pair.person), str(pair.garment), settings)
        if pair.mask is not None:
            request = replace(request, mask=read_mask(pair.mask, request.person))
        return request, None if pair.truth is None else read(pair.truth)[0]

    def _kept(self, row: Row) -> Row:
        """The row of an earlier run for the same pictures and settings; empty for none, and where
        its picture is gone."""
        try:
            kept = json.loads(self._path(row).read_text("utf-8"))
            same = all(kept[name] == row[name] for name in ("fingerprint", "truth"))
        except (OSError, ValueError, KeyError, TypeError):
            return {}
        return kept if same and self.store.path_of(row["fingerprint"]) else {}

    def _result(
        self, request: TryOnRequest, row: Row, kept: Row, stopped: Stopped
    ) -> tuple[TryOnResult, Row]:
        """Kept or made now, with seconds and memory of the run that made it."""
        result = self.store.get(row["fingerprint"]) if kept else None
        if result is not None:
            return result, {name: kept[name] for name in ("seconds", "peak_memory_bytes")}
        self.memory.begin()
        result = self.backend.run(request, silent, stopped)
        facts = {"seconds": result.seconds, "peak_memory_bytes": self.memory.bytes()}
        self.store.put(row["fingerprint"], result)
        return result, facts

    def _path(self, row: Row) -> Path:
        key = hashlib.sha256(f"{row['model']}\n{row['name']}".encode()).hexdigest()[:32]
        return self.out / "rows" / f"{key}.json"

    def _place(self, fingerprint: str) -> str:
        path = self.store.path_of(fingerprint)
        return "" if path is None else path.relative_to(self.out).as_posix()
