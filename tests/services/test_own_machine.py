"""Runs of this machine: rows of the ledger, cost by the user's own price, kept results."""

import os
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
import tiny
from double_services import request

pytest.importorskip("sqlalchemy")

from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.files.locate import find
from fitting_room.services.backends.local import LocalBackend
from fitting_room.services.costs.planner import plan_costs
from fitting_room.services.costs.prices import read_prices
from fitting_room.services.costs.report import month_report
from fitting_room.services.database import now
from fitting_room.services.errors import Unavailable
from fitting_room.services.ledger import open_ledger
from fitting_room.services.own_machine import OwnMachine, revision_of_files
from fitting_room.services.request import TryOnResult
from fitting_room.services.results import ResultStore

MODEL = "leffa/virtual_tryon"
OWN = """
[[price]]
name = "{name}"
kind = "own card"
amount = "0.0004"
currency = "CNY"
per = "{per}"
date = 2026-11-29
source = "my meter"
"""


class Here:
    """A backend that takes 2.5 s, or raises."""

    name = "local"

    def __init__(self, error=None):
        self.error, self.asked = error, 0

    def run(self, asked, progress=None, cancelled=None):
        self.asked += 1
        if self.error:
            raise self.error
        picture = 255 - asked.person
        return TryOnResult(picture, None, "upper", self.name, asked.model, 0, 2.5, Decimal(0))


@pytest.fixture
def machine(tmp_path, monkeypatch):
    monkeypatch.setenv("FITTING_ROOM_HOME", str(tmp_path))

    def make(own="", **more):
        (tmp_path / "prices.toml").write_text(own)
        return OwnMachine(open_ledger(), ResultStore(), read_prices(), **more)

    return make


def asked():
    return request().for_model(MODEL)


def rows(machine):
    today = now().date()
    return machine.ledger.attempts(today - timedelta(days=1), today + timedelta(days=1))


def test_a_run_is_written_down_with_its_time_and_who_asked(machine):
    here = machine(project="spring")
    result, made = here.run(Here(), asked())
    (row,) = rows(here)
    assert (made, row.state, row.seconds, row.project) == (1, "done", 2.5, "spring")
    assert (row.backend, row.model, row.cost, row.billed) == ("local", MODEL, 0, False)
    assert result.cost == 0


@pytest.mark.parametrize(
    ("name", "per", "cost"),
    [("local", "second", "0.00100"), ("local", "picture", "0.0004"), (MODEL, "second", "0.00100")],
)
def test_the_users_own_price_is_what_it_costs(machine, name, per, cost):
    here = machine(OWN.format(name=name, per=per))
    result, _ = here.run(Here(), asked())
    assert (result.cost, result.currency) == (Decimal(cost), "CNY")
    (row,) = rows(here)
    assert (row.charged, row.currency, row.billed) == (Decimal(cost), "CNY", True)
    report = month_report(here.ledger, row.day[:7], here.book)
    assert report.totals == {"CNY": Decimal(cost)}
    assert here.ledger.spent(row.started.date(), row.started.date()) == {"CNY": Decimal(cost)}


def test_an_own_card_is_no_service_of_the_plan(machine):
    here = machine(OWN.format(name="local", per="picture"))
    plan = plan_costs(here.book, 1000, Decimal(10), "rtx3090@autodl")
    assert "local" not in [option.name for option in plan.options]


@pytest.mark.parametrize(
    ("error", "state"),
    [(InputError("nobody is in the photo"), "refused"), (KeyboardInterrupt(), "cancelled"),
     (RuntimeError("broken"), "failed")],
)  # fmt: skip
def test_a_run_without_a_picture_is_written_down_too(machine, error, state):
    here = machine()
    with pytest.raises(type(error)):
        here.run(Here(error), asked())
    (row,) = rows(here)
    assert (row.state, row.error) == (state, type(error).__name__)
    assert row.seconds is not None


def test_too_little_memory_lets_the_next_one_try(machine):
    import torch

    here = machine()
    with pytest.raises(Unavailable, match="memory"):
        here.run(Here(torch.OutOfMemoryError("CUDA out of memory")), asked())
    assert rows(here)[0].state == "failed"


def test_a_kept_result_is_given_without_work(machine):
    here, backend = machine(keep=True), Here()
    first, made = here.run(backend, asked())
    again, made_again = here.run(backend, asked())
    assert (made, made_again, backend.asked) == (1, 0, 1)
    assert np.array_equal(first.picture, again.picture)
    assert len(rows(here)) == 1
    machine(keep=False).run(backend, asked())
    assert backend.asked == 2


def test_a_result_that_cannot_be_kept_is_given_all_the_same(machine, monkeypatch):
    here = machine(keep=True)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(here.store, "put", full)
    result, _ = here.run(Here(), asked())
    assert "No space left" in " ".join(result.warnings)
    assert rows(here)[0].state == "done"


def test_replaced_weights_make_another_result(tmp_path):
    models = tiny.install(tmp_path, [MODEL])
    backend = LocalBackend("cpu", folders=[models])
    before = revision_of_files(backend, asked())
    assert before == revision_of_files(backend, asked())
    path = next(path for _, path in find(MODEL, folders=[models]).files())
    os.utime(path, ns=(1, 1))
    assert revision_of_files(backend, asked()) != before
    assert revision_of_files(LocalBackend("cpu", "fp16", [models]), asked()) != before
