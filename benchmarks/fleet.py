"""How many jobs a ledger carries: throughput, latency, memory, and whether it grows in proportion.

    python benchmarks/fleet.py [--jobs 1000 10000 100000] [--workers 2] [--ledger postgresql://…]
                               [--sample 1000]

--sample: of a longer list only so many are worked on, half of them while it is full and half when
nearly all is done, which shows whether a job costs more in a long list. MB: of whoever adds the
list, at its highest.

Jobs without work: what is measured is what the ledger adds to every picture. Without --ledger a
SQLite file in a temporary folder; every size gets a batch of its own. On a busy machine the seconds
of the processor tell more than those of the clock.
"""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import resource
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ROW = "{:>8} {:>9} {:>9} {:>11} {:>11} {:>9} {:>9} {:>9}"
HEAD = ("jobs", "add s", "worked on", "jobs per s", "cpu ms/job", "50 % ms", "99 % ms", "MB")


def import_checkout() -> None:
    spec = importlib.util.spec_from_file_location(
        "fitting_room", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules["fitting_room"] = module
    spec.loader.exec_module(module)


def opened(ledger: str, batch: str) -> Any:
    if "fitting_room" not in sys.modules:
        import_checkout()
    from fitting_room.services.batch.jobs import Jobs
    from fitting_room.services.database import open_database

    return Jobs(open_database(ledger), batch)


def add(jobs: Any, count: int) -> float:
    from fitting_room.services.batch.jobs import WantedPicture

    began = time.perf_counter()
    jobs.add(
        WantedPicture(f"p{i}", f"{i:064x}", "preview", f"/people/{i % 500}.jpg",
                      f"/garments/{i // 500}.jpg", {"category": "upper", "seed": 0})
        for i in range(count)
    )  # fmt: skip
    return time.perf_counter() - began


def end_but(jobs: Any, left: int) -> None:
    """Marks queued jobs as done, but for the last ones."""
    from fitting_room.services.batch.jobs import DONE, QUEUED, Job
    from sqlalchemy import select, update

    mine = (Job.batch == jobs.batch, Job.state == QUEUED)
    with jobs.database.writing() as session:
        kept = select(Job.id).where(*mine).order_by(Job.place.desc()).limit(left)
        ended = update(Job).where(*mine, Job.id.not_in(kept.scalar_subquery()))
        told = {"model": "preview", "engine_cache_hits": 0}
        session.execute(ended.values(state=DONE, told=told, result="there.png"))


def work(ledger: str, batch: str, most: int, told: Any) -> None:
    """One worker: what the runner asks of the ledger for every picture."""
    jobs = opened(ledger, batch)
    jobs.counts()
    busy, times = time.process_time(), []
    while len(times) < most:
        began = time.perf_counter()
        job = jobs.lease("benchmark", 60)
        if job is None:
            break
        jobs.made(job.key)
        jobs.done(job, f"{job.name}.png", {"model": "preview", "engine_cache_hits": 0}, 0.0)
        times.append((time.perf_counter() - began) * 1000)
    told.put((times, time.process_time() - busy))


def worked(ledger: str, batch: str, most: int, workers: int) -> list[Any]:
    """What each worker told after `most` jobs each, or all."""
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    processes = [
        context.Process(target=work, args=(ledger, batch, most, told)) for _ in range(workers)
    ]
    for process in processes:
        process.start()
    answers = [told.get() for _ in processes]
    for process in processes:
        process.join()
    return answers


def measure(ledger: str, count: int, workers: int, sample: int) -> None:
    batch = f"benchmark {uuid.uuid4().hex}"
    jobs = opened(ledger, batch)
    adding = add(jobs, count)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answers = []
    if count > sample:
        answers += worked(ledger, batch, sample // 2 // workers, workers)
        end_but(jobs, sample // 2)
    answers += worked(ledger, batch, count, workers)
    counts = jobs.counts()
    if counts["done"] != count:
        sys.exit(f"{count} jobs were wanted, and the ledger has {counts}.")
    times = sorted(each for answer in answers for each in answer[0])
    working = sum(times) / 1000 / workers
    busy = sum(answer[1] for answer in answers) * 1000 / len(times)
    print(ROW.format(
        count, f"{adding:.1f}", len(times), f"{len(times) / working:.0f}", f"{busy:.2f}",
        f"{times[len(times) // 2]:.2f}", f"{times[int(len(times) * 0.99)]:.2f}",
        f"{memory:.0f}",
    ), flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--ledger", default="", help="URL (a temporary SQLite file)")
    parser.add_argument("--sample", type=int, default=1_000)
    options = parser.parse_args()
    print(f"{options.workers} workers")
    print(ROW.format(*HEAD))
    with tempfile.TemporaryDirectory() as folder:
        ledger = options.ledger or f"sqlite:///{folder}/ledger.sqlite"
        for count in options.jobs:
            measure(ledger, count, options.workers, options.sample)


if __name__ == "__main__":
    main()
