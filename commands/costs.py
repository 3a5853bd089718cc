"""What pictures cost: the month from the ledger, or a plan from the price book."""

from __future__ import annotations

import argparse
import json
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from ..pipelines.errors import InputError
from ..pipelines.writing import write_whole

if TYPE_CHECKING:
    from ..services.costs.planner import CostPlan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="report|plan|prices")
    report = kinds.add_parser("report", help="what was made and spent in a month")
    report.add_argument("--month", help="such as 2026-11, in UTC; this month by default")
    report.add_argument("--project", default="", help="only whose")
    report.add_argument("--ledger", default="", help="URL of the ledger (a file of your own)")
    report.add_argument("--csv", metavar="FILE", help="also write a table for spreadsheets")
    plan = kinds.add_parser("plan", help="what a number of pictures a month would cost")
    plan.add_argument("--images", type=int, required=True, help="pictures a month")
    plan.add_argument("--seconds", required=True, help="that one takes on the card")
    plan.add_argument("--gpu", default="rtx3090@autodl", help="a card of the price book")
    plan.add_argument("--use-share", default="0.7", help="share of the month in use (0.7)")
    prices = kinds.add_parser("prices", help="the price book, with dates and sources")
    for each in (report, plan):
        each.add_argument("--currency", default="", help="convert by the rates of prices.toml")
        each.add_argument("--html", metavar="FILE", help="also write a page with charts")
        each.add_argument("--chart", metavar="FILE.png", help="also write the chart")
    for each in (report, plan, prices):
        each.add_argument(
            "--json", action="store_true", default=argparse.SUPPRESS, help="print it as JSON"
        )


def run(options: argparse.Namespace) -> int:
    return {"report": _report, "plan": _plan, "prices": _prices}[options.kind](options)


def _report(options: argparse.Namespace) -> int:
    from ..services.costs.prices import read_prices
    from ..services.costs.report import month_report
    from ..services.database import now
    from ..services.ledger import open_ledger

    month = options.month or now().strftime("%Y-%m")
    report = month_report(
        open_ledger(options.ledger), month, read_prices(), project=options.project,
        currency=options.currency,
    )  # fmt: skip
    if options.csv:
        write_whole(options.csv, report.csv().encode("utf-8"))
    if options.html or options.chart:
        from ..services.costs.charts import month_figure, month_page, png

        if options.html:
            write_whole(options.html, month_page(report).encode("utf-8"))
        if options.chart:
            write_whole(options.chart, png(month_figure(report)))
    print(json.dumps(report.facts(), ensure_ascii=False) if options.json else report.table())
    return 0


def _plan(options: argparse.Namespace) -> int:
    from ..services.costs.planner import plan_costs
    from ..services.costs.prices import read_prices

    plan = plan_costs(
        read_prices(), options.images, _number("--seconds", options.seconds), options.gpu,
        use=_number("--use-share", options.use_share), currency=options.currency,
    )  # fmt: skip
    if options.html or options.chart:
        from ..services.costs.charts import plan_figure, plan_page, png

        if options.html:
            write_whole(options.html, plan_page(plan).encode("utf-8"))
        if options.chart:
            write_whole(options.chart, png(plan_figure(plan)))
    if options.json:
        print(json.dumps(plan.facts(), ensure_ascii=False))
    else:
        print("\n".join(_lines(plan)))
    return 0


def _lines(plan: CostPlan) -> list[str]:
    told = plan.facts()
    rows = [
        f"{plan.pictures:,} pictures a month at {plan.seconds} s: {told['hours']} hours on "
        f"{plan.gpu.name} at {told['hourly']} {plan.gpu.currency} an hour ({plan.gpu.low} to "
        f"{plan.gpu.high}); {told['a_thousand']} a thousand.",
        f"Cards needed: {plan.cards}, each in use {plan.use:.0%} of the month; one makes "
        f"{plan.one_card:,}.",
        *([plan.impossible] if plan.impossible else []),
        "",
    ]
    for option in told["options"]:
        marks = [*(["OLD PRICE"] if option["stale"] else []), option["note"]]
        state = "" if option["usable"] else "NOT USABLE "
        rows.append(
            f"  {option['name']:24} {option['kind']:18} {option['monthly']:>14} "
            f"{option['currency']} a month, {option['a_picture']} a picture  {state}"
            + "; ".join(mark for mark in marks if mark)
        )
    rows += ["", "One card hired all month is cheaper than:"]
    for name, count in told["break_even"].items():
        rows.append(f"  {name:24} " + ("never" if count is None else f"from {count:,} a month"))
    rows += ["", "An own machine has earned its price (electricity included) against:"]
    for row in told["payback_months"]:
        months = "never" if row["months"] is None else f"after {row['months']} months"
        rows.append(f"  {row['service']:24} {row['machine']}: {months}")
    return [*rows, "", plan.recommendation]


def _prices(options: argparse.Namespace) -> int:
    from datetime import date

    from ..services.costs.prices import read_prices

    book, today = read_prices(), date.today()
    rows: list[dict[str, Any]] = [
        {"name": p.name, "amount": str(p.amount), "currency": p.currency, "per": p.per,
         "date": str(p.day), "stale": p.stale(today), "source": p.source, "note": p.note}
        for p in book.prices.values()
    ]  # fmt: skip
    rows += [
        {"name": g.name, "amount": f"{g.low} to {g.high}", "currency": g.currency, "per": "hour",
         "date": str(g.day), "stale": g.stale(today), "source": g.source, "note": g.doubtful}
        for g in book.gpus.values()
    ]  # fmt: skip
    if options.json:
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    for row in rows:
        old = "OLD " if row["stale"] else ""
        print(f"{row['name']:24} {row['amount']:>14} {row['currency']} a {row['per']:8} "
              f"{old}{row['date']}  {row['source']}  {row['note']}".rstrip())  # fmt: skip
    return 0


def _number(name: str, text: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise InputError(f"{name} takes a number, and {text!r} came.")
    return found
