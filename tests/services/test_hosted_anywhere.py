"""A hosted job, the desk and the commands, against a small stand-in that every clone has."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from double_services import request
from stand_in import KEY, StandIn

pytest.importorskip("sqlalchemy")

from fitting_room.services.backends import Estimate
from fitting_room.services.costs.prices import read_prices
from fitting_room.services.desk import Desk, Local, NobodyCould
from fitting_room.services.errors import Cancelled, Refused, Unavailable, Undecided
from fitting_room.services.hosted.registry import hosted_backends
from fitting_room.services.ledger import open_ledger
from fitting_room.services.request import TryOnResult
from fitting_room.services.results import ResultStore
from fitting_room.services.router import Routes, Wishes, read_routes

ROOT = Path(__file__).resolve().parents[2]
ANY = Wishes(tier="")


@pytest.fixture
def service(tmp_path, monkeypatch):
    with StandIn() as running:
        for name, value in running.variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("FITTING_ROOM_HOME", str(tmp_path))
        yield running


@pytest.fixture
def ledger(service):
    opened = open_ledger()
    yield opened
    opened.database.close()


class Elsewhere:
    """A backend of the test's own: what it costs, and what it raises instead of a picture."""

    def __init__(self, name, error=None):
        self.name, self.error, self.asked = name, error, 0

    def accepts(self, asked):
        return []

    def estimate(self, asked):
        return Estimate(1.0, Decimal(0), shop="yes")

    def run(self, asked, progress=None, cancelled=None):
        self.asked += 1
        if self.error:
            raise self.error
        return TryOnResult(asked.person, None, "upper", self.name, asked.model, 0, 1.0, Decimal(0))


def desk(ledger, *local, **more):
    more = {"allow_upload": True, "limit_seconds": 20, **more}
    hosted = hosted_backends(ledger, ResultStore(), read_prices(), ["fashn/tryon-v1.6"], **more)
    return Desk(
        ledger, ResultStore(), read_prices(), read_routes(), hosted,
        [Local(each, each.name) for each in local],
    )  # fmt: skip


def test_a_picture_is_made_and_kept_and_paid_once(service, ledger):
    first = desk(ledger).carry_out(request(), ANY)
    again = desk(ledger).carry_out(request(), ANY)
    assert (first.attempts, again.attempts) == (1, 0)
    assert first.result.cost == Decimal("0.075")
    assert again.result.cost == 0
    assert np.array_equal(first.result.picture, again.result.picture)
    assert not np.array_equal(first.result.picture, request().person)
    assert len(service.billed) == 1


def test_the_key_goes_to_the_service_and_not_to_where_its_files_lie(service, ledger):
    desk(ledger).carry_out(request(), ANY)
    fetched = [headers for _, path, headers in service.seen if path.startswith("/results/")]
    assert fetched and not any(KEY in str(headers) for headers in fetched)


@pytest.mark.parametrize("what", ["busy", "cut file"])
def test_what_passes_is_outlived(service, ledger, what):
    service.wrong[what] = 1
    assert desk(ledger).carry_out(request(), ANY).result.remote_id
    assert len(service.billed) == 1


@pytest.mark.parametrize("wrong", ["lost answer", "broke after it took the job"])
def test_a_lost_answer_is_paid_once_and_what_is_free_may_go_on(service, ledger, wrong):
    service.wrong[wrong] = 1
    free, paid = Elsewhere("free"), Elsewhere("paid")
    paid.estimate = lambda asked: Estimate(1.0, Decimal("0.01"), "USD", "yes")
    both = replace(desk(ledger, paid, free), order=("fashn", "paid", "free"))
    outcome = both.carry_out(request(), ANY)
    assert outcome.result.backend == "free"
    assert paid.asked == 0, "somebody else must not be paid while this is open"
    assert len(service.billed) == 1


def test_a_refusal_ends_it(service, ledger):
    service.wrong["moderated"] = 1
    free = Elsewhere("free")
    with pytest.raises(Refused, match="moderation"):
        replace(desk(ledger, free), order=("fashn", "free")).carry_out(request(), ANY)
    assert free.asked == 0
    assert ledger.get(1).safety


