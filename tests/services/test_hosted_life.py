"""Hosted services against their stand-ins: whole lives, resumed lives, what is sent and kept."""

import logging
import time
from decimal import Decimal

import numpy as np
import pytest
from double_services import (
    SERVICES,
    bill,
    environment,
    needs_doubles,
    request,
    running_double,
)  # fmt: skip

pytest.importorskip("sqlalchemy")

from fitting_room.services.costs.prices import read_prices
from fitting_room.services.errors import BackendError, Cancelled, Unavailable, Undecided
from fitting_room.services.hosted.registry import SERVICES as KNOWN
from fitting_room.services.hosted.registry import hosted_backends, standing
from fitting_room.services.ledger import open_ledger
from fitting_room.services.results import ResultStore

pytestmark = needs_doubles
MODELS = [
    "replicate/idm-vton", "fal/fashn", "fal/kling", "fal/cat-vton", "fal/leffa",
    "fashn/tryon-v1.6", "fashn/tryon-max", "dashscope/aitryon", "dashscope/aitryon-plus",
    "kling/v1", "kling/v1-5",
]  # fmt: skip


@pytest.fixture(scope="module")
def server():
    with running_double(run_seconds=0.2, queue_seconds=0.05) as double:
        yield double


@pytest.fixture
def double(server, tmp_path, monkeypatch):
    server.reset()
    for name, value in environment(server, tmp_path).items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture
def ledger(double):
    opened = open_ledger()
    yield opened
    opened.database.close()


def backend(ledger, name, **more):
    more = {"allow_upload": True, "limit_seconds": 20, **more}
    return hosted_backends(ledger, ResultStore(), read_prices(), [name], **more)[0]


@pytest.mark.parametrize("name", MODELS)
def test_a_job_from_its_pictures_to_the_kept_result(double, ledger, name, caplog):
    caplog.set_level(logging.DEBUG)
    asked, told = request(), []
    result = backend(ledger, name).run(asked, lambda stage, share: told.append((stage, share)))
    assert result.picture.shape == asked.person.shape
    changed = np.abs(result.picture.astype(int) - asked.person).max(axis=-1) > 20
    assert changed.any() and not changed[:100].any()
    (job,) = bill(double)
    assert job["id"] == result.remote_id or job["service"] == "kling"
    (attempt,) = ledger.attempts(*_days())
    assert (attempt.state, attempt.billed) == ("done", True)
    assert attempt.remote_id == result.remote_id
    assert [share for _, share in told] == sorted(share for _, share in told)
    log = double.log()
    assert not log["key_leaks"]
    keys = [value for name, value in environment(double, "").items() if "KEY" in name or
            "TOKEN" in name]  # fmt: skip
    assert not [key for key in keys if key in caplog.text]


def _days():
    from datetime import timedelta

    from fitting_room.services.database import now

    today = now().date()
    return today - timedelta(days=1), today + timedelta(days=1)


@pytest.mark.parametrize(
    ("name", "cost", "currency"),
    [
        ("fashn/tryon-v1.6", Decimal("0.075"), "USD"),
        ("fashn/tryon-max", Decimal("0.150"), "USD"),
        ("fal/kling", Decimal("0.07"), "USD"),
        ("dashscope/aitryon", Decimal("0.20"), "CNY"),
        ("dashscope/aitryon-plus", Decimal("0.50"), "CNY"),
    ],
)
def test_the_cost_is_what_the_service_bills(double, ledger, name, cost, currency):
    result = backend(ledger, name).run(request())
    assert (result.cost, result.currency) == (cost, currency)
    (job,) = bill(double)
    assert (Decimal(str(job["amount"])), job["currency"]) == (cost, currency)


def test_replicate_is_billed_by_the_second_that_it_ran(double, ledger):
    result = backend(ledger, "replicate").run(request())
    (job,) = bill(double)
    assert result.cost == pytest.approx(Decimal(str(job["amount"])), abs=Decimal("0.0001"))


