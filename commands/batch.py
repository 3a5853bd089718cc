"""Dresses many people in many garments; the same command goes on where it was stopped."""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..pipelines.errors import InputError
from ..services.places import ledger_url
from . import dry_run, fleet, pictures
from .routed import all_desk, stopping, wishes_of

if TYPE_CHECKING:
    from tqdm import tqdm

    from ..services.batch.jobs import Job, Jobs
    from ..services.batch.runner import Report
    from ..services.batch.store import Store
    from ..services.own_engine import OwnEngine

SOME_FAILED, INTERRUPTED = 5, 130
LEDGER = "batch.sqlite"
FAILED_LIST = "failed.csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_argument_group("what is wanted")
    what.add_argument("--people", type=Path, help="folder of photos; every person …")
    what.add_argument("--garments", type=Path, help="… in every garment of this folder")
    what.add_argument("--pairs", type=Path, help="CSV with the columns person and garment instead")
    what.add_argument("--category", choices=("auto", "upper", "lower", "dress"), default="auto")
    what.add_argument("--seed", type=int, default=0)
    what.add_argument("--steps", type=int)
    what.add_argument("--guidance", type=float)
    what.add_argument("--width", type=int)
    what.add_argument("--height", type=int)
    who = parser.add_argument_group("who makes it")
    who.add_argument("--model", help="preview (the default), or model/variant of the catalogue")
    who.add_argument("--tier", help="let the router choose, such as preview, standard, best")
    who.add_argument("--workflow", type=Path, help="a workflow in API format, in a ComfyUI")
    who.add_argument("--models", type=Path, help="ComfyUI's models folder, for --workflow")
    who.add_argument("--cpu", action="store_true", help="the workflow's ComfyUI runs on the CPU")
    who.add_argument("--device", choices=("auto", "cuda", "mps", "cpu"), default="auto")
    who.add_argument("--precision", choices=("auto", "fp16", "bf16", "fp32"), default="auto")
    who.add_argument("--use", choices=("private", "shop"), default="private")
    who.add_argument("--budget", metavar="0.05USD", help="the most that one picture may cost")
    who.add_argument("--month-budget", metavar="20USD", help="the most in this month")
    who.add_argument("--deadline", type=float, metavar="SECONDS", help="of one picture")
    who.add_argument("--allow-upload", action="store_true", help="photos may go to a service")
    who.add_argument("--limit-seconds", type=float, default=900.0, help="of one hosted picture")
    who.add_argument("--project", default="", help="who asks, for the ledger")
    fleet.add_arguments(parser)
    where = parser.add_argument_group("where it goes")
    where.add_argument("--out", required=True, help="folder, or s3://BUCKET/PATH")
    where.add_argument("--ledger", default="", help=f"URL (default: {LEDGER} in the out folder)")
    where.add_argument("--pattern", default="{person}__{garment}", help="of the results' names")
    where.add_argument("--gallery", action="store_true", help="also write a page to pick from")
    where.add_argument("--dry-run", action="store_true", help="only tell what would be done")
    where.add_argument("--retry-failed", action="store_true", help="try failed ones once more")


def run(options: argparse.Namespace) -> int:
    """Exit code 0 all done, 5 some failed, 130 stopped and resumable."""
    from ..services.batch.gallery import write_gallery
    from ..services.batch.jobs import FAILED, LOST, Jobs
    from ..services.batch.listing import Listing
    from ..services.batch.runner import run as work
    from ..services.batch.store import Store
    from ..services.database import open_database

    _make_absolute(options)
    pairs = _pairs(options)
    listing = Listing(_settings(options), options.pattern)
    if options.dry_run:
        return dry_run.run(options, list(listing.wanted(pairs)), _known_ledger(options))
    store = Store(options.out)
    jobs = Jobs(open_database(_ledger(options, store)), store.out)
    jobs.add(pictures_read(listing.wanted(pairs), len(pairs)))
    if options.retry_failed:
        jobs.retry(FAILED, LOST)
    if options.workers is not None:
        with _bar(jobs) as shown:
            report = fleet.run(options, jobs, _counted(shown))
    else:
        with maker_of(options) as make, stopping() as stopped, _bar(jobs) as shown:
            report = work(jobs, store, make, _progress(shown), stopped, "", options.lease)
    _failed_list(jobs, store)
    page = write_gallery(jobs, store) if options.gallery else ""
    return _told(options, report, page, store)


def _make_absolute(options: argparse.Namespace) -> None:
    """Paths hold wherever a job is worked on, and in whichever folder the command is repeated."""
    for name in ("people", "garments", "pairs", "workflow", "models"):
        path = getattr(options, name)
        setattr(options, name, path.absolute() if path else None)


