"""`batch --dry-run`: what a batch would take, as far as ledger, router and catalogue know it."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .routed import all_desk, wishes_of

if TYPE_CHECKING:
    from ..services.batch.jobs import WantedPicture
    from ..services.router import Verdict


def run(options: argparse.Namespace, wanted: list[WantedPicture], ledger: str) -> int:
    """Prints counts, seconds, money and memory; nothing is begun. ledger: "" for none yet.

    seconds: of one worker after the other, divided by the workers. cost: None where the price of a
    picture is not known, or nobody can make it.
    """
    from ..pipelines.catalog.models import VARIANTS

    bad = [each for each in wanted if each.problem]
    good = [each for each in wanted if not each.problem]
    told = routed(options, good) if options.tier else measured(good, ledger)
    names = sorted(told["models"])
    workers = max(1, options.workers or 1)
    seconds = told["seconds"]
    facts = {
        "pictures": len(wanted), "distinct": len({each.key for each in good}),
        "unreadable": len(bad), **told,
        "seconds": None if seconds is None else round(seconds / workers),
        "memory_bytes": {
            name: 2 * VARIANTS[name].parameters for name in names if name in VARIANTS
        },
    }  # fmt: skip
    print(json.dumps(facts) if options.json else "\n".join(f"{k}: {v}" for k, v in facts.items()))
    for each in bad:
        print(f"{each.name}: {each.problem}", file=sys.stderr)
    return 0


def measured(wanted: list[WantedPicture], ledger: str) -> dict[str, Any]:
    """Of models of this machine: seconds as the jobs of the ledger took, no money."""
    from ..services.batch.jobs import Jobs
    from ..services.database import open_database

    known: dict[str, float] = {}
    if ledger:
        database = open_database(ledger)
        known = Jobs(database, "").mean_seconds()
        database.close()
    counts = Counter(each.model for each in wanted)
    every = counts and all(name in known for name in counts)
    seconds = sum(known[name] * count for name, count in counts.items()) if every else None
    return {"models": dict(counts), "seconds": seconds, "cost": "0", "currency": ""}


def routed(options: argparse.Namespace, wanted: list[WantedPicture]) -> dict[str, Any]:
    """Of a tier: whom the router would take for every kind of picture, in which time and for how
    much, in the currency of the budget. One pair of each kind of settings is planned."""
    from ..services.batch.listing import request_of

    desk, wishes = all_desk(options), wishes_of(options)
    kinds: dict[str, list[WantedPicture]] = {}
    for each in wanted:
        kinds.setdefault(json.dumps(each.settings, sort_keys=True, default=str), []).append(each)
    models: Counter[str] = Counter()
    seconds: float | None = 0.0
    cost: Decimal | None = Decimal(0)
    reasons: dict[str, str] = {}
    for kind in kinds.values():
        first = kind[0]
        plan = desk.plan(request_of(first.person, first.garment, first.settings), wishes)
        reasons |= {verdict.candidate.model: verdict.reason for verdict in plan.left}
        if not plan.taken:
            models["nobody"] += len(kind)
            seconds = cost = None
            continue
        taken: Verdict = plan.taken[0]
        models[taken.candidate.model] += len(kind)
        each = taken.candidate.estimate.seconds
        seconds = None if seconds is None or each is None else seconds + each * len(kind)
        cost = None if cost is None or taken.cost is None else cost + taken.cost * len(kind)
    if "nobody" in models:
        for model, reason in reasons.items():
            print(f"{model}: {reason}", file=sys.stderr)
    return {
        "models": dict(models), "seconds": seconds,
        "cost": None if cost is None else f"{cost.normalize():f}", "currency": wishes.currency,
    }  # fmt: skip