@pytest.mark.parametrize(
    ("name", "category", "rows"),
    [
        ("fashn", "upper", (0.20, 0.55)), ("fashn", "lower", (0.50, 0.90)),
        ("fal/fashn", "dress", (0.20, 0.90)), ("fal/leffa", "lower", (0.50, 0.90)),
        ("fal/cat-vton", "dress", (0.20, 0.90)), ("replicate", "lower", (0.50, 0.90)),
        ("dashscope", "lower", (0.50, 0.90)),
    ],
)  # fmt: skip
def test_the_category_arrives(double, ledger, name, category, rows):
    asked = request(category=category)
    result = backend(ledger, name).run(asked)
    changed = (np.abs(result.picture.astype(int) - asked.person).max(axis=-1) > 25).any(axis=1)
    found = np.flatnonzero(changed) / len(changed)
    assert (found[0], found[-1]) == pytest.approx(rows, abs=0.02)


def test_top_and_bottom_go_to_dashscope_together(double, ledger):
    one = request()
    blue = np.full((400, 400, 3), (20, 40, 200), np.uint8)
    from dataclasses import replace

    result = backend(ledger, "dashscope").run(replace(one, garments=(one.garment, blue)))
    top, bottom = result.picture[200, 240], result.picture[500, 240]
    assert top[0] > top[2] and bottom[2] > bottom[0]
    assert len(bill(double)) == 1


def test_the_same_request_is_not_paid_again(double, ledger):
    first = backend(ledger, "fashn").run(request())
    again = backend(ledger, "fashn").run(request())
    assert np.array_equal(first.picture, again.picture)
    assert again.cost == 0
    assert len(bill(double)) == 1


def test_another_request_is_another_job(double, ledger):
    backend(ledger, "fashn").run(request(seed=1))
    backend(ledger, "fashn").run(request(seed=2))
    assert len(bill(double)) == 2


def test_two_at_once_pay_once(double, ledger):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as several:
        found = list(several.map(lambda _: backend(ledger, "fal").run(request()), range(4)))
    assert len({result.remote_id for result in found}) == 1
    assert len(bill(double)) == 1


@pytest.mark.parametrize("name", SERVICES)
def test_out_of_time_leaves_or_stops_the_job_and_the_same_request_takes_it(double, ledger, name):
    double.plan({"faults": [{"service": name, "on": "job", "kind": "slow", "run_seconds": 4}]})
    with pytest.raises(Unavailable) as told:
        backend(ledger, name, limit_seconds=1.5).run(request())
    cancelled = name in ("replicate", "fal")
    assert isinstance(told.value, Undecided) is not cancelled
    assert told.value.billed
    assert told.value.remote_id
    if not cancelled:
        result = backend(ledger, name).run(request())
        assert result.remote_id == told.value.remote_id
        assert len(bill(double)) == 1


@pytest.mark.parametrize("name", SERVICES)
def test_a_stop_ends_the_wait_soon_and_says_whether_it_may_be_billed(double, ledger, name):
    double.plan({"faults": [{"service": name, "on": "job", "kind": "stuck"}]})
    began, stop_at = time.monotonic(), []

    def progress(stage, share):
        if share >= 0.1:
            stop_at[:] = stop_at or [time.monotonic() + 0.5]

    with pytest.raises(Cancelled) as told:
        backend(ledger, name).run(
            request(), progress, lambda: bool(stop_at) and time.monotonic() > stop_at[0]
        )
    assert time.monotonic() - began < 15
    (job,) = double.jobs()["jobs"]
    assert job["canceled_by_client"] is (name in ("replicate", "fal"))
    assert told.value.billed or not job["billed"]


