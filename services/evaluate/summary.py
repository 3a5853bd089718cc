"""Figures of many pictures: only pairs that every model did, so that all saw the same."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...pipelines.errors import InputError
from ...pipelines.measures.learned import SetMeasures
from ..batch.listing import read
from .measuring import MEASURES, NEED_TRUTH, SET_MEASURES
from .pairs import PAIRED, SETTINGS
from .run import Row

SURE = 1.96
"""Standard errors to either side of a mean that hold 95 of 100."""

FEW = 2048
"""Pictures below which FID, of 2048 features, is biased upwards noticeably."""

Entry = dict[str, Any]


def summarise(rows: Sequence[Row]) -> list[Entry]:
    """One entry for each model, setting and measure: value, within (half of the 95 % interval of a
    mean), pictures, or left_out with the reason where nothing could be measured."""
    found = []
    for setting in SETTINGS:
        mine = shared(rows, setting)
        for model in _models(rows):
            made = [row for row in mine if row["model"] == model]
            if not made:
                continue
            for name in MEASURES:
                if name in SET_MEASURES or (setting != PAIRED and name in NEED_TRUTH):
                    continue
                found.append(_entry(model, setting, name, made))
    return found


def shared(rows: Sequence[Row], setting: str) -> list[Row]:
    """The rows of a setting whose pairs every model did."""
    mine = [row for row in rows if row["setting"] == setting]
    failed = {row["name"] for row in mine if row["problem"]}
    return [row for row in mine if row["name"] not in failed]


def _entry(model: str, setting: str, name: str, rows: Sequence[Row]) -> Entry:
    entry: Entry = {"model": model, "setting": setting, "measure": name}
    if name in ("seconds", "peak_memory_bytes"):
        values = [row[name] for row in rows if row[name] is not None]
        value = (statistics.median if name == "seconds" else max)(values) if values else None
        return entry | {"value": value, "within": None, "pictures": len(values), "left_out": ""}
    values = [row["measures"][name] for row in rows if name in row["measures"]]
    reasons = sorted({row["left_out"][name] for row in rows if name in row["left_out"]})
    entry |= {"value": None, "within": None, "pictures": len(values)}
    entry["left_out"] = "; ".join(reasons[:3])
    if values:
        entry["value"] = statistics.fmean(values)
    if len(values) > 1:
        entry["within"] = SURE * statistics.stdev(values) / math.sqrt(len(values))
    return entry


def set_entries(
    rows: Sequence[Row],
    measures: SetMeasures,
    picture: Callable[[Row], np.ndarray],
    compared: Callable[[np.ndarray], np.ndarray],
    seed: int,
) -> list[Entry]:
    """FID and KID of each model and setting against the true photos: in a paired setting those of
    the people in the garment, else the people's own. picture: of a row. compared: at the size of
    comparison."""
    found: list[Entry] = []
    for setting in SETTINGS:
        mine = shared(rows, setting)
        if not mine:
            continue
        paths = dict.fromkeys(row["truth_path" if setting == PAIRED else "person"] for row in mine)
        true = measures.features(compared(read(Path(path))[0]) for path in paths)
        for model in _models(mine):
            made = [row for row in mine if row["model"] == model]
            values, why = {}, dict(measures.left_out)
            if true is not None:
                features = measures.features(compared(picture(row)) for row in made)
                try:
                    values = measures.compare(true, features, seed)  # type: ignore[arg-type]
                except InputError as error:
                    why = dict.fromkeys(SET_MEASURES, str(error))
            why.setdefault("kid_spread", why.get("kid", ""))
            if values and min(len(paths), len(made)) < FEW:
                why["fid"] = f"biased upwards, as fewer than {FEW} pictures were compared"
            found += [
                {"model": model, "setting": setting, "measure": name, "value": values.get(name),
                 "within": None, "pictures": len(made), "left_out": why.get(name, "")}
                for name in SET_MEASURES
            ]  # fmt: skip
    return found


def failures(rows: Sequence[Row]) -> dict[str, list[dict[str, str]]]:
    """What each model could not do, and why."""
    return {
        model: [
            {"name": row["name"], "problem": row["problem"]}
            for row in rows
            if row["model"] == model and row["problem"]
        ]
        for model in _models(rows)
    }


def _models(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row["model"] for row in rows))
