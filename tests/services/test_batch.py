"""`fitting-room batch`: every combination, resumed, nothing made twice, failures named."""

import csv
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("alembic")

from fitting_room.commands.main import main
from fitting_room.pipelines.errors import InputError
from fitting_room.services.batch.listing import Listing, csv_pairs, folder_pairs, request_of
from PIL import Image

TESTS = Path(__file__).resolve().parents[1]
SAMPLES = TESTS.parent / "samples"


@pytest.fixture
def folders(tmp_path):
    """Two people and two garments, small; a hidden file and a folder beside them."""
    people, garments = tmp_path / "people", tmp_path / "garments"
    for folder in (people, garments):
        folder.mkdir()
        (folder / "._hidden.jpg").write_bytes(b"12345")
        (folder / "sub.jpg").mkdir()
    person = Image.open(SAMPLES / "person.jpg").convert("RGB").resize((256, 256))
    person.save(people / "ann.png")
    person.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(people / "bob.png")
    for name in ("tshirt", "stripes"):
        Image.open(SAMPLES / f"{name}.png").resize((256, 256)).save(garments / f"{name}.png")
    return people, garments


def batch(folders, out, *more, capsys=None):
    arguments = ["batch", "--people", folders[0], "--garments", folders[1], "--out", out, "--json"]
    code = main([*map(str, arguments), *map(str, more)])
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


def test_every_combination_is_made_once(folders, tmp_path, capsys):
    out = tmp_path / "out"
    code, told = batch(folders, out, "--category", "upper", "--gallery", capsys=capsys)
    names = {path.stem for path in out.glob("*.png")}
    assert names == {f"{p}__{g}" for p in ("ann", "bob") for g in ("tshirt", "stripes")}
    assert code == 0 and (told["done"], told["skipped"]) == (4, 0)
    assert told["by_model"] == {"preview": 4} and told["failed"] == 0
    made = {path: path.stat().st_mtime_ns for path in out.glob("*.png")}
    code, told = batch(folders, out, "--category", "upper", capsys=capsys)
    assert code == 0 and (told["done"], told["skipped"]) == (0, 4)
    assert {path: path.stat().st_mtime_ns for path in out.glob("*.png")} == made
    page = (out / "gallery.html").read_text("utf-8")
    assert "ann__stripes" in page and list((out / "thumbnails").glob("ann__stripes*.jpg"))


def test_a_broken_file_is_named_and_the_others_go_on(folders, tmp_path, capsys):
    out = tmp_path / "out"
    (folders[0] / "zoe.jpg").write_bytes(b"no picture")
    Image.new("RGB", (256, 256), "grey").save(folders[0] / "wall.png")
    (folders[1] / "stripes.png").unlink()
    code, told = batch(folders, out, "--category", "upper", capsys=capsys)
    assert code == 5 and (told["done"], told["failed"]) == (2, 2)
    rows = list(csv.DictReader(io.StringIO((out / "failed.csv").read_text("utf-8-sig"))))
    assert {row["name"] for row in rows} == {"zoe__tshirt", "wall__tshirt"}
    assert all(row["reason"] for row in rows)
    shutil.copy(folders[0] / "ann.png", folders[0] / "zoe.jpg")  # mended: the same as ann
    (folders[0] / "wall.png").unlink()
    code, told = batch(folders, out, "--category", "upper", capsys=capsys)
    assert told["done"] == 1
    assert (out / "zoe__tshirt.png").read_bytes() == (out / "ann__tshirt.png").read_bytes()


def test_retry_failed_tries_what_failed_once_more(folders, tmp_path, capsys):
    out = tmp_path / "out"
    Image.new("RGB", (256, 256), "grey").save(folders[0] / "wall.png")
    assert batch(folders, out, "--category", "upper", capsys=capsys)[0] == 5
    code, told = batch(folders, out, "--category", "upper", "--retry-failed", capsys=capsys)
    assert code == 5 and (told["done"], told["skipped"], told["failed"]) == (0, 4, 2)


