"""Chooses who makes a picture: a pure function over what is known of everybody who could.

It reads nothing and asks nobody: the same candidates and wishes give the same plan. Whoever is left
out has a reason, and so has whoever is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path

from ..pipelines.errors import InputError
from .backends import Estimate
from .costs.prices import PriceBook
from .places import home
from .toml import read_toml

SHIPPED = Path(__file__).with_name("routes.toml")
TIERS = ("preview", "standard", "best")
USES = ("private", "shop")
ORDERS = ("price", "order")


@dataclass(frozen=True)
class Tier:
    """models: names, which may end in *; by: "price" or "order"."""

    models: tuple[str, ...]
    by: str

    def place(self, name: str) -> int | None:
        """Where a model stands in the list, None where it does not."""
        for place, wanted in enumerate(self.models):
            if fnmatchcase(name, wanted):
                return place
        return None


@dataclass(frozen=True)
class Routes:
    """cleared: what the user has cleared for a shop, in spite of what its licence says."""

    tiers: Mapping[str, Tier]
    cleared: tuple[str, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """Somebody who could do it. model: a name as in the routes. backend: its service, or its kind.
    reasons: why it cannot, as `Backend.accepts` says. memory: bytes of a GPU, None for none.
    closed: why its service is given a rest, "" where it is not."""

    model: str
    backend: str
    estimate: Estimate
    reasons: tuple[str, ...] = ()
    memory: int | None = None
    closed: str = ""


@dataclass(frozen=True)
class Wishes:
    """What the picture may take. tier: of the routes; "" takes the candidates in their order. use:
    "private" or "shop". budget, month_budget: in `currency`; None without. spent: this month, by
    currency. deadline: seconds. free_memory: bytes of the GPU, None where there is none."""

    tier: str = "standard"
    use: str = "private"
    budget: Decimal | None = None
    month_budget: Decimal | None = None
    currency: str = "USD"
    spent: Mapping[str, Decimal] = field(default_factory=dict)
    deadline: float | None = None
    free_memory: int | None = None


@dataclass(frozen=True)
class Verdict:
    """cost: in the wishes' currency, None where it cannot be told in it."""

    candidate: Candidate
    reason: str
    cost: Decimal | None = None

    def facts(self) -> dict[str, object]:
        estimate = self.candidate.estimate
        return {
            "model": self.candidate.model,
            "backend": self.candidate.backend,
            "reason": self.reason,
            "cost": None if estimate.cost is None else str(estimate.cost),
            "currency": estimate.currency,
            "seconds": estimate.seconds,
            "shop": estimate.shop,
        }


@dataclass(frozen=True)
class Plan:
    """taken: whom to ask, in this order. left: everybody else."""

    taken: tuple[Verdict, ...]
    left: tuple[Verdict, ...]

    def lines(self) -> list[str]:
        """The plan in words, one line for each candidate."""
        rows = [f"{i}. {v.candidate.model}: {v.reason}" for i, v in enumerate(self.taken, 1)]
        return rows + [f"-  {v.candidate.model}: {v.reason}" for v in self.left]


def plan(
    candidates: Sequence[Candidate], wishes: Wishes, routes: Routes, book: PriceBook
) -> Plan:  # fmt: skip
    """Who is asked, in which order, and why. Raises InputError for a tier or use that is none."""
    if wishes.use not in USES:
        raise InputError(f"A use is one of {', '.join(USES)}, not {wishes.use}.")
    tier = _tier(wishes, routes, candidates)
    taken, left = [], []
    for candidate in candidates:
        place = tier.place(candidate.model)
        cost = _cost(candidate, wishes, book)
        reason = (
            f"it is not in the tier {wishes.tier} of routes.toml" if place is None
            else _against(candidate, cost, wishes, routes, book)
        )  # fmt: skip
        if reason:
            left.append(Verdict(candidate, reason, cost))
        else:
            taken.append((_rank(candidate, cost, place or 0, tier), candidate, cost))
    taken.sort(key=lambda each: each[0])
    steps = [
        Verdict(candidate, _for(candidate, number, tier, wishes), cost)
        for number, (_, candidate, cost) in enumerate(taken)
    ]
    return Plan(tuple(steps), tuple(left))


def read_routes(own: Path | None = None) -> Routes:
    """The shipped routes with the user's over them. Raises InputError for a bad entry.

    own: the user's file, in place of `routes.toml` in their folder.
    """
    tiers: dict[str, Tier] = {}
    cleared: list[str] = []
    for path in (SHIPPED, own or home() / "routes.toml"):
        told = read_toml(path)
        for name, entry in told.get("tiers", {}).items():
            models, by = entry.get("models"), entry.get("by", "order")
            if not isinstance(models, list) or not all(isinstance(m, str) for m in models):
                raise InputError(f"{path}, tier {name}: models must be a list of names.")
            if by not in ORDERS:
                raise InputError(f"{path}, tier {name}: by is one of {', '.join(ORDERS)}.")
            tiers[name] = Tier(tuple(models), by)
        cleared += told.get("cleared", [])
    return Routes(tiers, tuple(cleared))


