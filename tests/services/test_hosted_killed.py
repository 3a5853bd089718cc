"""A process killed at any step of a hosted job and started again: one payment, one result."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from double_services import (
    FINDS,
    SERVICES,
    bill,
    environment,
    needs_doubles,
    running_double,
)  # fmt: skip

pytest.importorskip("sqlalchemy")
pytestmark = needs_doubles
TESTS = Path(__file__).resolve().parents[1]

PROGRAM = """
import sys
sys.path.insert(0, {tests!r})
import conftest
from double_services import request
from fitting_room.services.costs.prices import read_prices
from fitting_room.services.errors import BackendError
from fitting_room.services.hosted.registry import hosted_backends
from fitting_room.services.ledger import Ledger, open_ledger
from fitting_room.services.results import ResultStore

kill_at = sys.argv[2] if len(sys.argv) > 2 else ""
def say(stage):
    print("AT", stage, flush=True)
    if stage == kill_at:
        import time
        time.sleep(60)

class SlowStore(ResultStore):
    def put(self, fingerprint, result):
        say("store")
        path = super().put(fingerprint, result)
        say("stored")
        return path

ledger = open_ledger()
noted = Ledger.note
def note(self, attempt, **changes):
    kept = noted(self, attempt, **changes)
    if changes.get("state") == "open":
        say("accepted")
    if changes.get("state") == "sending" and kill_at == "sending":
        say("sending")
    return kept
Ledger.note = note
def progress(stage, share):
    say(stage if stage in ("upload", "submit", "download") else "poll")
try:
    result = hosted_backends(ledger, SlowStore(), read_prices(), [sys.argv[1]],
                             allow_upload=True, limit_seconds=90)[0].run(request(), progress)
    print("RESULT", result.remote_id, result.cost, flush=True)
except BackendError as error:
    print("ERROR", type(error).__name__, error, flush=True)
"""


@pytest.fixture(scope="module")
def server():
    with running_double(run_seconds=0.6, queue_seconds=0.1) as double:
        yield double


def start(server, home, service, kill_at=""):
    variables = {**os.environ, **environment(server, home)}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(tests=str(TESTS)), SERVICES[service], kill_at],
        env=variables, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def killed(server, home, service, step, wait=0.3):
    process = start(server, home, service, step)
    for line in process.stdout:
        if line.strip() == f"AT {step}":
            break
    else:
        pytest.fail(f"it never came to {step}")
    time.sleep(wait)
    process.kill()
    process.wait()
    process.stdout.close()


def finished(server, home, service):
    process = start(server, home, service)
    said, _ = process.communicate(timeout=240)
    return said.strip().splitlines()[-1]


STEPS = ("upload", "submit", "accepted", "poll", "download", "store", "stored")
CASES = [("fashn", step) for step in STEPS] + [
    (service, step)
    for service in ("replicate", "fal", "dashscope", "kling")
    for step in ("submit", "poll", "store")
]


@pytest.mark.parametrize(("service", "step"), CASES)
def test_one_payment_and_one_result(server, tmp_path, service, step):
    server.reset()
    killed(server, tmp_path, service, step)
    end = finished(server, tmp_path, service)
    assert end.startswith("RESULT"), end
    assert len(bill(server)) == 1
    assert server.jobs()["paid_twice"] == []


@pytest.mark.parametrize("service", SERVICES)
def test_killed_while_the_answer_to_a_submission_is_awaited(server, tmp_path, service):
    """The service took the job and the process died before it was told the job's id."""
    server.reset()
    server.plan({"faults": [{"service": service, "on": "submit", "kind": "hang", "seconds": 30,
                             "after_accept": True}]})  # fmt: skip
    process = start(server, tmp_path, service, "")
    for line in process.stdout:
        if line.strip() == "AT submit":
            break
    for _ in range(200):  # a busy machine takes its time, and the program gives up after 20 s
        if server.jobs()["jobs"]:
            break
        time.sleep(0.05)
    process.kill()
    process.wait()
    process.stdout.close()
    end = finished(server, tmp_path, service)
    if service in FINDS:
        assert end.startswith("RESULT"), end
    else:
        assert end.startswith("ERROR Undecided"), end
    for _ in range(200):  # a job is billed when it is done, which nobody waited for
        if bill(server):
            break
        time.sleep(0.05)
    assert len(bill(server)) == 1