def test_an_empty_account_lets_the_next_one_try_and_rests(service, ledger):
    service.wrong["empty account"] = 99
    free = Elsewhere("free")
    both = replace(desk(ledger, free), order=("fashn", "free"))
    outcome = both.carry_out(request(), ANY)
    assert outcome.result.backend == "free"
    assert "Buy credits" in outcome.result.warnings[0]
    plan = both.plan(request(), ANY)
    assert "account was empty" in plan.left[0].reason


def test_nobody_could_tells_of_everybody(service, ledger):
    broken = Elsewhere("broken", Unavailable("it is on fire"))
    with pytest.raises(NobodyCould) as told:
        desk(ledger, broken, allow_upload=False).carry_out(request(), ANY)
    assert "on fire" in str(told.value)
    assert "allow_upload" in str(told.value)
    assert not told.value.billed


def test_an_open_job_comes_first_whatever_the_plan(service, ledger):
    service.seconds = 3
    with pytest.raises(NobodyCould) as told:
        desk(ledger, limit_seconds=0.5).carry_out(request(), ANY)
    assert isinstance(told.value.tried[0][1], Undecided)
    free = Elsewhere("free")
    outcome = replace(desk(ledger, free), order=("free", "fashn")).carry_out(request(), ANY)
    assert outcome.result.backend == "fashn"
    assert free.asked == 0
    assert len(service.billed) == 1


def test_a_run_of_this_machine_stands_in_the_ledger(service, ledger):
    desk(ledger, Elsewhere("free")).carry_out(request(), ANY)
    assert ledger.get(1).state == "done"
    with pytest.raises(Cancelled):
        desk(ledger, Elsewhere("stopped", Cancelled("stop"))).carry_out(
            request(), replace(ANY), cancelled=lambda: False
        )
    assert ledger.get(2).state == "cancelled"


def test_the_months_budget_counts_what_was_spent(service, ledger):
    routes = Routes({})
    tight = replace(ANY, month_budget=Decimal("0.10"))
    own = replace(desk(ledger), routes=routes)
    own.carry_out(request(seed=1), tight)
    with pytest.raises(NobodyCould, match="over the month's budget"):
        own.carry_out(request(seed=2), tight)
    assert len(service.billed) == 1


# ---------------------------------------------------------------- commands


