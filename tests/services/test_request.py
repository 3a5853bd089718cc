"""One request for every backend: what makes two the same, and its way through JSON."""

import json
from dataclasses import replace

import numpy as np
import pytest
from fitting_room.pipelines.errors import InputError
from fitting_room.services.errors import BackendError, OutOfCredit, RateLimited, Unavailable
from fitting_room.services.request import TryOnRequest, content_hash


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def request_of():
    plain = TryOnRequest(
        noise(40, 30, 3), (noise(20, 25, 3, seed=1),), "upper", "preview",
        mask=noise(40, 30, seed=2).astype(np.float32) / 255, seed=3, options={"lighting": 0.5},
    )  # fmt: skip
    return lambda **changes: replace(plain, **changes)


def test_equal_content_is_the_same_request(request_of):
    same = request_of(person=noise(40, 30, 3).copy(), options={"lighting": 0.5})
    assert request_of().fingerprint() == same.fingerprint() and len(same.fingerprint()) == 64
    assert request_of() != request_of()  # arrays are not compared by ==


@pytest.mark.parametrize(
    "changes",
    [
        {"person": noise(40, 30, 3, seed=9)},
        {"person": noise(30, 40, 3), "mask": None},
        {"garments": (noise(20, 25, 3, seed=9),)},
        {"garments": (noise(20, 25, 3, seed=1), noise(20, 25, 3, seed=1))},
        {"garment_masks": (np.ones((20, 25), np.float32),)},
        {"mask": None},
        {"category": "dress"},
        {"model": "some/model"},
        {"tier": "best"},
        {"person_index": 1},
        {"seed": 4},
        {"steps": 20},
        {"guidance": 2.0},
        {"width": 768},
        {"options": {"lighting": 0.4}},
        {"options": {}},
        {"frames": (noise(40, 30, 3),)},
    ],
)
def test_everything_that_changes_the_picture_changes_the_fingerprint(request_of, changes):
    assert request_of(**changes).fingerprint() != request_of().fingerprint()


def test_files_of_the_model_and_a_revision_count(request_of, monkeypatch):
    from fitting_room.pipelines.catalog import models

    before = request_of(model="leffa/virtual_tryon").fingerprint()
    variant = models.VARIANTS["leffa/virtual_tryon"]
    newer = replace(variant, sources=tuple(replace(s, revision="next") for s in variant.sources))
    monkeypatch.setitem(models.VARIANTS, variant.name, newer)
    assert request_of(model="leffa/virtual_tryon").fingerprint() != before
    assert request_of().fingerprint("fine-tuned") != request_of().fingerprint()


def test_through_json_and_back(request_of, tmp_path):
    given = request_of(garment_masks=(np.full((20, 25), 0.25, np.float32),), width=64, height=96)
    told = json.loads(json.dumps(given.to_json(tmp_path)))
    back = TryOnRequest.from_json(told, tmp_path)
    assert back.fingerprint() == given.fingerprint()
    assert np.array_equal(back.mask, given.mask) and back.options == {"lighting": 0.5}
    files = sorted(tmp_path.iterdir())
    given.to_json(tmp_path)
    assert sorted(tmp_path.iterdir()) == files  # named by content: nothing is written again


def test_pictures_that_were_changed_or_are_elsewhere_are_refused(request_of, tmp_path):
    told = request_of().to_json(tmp_path)
    path = tmp_path / told["pictures"]["person"][0]["path"]
    path.write_bytes((tmp_path / told["pictures"]["garment"][0]["path"]).read_bytes())
    with pytest.raises(InputError, match="changed"):
        TryOnRequest.from_json(told, tmp_path)
    told["pictures"]["person"][0]["path"] = "../elsewhere.png"
    with pytest.raises(InputError, match="beside the request"):
        TryOnRequest.from_json(told, tmp_path)
    for broken in ({}, {"pictures": {}}, {**told, "surprise": 1}):
        with pytest.raises(InputError):
            TryOnRequest.from_json(broken, tmp_path)


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(InputError) as told:
        TryOnRequest(noise(4, 4), (), "hat", options={"deep": {}})
    for words in ("person must be uint8", "at least one garment", "category", "deep"):
        assert words in str(told.value)


def test_content_tells_shape_and_type():
    flat = np.zeros((2, 6), np.uint8)
    assert content_hash(flat) != content_hash(flat.reshape(3, 4))
    assert content_hash(flat) != content_hash(flat.astype(np.int8))


def test_errors_are_routing_decisions():
    limited = RateLimited("later", retry_after=3.0, backend="somebody", remote_id="7")
    assert isinstance(limited, Unavailable) and limited.retry_after == 3.0
    assert (limited.backend, limited.remote_id, limited.billed) == ("somebody", "7", False)
    assert issubclass(OutOfCredit, Unavailable) and issubclass(Unavailable, BackendError)
