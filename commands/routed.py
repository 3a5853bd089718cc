"""A try-on by whoever should make it: a named backend, or the router's choice for a tier."""

from __future__ import annotations

import argparse
import json
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from types import FrameType
from typing import TYPE_CHECKING, Any

from ..pipelines.errors import InputError
from . import pictures

if TYPE_CHECKING:
    from ..services.desk import Desk, Outcome
    from ..services.own_machine import OwnMachine
    from ..services.request import TryOnRequest
    from ..services.router import Plan, Wishes

NOBODY, INTERRUPTED = 4, 130
SERVICES = ("fashn", "fal", "replicate", "dashscope", "kling", "comfyui")
TIERS = ("preview", "standard", "best")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "who makes it", "services need their keys in the environment and --allow-upload"
    )
    group.add_argument(
        "--backend", action="append", default=[], metavar="NAME",
        help=f"a service ({', '.join(SERVICES)}), a model of one (SERVICE/MODEL), a model of the "
        "catalogue, or preview; given several times, in this order",
    )  # fmt: skip
    group.add_argument(
        "--tier", help=f"let the router choose: {', '.join(TIERS)}, or one of your routes.toml"
    )
    group.add_argument(
        "--use", choices=("private", "shop"), default="private",
        help="shop: only models whose licence lets a shop use them",
    )  # fmt: skip
    group.add_argument("--budget", help="at most for this picture, such as 0.05USD")
    group.add_argument("--month-budget", help="at most for this month, such as 20USD")
    group.add_argument("--deadline", type=float, help="seconds that it may be expected to take")
    group.add_argument(
        "--limit-seconds", type=float, default=300.0, help="how long a service is waited for (300)"
    )
    group.add_argument(
        "--allow-upload", action="store_true",
        help="let the photos leave this machine, to the service that is chosen",
    )  # fmt: skip
    group.add_argument("--explain", action="store_true", help="print the plan and stop")
    group.add_argument("--project", default="", help="who asks, for the ledger")
    group.add_argument("--ledger", default="", help="URL of the ledger (a file of your own)")
    group.add_argument(
        "--keep", action="store_true", help="keep results of this machine too, not only paid ones"
    )
    group.add_argument(
        "--again", action="store_true",
        help="send once more what may have been accepted and paid before",
    )  # fmt: skip


def is_wanted(options: argparse.Namespace) -> bool:
    """Whether the user asks for a backend or a tier, or names a service's model."""
    if options.model.split("/")[0] in SERVICES and not options.backend:
        options.backend = [options.model]
    return bool(options.backend or options.tier or options.explain)


def run(options: argparse.Namespace, request: TryOnRequest) -> int:
    """Carries the request out and tells how it went. request: without a model."""
    from dataclasses import replace

    from ..services.desk import NobodyCould
    from ..services.errors import Cancelled, Refused, Undecided

    wishes = wishes_of(options)
    said = dict(request.options)
    if options.lighting == 1:  # as it is without being said: not a word to those without it
        said.pop("lighting", None)
    request = replace(request, model="", options=said)
    desk = desk_of(options)
    if options.explain:
        return _explain(options, desk.plan(request, wishes))
    began = time.monotonic()
    with stopping() as stopped:
        try:
            outcome = desk.carry_out(request, wishes, _progress(), stopped)
        except Refused as error:
            return _told_badly(options, desk, error, 1, "refused", began)
        except Cancelled as error:
            return _told_badly(options, desk, error, INTERRUPTED, "cancelled", began)
        except NobodyCould as error:
            undecided = any(isinstance(each, Undecided) for _, each in error.tried)
            state = "undecided" if undecided else "failed"
            return _told_badly(options, desk, error, NOBODY, state, began)
    return _told_well(options, outcome)


def wishes_of(options: argparse.Namespace) -> Wishes:
    """What the options say of price, time and licence. Raises InputError."""
    from ..services.router import Wishes

    budget, currency = amount_of(options.budget)
    month, other = amount_of(options.month_budget)
    if currency and other and currency != other:
        raise InputError(f"Both budgets must be in one currency, not {currency} and {other}.")
    return Wishes(
        tier="" if options.backend and not options.tier else options.tier or "standard",
        use=options.use, budget=budget, month_budget=month, currency=currency or other or "USD",
        deadline=options.deadline, free_memory=None if options.backend else free_memory(),
    )  # fmt: skip


def amount_of(text: str | None) -> tuple[Decimal | None, str]:
    """Amount and currency of a text such as 0.05USD; (None, "") of none. Raises InputError."""
    if text is None:
        return None, ""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Z]{3})\s*", text)
    if match is None:
        raise InputError(f"An amount such as 0.05USD was wanted, and {text!r} came.")
    return Decimal(match[1]), match[2]


def free_memory() -> int | None:
    """Bytes free on the GPU, None without one."""
    import torch

    return torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else None


def desk_of(options: argparse.Namespace) -> Desk:
    """The desk with the backends that the options name, or all. Raises InputError."""
    from ..services.costs.prices import read_prices
    from ..services.desk import Desk, local_backends
    from ..services.hosted.registry import hosted_backends
    from ..services.ledger import open_ledger
    from ..services.places import results_folder
    from ..services.results import ResultStore
    from ..services.router import read_routes

    ledger, book = open_ledger(options.ledger), read_prices()
    store = ResultStore(results_folder(options.ledger))
    local = local_backends(options.device, options.precision, chosen=bool(options.backend))
    here = {name for each in local for name in (each.model, each.model.split("/")[0])}
    hosted_names = [name for name in options.backend if name not in here]
    more = {
        "allow_upload": options.allow_upload, "limit_seconds": options.limit_seconds,
        "project": options.project, "again": options.again,
    }  # fmt: skip
    hosted = []
    if hosted_names or not options.backend:
        hosted = hosted_backends(ledger, store, book, hosted_names, **more)
    if options.backend:
        local = [
            each for each in local
            if {each.model, each.model.split("/")[0]} & set(options.backend)
        ]  # fmt: skip
    return Desk(
        ledger, store, book, read_routes(), _first_of_each(hosted, hosted_names), local,
        keep_local=options.keep, project=options.project, order=tuple(options.backend),
    )  # fmt: skip