def _tier(wishes: Wishes, routes: Routes, candidates: Sequence[Candidate]) -> Tier:
    if not wishes.tier:
        return Tier(tuple(dict.fromkeys(each.model for each in candidates)), "order")
    if wishes.tier not in routes.tiers:
        raise InputError(
            f"A tier is one of {', '.join(routes.tiers)}, not {wishes.tier}. "
            "Others can be written into routes.toml."
        )
    return routes.tiers[wishes.tier]


def _cost(candidate: Candidate, wishes: Wishes, book: PriceBook) -> Decimal | None:
    estimate = candidate.estimate
    if estimate.cost is None:
        return None
    return book.convert(estimate.cost, estimate.currency, wishes.currency)


def _against(
    candidate: Candidate, cost: Decimal | None, wishes: Wishes, routes: Routes, book: PriceBook
) -> str:
    """Why it is left out; "" where nothing speaks against it."""
    estimate = candidate.estimate
    if candidate.reasons:
        return " ".join(candidate.reasons)
    cleared = any(fnmatchcase(candidate.model, name) for name in routes.cleared)
    if wishes.use == "shop" and estimate.shop != "yes" and not cleared:
        return (
            "its licence forbids the use in a shop" if estimate.shop == "no"
            else "whether a shop may use it, a lawyer must say; then add it to `cleared`"
        )  # fmt: skip
    if candidate.closed:
        return candidate.closed
    if candidate.memory is not None and candidate.memory > (wishes.free_memory or 0):
        free = (wishes.free_memory or 0) / 2**30
        return f"it needs {candidate.memory / 2**30:.1f} GB of a GPU, and {free:.1f} are free"
    if wishes.deadline is not None:
        if estimate.seconds is None:
            return f"nobody knows how long it takes, and {wishes.deadline:g} s are allowed"
        if estimate.seconds > wishes.deadline:
            return f"it takes about {estimate.seconds:.0f} s, and {wishes.deadline:g} are allowed"
    return _too_dear(estimate, cost, wishes, book)


def _too_dear(
    estimate: Estimate, cost: Decimal | None, wishes: Wishes, book: PriceBook
) -> str:  # fmt: skip
    if estimate.cost == 0 or (wishes.budget is None and wishes.month_budget is None):
        return ""
    if estimate.cost is None:
        return "its price is not known, and there is a budget: write it into prices.toml"
    if cost is None:
        return (
            f"its price is in {estimate.currency} and the budget in {wishes.currency}: give an "
            "exchange rate in prices.toml"
        )
    if wishes.budget is not None and cost > wishes.budget:
        budget = _money(wishes.budget, wishes)
        return f"{_money(cost, wishes)} a picture is over the budget of {budget}"
    if wishes.month_budget is None:
        return ""
    spent = Decimal(0)
    for currency, amount in sorted(wishes.spent.items()):
        converted = book.convert(amount, currency, wishes.currency)
        if converted is None:
            return (
                f"{amount} {currency} were spent this month, and the budget is in "
                f"{wishes.currency}: give an exchange rate in prices.toml"
            )
        spent += converted
    if spent + cost > wishes.month_budget:
        return (
            f"with {_money(spent, wishes)} spent, {_money(cost, wishes)} more is over the month's "
            f"budget of {_money(wishes.month_budget, wishes)}"
        )
    return ""


def _rank(
    candidate: Candidate, cost: Decimal | None, place: int, tier: Tier
) -> tuple[bool, Decimal, float, int, str]:
    seconds = candidate.estimate.seconds
    known = seconds if seconds is not None else float("inf")
    if tier.by == "order":
        return (False, Decimal(0), float(place), 0, candidate.model)
    return (cost is None, cost or Decimal(0), known, place, candidate.model)


def _for(candidate: Candidate, number: int, tier: Tier, wishes: Wishes) -> str:
    estimate = candidate.estimate
    price = "at an unknown price"
    if estimate.cost is not None:
        price = f"at {estimate.cost} {estimate.currency}" if estimate.cost else "free"
    time = (
        "in an unknown time" if estimate.seconds is None else f"in about {estimate.seconds:.0f} s"
    )
    why = {"price": "cheapest", "order": "listed first"}[tier.by]
    rank = why if number == 0 else "if those before it cannot"
    licence = ", a shop may use it" if wishes.use == "shop" else ""
    return f"{rank}: {price}, {time}{licence}"


def _money(amount: Decimal, wishes: Wishes) -> str:
    return f"{amount.normalize():f} {wishes.currency}"
