"""Several machines: Ray nodes of their own, one folder, one PostgreSQL; a machine is killed."""

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from fitting_room.services.batch.jobs import LEASED, Jobs
from fitting_room.services.database import open_database
from gateways import free_port
from PIL import Image
from postgres import Postgres
from processes import family, halted, tell

TESTS = Path(__file__).resolve().parents[1]
SAMPLES = TESTS.parent / "samples"
PEOPLE, LIMIT = 16, 240
COMMAND = (
    "import sys; sys.path.insert(0, sys.argv[1]); import conftest; "
    "from fitting_room.commands.main import main; sys.exit(main(sys.argv[2:]))"
)


@pytest.fixture
def secured():
    """The environment of all machines: Ray guards its cluster with a token."""
    pytest.importorskip("ray")
    return {
        **os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1",
    }  # fmt: skip


class Machine:
    """`ray start` in the foreground: a machine of its own to Ray, though it is this one."""

    def __init__(self, log, environment, *arguments):
        self.log = log
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block",
                   "--object-store-memory", "80000000", *arguments]  # fmt: skip
        with log.open("w") as told:
            self.process = subprocess.Popen(command, stdout=told, stderr=told, env=environment)

    def until_up(self):
        limit = time.monotonic() + LIMIT
        while "will now block" not in self.log.read_text():
            assert self.process.poll() is None and time.monotonic() < limit, self.log.read_text()
            time.sleep(0.1)

    def kill(self):
        """With all that runs on it, at once."""
        tell(family(self.process.pid), signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def machines(secured, tmp_path):
    """(address, two machines with a place for one worker each); the head has none."""
    port = free_port()
    found = [
        Machine(tmp_path / "head", secured, "--head", "--port", str(port), "--num-cpus", "0",
                "--include-dashboard", "false")
    ]  # fmt: skip
    address = f"127.0.0.1:{port}"
    try:
        found[0].until_up()
        for number in range(2):  # one after the other, as on one machine they want other ports
            more = ("--address", address, "--num-cpus", "1")
            found.append(Machine(tmp_path / f"machine{number}", secured, *more))
            found[-1].until_up()
        yield address, found[1:]
    finally:
        for each in found:
            each.kill()


def test_a_machine_is_killed_and_nothing_is_lost(machines, secured, tmp_path):
    address, (one, other) = machines
    (tmp_path / "people").mkdir()
    (tmp_path / "garments").mkdir()
    person = np.asarray(Image.open(SAMPLES / "person.jpg").convert("RGB").resize((256, 256)))
    for number in range(PEOPLE):
        Image.fromarray(person - np.uint8(number)).save(tmp_path / f"people/p{number:02}.png")
    Image.open(SAMPLES / "tshirt.png").resize((256, 256)).save(tmp_path / "garments/tshirt.png")
    out = tmp_path / "out"
    with Postgres() as server:
        ledger = server.database("nodes")
        arguments = ["batch", "--people", tmp_path / "people", "--garments", tmp_path / "garments",
                     "--category", "upper", "--out", out, "--workers", "2", "--json", "--lease",
                     "6", "--ray-address", address,
                     "--ledger", ledger]  # fmt: skip

        def begin(log):
            return subprocess.Popen(
                [sys.executable, "-c", COMMAND, str(TESTS), *map(str, arguments)],
                stdout=subprocess.PIPE, stderr=log.open("w"), text=True,
                env=secured,
            )  # fmt: skip

        log = tmp_path / "log"
        process = begin(log)
        limit = time.monotonic() + LIMIT
        while len(list(out.glob("*.png"))) < 3:
            assert process.poll() is None and time.monotonic() < limit, log.read_text()[-3000:]
            time.sleep(0.1)
        jobs = Jobs(open_database(ledger), str(out))
        both = family(one.process.pid) | family(other.process.pid)

        def in_hand():
            return {job.name for job in jobs.all(LEASED)}

        with halted(both, lambda: len(in_hand()) == 2 and in_hand(), LIMIT) as held:
            one.kill()
        told = json.loads(process.communicate(timeout=LIMIT)[0].splitlines()[-1])
        assert process.returncode == 0, log.read_text()[-3000:]
        assert (told["done"], told["failed"], told["lost"]) == (PEOPLE, 0, 0)
        # None where the job's lease had run out before, and the other machine has it.
        assert any(re.search("ended over its work; [01] jobs", each) for each in told["events"])
        assert [job.leases > 1 for job in jobs.all() if job.name in held].count(True) >= 1
        again = begin(tmp_path / "again")
        told = json.loads(again.communicate(timeout=LIMIT)[0].splitlines()[-1])
        assert (again.returncode, told["done"], told["skipped"]) == (0, 0, PEOPLE)
    assert len(list(out.glob("*.png"))) == PEOPLE
