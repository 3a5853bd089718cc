"""Compares this package with the recorded behaviour of the published models.

    python tests/golden.py PATH…

A PATH is a case folder (it holds case.json) or any folder above cases. Each case goes to the
runner tests/goldens/<model>.py. One line is printed for each stage; the exit code is 1 if any
stage differs by more than its tolerance, is missing, is not expected, or cannot be compared, if a
runner fails, if a case's model has no runner, and if a PATH holds no case.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

TESTS = Path(__file__).resolve().parent
MODEL_NAME = re.compile(r"[a-z][a-z0-9_]*")
TOLERANCE_FIELDS = {"abs", "relative_to_max", "levels", "delta_e", "differing_share", "skip"}


@dataclass(frozen=True)
class Line:
    """The outcome of one stage. verdict: ok, FAIL or skipped."""

    case: str
    stage: str
    verdict: str
    difference: str = "-"
    tolerance: str = "-"
    reason: str = ""

    def __str__(self) -> str:
        columns = f"{self.case}  {self.stage}  {self.difference}  {self.tolerance}  {self.verdict}"
        return f"{columns}  {self.reason}" if self.reason else columns


# ----------------------------------------------------------------------------------- comparing


def _goldens() -> ModuleType:
    """The package tests/goldens, also where tests/ is not on the import path."""
    if "goldens" not in sys.modules:
        folder = TESTS / "goldens"
        spec = importlib.util.spec_from_file_location(
            "goldens", folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules["goldens"] = module
        spec.loader.exec_module(module)
    return sys.modules["goldens"]


def _common() -> ModuleType:
    _goldens()
    return importlib.import_module("goldens.common")


def _number(value: Any, field: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ValueError(f"the tolerance's {field} is {value!r}, not a number from 0 up")
    return float(value)


def _seen_difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How far apart two pictures are as seen, (height, width): the distance in CIE L*a*b*."""
    from fitting_room.pipelines.maps.colours import to_lab

    return np.linalg.norm(to_lab(one) - to_lab(other), axis=-1)


def compare(actual: Any, expected: np.ndarray, tolerance: Any) -> tuple[str, str, str, str]:
    """(verdict, largest difference, tolerance in words, reason) of one stage.

    tolerance: a number, or {abs, relative_to_max, levels, delta_e, differing_share}. `levels` or
    `abs` with `relative_to_max` bound each difference, `delta_e` that of two colours as seen (CIE
    1976; 2.3 is just noticeable); up to `differing_share` of the elements may pass it.
    """
    if not isinstance(tolerance, dict):
        tolerance = {"abs": tolerance}
    if unknown := set(tolerance) - TOLERANCE_FIELDS:
        raise ValueError(f"unknown tolerance fields: {', '.join(sorted(unknown))}")
    wanted = np.asarray(expected)
    got = _common().as_array(actual)
    if got.shape != wanted.shape:
        return "FAIL", "-", "-", f"shape {list(got.shape)}, expected {list(wanted.shape)}"
    if got.dtype.kind not in "biuf" or wanted.dtype.kind not in "biuf":
        return "FAIL", "-", "-", f"{got.dtype} cannot be compared with {wanted.dtype}"
    if "delta_e" in tolerance:
        if got.dtype != np.uint8 or wanted.dtype != np.uint8 or got.shape[-1:] != (3,):
            return "FAIL", "-", "-", "delta_e is for uint8 pictures (height, width, 3)"
        got, wanted = _seen_difference(got, wanted), np.zeros(got.shape[:-1])
    got, wanted = got.astype(np.float64), wanted.astype(np.float64)
    if np.isnan(got).any() or np.isnan(wanted).any():
        return "FAIL", "nan", "-", f"{int(np.isnan(got).sum())} elements are NaN"
    difference = np.zeros(got.shape)
    np.subtract(got, wanted, out=difference, where=got != wanted)  # equal infinities differ by 0
    difference = np.abs(difference)
    bound = max(
        _number(tolerance.get("levels", 0), "levels"),
        _number(tolerance.get("abs", 0), "abs"),
        _number(tolerance.get("delta_e", 0), "delta_e"),
        _number(tolerance.get("relative_to_max", 0), "relative_to_max")
        * float(np.abs(wanted).max(initial=0)),
    )
    allowed = _number(tolerance.get("differing_share", 0), "differing_share")
    over = int((~(difference <= bound)).sum())
    share = over / max(difference.size, 1)
    words = f"<= {bound:.3g}"
    largest = f"{difference.max(initial=0):.3g}"
    if "differing_share" in tolerance:
        words += f" but for {allowed:.3g} of all"
        largest += f" ({share:.3g} over)"
    if share <= allowed:
        return "ok", largest, words, ""
    return "FAIL", largest, words, f"{over} of {difference.size} elements"