def test_pairs_of_a_file_with_their_own_settings(folders, tmp_path, capsys):
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(
        "person,garment,category,seed,name\n"
        "people/ann.png,garments/tshirt.png,upper,3,first\n"
        "people/bob.png,garments/tshirt.png,,,\n"
    )
    out = tmp_path / "out"
    code = main(["batch", "--pairs", str(pairs), "--out", str(out), "--json"])
    assert code == 0 and json.loads(capsys.readouterr().out.splitlines()[-1])["done"] == 2
    assert {path.name for path in out.glob("*.png")} == {"first.png", "bob__tshirt.png"}


def test_a_dry_run_begins_nothing(folders, tmp_path, capsys):
    out = tmp_path / "out"
    code, told = batch(folders, out, "--dry-run", capsys=capsys)
    assert code == 0 and (told["pictures"], told["distinct"]) == (4, 4) and not out.exists()


def test_a_dry_run_of_a_tier_tells_what_the_router_would_pay(
    folders, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("FITTING_ROOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FASHN_API_KEY", "fa-nobody")
    book = tmp_path / "home" / "routes.toml"
    book.parent.mkdir()
    book.write_text('[tiers.mine]\nmodels = ["fashn/tryon-v1.6"]\n')
    wanted = ("--category", "upper", "--tier", "mine", "--dry-run")
    _, told = batch(folders, tmp_path / "out", *wanted, "--allow-upload", capsys=capsys)
    assert told["models"] == {"fashn/tryon-v1.6": 4}
    assert (told["cost"], told["currency"]) == ("0.3", "USD") and told["seconds"] > 0
    _, one = batch(folders, tmp_path / "out", *wanted, "--allow-upload", "--workers", 2,
                   capsys=capsys)  # fmt: skip
    assert one["seconds"] == round(told["seconds"] / 2)
    _, told = batch(folders, tmp_path / "out", *wanted, capsys=capsys)  # no leave to upload
    assert told["models"] == {"nobody": 4} and told["cost"] is None and told["seconds"] is None


def test_a_dry_run_tells_seconds_as_measured(folders, tmp_path, capsys):
    out = tmp_path / "out"
    _, told = batch(folders, out, "--category", "upper", "--dry-run", capsys=capsys)
    assert told["seconds"] is None and told["cost"] == "0" and not out.exists()
    batch(folders, out, "--category", "upper", capsys=capsys)
    with sqlite3.connect(out / "batch.sqlite") as database:
        database.execute("UPDATE jobs SET seconds = 2.5")
    _, told = batch(folders, out, "--category", "upper", "--dry-run", capsys=capsys)
    assert told["seconds"] == 10


@pytest.mark.parametrize(
    "text, words",
    [
        ("person\na.png\n", "no column garment"),
        ("person,garment,colour\na,b,c\n", "column colour"),
        ("person,garment,seed\na,b,many\n", "row 2"),
        ("person,garment\na,\n", "row 2"),
        ("person,garment\n", "no rows"),
    ],
)
def test_a_pairs_file_that_cannot_be_used_is_told(tmp_path, text, words):
    path = tmp_path / "pairs.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        csv_pairs(path)


def test_keys_are_the_requests_fingerprints(folders):
    settings = {"category": "upper", "model": "preview", "seed": 2}
    for each in Listing(settings).wanted(folder_pairs(*folders)):
        request = request_of(each.person, each.garment, each.settings)
        assert each.key == request.fingerprint()


def test_names_are_once_in_a_batch_and_safe(folders):
    pairs = 2 * folder_pairs(*folders)
    names = [each.name for each in Listing({"model": "preview"}).wanted(pairs)]
    assert len(set(names)) == len(names) == 8 and "ann__tshirt__2" in names
    (first, *_) = Listing({"model": "a/b"}, "../{model}:{n}").wanted(pairs)
    assert "/" not in first.name and ".." not in first.name
    with pytest.raises(InputError, match="pattern"):
        list(Listing({}, "{nobody}").wanted(pairs))


COMMAND = (
    "import sys; sys.path.insert(0, sys.argv[1]); import conftest; "
    "from fitting_room.commands.main import main; sys.exit(main(sys.argv[2:]))"
)


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_was_stopped_goes_on(folders, tmp_path, kind):
    for number in range(3):
        pixels = np.asarray(Image.open(folders[0] / "ann.png")).copy()
        pixels[:4, :4] = number
        Image.fromarray(pixels).save(folders[0] / f"more{number}.png")
    out = tmp_path / "out"
    command = [sys.executable, "-c", COMMAND, str(TESTS), "batch", "--people", str(folders[0]),
               "--garments", str(folders[1]), "--category", "upper", "--out", str(out),
               "--json"]  # fmt: skip
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    limit = time.monotonic() + 240
    while len(list(out.glob("*.png"))) < 2 and time.monotonic() < limit:
        time.sleep(0.05)
    os.kill(first.pid, kind)
    said, errors = first.communicate(timeout=120)
    made = {path.name: path.stat().st_mtime_ns for path in out.glob("*.png")}
    assert 2 <= len(made) < 10, errors
    if kind == signal.SIGINT:
        assert first.returncode == 130 and json.loads(said.splitlines()[-1])["done"] == len(made)
    else:  # its lease has not run out: as if the time had passed
        _expire(out / "batch.sqlite")
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    again = {path.name: path.stat().st_mtime_ns for path in out.glob("*.png")}
    assert len(again) == 10 and told["skipped"] + told["done"] == 10
    kept = [name for name in made if again[name] == made[name]]
    assert len(kept) >= len(made) - 1  # at most the one in flight was made twice


def test_a_full_disk_stops_the_run_and_loses_nothing(folders, tmp_path, capsys, monkeypatch):
    from fitting_room.services.batch.store import Store

    out, real = tmp_path / "out", Store.put

    def full(self, name, data):
        if name.startswith("bob"):
            raise InputError(f"{name} cannot be written: the disk is full.")
        real(self, name, data)

    monkeypatch.setattr(Store, "put", full)
    arguments = ["batch", "--people", str(folders[0]), "--garments", str(folders[1]),
                 "--category", "upper", "--out", str(out), "--json"]  # fmt: skip
    assert main(arguments) == 1 and "disk is full" in capsys.readouterr().err
    monkeypatch.setattr(Store, "put", real)
    code, told = batch(folders, out, "--category", "upper", capsys=capsys)
    assert code == 0 and told["done"] + told["skipped"] == 4 and told["failed"] == 0


def test_an_engine_that_ends_is_followed_by_another(folders, tmp_path):
    from fitting_room.services.batch.jobs import Jobs
    from fitting_room.services.batch.makers import EngineDied, LocalMaker
    from fitting_room.services.batch.runner import run
    from fitting_room.services.batch.store import Store
    from fitting_room.services.database import open_database

    class Fragile(LocalMaker):
        ended = 0

        def __call__(self, request, progress, stopped):
            if self.ended < 2:
                self.ended += 1
                raise EngineDied("ComfyUI has stopped.")
            return super().__call__(request, progress, stopped)

    jobs = Jobs(open_database(f"sqlite:///{tmp_path / 'ledger.sqlite'}"), "out")
    jobs.add(Listing({"model": "preview", "category": "upper"}).wanted(folder_pairs(*folders)))
    report = run(jobs, Store(str(tmp_path / "out")), Fragile("cpu"))
    assert (report.done, report.failed, report.lost) == (4, 0, 0)


def test_a_picture_that_ends_every_engine_is_lost_and_told_why(folders, tmp_path):
    from fitting_room.services.batch.jobs import MOST_LEASES, Jobs
    from fitting_room.services.batch.makers import EngineDied, LocalMaker
    from fitting_room.services.batch.runner import run
    from fitting_room.services.batch.store import Store
    from fitting_room.services.database import open_database

    class Deadly(LocalMaker):
        def __call__(self, request, progress, stopped):
            raise EngineDied(f"ComfyUI has stopped. Its last words:\n{'.' * 1800} out of memory")

    jobs = Jobs(open_database(f"sqlite:///{tmp_path / 'ledger.sqlite'}"), "out")
    jobs.add(Listing({"model": "preview", "category": "upper"}).wanted(folder_pairs(*folders)))
    report = run(jobs, Store(str(tmp_path / "out")), Deadly("cpu"))
    assert (report.done, report.failed, report.lost) == (0, 0, 4)
    for job in jobs.all():
        assert job.message.startswith(f"{MOST_LEASES} workers ended")
        assert job.message.endswith("out of memory")


def test_results_may_go_to_an_object_store(folders, tmp_path, capsys):
    import fsspec

    ledger = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    target = f"memory://{tmp_path.name}/run"
    code, told = batch(
        folders, target, "--category", "upper", "--ledger", ledger, "--gallery", capsys=capsys
    )
    assert code == 0 and told["done"] == 4
    kept = fsspec.filesystem("memory").ls(f"/{tmp_path.name}/run", detail=False)
    assert sum(name.endswith(".png") for name in kept) == 4
    assert any(name.endswith("gallery.html") for name in kept)


class Slow:
    """Makes nothing of a request but its own photo, in a given time."""

    cache_hits = 0

    def __init__(self, seconds, meanwhile=lambda: None):
        self.seconds, self.meanwhile = seconds, meanwhile

    def __call__(self, request, progress, stopped):
        from fitting_room.services.request import TryOnResult

        time.sleep(self.seconds)
        self.meanwhile()
        return TryOnResult(request.person, None, "upper", "slow", "slow", 0, self.seconds)


def listed(folders, tmp_path):
    from fitting_room.services.batch.jobs import Jobs
    from fitting_room.services.batch.store import Store
    from fitting_room.services.database import open_database

    jobs = Jobs(open_database(f"sqlite:///{tmp_path / 'ledger.sqlite'}"), "out")
    jobs.add(Listing({"model": "preview", "category": "upper"}).wanted(folder_pairs(*folders)))
    return jobs, Store(str(tmp_path / "out"))


def test_a_long_picture_keeps_its_lease(folders, tmp_path):
    from fitting_room.services.batch.runner import run

    jobs, store = listed(folders, tmp_path)
    seen = []
    report = run(
        jobs, store, Slow(1.5, lambda: seen.append(jobs.lease("thief", 0.01))), lease_seconds=0.6
    )
    assert report.done == 4 and report.by_model == {"slow": 4}
    assert len(seen) == 4 and seen[0].name != "ann__stripes"  # which was in hand then
    assert next(job.leases for job in jobs.all() if job.name == "ann__stripes") == 1


def test_what_somebody_else_had_in_hand_is_waited_for_and_taken_over(folders, tmp_path):
    from fitting_room.services.batch.runner import run

    jobs, store = listed(folders, tmp_path)
    dead = jobs.lease("somebody who died", 4)
    told = []
    report = run(jobs, store, Slow(0), lambda job, stage, share: told.append((job, stage)))
    assert report.done == 4 and report.begun_again == 1
    assert (None, "waiting for 1 that others have in hand") in told
    assert next(job for job in jobs.all() if job.id == dead.id).leases == 2


def test_a_workflow_is_warmed_up_with_what_no_picture_leads_to():
    from fitting_room.services.batch.makers import warming

    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "a"}},
        "2": {"class_type": "Files", "inputs": {"name": "weights"}},
        "3": {"class_type": "Load", "inputs": {"files": ["2", 0], "precision": "auto"}},
        "4": {"class_type": "Draw", "inputs": {"image": ["1", 0], "model": ["3", 1], "seed": 5}},
        "5": {"class_type": "Save", "inputs": {"images": ["4", 0]}},
        "6": {"class_type": "Unused", "inputs": {}},
    }
    found = warming(graph)
    assert {name: found[name] for name in ("2", "3")} == {"2": graph["2"], "3": graph["3"]}
    shown = [node for name, node in found.items() if name not in ("2", "3")]
    assert shown == [{"class_type": "PreviewAny", "inputs": {"source": ["3", 1]}}]
    assert warming({"1": graph["1"], "5": {"class_type": "Save", "inputs": {"x": ["1", 0]}}}) == {}


def _expire(path):
    with sqlite3.connect(path) as database:
        database.execute("UPDATE jobs SET deadline = '2000-01-01 00:00:00' WHERE state = 'leased'")
