"""Jobs of a batch: leased once, never lost, late results taken, on SQLite and PostgreSQL."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("alembic")

from fitting_room.services import database as database_module
from fitting_room.services.batch import jobs as module
from fitting_room.services.batch.jobs import MOST_LEASES, Jobs, WantedPicture
from fitting_room.services.database import LedgerAway, now, open_database
from postgres import Postgres


def wanted(count, model="a", garment="g"):
    return [
        WantedPicture(
            f"{model}-{garment}-{i}", f"key-{model}-{garment}-{i}", model, f"p{i}", garment
        )
        for i in range(count)
    ]


@pytest.fixture
def jobs(ledger_address):
    database = open_database(ledger_address)
    yield Jobs(database, "out")
    database.close()


def test_the_same_list_again_adds_nothing(jobs):
    assert jobs.add(wanted(3)) == 3 and jobs.add(wanted(3)) == 0
    first = jobs.lease("me", 60)
    jobs.done(first, "a.png", {}, 1.0)
    assert jobs.add(wanted(4)) == 1
    assert jobs.counts()["queued"] == 3 and jobs.counts()["done"] == 1


def test_a_changed_picture_is_wanted_anew(jobs):
    jobs.add(wanted(1))
    jobs.done(jobs.lease("me", 60), "a.png", {}, 1.0)
    assert jobs.add([replace(wanted(1)[0], key="another")]) == 1
    assert jobs.lease("me", 60).key == "another"


def test_a_file_that_cannot_be_read_is_failed_until_it_can(jobs):
    bad = replace(wanted(1)[0], key="", problem="broken")
    jobs.add([bad])
    assert jobs.counts()["failed"] == 1 and jobs.lease("me", 60) is None
    jobs.add(wanted(1))
    assert jobs.lease("me", 60) is not None


def test_order_is_by_model_then_garment_then_place(jobs):
    jobs.add([*wanted(2, "b", "y"), *wanted(2, "a", "z"), *wanted(2, "a", "x")])
    order = []
    while (job := jobs.lease("me", 60)) is not None:
        order.append(job.name)
    assert order == ["a-x-0", "a-x-1", "a-z-0", "a-z-1", "b-y-0", "b-y-1"]


def test_a_lease_is_one_owners_until_it_runs_out(jobs, monkeypatch):
    jobs.add(wanted(1))
    first = jobs.lease("me", 60)
    assert jobs.lease("you", 60) is None and jobs.renew(first, 60)
    later = now() + timedelta(seconds=120)
    monkeypatch.setattr(module, "now", lambda: later)
    second = jobs.lease("you", 60)
    assert second.id == first.id and not jobs.renew(first, 60)
    assert jobs.done(first, "late.png", {}, 1.0)  # what comes late is taken
    assert not jobs.done(second, "again.png", {}, 1.0)  # and not replaced
    assert not jobs.failed(second, "too late")
    (job,) = jobs.all()
    assert (job.state, job.result) == ("done", "late.png")


def test_a_job_that_ends_its_workers_is_lost(jobs, monkeypatch):
    jobs.add(wanted(1))
    for attempt in range(MOST_LEASES):
        moment = now() + timedelta(hours=attempt)
        monkeypatch.setattr(module, "now", lambda moment=moment: moment)
        assert jobs.lease("me", 60) is not None
    moment = now() + timedelta(days=1)
    monkeypatch.setattr(module, "now", lambda: moment)
    assert jobs.lease("me", 60) is None and jobs.counts()["lost"] == 1
    assert jobs.retry("lost") == 1 and jobs.lease("me", 60) is not None


def test_what_is_given_back_is_free_at_once_and_costs_no_lease(jobs):
    jobs.add(wanted(1))
    for _ in range(3 * MOST_LEASES):
        jobs.give_back(jobs.lease("me", 60))
    assert jobs.counts()["queued"] == 1


def test_many_workers_never_get_the_same_job(jobs):
    jobs.add(wanted(40))
    taken, lock = [], threading.Lock()

    def work(name):
        while (job := jobs.lease(name, 60)) is not None:
            with lock:
                taken.append(job.name)
            jobs.done(job, f"{job.name}.png", {}, 0.1)

    threads = [threading.Thread(target=work, args=(f"w{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(taken) == sorted(each.name for each in wanted(40))
    assert jobs.counts()["done"] == 40


def test_batches_do_not_see_each_other(jobs):
    jobs.add(wanted(1))
    other = Jobs(jobs.database, "elsewhere")
    assert other.lease("me", 60) is None and sum(other.counts().values()) == 0


def test_a_server_that_goes_away_is_waited_for_and_then_told(monkeypatch):
    with Postgres() as server:
        jobs = Jobs(open_database(server.database("away")), "out")
        jobs.add(wanted(3))
        first = jobs.lease("me", 60)
        server.stop()
        later = threading.Timer(2.0, server.start)
        later.start()
        assert jobs.done(first, "a.png", {"model": "a"}, 1.0)  # asked while it was away
        later.join()
        assert jobs.counts()["done"] == 1 and jobs.made_by()["a"].pictures == 1
        server.stop()
        monkeypatch.setattr(database_module, "PATIENCE_SECONDS", 0.5)
        with pytest.raises(LedgerAway, match="does not answer.*the same command goes on"):
            jobs.lease("me", 60)
        server.start()
        monkeypatch.undo()
        assert jobs.lease("me", 60).name == "a-g-1"
        jobs.database.close()


def test_what_an_owner_that_ended_had_is_free_at_once(jobs):
    jobs.add(wanted(2))
    taken, other = jobs.lease("me", 600), jobs.lease("you", 600)
    assert jobs.release("me") == 1 and jobs.release("me") == 0
    again = jobs.lease("them", 600)
    assert again.id == taken.id != other.id and jobs.begun_again() == 1


def test_who_made_what_is_counted_in_the_ledger(jobs):
    jobs.add(wanted(3))
    for hits in (0, 4):
        jobs.done(jobs.lease("me", 60), "a.png", {"model": "x", "engine_cache_hits": hits}, 2.0)
    found = jobs.made_by()
    assert (found["x"].pictures, found["x"].cache_hits) == (2, 4)
    assert jobs.mean_seconds() == {"a": 2.0}
