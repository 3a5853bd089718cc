"""A remote ComfyUI as a backend: the real engine is the other machine."""

import uuid
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def remote(engine, tmp_path, monkeypatch):
    """(backend, ledger) that ask the engine of these tests."""
    from fitting_room.services.costs.prices import read_prices
    from fitting_room.services.hosted.registry import hosted_backends
    from fitting_room.services.ledger import open_ledger
    from fitting_room.services.results import ResultStore

    monkeypatch.setenv("FITTING_ROOM_HOME", str(tmp_path))
    monkeypatch.setenv("FITTING_ROOM_ALLOW_LOOPBACK", "1")
    monkeypatch.setenv("FITTING_ROOM_COMFYUI_URL", engine.address)
    ledger = open_ledger()
    backends = hosted_backends(
        ledger, ResultStore(), read_prices(), ["comfyui"], allow_upload=True, limit_seconds=120
    )
    yield backends[0], ledger
    ledger.database.close()


def request(seed=0):
    from fitting_room.pipelines.images import read_picture
    from fitting_room.services.request import TryOnRequest

    person, garment = (
        np.asarray(read_picture(ROOT / "samples" / name).convert("RGB"))
        for name in ("person.jpg", "tshirt.png")
    )
    return TryOnRequest(person, (garment,), "upper", model="", seed=seed)


def test_the_other_machine_makes_the_picture_once(remote, engine):
    backend, ledger = remote
    before, shares = len(engine.get("/history")), []
    result = backend.run(request(), lambda stage, share: shares.append(share))
    assert result.picture.shape == request().person.shape
    assert not np.array_equal(result.picture, request().person)
    assert np.array_equal(result.picture[:100], request().person[:100]), (
        "the preview leaves the rest"
    )
    assert (result.cost, result.backend) == (0, "comfyui")
    assert shares == sorted(shares)
    assert result.remote_id in engine.get("/history")
    backend.run(request())
    assert len(engine.get("/history")) == before + 1
    assert ledger.get(1).state == "done"


def test_a_submission_whose_answer_was_lost_is_found(remote, engine):
    """The process died after ComfyUI took the job and before its answer was noted."""
    backend, ledger = remote
    asked = request(seed=1)
    attempt, _ = ledger.claim(
        "comfyui", "comfyui/preview_try_on", backend.fingerprint(asked), lambda _: False,
        resume={"size": [asked.person.shape[1], asked.person.shape[0]], "seed": 1,
                "category": "upper"},
    )  # fmt: skip
    ledger.note(attempt, state="sending")
    from fitting_room.services.backends.comfyui import read_workflow

    name = str(uuid.UUID(hex=attempt.key))
    status, _ = engine.post(
        "/prompt", {"prompt": read_workflow("preview_try_on"), "prompt_id": name}
    )
    assert status == 200
    before = len(engine.get("/history"))
    result = backend.run(asked)
    assert result.remote_id == name
    assert len(engine.get("/history")) <= before + 1
    assert ledger.get(attempt.id).state == "done"


def test_a_workflow_that_cannot_run_there_is_told(remote, tmp_path, monkeypatch):
    from fitting_room.services.errors import Refused, Unavailable

    backend, _ = remote
    with pytest.raises(Unavailable, match="cannot run the workflow") as told:
        from dataclasses import replace

        graph = (ROOT / "workflows" / "api" / "preview_try_on.json").read_text("utf-8")
        broken = tmp_path / "broken.json"
        broken.write_text(graph.replace("FittingRoomPreviewTryOn", "NobodyHasThisNode"))
        model = replace(backend.model, remote=str(broken))
        replace(backend, model=model).run(request(seed=2))
    assert not told.value.billed
    blank = replace(request(seed=3), person=np.full((640, 480, 3), 200, np.uint8))
    with pytest.raises(Refused):
        backend.run(blank)