# ----------------------------------------------------------------------------------- finding


def find_cases(path: Path) -> list[tuple[str, Path]]:
    """(name, folder) of each case at or below a folder, sorted by name."""
    path = path.resolve()
    root = path.parent.parent if (path / "case.json").is_file() else path.parent
    return [
        (file.parent.relative_to(root).as_posix(), file.parent)
        for file in sorted(path.rglob("case.json"))
    ]


def has_runner(model: str) -> bool:
    return (
        bool(MODEL_NAME.fullmatch(model))
        and model != "common"
        and (TESTS / "goldens" / f"{model}.py").is_file()
    )


def _runner(case: dict) -> Callable[[Path, dict], Iterable[tuple[str, Any]]]:
    model = str(case.get("model"))
    if not has_runner(model):
        raise LookupError(f"model {model!r} is not known: there is no tests/goldens/{model}.py")
    _goldens()
    return importlib.import_module(f"goldens.{model}").run


# ----------------------------------------------------------------------------------- running


def _tolerance(case: dict, stage: str) -> Any:
    tolerance = case.get("tolerance", {})
    if not isinstance(tolerance, dict):
        return tolerance
    if stage not in tolerance and "*" not in tolerance:
        raise LookupError("case.json gives no tolerance for this stage")
    return tolerance.get(stage, tolerance.get("*"))


def _check_stage(name: str, case: dict, stage: str, actual: Any, expected: np.ndarray) -> Line:
    try:
        tolerance = _tolerance(case, stage)
        if isinstance(tolerance, dict) and "skip" in tolerance:
            return Line(name, stage, "skipped", reason=str(tolerance["skip"]))
        if actual is None:
            return Line(name, stage, "FAIL", reason="not compared: the runner gave no such stage")
        verdict, difference, words, reason = compare(actual, expected, tolerance)
    except (LookupError, TypeError, ValueError) as error:
        return Line(name, stage, "FAIL", reason=f"{type(error).__name__}: {error}")
    return Line(name, stage, verdict, difference, words, reason)


def run_case(name: str, folder: Path) -> Iterator[Line]:
    """Runs one case; a failing runner is one more FAIL line, after what it gave before."""
    try:
        case = json.loads((folder / "case.json").read_text(encoding="utf-8"))
        expected = _common().load_expected(folder)
        if not expected:
            raise LookupError("nothing to compare with: no expected.safetensors or expected/*.png")
        runner = _runner(case)
    except Exception as error:
        yield Line(name, "(case)", "FAIL", reason=f"{type(error).__name__}: {error}")
        return
    seen = set()
    try:
        for stage, actual in runner(folder, case):
            if stage in seen:
                yield Line(name, stage, "FAIL", reason="the runner gave it twice")
            elif stage not in expected:
                yield Line(name, stage, "FAIL", reason="not an expected stage")
            else:
                yield _check_stage(name, case, stage, actual, expected[stage])
            seen.add(stage)
    except Exception as error:
        traceback.print_exc()
        yield Line(name, "(runner)", "FAIL", reason=f"{type(error).__name__}: {error}")
    for stage in expected:
        if stage not in seen:
            yield _check_stage(name, case, stage, None, expected[stage])
    recorded = {*case.get("stages", {}), *case.get("tensors", {})}
    for stage in sorted(recorded - set(expected)):
        yield Line(name, stage, "FAIL", reason="listed in case.json, but no file holds it")


def run_paths(paths: Iterable[Path]) -> Iterator[Line]:
    for path in paths:
        cases = find_cases(path)
        if not cases:
            yield Line(str(path), "(path)", "FAIL", reason="no case.json at or below it")
        for name, folder in cases:
            yield from run_case(name, folder)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="a case or folder of them"
    )
    counts = {"ok": 0, "FAIL": 0, "skipped": 0}
    for line in run_paths(parser.parse_args(arguments).paths):
        print(line, flush=True)
        counts[line.verdict] += 1
    print(f"{counts['ok']} ok, {counts['FAIL']} failed, {counts['skipped']} skipped")
    return 1 if counts["FAIL"] or not counts["ok"] else 0


if __name__ == "__main__":
    from conftest import import_checkout

    import_checkout()
    sys.exit(main())
