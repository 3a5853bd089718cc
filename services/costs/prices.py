"""The price book: what services and cards cost, each entry with its date and source.

`prices.toml` beside this file is what was published when this version was made; entries of the
same name in `prices.toml` of the user's own folder (`places.home`) replace them. Nothing is live.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from ...pipelines.errors import InputError
from ..places import home
from ..toml import read_toml

SHIPPED = Path(__file__).with_name("prices.toml")
STALE_AFTER = timedelta(days=180)
UNITS = ("picture", "second", "credit", "unit", "month")


@dataclass(frozen=True)
class Price:
    """amount: Decimal in `currency` for one `per`. units: how many a picture takes, as a rule;
    most_units: at worst, for budgets. kind: "try-on", or what else it is. api: whether programs
    can ask it; backend: whether this package can. note: what else to know."""

    name: str
    amount: Decimal
    currency: str
    per: str
    day: date
    source: str
    units: Decimal = Decimal(1)
    most_units: Decimal = Decimal(1)
    kind: str = "try-on"
    api: bool = True
    backend: bool = True
    note: str = ""

    @property
    def a_picture(self) -> Decimal:
        return self.amount * self.units

    @property
    def at_most(self) -> Decimal:
        return self.amount * max(self.units, self.most_units)

    def stale(self, today: date) -> bool:
        """Whether it is so old that it should be looked up again."""
        return today - self.day > STALE_AFTER


@dataclass(frozen=True)
class Gpu:
    """A card for hire, by the hour: `low` to `high` in `currency`."""

    name: str
    low: Decimal
    high: Decimal
    currency: str
    day: date
    source: str
    memory_gb: int = 0
    doubtful: str = ""

    @property
    def hourly(self) -> Decimal:
        """The middle of the range."""
        return (self.low + self.high) / 2

    def stale(self, today: date) -> bool:
        return today - self.day > STALE_AFTER


@dataclass(frozen=True)
class Machine:
    """A machine to buy. watts under load; electricity a kilowatt-hour; life in years."""

    name: str
    price: Decimal
    currency: str
    watts: int
    electricity: Decimal
    years: int
    day: date
    source: str


@dataclass(frozen=True)
class Rate:
    """One `base` is worth `amount` of `quote`; day: when the user looked it up."""

    base: str
    quote: str
    amount: Decimal
    day: date


@dataclass(frozen=True)
class PriceBook:
    prices: Mapping[str, Price]
    gpus: Mapping[str, Gpu]
    machines: Mapping[str, Machine]
    rates: tuple[Rate, ...] = ()

    def convert(self, amount: Decimal, currency: str, wanted: str) -> Decimal | None:
        """The amount in another currency by the user's own rates; None where none was given."""
        if currency == wanted or amount == 0:
            return amount
        for rate in self.rates:
            if (rate.base, rate.quote) == (currency, wanted):
                return amount * rate.amount
            if (rate.quote, rate.base) == (currency, wanted):
                return amount / rate.amount
        return None

    def rate_day(self, currency: str, wanted: str) -> date | None:
        """When the rate between the two was looked up."""
        for rate in self.rates:
            if {rate.base, rate.quote} == {currency, wanted}:
                return rate.day
        return None


def read_prices(own: Path | None = None) -> PriceBook:
    """The shipped price book with the user's entries over it. Raises InputError for a bad entry.

    own: the user's file, in place of `prices.toml` in their folder.
    """
    files = [SHIPPED, own or home() / "prices.toml"]
    told = [(path, read_toml(path)) for path in files]
    return PriceBook(
        prices={e.name: e for path, t in told for e in _entries(path, t, "price", _price)},
        gpus={e.name: e for path, t in told for e in _entries(path, t, "gpu", _gpu)},
        machines={e.name: e for path, t in told for e in _entries(path, t, "machine", _machine)},
        rates=tuple(e for path, t in told for e in _entries(path, t, "rate", _rate)),
    )


def money(value: Any) -> Decimal:
    """A Decimal of a TOML number or text, exactly as it is written. Raises InputError."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation as error:
        raise InputError(f"An amount of money was wanted, and {value!r} came.") from error
    if not amount.is_finite() or amount < 0:
        raise InputError(f"An amount of money that is not negative was wanted, and {value!r} came.")
    return amount


def currency_name(value: Any) -> str:
    """Three capital letters (ISO 4217). Raises InputError."""
    if not (isinstance(value, str) and len(value) == 3 and value.isalpha() and value.isupper()):
        raise InputError(f"A currency such as USD or CNY was wanted, and {value!r} came.")
    return value


def _entries(path: Path, told: Mapping[str, Any], kind: str, read: Any) -> list[Any]:
    found = []
    for entry in told.get(kind, []):
        try:
            found.append(read(entry))
        except (KeyError, TypeError, ValueError, InputError) as error:
            name = entry.get("name", "without a name") if isinstance(entry, dict) else entry
            what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise InputError(f"{path}, [[{kind}]] {name}: {what}.") from error
    return found


def _day(entry: Mapping[str, Any]) -> date:
    given = entry["date"]
    return given if isinstance(given, date) else date.fromisoformat(given)


def _price(entry: Mapping[str, Any]) -> Price:
    if entry["per"] not in UNITS:
        raise InputError(f"per is one of {', '.join(UNITS)}")
    units = money(entry.get("units", 1))
    return Price(
        name=entry["name"], amount=money(entry["amount"]),
        currency=currency_name(entry["currency"]), per=entry["per"], day=_day(entry),
        source=entry["source"], units=units, most_units=money(entry.get("most_units", units)),
        kind=entry.get("kind", "try-on"), api=entry.get("api", True),
        backend=entry.get("backend", True), note=entry.get("note", ""),
    )  # fmt: skip


def _gpu(entry: Mapping[str, Any]) -> Gpu:
    low = money(entry["low"])
    return Gpu(
        name=entry["name"], low=low, high=money(entry.get("high", low)),
        currency=currency_name(entry["currency"]), day=_day(entry), source=entry["source"],
        memory_gb=entry.get("memory_gb", 0), doubtful=entry.get("doubtful", ""),
    )  # fmt: skip


def _machine(entry: Mapping[str, Any]) -> Machine:
    return Machine(
        name=entry["name"], price=money(entry["price"]), currency=currency_name(entry["currency"]),
        watts=int(entry["watts"]), electricity=money(entry["electricity"]),
        years=int(entry["years"]), day=_day(entry), source=entry["source"],
    )  # fmt: skip


def _rate(entry: Mapping[str, Any]) -> Rate:
    amount = money(entry["amount"])
    if not amount:
        raise InputError("a rate of 0 converts nothing")
    return Rate(currency_name(entry["base"]), currency_name(entry["quote"]), amount, _day(entry))