@pytest.fixture
def command(service, tmp_path):
    """Runs `fitting-room` in a process of its own; gives (exit code, JSON, standard error)."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "fitting_room").symlink_to(ROOT, target_is_directory=True)
    environment = {**os.environ, "PYTHONPATH": str(package)}

    def run(*arguments, stop_after=None):
        process = subprocess.Popen(
            [sys.executable, "-m", "fitting_room", *map(str, arguments)], env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        )  # fmt: skip
        if stop_after is not None:
            while not service.jobs and process.poll() is None:
                time.sleep(0.05)
            time.sleep(stop_after)
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=180)
        assert KEY not in out + err
        return process.returncode, json.loads(out) if out.strip() else None, err

    return run


def tryon(*more):
    samples = ROOT / "samples"
    photos = (samples / "person.jpg", samples / "tshirt.png")
    how = ("--backend", "fashn", "--allow-upload", "--limit-seconds", "30", "-o", "made.png")
    return ("tryon", *photos, *how, "--json", *more)


def assert_marked(path, system="fashn/tryon-v1.6"):
    """Programs read in the file that it was generated, and by what."""
    from fitting_room.pipelines.marks.inspection import inspect_picture

    told = inspect_picture(path)
    assert told["ai_made"] is True
    assert system in json.dumps(told)


def test_the_command_makes_a_picture_and_tells_what_it_cost(command, service, tmp_path):
    code, told, _ = command(*tryon("--project", "spring"))
    assert code == 0
    assert (told["backend"], told["model"]) == ("fashn", "fashn/tryon-v1.6")
    assert (told["cost"], told["currency"]) == ("0.075", "USD")
    assert (told["attempts"], told["state"]) == (1, "done")
    assert told["remote_id"] in service.jobs and told["seconds"] > 0
    assert_marked(tmp_path / "made.png")
    code, told, _ = command(*tryon())
    assert (code, told["state"], told["attempts"]) == (0, "kept", 0)
    assert_marked(tmp_path / "made.png")
    month = command("costs", "report", "--json")[1]
    assert month["totals"] == {"USD": "0.075"}
    assert month["projects"][0]["project"] == "spring"


def test_results_lie_beside_a_ledger_that_is_named(command, service, tmp_path):
    named = f"sqlite:///{tmp_path / 'case' / 'ledger.sqlite'}"
    assert command(*tryon())[1]["state"] == "done"
    assert command(*tryon("--ledger", named))[1]["state"] == "done"
    assert command(*tryon("--ledger", named))[1]["state"] == "kept"
    assert len(service.billed) == 2
    (kept,) = (tmp_path / "case" / "results").rglob("*.png")
    assert_marked(kept)


def test_a_dead_process_that_nobody_waited_for_is_dead():
    import socket

    from fitting_room.services.database import now
    from fitting_room.services.hosted.owner import _began, is_worked_on
    from fitting_room.services.ledger import Attempt

    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    owner = {"host": socket.gethostname(), "process": process.pid, "token": "another",
             "began": _began(process.pid)}  # fmt: skip
    attempt = Attempt(resume={"owner": owner}, changed=now())
    assert is_worked_on(attempt)
    process.kill()
    for _ in range(100):
        if not is_worked_on(attempt):
            break
        time.sleep(0.05)
    assert not is_worked_on(attempt)
    process.wait()


def test_the_command_says_why_nobody_could(command, service):
    arguments = [each for each in tryon() if each != "--allow-upload"]
    code, told, _ = command(*arguments)
    assert code == 4
    assert "allow_upload" in told["reasons"][0]["reason"]
    assert service.seen == []


def test_the_command_tells_a_refusal(command, service):
    service.wrong["moderated"] = 1
    code, told, _ = command(*tryon())
    assert (code, told["state"], told["may_be_billed"]) == (1, "refused", False)


def test_the_command_tells_that_a_job_may_be_billed_and_does_not_send_it_again(command, service):
    service.wrong["broke after it took the job"] = 1
    for _ in range(2):
        code, told, said = command(*tryon())
        assert (code, told["state"], told["may_be_billed"]) == (4, "undecided", True)
        assert "may be billed" in said and "--again" in said
    assert len(service.billed) == 1
    listed = command("jobs", "--list", "--json")[1]
    assert [job["state"] for job in listed["jobs"]] == ["lost"]


def test_the_command_explains_itself(command, service):
    code, told, _ = command(*tryon("--explain"))
    assert code == 0
    assert [each["model"] for each in told["taken"]] == ["fashn/tryon-v1.6"]
    assert service.seen == []


def test_an_interrupt_says_whether_it_may_be_billed_and_jobs_fetches_it(command, service):
    service.seconds = 4
    code, told, _ = command(*tryon(), stop_after=0.5)
    assert code == 130
    assert told["may_be_billed"] and told["remote_id"] in service.jobs
    listed = command("jobs", "--list", "--json")[1]
    assert [job["state"] for job in listed["jobs"]] == ["open"]
    code, told, _ = command("jobs", "--json", "-o", "fetched")
    assert code == 0
    assert [job["state"] for job in told["jobs"]] == ["done"]
    assert_marked(told["jobs"][0]["picture"])
    assert command("jobs", "--json")[1]["jobs"] == []
    assert len(service.billed) == 1


def test_the_doctor_asks_the_service(command):
    told = command("doctor", "--json")[1]
    states = {each["name"]: each for each in told["services"]}
    assert states["fashn"]["ready"] and "10 credits" in states["fashn"]["says"]
    assert not states["kling"]["ready"]
