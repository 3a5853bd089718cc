"""Lists the hosted jobs that are open in the ledger, and fetches their pictures."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import pictures
from .routed import INTERRUPTED, NOBODY, stopping

if TYPE_CHECKING:
    from ..services.ledger import Attempt, Ledger


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--list", action="store_true", help="only list; ask nobody")
    parser.add_argument("--ledger", default="", help="URL of the ledger (a file of your own)")
    parser.add_argument(
        "-o", "--output", help="folder for the pictures; they are kept among the results as well"
    )
    parser.add_argument(
        "--limit-seconds", type=float, default=60.0, help="how long each job is waited for (60)"
    )
    parser.add_argument(
        "--forget", type=int, action="append", default=[], metavar="ID",
        help="give up an attempt: its request may then be sent again",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Exit code 0 where nothing is left open, 4 where something is."""
    from ..services.ledger import open_ledger

    ledger = open_ledger(options.ledger)
    forgotten = [_forget(ledger, number) for number in options.forget]
    rows: list[dict[str, Any]] = []
    stopped_early = False
    with stopping() as stopped:
        for attempt in ledger.unfinished():
            if options.list or stopped():
                rows.append({**attempt.facts(), "picture": None})
                continue
            rows.append(_resumed(options, ledger, attempt, stopped))
        stopped_early = stopped()
    if options.json:
        print(json.dumps({"jobs": rows, "forgotten": forgotten}, ensure_ascii=False))
    else:
        for row in rows:
            print(_line(row))
        if not rows:
            print("No job is open.")
    if stopped_early:
        return INTERRUPTED
    still = [row for row in rows if row["state"] not in ("done", "failed", "refused", "cancelled")]
    return NOBODY if still else 0


def _resumed(
    options: argparse.Namespace, ledger: Ledger, attempt: Attempt, stopped: Any
) -> dict[str, Any]:
    """The attempt after it was asked for, with the path of its picture where there is one."""
    from ..pipelines.errors import InputError
    from ..pipelines.marks.provenance import Marks, save_picture
    from ..services.costs.prices import read_prices
    from ..services.errors import BackendError
    from ..services.hosted.owner import is_worked_on
    from ..services.hosted.registry import hosted_backends
    from ..services.places import results_folder
    from ..services.results import ResultStore

    row = {**attempt.facts(), "picture": None}
    if is_worked_on(attempt):
        return {**row, "message": "another process works on it"}
    store = ResultStore(results_folder(options.ledger))
    try:
        backend = hosted_backends(
            ledger, store, read_prices(), [attempt.model], limit_seconds=options.limit_seconds
        )[0]
        pictures.tell(f"{attempt.backend} {attempt.remote_id or attempt.key}")
        result = backend.resume(attempt, cancelled=stopped)
    except (BackendError, InputError) as error:
        kept = ledger.get(attempt.id) or attempt
        return {**kept.facts(), "picture": None, "message": str(error)}
    kept = ledger.get(attempt.id) or attempt
    path = store.path_of(attempt.fingerprint)
    if options.output:
        path = Path(options.output) / f"{attempt.backend}_{attempt.id}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        save_picture(path, result.picture, marks=Marks(system=result.model))
    return {**kept.facts(), "picture": str(path.resolve()) if path else None}


def _forget(ledger: Ledger, number: int) -> int:
    from ..pipelines.errors import InputError

    attempt = ledger.get(number)
    if attempt is None or attempt.state not in ("sending", "open", "lost"):
        raise InputError(f"There is no open attempt {number}; `fitting-room jobs --list` tells.")
    ledger.note(attempt, state="failed", message=f"given up by the user; {attempt.message}")
    print(f"Attempt {number} is given up; it may have been billed.", file=sys.stderr)
    return number


def _line(row: dict[str, Any]) -> str:
    name = f"{row['id']:>5}  {row['model']:24} {row['state']:9} {row['started']}"
    return "  ".join(part for part in (name, row["remote_id"], row["picture"] or row["message"])
                     if part)  # fmt: skip
