"""The catalogue's models outside ComfyUI, on tiny checkpoints."""

import os
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import tiny
from fitting_room.pipelines.catalog.models import VARIANTS
from fitting_room.pipelines.errors import InputError, MissingFiles
from fitting_room.services.backends.local import LocalBackend
from fitting_room.services.backends.placement import device_of, dtype_of
from fitting_room.services.errors import Cancelled
from fitting_room.services.request import TryOnRequest
from PIL import Image

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
NAME = "leffa/virtual_tryon"


def sample(name):
    return np.asarray(Image.open(SAMPLES / name).convert("RGB"))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return tiny.install(tmp_path_factory.mktemp("local"), [NAME, "densepose/r50_fpn_s1x"])


@pytest.fixture(scope="module")
def backend(models):
    return LocalBackend("cpu", folders=[models])


@pytest.fixture(scope="module")
def request_of():
    plain = TryOnRequest(
        sample("person.jpg"), (sample("tshirt.png"),), "upper", NAME, seed=1, steps=2,
        guidance=2.0, width=96, height=128,
    )  # fmt: skip
    return lambda **changes: replace(plain, **changes)


def test_a_person_is_dressed(backend, request_of):
    told = []
    result = backend.run(request_of(), lambda stage, share: told.append((stage, share)))
    photo = request_of().person
    assert result.picture.shape == photo.shape and result.mask.shape == photo.shape[:2]
    assert (result.picture[result.mask == 0] == photo[result.mask == 0]).all()
    assert (result.picture[result.mask == 1] != photo[result.mask == 1]).any()
    assert (result.backend, result.model, result.category) == ("local", NAME, "upper")
    assert result.cost == Decimal(0) and any("Mask" in each for each in result.warnings)
    shares = [share for _, share in told]
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] == 1
    assert sum(stage == "denoising" for stage, _ in told) == 3  # before the first, after each


def test_what_was_read_is_read_once(backend, request_of, monkeypatch):
    mask = np.zeros((512, 512), np.float32)
    mask[260:500, 150:380] = 1
    plain = request_of(mask=mask)  # a mask made here depends on the garment's sleeves too
    backend.run(plain)
    pipeline, calls = backend._model.pipeline, []
    for name in ("encode_person", "encode_garment"):
        real = getattr(pipeline, name)
        monkeypatch.setattr(
            pipeline, name, lambda *a, _r=real, _n=name, **k: calls.append(_n) or _r(*a, **k)
        )
    backend.run(replace(plain, seed=2))
    assert calls == []
    backend.run(replace(plain, garments=(sample("stripes.png"),)))
    assert calls == ["encode_garment"]
    backend.run(replace(plain, person=sample("person_mirrored.jpg")))
    assert calls == ["encode_garment", "encode_person"]
    backend.run(plain)
    assert len(calls) == 2


def test_it_stops_when_asked(backend, request_of):
    asked = []

    def cancelled():
        asked.append(1)
        return len(asked) > 4

    with pytest.raises(Cancelled):
        backend.run(request_of(steps=50), cancelled=cancelled)
    assert len(asked) == 5
    assert backend.run(request_of()).picture.any()  # and goes on afterwards


def test_replaced_weights_are_read_anew(models, request_of):
    backend = LocalBackend("cpu", folders=[models])
    backend.run(request_of())
    first = backend._model
    backend.run(request_of(seed=2))
    assert backend._model is first
    (weights,) = (path for path in first._files if path.suffix == ".pth")
    os.utime(weights, ns=(1, 1))
    backend.run(request_of())
    assert backend._model is not first


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"model": "nobody/nothing"}, "No model is called"),
        ({"model": "openpose/body"}, "No model is called"),
        ({"options": {"colour": "red"}}, "no model has an option colour"),
        ({"options": {"context": "wide"}}, "context takes float"),
        ({"options": {"accelerated": 1}}, "accelerated takes bool"),
        ({"category": "lower"}, "trained for upper"),
        ({"garments": (sample("trousers.png"),)}, "shows a lower garment, and an upper garment"),
        ({"width": 100}, "multiples of 8"),
        ({"guidance": 0.5}, "guidance must be 1"),
        ({"steps": 0}, "steps"),
        ({"garments": (sample("tshirt.png"), sample("stripes.png"))}, "One garment"),
        ({"frames": (sample("person.jpg"),)}, "a video came"),
        ({"mask": np.zeros((512, 512), np.float32)}, "mask"),
    ],
)
def test_what_cannot_be_done_is_refused_with_words(backend, request_of, changes, words):
    with pytest.raises(InputError, match=words):
        backend.run(request_of(**changes))


def test_it_says_beforehand_what_it_cannot(backend, request_of, tmp_path):
    assert list(backend.accepts(request_of())) == []
    said = " ".join(backend.accepts(request_of(category="dress", model="ootdiffusion/hd")))
    assert "missing" in said and "licence" in said and "dress" in said
    assert backend.accepts(request_of(model="nobody/nothing"))
    assert backend.estimate(request_of()).shop == VARIANTS[NAME].licence.shop
    bare = LocalBackend("cpu", folders=[tmp_path])
    with pytest.raises((MissingFiles, InputError)):
        bare.run(request_of(model="ootdiffusion/hd"))


def test_below_strength_one_it_begins_from_the_preview(backend, request_of):
    whole = backend.run(request_of(steps=4))
    part = backend.run(request_of(steps=4, options={"strength": 0.5}))
    assert not np.array_equal(whole.picture, part.picture)


def test_devices_and_precisions():
    assert device_of("auto").type in ("cuda", "mps", "cpu")
    with pytest.raises(InputError, match="not on this machine"):
        device_of("abacus")
    import torch

    cpu = torch.device("cpu")
    assert dtype_of("auto", VARIANTS[NAME], cpu) == torch.float32
    assert dtype_of("bf16", VARIANTS[NAME], cpu) == torch.bfloat16
    assert dtype_of("auto", VARIANTS[NAME], torch.device("cuda")) == torch.float16
    with pytest.raises(InputError, match="precision"):
        dtype_of("fp4", VARIANTS[NAME], cpu)
