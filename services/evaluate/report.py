"""What an evaluation leaves: two CSV files, one JSON, and a sheet of pictures."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...pipelines.images import write_picture
from ...pipelines.views import sheet
from ...pipelines.writing import write_whole
from ..batch.listing import read
from .measuring import MEASURES
from .run import Row
from .summary import Entry

MODELS, PICTURES, WHOLE, SHEET = "models.csv", "pictures.csv", "evaluation.json", "sheet.jpg"
ROW = ("name", "setting", "model", "problem", "category", "seed", "person", "garment", "picture",
       "mask")  # fmt: skip
TIMES = ("seconds", "peak_memory_bytes")
BESIDE = ("size", "crop", "mask_rule", "steps", "guidance")
"""Of a model's protocol, in each line of its figures."""

CELL = 420
SHOWN = {"colour_difference": "colour", "lettering_kept": "letters", "ssim": "SSIM",
         "lpips": "LPIPS"}  # fmt: skip
"""Measures that stand under a picture of the sheet."""


def write_models(out: Path, entries: Sequence[Entry], protocol: Mapping[str, Any]) -> None:
    """A line for each figure, with its protocol."""
    names = [*entries[0], "better", "by", *BESIDE, "caution", "compared_at", "seed",
             "pairs_sha256", "protocol_sha256"] if entries else ["model"]  # fmt: skip
    lines = []
    for entry in entries:
        model = protocol["models"][entry["model"]]
        measure = protocol["measures"][entry["measure"]]
        package = protocol["packages"].get(measure["by"], "")
        lines.append({
            **entry, "better": measure["better"], "by": f"{measure['by']} {package}".strip(),
            **{name: model.get(name, "") for name in (*BESIDE, "caution")},
            "compared_at": protocol["compared_at"], "seed": protocol["seed"],
            "pairs_sha256": protocol["pairs"]["sha256"], "protocol_sha256": protocol["sha256"],
        })  # fmt: skip
    _write_csv(out / MODELS, names, lines)


def write_pictures(out: Path, rows: Sequence[Row]) -> None:
    """A line for each pair and model."""
    measures = [name for name in MEASURES if name not in TIMES]
    measures = [name for name in measures if any(name in row.get("measures", {}) for row in rows)]
    lines = [
        {name: row.get(name, "") for name in (*ROW, *TIMES)}
        | row.get("measures", {})
        | {"left_out": json.dumps(row["left_out"]) if row.get("left_out") else ""}
        for row in rows
    ]
    _write_csv(out / PICTURES, [*ROW, *measures, *TIMES, "left_out"], lines)


def write_all(
    out: Path, entries: Sequence[Entry], protocol: Mapping[str, Any], failed: Mapping[str, Any]
) -> None:
    told = {"protocol": protocol, "figures": list(entries), "failed": failed}
    write_whole(out / WHOLE, json.dumps(told, ensure_ascii=False, indent=1).encode("utf-8"))


def write_sheet(
    out: Path, rows: Sequence[Row], picture: Callable[[Row], np.ndarray], most: int
) -> bool:
    """Person, garment, true photo and every model's picture of up to `most` pairs, spread over the
    list. False where no pair was done by anybody."""
    done = [row for row in rows if not row["problem"]]
    names = list(dict.fromkeys(row["name"] for row in done))
    if not names or most < 1:
        return False
    step = max(1, -(-len(names) // most))
    models = list(dict.fromkeys(row["model"] for row in rows))
    pictures, labels = [], []
    truths = any(row["truth_path"] for row in done)
    for name in names[::step]:
        mine = {row["model"]: row for row in done if row["name"] == name}
        first = next(iter(mine.values()))
        given = [("person", first["person"]), ("garment", first["garment"])]
        given += [("true photo", first["truth_path"])] if truths else []
        for label, path in given:
            pictures.append(read(Path(path))[0] if path else _nothing())
            labels.append(label if path else f"no {label}")
        for model in models:
            row = mine.get(model)
            pictures.append(_nothing() if row is None else picture(row))
            labels.append(f"{model}: failed" if row is None else _label(row))
    columns = 2 + truths + len(models)
    write_picture(out / SHEET, sheet(pictures, labels, columns, CELL))
    return True


def as_text(
    entries: Sequence[Entry], protocol: Mapping[str, Any], failed: Mapping[str, Any], out: str
) -> str:
    """A table of the figures for a terminal: a line for each setting and measure."""
    models = list(protocol["models"])
    wide = max(12, *(len(name) for name in models)) + 2
    lines = ["".ljust(32) + "".join(name.rjust(wide) for name in models)]
    cells: dict[tuple[str, str], dict[str, Entry]] = {}
    for entry in entries:
        key = (entry["setting"], entry["measure"])
        cells.setdefault(key, {})[entry["model"]] = entry
    for (setting, measure), found in cells.items():
        if any(entry["value"] is not None for entry in found.values()):
            values = [_number(found[name]["value"]) if name in found else "-" for name in models]
            lines.append(f"{setting} {measure}".ljust(32) + "".join(v.rjust(wide) for v in values))
    reasons: dict[str, list[str]] = {}
    for (_, measure), found in cells.items():
        if all(entry["value"] is None for entry in found.values()):
            reasons.setdefault(next(iter(found.values()))["left_out"], []).append(measure)
    lines += [f"Left out: {', '.join(dict.fromkeys(names))}: {why}." for why, names in
              reasons.items()]  # fmt: skip
    for name, model in protocol["models"].items():
        if "caution" in model:
            lines.append(f"{name}: {model['caution']}.")
    for name, problems in failed.items():
        if problems:
            lines.append(f"{name} could not do {len(problems)}, such as {problems[0]['problem']}")
    lines.append(f"{out}: {MODELS}, {PICTURES}, {WHOLE}, {SHEET}; {protocol['pairs']['paired']} "
                 f"paired, {protocol['pairs']['unpaired']} unpaired, seed {protocol['seed']}, "
                 f"compared at {protocol['compared_at']}")  # fmt: skip
    return "\n".join(lines)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _label(row: Row) -> str:
    told = [f"{short} {row['measures'][name]:.2f}" for name, short in SHOWN.items()
            if name in row["measures"]]  # fmt: skip
    return "\n".join([row["model"], "  ".join(told)])


def _nothing() -> np.ndarray:
    return np.full((CELL, CELL * 3 // 4, 3), 235, np.uint8)


def _write_csv(path: Path, names: Sequence[str], lines: Sequence[Mapping[str, Any]]) -> None:
    file = io.StringIO(newline="")
    rows = csv.DictWriter(file, names, restval="")
    rows.writeheader()
    rows.writerows(lines)
    write_whole(path, file.getvalue().encode("utf-8-sig"))