def _pairs(options: argparse.Namespace) -> list[Any]:
    from ..services.batch.listing import csv_pairs, folder_pairs

    if options.pairs and not options.people and not options.garments:
        return csv_pairs(options.pairs)
    if options.people and options.garments and not options.pairs:
        return folder_pairs(options.people, options.garments)
    raise InputError("Name --people and --garments (two folders), or --pairs (a CSV file).")


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    from ..services.batch.makers import read_graph

    ways = [name for name in ("model", "tier", "workflow") if getattr(options, name)]
    if len(ways) > 1:
        raise InputError(f"--{' and --'.join(ways)} do not go together. Choose one.")
    model = options.model or ("" if options.tier else "preview")
    options.graph = None
    if options.workflow:
        options.graph = read_graph(options.workflow)
        content = options.workflow.read_bytes()
        model = f"workflow/{hashlib.sha256(content).hexdigest()[:16]}"
    return {
        "category": options.category, "model": model, "tier": options.tier or "",
        "seed": options.seed, "steps": options.steps, "guidance": options.guidance,
        "width": options.width, "height": options.height, "options": {},
    }  # fmt: skip


def _ledger(options: argparse.Namespace, store: Store) -> str:
    if options.ledger:
        return options.ledger
    if store.folder is None:
        return ledger_url()
    return f"sqlite:///{store.folder / LEDGER}"


def _known_ledger(options: argparse.Namespace) -> str:
    """The ledger, "" where that would be a file which is not there yet."""
    if options.ledger or "://" in options.out:
        return options.ledger or ledger_url()
    path = Path(options.out, LEDGER).absolute()
    return f"sqlite:///{path}" if path.is_file() else ""


@contextmanager
def maker_of(options: argparse.Namespace, engine: OwnEngine | None = None) -> Iterator[Any]:
    """Whoever makes the pictures. engine: of a worker, else a workflow gets one of its own."""
    from ..services.batch.makers import DeskMaker, LocalMaker, WorkflowMaker
    from ..services.own_engine import OwnEngine

    if options.graph is not None and engine is not None:
        yield WorkflowMaker(options.graph, engine)
    elif options.graph is not None:
        with OwnEngine(options.models, ("--cpu",) if options.cpu else ()) as own:
            yield WorkflowMaker(options.graph, own)
    elif options.tier:
        yield DeskMaker(all_desk(options), wishes_of(options))
    else:
        yield LocalMaker(options.device, options.precision)


def pictures_read(wanted: Iterator[Any], count: int) -> Iterator[Any]:
    """The list, with a bar: every picture is read once, so that what is there is known."""
    from tqdm import tqdm

    yield from tqdm(wanted, "reading", count, leave=False, disable=None)


@contextmanager
def _bar(jobs: Jobs) -> Iterator[tqdm[Any]]:
    """Pictures that have ended of all, rate and time left."""
    from tqdm import tqdm

    counts = jobs.counts()
    total = sum(counts.values())
    ended = total - counts["queued"] - counts["leased"]
    with tqdm(total=total, initial=ended, unit="picture", smoothing=0.1) as shown:
        yield shown


def _progress(shown: tqdm[Any]) -> Any:
    """Tells of every job what is being done."""

    def progress(job: Job | None, stage: str, share: float) -> None:
        doing = f"{job.name}: {stage} {share:.0%}" if job is not None else stage
        shown.set_postfix_str(doing[:60], refresh=job is None)
        if job is not None and stage.startswith(("failed", "refused")):
            shown.write(f"{job.name} {stage}", file=sys.stderr)
        shown.update(1 if share >= 1 and stage.split(":")[0] in ENDED else 0)

    return progress


def _counted(shown: tqdm[Any]) -> Any:
    """Moves the bar to what has ended, whoever worked on it."""

    def counted(ended: int) -> None:
        shown.update(max(0, ended - shown.n))

    return counted


ENDED = ("done", "failed", "refused")


def _failed_list(jobs: Jobs, store: Store) -> None:
    """failed.csv: what was not made and why; its rows can be given to --pairs again."""
    from ..services.batch.jobs import FAILED, LOST, REFUSED

    bad = jobs.all(FAILED, REFUSED, LOST)
    if not bad and not store.has(FAILED_LIST):
        return
    file = io.StringIO(newline="")
    rows = csv.writer(file)
    rows.writerow(["name", "person", "garment", "state", "reason"])
    rows.writerows([job.name, job.person, job.garment, job.state, job.message] for job in bad)
    store.put(FAILED_LIST, file.getvalue().encode("utf-8-sig"))


def _told(options: argparse.Namespace, report: Report, page: str, store: Store) -> int:
    facts = report.facts()
    if page:
        facts["gallery"] = f"{store.out}/{page}"
    bad = report.failed + report.refused + report.lost
    line = (
        f"{report.done} done, {report.skipped} were there, {report.failed} failed, "
        f"{report.refused} refused, {report.lost} lost; {report.seconds:.0f} s"
    )
    if bad:
        line += f"; see {store.out}/{FAILED_LIST}"
    if report.stopped:
        line += "; stopped: the same command goes on"
    pictures.report(options, facts, line)
    if report.stopped:
        return INTERRUPTED
    return SOME_FAILED if bad else 0
