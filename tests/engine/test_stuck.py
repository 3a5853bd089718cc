"""An engine that answers but works no more, as after an error in its own thread for workflows."""

import pytest
from fitting_room.services import engine as services
from fitting_room.services.batch.jobs import Jobs
from fitting_room.services.batch.listing import Listing, folder_pairs
from fitting_room.services.batch.makers import WorkflowMaker
from fitting_room.services.batch.runner import run
from fitting_room.services.batch.store import Store
from fitting_room.services.database import open_database
from fitting_room.services.own_engine import OwnEngine
from gateways import STUCK_NODES
from test_batch_engine import SAMPLES

GRAPH = {
    name: {"class_type": kind, "inputs": inputs, "_meta": {"title": name}}
    for name, (kind, inputs) in {
        "person": ("LoadImage", {"image": ""}),
        "garment": ("LoadImage", {"image": ""}),
        "seen": ("PreviewImage", {"images": ["garment", 0]}),
        "saved": ("SaveImage", {"images": ["person", 0], "filename_prefix": "worn"}),
    }.items()
}


def test_it_is_told_and_another_takes_its_place(engine_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(services, "TAKEN_SECONDS", 4)
    ledger = open_database(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    jobs = Jobs(ledger, "out")
    pairs = folder_pairs(SAMPLES / "person.jpg", SAMPLES / "tshirt.png")
    jobs.add(Listing({"model": "workflow/none", "category": "upper"}).wanted(pairs))
    told, ended = [], []

    def end(job, stage, share):
        told.append(stage)
        if stage == "workflow" and not ended:
            ended.append(engine.running)
            assert engine.running.post("/end_the_worker", {})[0] == 200

    with OwnEngine(None, ("--cpu",), (STUCK_NODES,)) as engine:
        report = run(jobs, Store(str(tmp_path / "out")), WorkflowMaker(GRAPH, engine), end)
        assert engine.starts == 2 and engine.running is not ended[0] and not ended[0].alive
        assert "the engine ended; again later" in told
        assert (report.done, report.failed, report.lost) == (1, 0, 0)

        assert engine.running.post("/end_the_worker", {})[0] == 200
        with pytest.raises(services.EngineStuck, match="begun no(.|\n)*was told to end"):
            engine.running.run({"seen": {"class_type": "PreviewAny", "inputs": {"source": "x"}}})
