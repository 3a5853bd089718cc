"""One request behind every door: what it refuses, its fingerprint, and its way through JSON."""

import json
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from fitting_room.pipelines.errors import InputError
from fitting_room.services.request import TryOnRequest, TryOnResult, content_hash


def picture(seed, height=40, width=30):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def request_():
    mask = np.random.default_rng(3).random((40, 30), dtype=np.float32)
    return TryOnRequest(
        person=picture(0), garments=(picture(1), picture(2)), category="dress", mask=mask,
        garment_masks=(None, np.ones((40, 30), np.float32)), seed=7, steps=4,
        options={"lighting": 0.5, "description": "a red dress"}, frames=(picture(4),),
    )  # fmt: skip


def test_there_and_back_through_json(request_, tmp_path):
    told = json.loads(json.dumps(request_.to_json(tmp_path)))
    back = TryOnRequest.from_json(told, tmp_path)
    assert back.fingerprint() == request_.fingerprint()
    np.testing.assert_array_equal(back.person, request_.person)
    np.testing.assert_array_equal(back.mask, request_.mask)
    assert back.garment_masks[0] is None and back.options == request_.options
    assert (back.category, back.seed, back.steps) == ("dress", 7, 4)


def test_a_picture_is_written_once(request_, tmp_path):
    request_.to_json(tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    request_.to_json(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == times


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 8}, {"category": "upper"}, {"model": "leffa/virtual_tryon"}, {"steps": 5},
        {"options": {"lighting": 0.6}}, {"person": picture(9)}, {"mask": None},
        {"garments": (picture(2), picture(1))}, {"frames": ()}, {"person_index": 1},
    ],
)  # fmt: skip
def test_whatever_changes_the_result_changes_the_fingerprint(request_, change):
    assert replace(request_, **change).fingerprint() != request_.fingerprint()


def test_the_fingerprint_is_of_content(request_):
    same = replace(request_, person=request_.person.copy(),
                   options=dict(reversed(request_.options.items())))  # fmt: skip
    assert same.fingerprint() == request_.fingerprint()
    assert request_.fingerprint("other weights") != request_.fingerprint()
    turned = picture(0).reshape(30, 40, 3)
    assert content_hash(turned) != content_hash(picture(0)), "the same bytes in another shape"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"person": picture(0).astype(np.float32)}, "person must be uint8"),
        ({"garments": (picture(1)[..., :1],)}, "garment must be uint8"),
        ({"category": "hat"}, "hat"),
        ({"person": np.zeros((0, 5, 3), np.uint8)}, "person"),
        ({"garment_masks": (None,)}, "one garment mask"),
        ({"mask": np.zeros((4, 4), np.float32)}, r"its photo's size \(40, 30\), and \(4, 4\)"),
        ({"mask": np.zeros((40, 30), np.uint8)}, "float32 numbers"),
        ({"mask": np.full((40, 30), np.nan, np.float32)}, "float32 numbers"),
        ({"garment_masks": (None, np.zeros((4, 4), np.float32))}, "garment mask must have"),
        ({"options": {"list": [1]}}, "list"),
    ],
)
def test_what_cannot_be_is_refused_with_words(request_, change, words):
    with pytest.raises(InputError, match=words):
        replace(request_, **change)


@pytest.mark.parametrize("name", ["person", "garment", "frame"])
def test_json_without_a_picture_is_refused(request_, tmp_path, name):
    told = request_.to_json(tmp_path)
    told["pictures"][name][0] = None
    with pytest.raises(InputError):
        TryOnRequest.from_json(told, tmp_path)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda told: told.pop("pictures"),
        lambda told: told.update(colour="red"),
        lambda told: told["pictures"]["person"][0].update(path="../../etc/passwd"),
        lambda told: told["pictures"]["person"][0].update(sha256="0" * 64),
        lambda told: told["pictures"]["person"][0].update(path="absent.png"),
    ],
)
def test_json_that_was_changed_is_refused(request_, tmp_path, spoil):
    told = request_.to_json(tmp_path)
    spoil(told)
    with pytest.raises(InputError):
        TryOnRequest.from_json(told, tmp_path)


def test_facts_of_a_result_are_json_and_money_is_text():
    result = TryOnResult(
        picture=picture(0), mask=None, category="upper", backend="some", model="preview", seed=1,
        seconds=1.23456, cost=Decimal("0.075"), currency="USD", warnings=("one",),
    )  # fmt: skip
    told = json.loads(json.dumps(result.facts()))
    assert told["cost"] == "0.075" and told["seconds"] == 1.235 and told["warnings"] == ["one"]
