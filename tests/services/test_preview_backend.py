"""The preview behind the interface of all backends."""

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from fitting_room.pipelines.errors import NobodyFound
from fitting_room.services.backends.preview import PreviewBackend
from fitting_room.services.errors import Cancelled
from fitting_room.services.request import TryOnRequest
from PIL import Image

PICTURES = Path(__file__).resolve().parents[1] / "golden" / "preview"


def picture(kind, name):
    return np.array(Image.open(PICTURES / kind / f"{name}.png").convert("RGB"))


@pytest.fixture
def wanted():
    return TryOnRequest(person=picture("people", "close"), garments=(picture("garments", "tank"),))


def test_a_request_comes_back_as_a_result(wanted):
    told = []
    backend = PreviewBackend()
    assert not list(backend.accepts(wanted))
    result = backend.run(wanted, lambda stage, share: told.append((stage, share)))
    assert (result.backend, result.model, result.category) == ("preview", "preview", "upper")
    assert result.cost == Decimal(0) and result.seconds > 0
    assert result.picture.shape == wanted.person.shape and result.picture.dtype == np.uint8
    changed = (result.picture != wanted.person).any(-1)
    assert changed.mean() > 0.05 and not (changed & (result.mask == 0)).any()
    assert told and all(0 <= share <= 1 for _, share in told)
    assert [share for _, share in told] == sorted(share for _, share in told)


def test_estimate_grows_with_the_photo_and_costs_nothing(wanted):
    large = TryOnRequest(person=np.zeros((2000, 1500, 3), np.uint8), garments=wanted.garments)
    small, much = (PreviewBackend().estimate(each) for each in (wanted, large))
    assert small.seconds < much.seconds and small.cost == 0
    assert small.shop == "yes" and not small.uploads


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "leffa/virtual_tryon"}, "leffa/virtual_tryon was asked for"),
        ({"garments": 2}, "takes one garment, and 2 came"),
        ({"frames": 1}, "a video came"),
    ],
)
def test_what_it_cannot_do_is_said(wanted, change, words):
    garments = wanted.garments * change.get("garments", 1)
    frames = (wanted.person,) * change.get("frames", 0)
    other = TryOnRequest(wanted.person, garments, model=change.get("model", ""), frames=frames)
    assert words in " ".join(PreviewBackend().accepts(other))


def test_it_can_be_stopped(wanted):
    with pytest.raises(Cancelled):
        PreviewBackend().run(wanted, cancelled=lambda: True)


def test_nobody_in_the_photo(wanted):
    wall = TryOnRequest(person=np.full((200, 150, 3), 180, np.uint8), garments=wanted.garments)
    with pytest.raises(NobodyFound):
        PreviewBackend().run(wall)


def test_a_mask_of_one_s_own(wanted):
    mask = np.zeros(wanted.person.shape[:2], np.float32)
    mask[150:200, 60:160] = 1
    own = TryOnRequest(wanted.person, wanted.garments, mask=mask)
    result = PreviewBackend().run(own)
    assert not (result.picture != wanted.person).any(-1)[mask == 0].any()