def all_desk(options: argparse.Namespace) -> Desk:
    """The desk of a command that names no backend: everybody may be asked."""
    options.backend, options.keep, options.again = [], False, False
    return desk_of(options)


def own_machine(options: argparse.Namespace) -> OwnMachine | None:
    """What writes a run without a router into the ledger; None, and a note, where the user's own
    ledger cannot be opened. Raises InputError for one that the options name, and for --keep."""
    try:
        from ..services.costs.prices import read_prices
        from ..services.ledger import open_ledger
        from ..services.own_machine import OwnMachine
        from ..services.places import results_folder
        from ..services.results import ResultStore

        ledger = open_ledger(options.ledger)
    except (ImportError, InputError, OSError) as error:
        said = f"{error.name} is not installed" if isinstance(error, ImportError) else str(error)
        if options.ledger or options.keep:
            raise InputError(f"The ledger cannot be used: {said}") from error
        print(f"Note: this run stands in no ledger: {said}", file=sys.stderr)
        return None
    store = ResultStore(results_folder(options.ledger))
    return OwnMachine(ledger, store, read_prices(), options.keep, options.project)


@contextmanager
def stopping() -> Iterator[Any]:
    """Turns Ctrl-C and SIGTERM into a wish that the run looks at; a second Ctrl-C ends it at once.
    Only the main thread may do this; elsewhere nobody stops."""
    wanted = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        if wanted.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        wanted.set()
        print("Stopping; once more to stop at once …", file=sys.stderr, flush=True)

    if threading.current_thread() is not threading.main_thread():
        yield wanted.is_set
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield wanted.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _first_of_each(hosted: list[Any], names: list[str]) -> list[Any]:
    """Of a service that is named without a model, its first one; of none named, all."""
    if not names:
        return hosted
    found = []
    for name in names:
        found += [
            each for each in hosted
            if each.model.name == name or ("/" not in name and each.name == name)
        ][:1]  # fmt: skip
    return list({each.model.name: each for each in found}.values())


def _progress() -> Any:
    last = [""]

    def tell(stage: str, share: float = 0.0) -> None:
        line = f"{stage} ({share:.0%})"
        if line != last[0]:
            last[0] = line
            pictures.tell(line)

    return tell


def _explain(options: argparse.Namespace, plan: Plan) -> int:
    if options.json:
        told = {"taken": [v.facts() for v in plan.taken], "left": [v.facts() for v in plan.left]}
        print(json.dumps(told, ensure_ascii=False))
    else:
        print("\n".join(plan.lines()))
    return 0 if plan.taken else NOBODY


def _told_well(options: argparse.Namespace, outcome: Outcome) -> int:
    from ..pipelines.marks.provenance import PREVIEW, Marks, save_picture

    result = outcome.result
    marks = PREVIEW if result.model == "preview" else Marks(system=result.model)
    pictures.absolute(options.output)
    save_picture(options.output, result.picture, marks=marks)
    if options.mask_output and result.mask is not None:
        from ..pipelines.images import write_picture

        write_picture(options.mask_output, (result.mask * 255).round().astype("uint8"))
    for warning in result.warnings:
        print(f"Note: {warning}", file=sys.stderr)
    state = "done" if outcome.attempts else "kept"
    path = pictures.absolute(options.output)
    facts = {
        "picture": path, **result.facts(), "attempts": outcome.attempts, "state": state,
    }  # fmt: skip
    price = "at an unknown price" if result.cost is None else f"{result.cost} {result.currency}"
    made = "kept from before" if state == "kept" else f"{result.seconds:.1f} s, {price.strip()}"
    pictures.report(options, facts, f"{path}  ({result.model}, {made}; fit {result.fit})")
    # Of a service's picture nobody here knows more than its size.
    guessed = result.fit.level != "ok" and result.backend not in SERVICES
    return pictures.DOUBTFUL if guessed else 0


def _told_badly(
    options: argparse.Namespace, desk: Desk, error: Any, code: int, state: str, began: float
) -> int:  # fmt: skip
    tried = getattr(error, "tried", ())
    plan = getattr(error, "plan", None)
    last = tried[-1][1] if tried else error
    known = [(each.name, each.model.name) for each in desk.hosted]
    known += [(each.backend.name, each.model) for each in desk.local]
    only = known[0] if len(known) == 1 else ("", None)
    reasons = [{"model": model, "reason": str(each)} for model, each in tried]
    if plan is not None:
        reasons += [{"model": v.candidate.model, "reason": v.reason} for v in plan.left]
    facts = {
        "error": str(error), "kind": type(error).__name__, "picture": None,
        "backend": getattr(last, "backend", "") or error.backend or only[0], "model": only[1],
        "remote_id": getattr(last, "remote_id", "") or error.remote_id,
        "seconds": round(time.monotonic() - began, 3), "cost": None, "currency": "",
        "attempts": max(len(tried), 0 if plan is not None else 1), "state": state,
        "may_be_billed": error.billed, "reasons": reasons,
    }  # fmt: skip
    if options.json:
        print(json.dumps(facts, ensure_ascii=False))
    billed = " It may be billed." if error.billed and "billed" not in str(error) else ""
    print(f"fitting-room tryon: {error}{billed}", file=sys.stderr)
    return code
