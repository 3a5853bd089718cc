"""Price book, month report and cost plan."""

import csv
import io
import json
import time
from datetime import date
from decimal import Decimal as D

import pytest

pytest.importorskip("sqlalchemy")

from fitting_room.pipelines.errors import InputError
from fitting_room.services.costs.planner import plan_costs
from fitting_room.services.costs.prices import read_prices
from fitting_room.services.costs.report import month_report
from fitting_room.services.database import now
from fitting_room.services.ledger import Attempt, open_ledger

TODAY = date(2026, 11, 29)


@pytest.fixture
def book(tmp_path):
    own = tmp_path / "prices.toml"
    own.write_text(
        '[[rate]]\nbase = "USD"\nquote = "CNY"\namount = "7.10"\ndate = 2026-11-28\n'
        '[[price]]\nname = "kling/v1-5"\namount = "0.07"\ncurrency = "USD"\nper = "unit"\n'
        'date = 2026-11-28\nsource = "my contract"\n',
        encoding="utf-8",
    )
    return read_prices(own)


@pytest.fixture
def ledger(tmp_path):
    opened = open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    yield opened
    opened.database.close()


def record(ledger, backend, model, cost, currency, state="done", day="2026-11-20", **more):
    attempt = ledger.begin(backend, model, "f", price=cost and D(cost), currency=currency,
                           project=more.pop("project", ""))  # fmt: skip
    billed = state in ("done", "lost", "open")
    return ledger.note(attempt, state=state, seconds=2.0, billed=billed, day=day, **more)


# ---------------------------------------------------------------- price book


def test_every_entry_has_a_date_and_a_source(book):
    entries = [*book.prices.values(), *book.gpus.values(), *book.machines.values()]
    assert len(entries) > 30
    assert all(entry.source and entry.day <= TODAY for entry in entries)


def test_old_entries_are_marked(book):
    assert book.prices["picpic"].stale(TODAY)
    assert not book.prices["fashn/tryon-v1.6"].stale(TODAY)


def test_the_users_entries_win(book):
    assert book.prices["kling/v1-5"].a_picture == D("0.07")


