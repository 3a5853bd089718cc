"""What was made and spent in a month, added up from the ledger."""

from __future__ import annotations

import calendar
import csv
import io
import re
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from ...pipelines.errors import InputError
from ..ledger import Ledger
from .prices import PriceBook

COLUMNS = ("backend", "model", "pictures", "attempts", "failed", "refused", "cancelled", "lost",
           "open", "seconds", "cost", "currency", "unpriced")  # fmt: skip


@dataclass
class CostLine:
    """Attempts of one model in one currency. seconds: a picture, on average. cost: of those that
    were, or may have been, billed. unpriced: billed ones whose cost nobody knows."""

    backend: str
    model: str
    currency: str
    pictures: int = 0
    attempts: int = 0
    failed: int = 0
    refused: int = 0
    cancelled: int = 0
    lost: int = 0
    open: int = 0
    time: float = 0.0
    cost: Decimal = Decimal(0)
    unpriced: int = 0

    @property
    def seconds(self) -> float | None:
        return round(self.time / self.pictures, 2) if self.pictures else None

    def facts(self) -> dict[str, Any]:
        found = {name: getattr(self, name) for name in COLUMNS}
        return {**found, "cost": plain(self.cost)}


@dataclass(frozen=True)
class MonthReport:
    """totals: currency -> spent. days: (day, currency) -> spent. projects: (project, currency) ->
    spent. converted: all of it in `currency`, None where a rate is missing or none was asked for.
    stale: models whose price in the book is old."""

    month: str
    lines: tuple[CostLine, ...]
    totals: dict[str, Decimal]
    days: dict[tuple[str, str], Decimal]
    made: dict[str, int]
    projects: dict[tuple[str, str], Decimal]
    currency: str = ""
    converted: Decimal | None = None
    rates: tuple[str, ...] = ()
    stale: tuple[str, ...] = field(default_factory=tuple)

    def facts(self) -> dict[str, Any]:
        """As JSON values; money is text."""
        return {
            "month": self.month,
            "lines": [line.facts() for line in self.lines],
            "pictures": sum(line.pictures for line in self.lines),
            "totals": {name: plain(amount) for name, amount in self.totals.items()},
            "days": [
                {"day": day, "currency": name, "cost": plain(amount)}
                for (day, name), amount in self.days.items()
            ],
            "projects": [
                {"project": project, "currency": name, "cost": plain(amount)}
                for (project, name), amount in self.projects.items()
            ],
            "currency": self.currency,
            "converted": None if self.converted is None else plain(self.converted),
            "rates": list(self.rates),
            "stale_prices": list(self.stale),
        }

    def table(self) -> str:
        """For a terminal."""
        rows = [COLUMNS, *(tuple(_shown(line.facts()[c]) for c in COLUMNS) for line in self.lines)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
        lines = ["  ".join(v.ljust(w) for v, w in zip(row, widths, strict=True)).rstrip()
                 for row in rows]  # fmt: skip
        total = ", ".join(f"{plain(a)} {n}" for n, a in self.totals.items() if n) or "nothing"
        lines += ["", f"{self.month} (UTC): spent {total}"]
        if self.converted is not None:
            lines.append(f"together {plain(self.converted)} {self.currency}, by your rates: "
                         f"{'; '.join(self.rates) or 'none needed'}")  # fmt: skip
        if any(line.unpriced for line in self.lines):
            lines.append("The cost of some is not known: write their prices into prices.toml.")
        if self.stale:
            lines.append(f"Old prices, look them up again: {', '.join(self.stale)}")
        return "\n".join(lines)

    def csv(self) -> str:
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([_harmless(line.facts()[name]) for name in COLUMNS] for line in self.lines)
        return out.getvalue()


def month_report(
    ledger: Ledger, month: str, book: PriceBook, *, project: str = "", currency: str = ""
) -> MonthReport:
    """month: as 2026-11, in UTC. project: only whose. currency: into which all of it is converted.

    Raises InputError for what is no month, and where a rate is missing for `currency`.
    """
    first, last = days_of(month)
    lines: dict[tuple[str, str, str], CostLine] = {}
    days: dict[tuple[str, str], Decimal] = {}
    made: dict[str, int] = {}
    projects: dict[tuple[str, str], Decimal] = {}
    totals: dict[str, Decimal] = {}
    for row in ledger.sums(first, last, project):
        line = lines.setdefault(
            (row.backend, row.model, row.currency), CostLine(row.backend, row.model, row.currency)
        )
        _add(line, row)
        if row.state == "done":
            made[row.day] = made.get(row.day, 0) + row.count
        if row.billed and row.cost:
            for kept, key in (
                (days, (row.day, row.currency)), (projects, (row.project, row.currency)),
                (totals, row.currency),
            ):  # fmt: skip
                kept[key] = kept.get(key, Decimal(0)) + row.cost  # type: ignore[index]
    converted, rates = _converted(totals, currency, book)
    stale = sorted({
        line.model for line in lines.values()
        if line.model in book.prices and book.prices[line.model].stale(last)
    })  # fmt: skip
    ordered = sorted(lines.values(), key=lambda l: (-l.cost, l.backend, l.model))  # noqa: E741
    return MonthReport(
        month, tuple(ordered), totals, dict(sorted(days.items())), dict(sorted(made.items())),
        projects, currency, converted, rates, tuple(stale),
    )  # fmt: skip


def days_of(month: str) -> tuple[date, date]:
    """First and last day of a month such as 2026-11. Raises InputError."""
    match = re.fullmatch(r"(\d{4})-(\d{2})", month)
    if match is None or not 1 <= int(match[2]) <= 12 or match[1] == "0000":
        raise InputError(f"A month such as 2026-11 was wanted, and {month!r} came.")
    year, number = int(match[1]), int(match[2])
    return date(year, number, 1), date(year, number, calendar.monthrange(year, number)[1])


def plain(amount: Decimal) -> str:
    """Without an exponent and without zeros at the end."""
    return f"{amount.normalize():f}" if amount else "0"


def _add(line: CostLine, row: Any) -> None:
    line.attempts += row.count
    if row.state == "done":
        line.pictures += row.count
        line.time += row.seconds or 0.0
    elif row.state in ("sending", "new"):
        line.open += row.count
    else:
        setattr(line, row.state, getattr(line, row.state) + row.count)
    if row.billed:
        line.cost += row.cost or Decimal(0)
        line.unpriced += row.unpriced


def _converted(
    totals: dict[str, Decimal], currency: str, book: PriceBook
) -> tuple[Decimal | None, tuple[str, ...]]:
    if not currency:
        return None, ()
    found, rates = Decimal(0), []
    for name, amount in totals.items():
        converted = book.convert(amount, name, currency)
        if converted is None:
            raise InputError(
                f"No exchange rate from {name} to {currency} is given. Write it into prices.toml "
                "with the day on which you looked it up."
            )
        day = book.rate_day(name, currency)
        if day is not None:
            rates.append(f"{name} to {currency} of {day}")
        found += converted
    return found, tuple(rates)


def _shown(value: Any) -> str:
    return "" if value is None else str(value)


def _harmless(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula is told to be text."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value
