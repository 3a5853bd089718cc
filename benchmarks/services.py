"""What router, ledger and store add to a picture, and how long a month of 100,000 takes to add up.

    python benchmarks/services.py

Everything else of a hosted picture is the service's own time. Targets: under 20 ms of the processor
a picture warm, with a ledger of 2,000 pictures; under 1 s for the report.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 30


def import_checkout() -> None:
    spec = importlib.util.spec_from_file_location(
        "fitting_room", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules["fitting_room"] = module
    spec.loader.exec_module(module)


def timed(name: str, work: Callable[[int], object], rounds: int = ROUNDS) -> float:
    work(0)
    times = []
    for number in range(1, rounds + 1):
        began, busy = time.perf_counter(), time.process_time()
        work(number)
        busy = (time.process_time() - busy) * 1000
        times.append(((time.perf_counter() - began) * 1000, busy))
    middle, busy = (statistics.median(each) for each in zip(*times, strict=True))
    print(f"{name:44} {middle:8.2f} ms, of it {busy:7.2f} ms of the processor")
    return busy


def photo() -> np.ndarray:
    """A picture as compressible as a photo: smooth shades with a little noise."""
    rows, columns = np.mgrid[:1024, :768].astype(np.float32)
    shades = np.stack([rows / 5, columns / 4, (rows + columns) / 8], -1) % 256
    noise = np.random.default_rng(0).normal(0, 2, shades.shape)
    return (shades + noise).clip(0, 255).astype(np.uint8)


def main() -> None:
    import_checkout()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FITTING_ROOM_HOME"] = folder
        for key in ("FASHN_API_KEY", "FAL_KEY", "REPLICATE_API_TOKEN", "DASHSCOPE_API_KEY",
                    "KLING_ACCESS_KEY", "KLING_SECRET_KEY"):  # fmt: skip
            os.environ.setdefault(key, "a-key-for-this-measurement")
        measure()


def measure() -> None:
    from fitting_room.services.costs.prices import read_prices
    from fitting_room.services.desk import Desk, local_backends
    from fitting_room.services.hosted.registry import hosted_backends
    from fitting_room.services.ledger import open_ledger
    from fitting_room.services.request import TryOnRequest, TryOnResult
    from fitting_room.services.results import ResultStore
    from fitting_room.services.router import Wishes, read_routes

    ledger, store, book, picture = open_ledger(), ResultStore(), read_prices(), photo()
    hosted = hosted_backends(ledger, store, book, allow_upload=True)
    desk = Desk(ledger, store, book, read_routes(), hosted, local_backends())

    def request(number: int) -> TryOnRequest:
        person = picture.copy()
        person[0, 0] = number
        return TryOnRequest(person, (picture,), "upper", model="", seed=number)

    requests = [request(number) for number in range(ROUNDS + 1)]

    def result() -> TryOnResult:
        return TryOnResult(
            picture, None, "upper", "fashn", "fashn/tryon-v1.6", 0, 9.0, Decimal("0.075"), "USD"
        )

    def row(number: int) -> None:
        attempt, _ = ledger.claim(
            "fashn", "fashn/tryon-v1.6", f"{number:064x}", lambda _: False, resume={},
            price=Decimal("0.075"), currency="USD",
        )  # fmt: skip
        ledger.note(attempt, state="sending")
        ledger.note(attempt, state="open", remote_id="job", billed=True)
        ledger.note(attempt, state="done", seconds=9.0)

    fashn = next(each for each in hosted if each.model.name == "fashn/tryon-v1.6")
    fill(ledger, 2000, "2020-02")
    print(f"768 x 1024 pixels, {ROUNDS} rounds")
    added = [  # the fingerprint first: whoever comes later finds the pictures' hashes made
        timed("fingerprint of a request", lambda n: fashn.fingerprint(requests[n])),
        timed("router: all models, all services", lambda n: desk.plan(requests[n], Wishes())),
        timed("ledger: the four changes of one attempt", row),
        timed("store: put", lambda n: store.put(f"{n:064x}", result())),
    ]
    print(f"{'together, a picture':44} {sum(added):22.2f} ms of the processor")
    timed("store: a hit", lambda n: store.get(f"{n:064x}"))
    report(ledger, book)


def fill(ledger: Any, count: int, month: str) -> None:
    """Pictures of four models of fal."""
    from fitting_room.services.database import now
    from fitting_room.services.ledger import Attempt
    from sqlalchemy import insert

    moment = now()
    rows = [
        {"key": f"{month} {i}", "started": moment, "changed": moment,
         "day": f"{month}-{i % 28 + 1:02}", "backend": "fal",
         "model": f"fal/{i % 4}", "fingerprint": f"{i:064x}",
         "project": f"project {i % 20}", "state": "done", "remote_id": "job", "resume": {},
         "seconds": 9.0, "price": Decimal("0.075"), "charged": None, "currency": "USD",
         "billed": True, "error": "", "safety": "", "message": ""}
        for i in range(count)
    ]  # fmt: skip
    with ledger.database.writing() as session:
        session.execute(insert(Attempt), rows)


def report(ledger: Any, book: Any) -> None:
    from fitting_room.services.costs.report import month_report

    fill(ledger, 100_000, "2020-01")
    timed(
        "report of a month of 100,000 attempts", lambda _: month_report(ledger, "2020-01", book), 5
    )


if __name__ == "__main__":
    main()
