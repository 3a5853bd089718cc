"""`batch --workers N`: the same batch on several workers of one machine or of many, on Ray."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from ..pipelines.errors import InputError
from .routed import stopping

if TYPE_CHECKING:
    from ..services.batch.jobs import Jobs
    from ..services.batch.runner import Report
    from ..services.fleet.station import Station
    from ..services.fleet.workers import Workers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("on several cards or machines (pip install …[fleet])")
    group.add_argument("--workers", type=int, metavar="N", help="this many, each on its own card")
    group.add_argument(
        "--ray-address", metavar="HOST:PORT",
        help="of a running Ray cluster, or auto; without it Ray runs on this machine alone",
    )  # fmt: skip
    group.add_argument(
        "--worker-gpus", type=float, metavar="SHARE",
        help="of a card for each worker (1; 0 with --cpu, --device cpu and for the preview)",
    )  # fmt: skip
    group.add_argument(
        "--lease", type=float, metavar="SECONDS", default=90.0,
        help="how long a picture waits for a worker that gives no sign of life (90)",
    )  # fmt: skip


def run(options: argparse.Namespace, jobs: Jobs, counted: Any) -> Report:
    """Works until all is done or somebody stops. Raises InputError, MissingFiles."""
    from ..services.batch.jobs import LEASED, QUEUED
    from ..services.batch.runner import Report, Tally
    from ..services.fleet.batch import Drive, Task

    workers = _workers(options)
    counts = jobs.counts()
    if not counts[QUEUED] + counts[LEASED]:
        return Tally(jobs).fill(Report())
    payload = {**vars(options), "batch": jobs.batch, "out": jobs.batch}
    payload["ledger"] = jobs.database.engine.url.render_as_string(hide_password=False)
    try:
        workers.start(least=1)
        _one_ledger(workers, jobs)
        with stopping() as stopped:  # after Ray, which takes the signals too
            task = Task("commands.fleet", "work", payload)
            return Drive(workers, jobs, task, _tell, counted).run(stopped)
    finally:
        workers.stop()


def work(station: Station, payload: dict[str, Any], owner: str) -> dict[str, Any]:
    """In the worker's process: the jobs of the ledger, with the options of the command."""
    from ..services.batch.jobs import Jobs
    from ..services.batch.runner import run as run_jobs
    from ..services.batch.store import Store
    from ..services.database import open_database
    from ..services.fleet.batch import told
    from .batch import maker_of

    options = argparse.Namespace(**payload)

    def all_jobs() -> None:
        database = open_database(options.ledger)
        try:
            jobs = Jobs(database, options.batch)
            with maker_of(options, station.engine) as make:
                run_jobs(
                    jobs, Store(options.out), make, stopped=station.halted.is_set, owner=owner,
                    lease_seconds=options.lease,
                )  # fmt: skip
        finally:
            database.close()

    return told(all_jobs)


def _workers(options: argparse.Namespace) -> Workers:
    from ..services.fleet.workers import EngineSettings, Workers

    on_cpu = options.cpu or options.device == "cpu"
    preview = not options.workflow and not options.tier and options.model in (None, "preview")
    gpus = options.worker_gpus
    if gpus is None:
        gpus = 0.0 if on_cpu or preview else 1.0
    engine = None
    if options.workflow:
        engine = EngineSettings(options.models, ("--cpu",) if options.cpu else ())
    return Workers(options.workers, engine=engine, ray_address=options.ray_address, gpus=gpus)


def _one_ledger(workers: Workers, jobs: Jobs) -> None:
    """A SQLite file is one machine's: over a network its locks do not hold."""
    machines = sum(bool(node["Alive"]) for node in workers.ray.nodes())
    if machines > 1 and jobs.database.engine.dialect.name == "sqlite":
        raise InputError(
            f"The Ray cluster has {machines} machines, and the ledger is a SQLite file, which only "
            "one may use. Name one that all reach: --ledger postgresql://USER@HOST/NAME."
        )


def _tell(event: str) -> None:
    from tqdm import tqdm

    tqdm.write(event, file=sys.stderr)
