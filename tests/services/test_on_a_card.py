"""Every try-on model on an NVIDIA card, on tiny checkpoints: the processor's own picture."""

import os
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from fitting_room.pipelines.catalog.models import VARIANTS, variants_of
from fitting_room.services.backends import placement
from fitting_room.services.backends.local import LocalBackend
from fitting_room.services.request import TryOnRequest
from PIL import Image

CARD = os.environ.get("FITTING_ROOM_CARD", "cuda")
pytestmark = pytest.mark.skipif(
    CARD == "cuda" and not torch.cuda.is_available(), reason="needs a card that torch.cuda can use"
)

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
NAMES = [variant.name for variant in variants_of("try_on", "pose_transfer")]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return tiny.install(tmp_path_factory.mktemp("card"))


@pytest.fixture(scope="module")
def request_of():
    person, garment = (
        np.asarray(Image.open(SAMPLES / name).convert("RGB"))
        for name in ("person.jpg", "tshirt.png")
    )

    def made(name):
        variant = VARIANTS[name]
        step = variant.size_step
        small = (96 // step * step, 128 // step * step)
        width, height = (
            (variant.width, variant.height) if variant.width <= 192 else small
        )  # made for a small one
        return TryOnRequest(
            person, (garment,), variant.categories[0] if variant.categories else "upper", name,
            seed=1, steps=2, width=width, height=height,
        )  # fmt: skip

    return made


@pytest.fixture(scope="module")
def on_the_processor(models, request_of):
    """The pictures of the processor, each made once."""
    made = {}

    def of(name):
        if name not in made:
            made[name] = LocalBackend("cpu", "fp32", folders=[models]).run(request_of(name)).picture
        return made[name].astype(int)

    return of


def check_same(picture, other):
    off = np.abs(picture.astype(int) - other)
    assert off.mean() < 0.5 and np.percentile(off, 99) <= 6, (off.mean(), off.max())


@pytest.mark.parametrize("name", NAMES)
def test_the_same_picture_as_on_the_processor(models, request_of, on_the_processor, name):
    made = LocalBackend(CARD, "fp32", folders=[models]).run(request_of(name)).picture
    check_same(made, on_the_processor(name))
    assert (made != request_of(name).person).any()


@pytest.mark.parametrize("name", NAMES)
def test_the_authors_precision(models, request_of, name):
    request = request_of(name)
    result = LocalBackend(CARD, folders=[models]).run(request)
    kept = result.mask == 0
    assert (result.picture != request.person).any()
    assert (result.picture[kept] == request.person[kept]).all()


@pytest.mark.parametrize("name", NAMES)
def test_layers_in_groups(models, request_of, on_the_processor, monkeypatch, name):
    monkeypatch.setattr(placement, "free_bytes", lambda device: 1)
    backend = LocalBackend(CARD, "fp32", folders=[models])
    made = backend.run(request_of(name)).picture
    assert backend._model.pipeline.place._streamed or CARD == "cpu"
    check_same(made, on_the_processor(name))