@pytest.mark.parametrize("name", ["replicate", "fal"])
def test_a_job_that_ends_in_spite_of_the_stop_is_kept(double, ledger, name):
    double.plan(
        {"faults": [{"service": name, "on": "job", "kind": "finish_despite_cancel"},
                    {"service": name, "on": "job", "kind": "slow"}],
         "settings": {"run_seconds": 1.0}}
    )  # fmt: skip
    seen = []
    try:
        with pytest.raises(Cancelled, match="kept"):
            backend(ledger, name).run(
                request(), lambda stage, share: seen.append(share),
                lambda: any(share >= 0.1 for share in seen),
            )  # fmt: skip
    finally:
        double.settings(run_seconds=0.2)
    result = backend(ledger, name).run(request())
    assert result.cost == 0
    assert len(bill(double)) == 1


def test_a_progress_that_raises_stops_the_job(double, ledger):
    class Interrupted(Exception):
        pass

    def progress(stage, share):
        if share >= 0.1:
            raise Interrupted

    double.plan({"faults": [{"service": "fal", "on": "job", "kind": "stuck"}]})
    with pytest.raises(Interrupted):
        backend(ledger, "fal").run(request(), progress)
    (job,) = double.jobs()["jobs"]
    assert job["canceled_by_client"]
    assert [attempt.state for attempt in ledger.attempts(*_days())] == ["cancelled"]


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_leaves_the_machine_without_leave(double, ledger, name):
    asked = backend(ledger, name, allow_upload=False)
    assert any("allow_upload" in reason for reason in asked.accepts(request()))
    with pytest.raises(Unavailable, match="allow_upload"):
        asked.run(request())
    assert double.log()["requests"] == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_key_that_is_not_taken_is_said_and_not_shown(double, ledger, name, monkeypatch):
    wrong = {key: f"wrong-{key.lower()}-0123456789" for key in KNOWN[name].keys}
    for key, value in wrong.items():
        monkeypatch.setenv(key, value)
    with pytest.raises(BackendError) as told:
        backend(ledger, name).run(request())
    assert not [value for value in wrong.values() if value in str(told.value)]
    assert any(key in str(told.value) for key in wrong)
    shown = standing(KNOWN[name])
    assert not shown["ready"]
    assert not [value for value in wrong.values() if value in str(shown)]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_says_how_it_stands(double, name):
    found = standing(KNOWN[name])
    assert found["ready"], found
    assert not bill(double)


def test_outside_a_mask_the_photo_stays(double, ledger):
    mask = np.zeros((640, 480), np.float32)
    mask[300:350, 200:300] = 1
    asked = request(mask=mask)
    result = backend(ledger, "fashn").run(asked)
    assert np.array_equal(result.picture[mask == 0], asked.person[mask == 0])
    assert not np.array_equal(result.picture[mask == 1], asked.person[mask == 1])


def test_a_large_photo_goes_smaller_and_comes_back_at_its_size(double, ledger):
    from dataclasses import replace

    big = np.kron(request().person, np.ones((5, 5, 1), np.uint8))
    result = backend(ledger, "fal/fashn").run(replace(request(), person=big))
    assert result.picture.shape == big.shape
    assert result.fit.level == "ok"
    assert not result.warnings


def test_a_photo_too_small_for_a_service_is_told_before_it_is_sent(double, ledger):
    from dataclasses import replace

    small = replace(request(), person=request().person[:200, :200])
    assert any("at least 300" in reason for reason in backend(ledger, "kling").accepts(small))
    assert double.log()["requests"] == []


def test_an_open_job_is_finished_without_its_request(double, ledger):
    double.plan({"faults": [{"service": "fashn", "on": "job", "kind": "slow", "run_seconds": 2}]})
    with pytest.raises(Undecided):
        backend(ledger, "fashn", limit_seconds=1).run(request())
    (attempt,) = ledger.unfinished()
    result = backend(ledger, "fashn").resume(attempt)
    assert result.picture.shape == (640, 480, 3)
    assert ledger.get(attempt.id).state == "done"
    kept = backend(ledger, "fashn").run(request())
    assert np.array_equal(kept.picture, result.picture)
    assert len(bill(double)) == 1