def test_rates_are_the_users_and_work_both_ways(book):
    assert book.convert(D(1), "USD", "CNY") == D("7.10")
    assert book.convert(D("7.10"), "CNY", "USD") == 1
    assert book.convert(D(1), "EUR", "CNY") is None
    assert read_prices(None).rates == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[price]]\nname = "x"\n', "missing"),
        ('[[price]]\nname="x"\namount="-1"\ncurrency="USD"\nper="unit"\ndate=2026-01-01\n'
         'source="s"\n', "negative"),
        ('[[price]]\nname="x"\namount="1"\ncurrency="dollars"\nper="unit"\ndate=2026-01-01\n'
         'source="s"\n', "currency"),
        ('[[rate]]\nbase="USD"\nquote="CNY"\namount="0"\ndate=2026-01-01\n', "rate of 0"),
        ("nonsense", "cannot be read"),
    ],
)  # fmt: skip
def test_a_bad_entry_is_named(tmp_path, text, words):
    (tmp_path / "prices.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        read_prices(tmp_path / "prices.toml")


# ---------------------------------------------------------------- the month


def test_a_month_added_up(ledger, book):
    for _ in range(3):
        record(ledger, "fal", "fal/kling", "0.07", "USD", project="spring")
    record(ledger, "dashscope", "dashscope/aitryon", "0.20", "CNY")
    record(ledger, "fal", "fal/kling", "0.07", "USD", state="failed")
    record(ledger, "fal", "fal/kling", "0.07", "USD", state="lost")
    record(ledger, "preview", "preview", "0", "")
    record(ledger, "fal", "fal/kling", "9", "USD", day="2026-10-31")
    report = month_report(ledger, "2026-11", book)
    assert report.totals == {"USD": D("0.28"), "CNY": D("0.20")}
    line = report.lines[0]
    assert (line.model, line.pictures, line.attempts) == ("fal/kling", 3, 5)
    assert (line.failed, line.lost, line.seconds) == (1, 1, 2.0)
    assert report.projects["spring", "USD"] == D("0.21")
    told = json.loads(json.dumps(report.facts()))
    assert told["pictures"] == 5
    assert told["totals"] == {"CNY": "0.2", "USD": "0.28"}
    assert "fal/kling" in report.table()
    rows = list(csv.DictReader(io.StringIO(report.csv())))
    assert {row["model"]: row["cost"] for row in rows}["fal/kling"] == "0.28"


def test_currencies_are_added_only_by_the_users_rates(ledger, book):
    record(ledger, "fal", "fal/kling", "1", "USD")
    record(ledger, "dashscope", "dashscope/aitryon", "7.10", "CNY")
    report = month_report(ledger, "2026-11", book, currency="USD")
    assert report.converted == 2
    assert report.rates == ("CNY to USD of 2026-11-28",)
    with pytest.raises(InputError, match="exchange rate"):
        month_report(ledger, "2026-11", book, currency="EUR")


def test_what_nobody_priced_is_told(ledger, book):
    record(ledger, "kling", "kling/v1", None, "")
    report = month_report(ledger, "2026-11", book)
    assert report.lines[0].unpriced == 1
    assert "not known" in report.table()


@pytest.mark.parametrize("month", ["2026-13", "november", "2026-1", "2026-11-01", "0000-01"])
def test_what_is_no_month_is_refused(ledger, book, month):
    with pytest.raises(InputError, match="2026-11 was wanted"):
        month_report(ledger, month, book)


def test_a_name_is_no_formula_in_a_spreadsheet(ledger, book):
    record(ledger, "=cmd|' /C calc'!A0", "x", "1", "USD")
    assert "'=cmd" in month_report(ledger, "2026-11", book).csv()


def test_a_hundred_thousand_rows(ledger, book):
    moment = now()
    rows = [
        {"key": str(i), "started": moment, "changed": moment, "day": f"2026-11-{i % 30 + 1:02}",
         "backend": "fal", "model": "fal/kling", "fingerprint": "f", "project": "", "state": "done",
         "remote_id": "", "resume": {}, "seconds": 1.0, "price": D("0.07"), "charged": None,
         "currency": "USD", "billed": True, "error": "", "safety": "", "message": ""}
        for i in range(100_000)
    ]  # fmt: skip
    from sqlalchemy import insert

    with ledger.database.writing() as session:
        session.execute(insert(Attempt), rows)
    began = time.perf_counter()
    report = month_report(ledger, "2026-11", book)
    assert report.totals == {"USD": D(7000)}
    assert len(report.days) == 30
    print(f"{time.perf_counter() - began:.2f} s")


# ---------------------------------------------------------------- the plan


def test_a_plan_of_a_hundred_thousand(book):
    plan = plan_costs(book, 100_000, D(10), "rtx3090@autodl", today=TODAY)
    told = plan.facts()
    assert told["hours"] == "277.8"
    assert plan.cards == 1
    assert plan.one_card == 181_440
    by_name = {(option.name, option.kind): option for option in plan.options}
    assert by_name["dashscope/aitryon", "service"].monthly == 20_000
    assert float(by_name["rtx3090@autodl", "hired by the hour"].monthly) == pytest.approx(
        555.6, 0.01
    )
    assert by_name["rtx3090@autodl", "hired all month"].monthly == 1440
    assert by_name["fal/kling", "service"].compared == 7000 * D("7.10")
    assert round(plan.break_even["dashscope/aitryon"]) == 7200
    assert "own machine" in plan.recommendation or "rtx3090" in plan.recommendation
    assert json.loads(json.dumps(told))["cards"] == 1


def test_what_has_no_api_or_is_no_try_on_is_never_recommended(book):
    plan = plan_costs(book, 100, D(10), "rtx3090@autodl", today=TODAY)
    unusable = {option.name for option in plan.options if not option.usable}
    assert {"picpic", "midjourney", "openai/dall-e-3", "replicate/sdxl"} <= unusable
    assert not [name for name in unusable if f"{name}," in plan.recommendation]


def test_a_million_on_one_card_is_impossible(book):
    plan = plan_costs(book, 1_000_000, D(15), "rtx3090@autodl", today=TODAY)
    assert plan.cards == 9
    assert "120,960 a month" in plan.impossible


def test_without_a_rate_nothing_is_guessed(tmp_path):
    plan = plan_costs(read_prices(tmp_path / "none.toml"), 1000, D(10), "rtx3090@autodl")
    dollars = [option for option in plan.options if option.currency == "USD"]
    assert dollars and all(option.compared is None for option in dollars)
    assert "fal/kling" in plan.recommendation.split("Not compared")[1]


@pytest.mark.parametrize(
    ("pictures", "seconds", "gpu", "use"),
    [(0, 1, "rtx3090@autodl", "1"), (1, 0, "rtx3090@autodl", "1"), (1, 1, "nothing", "1"),
     (1, 1, "rtx3090@autodl", "0"), (1, 1, "rtx3090@autodl", "1.1")],
)  # fmt: skip
def test_what_cannot_be_planned_is_refused(book, pictures, seconds, gpu, use):
    with pytest.raises(InputError):
        plan_costs(book, pictures, D(seconds), gpu, use=D(use))


# ---------------------------------------------------------------- charts


def test_charts_and_pages(ledger, book):
    pytest.importorskip("matplotlib")
    from fitting_room.services.costs.charts import (
        month_figure,
        month_page,
        pixels,
        plan_figure,
        plan_page,
    )  # fmt: skip

    record(ledger, "fal", "<script>alert(1)</script>", "0.07", "USD")
    report = month_report(ledger, "2026-11", book)
    plan = plan_costs(book, 100_000, D(10), "rtx3090@autodl", today=TODAY)
    for picture in (pixels(month_figure(report)), pixels(plan_figure(plan))):
        assert picture.ndim == 3 and picture.std() > 5
    page = month_page(report)
    assert "<script>" not in page
    assert "http" not in page.replace("data:image", "")
    assert "fal/kling" in plan_page(plan)


def test_an_empty_month_has_a_chart_too(ledger, book):
    pytest.importorskip("matplotlib")
    from fitting_room.services.costs.charts import month_page

    assert "spent nothing" in month_page(month_report(ledger, "2026-11", book))
