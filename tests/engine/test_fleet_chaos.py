"""Everything that can end under a batch on a fleet ends, and no picture is lost or made twice.

Real parts: two ComfyUI on the CPU with a tiny model, Ray, PostgreSQL, and a disk that gets full.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tiny
from disks import fill
from fitting_room.services.batch.jobs import LEASED, QUEUED, Jobs
from fitting_room.services.database import open_database
from PIL import Image
from postgres import Postgres
from processes import family, halted, processes
from small_graphs import SMALL

TESTS = Path(__file__).resolve().parents[1]
LIMIT = 300
COUNT, MODEL = 60, "catvton/mix"
STEPS = 12  # so that a picture takes long enough to be ended in the middle of it
SETTLED = 3
COMMAND = (
    "import sys; sys.path.insert(0, sys.argv[1]); import conftest; "
    "from fitting_room.commands.main import main; sys.exit(main(sys.argv[2:]))"
)


def graph():
    """Encode, draw and save: a whole tiny model, without the networks that look for a body."""
    size = {name: SMALL[name] for name in ("width", "height")}
    nodes = {
        "person": ("LoadImage", {"image": ""}),
        "garment": ("LoadImage", {"image": ""}),
        "mask": ("SolidMask", {"value": 1.0, **size}),
        "model": ("FittingRoomLoadModel", {
            "variant": MODEL, "precision": "auto", "compile": False, "folder": "",
            "keep_unconditional": True,
        }),
        "encoded": ("FittingRoomEncodeGarment", {
            "model": ["model", 0], "garment": ["garment", 0], "category": "upper",
            "description": "", "framing": "fit", "ahead_steps": 0, "photo_type": "auto", **size,
        }),
        "drawn": ("FittingRoomTryOn", {
            "model": ["model", 0], "image": ["person", 0], "garment": ["encoded", 0],
            "mask": ["mask", 0], "seed": 0, "steps": STEPS, "guidance": 2.5,
            "scheduler": "published", "framing": "fit", "context": 0.25, "feather": 8,
            "accelerated": False, "pairing": "one to one", "strength": 1.0, "samples": 1,
            "batch": 1, "skip_guidance": -1, "published_times": False, "whole_picture": False,
        }),
        "saved": ("SaveImage", {"images": ["drawn", 0], "filename_prefix": "tried_on"}),
    }  # fmt: skip
    return {
        name: {"class_type": kind, "inputs": inputs, "_meta": {"title": name}}
        for name, (kind, inputs) in nodes.items()
    }


@pytest.fixture
def people_and_garments(tmp_path):
    size = (SMALL["width"], SMALL["height"])
    noise = np.random.default_rng(0)
    for kind, count in (("people", 20), ("garments", 3)):
        (tmp_path / kind).mkdir()
        for number in range(count):
            pixels = noise.integers(0, 255, (8, 6, 3), np.uint8)
            picture = Image.fromarray(pixels).resize(size)
            picture.save(tmp_path / kind / f"{kind[0]}{number:02}.png")
    return tmp_path / "people", tmp_path / "garments"


class Command:
    """`fitting-room batch --workers 2 …`, running."""

    def __init__(self, arguments, log):
        self.log = log
        self.models = Path(arguments[arguments.index("--models") + 1]).resolve()
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", COMMAND, str(TESTS), *map(str, arguments)],
                stdout=subprocess.PIPE, stderr=errors, text=True,
            )  # fmt: skip

    def said(self):
        return self.log.read_text()

    def until(self, true, what):
        limit = time.monotonic() + LIMIT
        while not true():
            assert self.process.poll() is None, f"it ended before {what}: {self.said()[-3000:]}"
            assert time.monotonic() < limit, f"not in {LIMIT} s: {what}: {self.said()[-3000:]}"
            time.sleep(0.2)

    def end(self):
        """(exit code, what --json printed)."""
        out, _ = self.process.communicate(timeout=LIMIT)
        return self.process.returncode, json.loads(out.splitlines()[-1])

    def engines(self):
        """{process of an engine: process of its actor}, known by the models folder."""
        found = {}
        for process, (parent, words) in processes().items():
            if "main.py" in words and "--base-directory" in words:
                base = Path(words[words.index("--base-directory") + 1])
                if (base / "models").resolve() == self.models:
                    found[process] = parent
        return found

    def family(self):
        """Every process of it: those it started, engines, and their actors."""
        engines = self.engines()
        return family(self.process.pid) | set(engines) | set(engines.values())


def test_whatever_ends_nothing_is_lost_and_nothing_made_twice(
    engine_folder, tmp_path, disk, people_and_garments
):
    pytest.importorskip("ray")
    folder, small = disk
    out = folder / "out"
    tiny.install(tmp_path, [MODEL])
    workflow = tmp_path / "workflow.json"
    workflow.write_text(json.dumps(graph()))
    people, garments = people_and_garments
    with Postgres() as server:
        ledger = server.database("fleet")
        arguments = ["batch", "--people", people, "--garments", garments, "--category", "upper",
                     "--workflow", workflow, "--models", tmp_path / "models", "--cpu", "--out", out,
                     "--ledger", ledger, "--workers", 2, "--lease", 6, "--json"]  # fmt: skip

        def begin(number):
            return Command(arguments, tmp_path / f"log{number}")

        jobs = Jobs(open_database(ledger), str(out))
        kept, ended = ended_by_force(begin(1), out, jobs)
        full = ended_by_ledger_and_disk(begin(2), out, server, folder if small else None)
        if small:
            assert full[0] == 1 and "the disk is full" in full[1]["error"], full
        code, told = begin(3).end()
        assert (code, told["failed"], told["refused"], told["lost"]) == (0, 0, 0, 0)
        assert told["done"] + told["skipped"] == COUNT and told["skipped"] > 12
        assert told["begun_again"] >= len(set(ended)) >= 3
        made = times(out)
        code, again = begin(4).end()
        assert (code, again["done"], again["skipped"]) == (0, 0, COUNT)
        assert times(out) == made and len(made) == COUNT
        jobs = jobs.all()
    assert all(job.leases > ended.count(job.name) for job in jobs)
    assert {f"{job.name}.png" for job in jobs} == {job.result for job in jobs} == set(made)
    assert all(Image.open(out / name).size == (96, 128) for name in made)
    # In flight: one at each engine, actor and disk, two at the driver, two at the ledger.
    again = [name for name, when in kept.items() if made[name] != when]
    assert len(again) <= 4 and sum(job.leases - 1 for job in jobs) <= 8
    if not small:
        pytest.skip("all held but for the full disk, which needs the right to mount one")


def times(out):
    return {path.name: path.stat().st_mtime_ns for path in out.glob("*.png")}


def ended_by_force(command, out, jobs):
    """kill -9 for an engine, another's actor, and the driver, each over work: the results that were
    there then, and the names of the jobs that were in hand where something ended."""

    def in_hand():
        """{number of a worker: name of its job}."""
        owners = {job.name: re.search(r":worker (\d):", job.owner) for job in jobs.all(LEASED)}
        return {int(owner[1]): name for name, owner in owners.items() if owner}

    def waiting():
        """in_hand() where both workers have a job that waits for the engines, which are halted."""
        before = in_hand()
        time.sleep(SETTLED)  # a result that has left its engine is stored by then
        return before if len(before) == 2 and in_hand() == before else None

    command.until(lambda: len(times(out)) >= 4 and len(command.engines()) == 2, "four pictures")
    engines = command.engines()
    (engine, _), (_, actor) = engines.items()
    with halted(engines, waiting, LIMIT) as held:
        os.kill(engine, signal.SIGKILL)
    command.until(lambda: "engine of worker" in command.said(), "the end of an engine is told")
    one = int(re.findall(r"engine of worker (\d)", command.said())[0])
    other, ended = 1 - one, [held[one]]
    with halted([actor], lambda: in_hand().get(other), LIMIT) as held:
        os.kill(actor, signal.SIGKILL)
    ended.append(held)
    command.until(lambda: command.said().count("works again") >= 2, "both work again")
    now = len(times(out))
    command.until(lambda: len(times(out)) >= now + 4, "four more")
    command.until(lambda: not {job.name for job in jobs.all(QUEUED, LEASED)} & set(ended), "those")
    # None where the job's lease had run out before, and another worker has it.
    assert re.search(f"worker {other} ended over its work; [01] jobs", command.said())
    family, engines = command.family(), command.engines()
    with halted(engines, waiting, LIMIT) as held:
        command.process.kill()
        command.process.wait()
        until_ended(set(engines.values()))
    until_ended(family)
    return times(out), ended + list(held.values())


def until_ended(some):
    limit = time.monotonic() + 90
    while left := {one: each for one, each in processes().items() if one in some}:
        assert time.monotonic() < limit, left
        time.sleep(0.2)


def ended_by_ledger_and_disk(command, out, server, folder):
    """PostgreSQL away for 10 s, then a full disk; how the command ended. folder: of the disk."""
    now = len(times(out))
    command.until(lambda: len(times(out)) >= now + 4, "four more")
    server.stop()
    time.sleep(10)
    server.start()
    now = len(times(out))
    command.until(lambda: len(times(out)) >= now + 6, "six more after the ledger was away")
    if folder is None:
        command.process.send_signal(signal.SIGINT)
        return command.end()
    filler = folder / "filler"
    limit = time.monotonic() + LIMIT
    with filler.open("wb", buffering=0) as file:
        while command.process.poll() is None:
            assert time.monotonic() < limit, command.said()[-3000:]
            fill(file)
            time.sleep(0.05)
    filler.unlink()
    assert shutil.disk_usage(folder).free > 10_000_000
    return command.end()
