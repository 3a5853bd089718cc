"""The door: what every model goes through, on a tiny one."""

import pytest
import tiny
import torch
from fitting_room.pipelines.catalog.models import VARIANTS, variants_of
from fitting_room.pipelines.errors import InputError, NobodyFound
from fitting_room.pipelines.files.locate import find
from fitting_room.pipelines.models import door
from fitting_room.pipelines.models.common import GarmentView, Person, Settings, ignored

FUNCTIONS = ("load", "person_crop", "frame_photo", "frame_garment", "read_person", "encode_person",
             "encode_garment", "dress", "put_back", "working_bytes", "sparing")  # fmt: skip
OPTIONAL = {"ahead_steps": "read_ahead", "keep_unconditional": "keep_unconditional",
            "compile": "blocks", "fp8": "shrink"}  # fmt: skip
DRAWING = variants_of("try_on", "pose_transfer")
SIZE = 96, 128


@pytest.mark.parametrize("variant", DRAWING, ids=lambda variant: variant.name)
def test_every_model_has_what_its_entry_says(variant):
    module = door.module_of(variant)
    wanted = [*FUNCTIONS, *(name for key, name in OPTIONAL.items() if key in variant.settings)]
    assert not [name for name in wanted if not callable(getattr(module, name, None))]


def test_a_tool_draws_nothing():
    for variant in variants_of("tool"):
        with pytest.raises(InputError, match="no model that draws pictures"):
            door.module_of(variant)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    base = tmp_path_factory.mktemp("door")
    return tiny.install(base, [*BATCHED, "leffa/pose_transfer"])


BATCHED = ["leffa/virtual_tryon", "ootdiffusion/dc", "idm_vton/dresscode", "catvton/mix"]


def pictures(count, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, SIZE[1], SIZE[0], generator=generator).split(1)


@pytest.fixture(scope="module", params=BATCHED)
def ready(request, models):
    """(pipeline, variant, two people, three garments) as the model takes them."""
    variant = VARIANTS[request.param]
    pipeline = door.load_pipeline(find(variant.name, folders=[models]), torch.float32)
    mask = torch.zeros(1, 1, SIZE[1], SIZE[0])
    mask[..., 40:100, 20:80] = 1
    people = [
        door.encode_person(pipeline, variant, Person(photo, mask, "upper", body))
        for photo, body in zip(pictures(2, 0), pictures(2, 1), strict=True)
    ]
    garments = [
        door.encode_garment(pipeline, variant, GarmentView(picture, "upper", words), None)
        for picture, words in zip(pictures(3, 2), ("", "a red top", ""), strict=True)
    ]
    return pipeline, variant, people, garments


PAIRS = [(0, 2), (1, 0), (0, 1), (1, 2), (0, 0)]


@pytest.mark.parametrize("batch", [2, 5])
def test_a_batch_equals_its_single_runs(ready, batch):
    settings = Settings(steps=2, guidance=2.0, seed=4)
    alone = list(door.dress(*ready, PAIRS, settings))
    together = list(door.dress(*ready, PAIRS, settings, batch=batch))
    assert len(alone) == len(together) == len(PAIRS)
    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(one, other, atol=2e-4, rtol=0)
    assert not torch.allclose(alone[0], alone[3], atol=1e-2)


def test_picture_i_uses_seed_plus_i_and_samples_follow_their_pair(ready):
    settings = Settings(steps=2, guidance=2.0, seed=4, samples=2)
    made = list(door.dress(*ready, PAIRS[:2], settings))
    again = list(door.dress(*ready, [PAIRS[1]], Settings(steps=2, guidance=2.0, seed=7)))
    assert len(made) == 4 and torch.equal(made[3], again[0])


def test_a_start_picture_belongs_to_its_person(ready):
    starts = list(pictures(2, 8))
    settings = Settings(steps=4, guidance=1.0, seed=4, strength=0.5)
    pairs = [(1, 0), (0, 0), (1, 0)]
    alone = list(door.dress(*ready, pairs, settings, starts=starts))
    together = list(door.dress(*ready, pairs, settings, starts=starts, batch=3))
    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(one, other, atol=2e-4, rtol=0)
    with pytest.raises(InputError, match="picture to begin from"):
        list(door.dress(*ready, pairs, settings))


def test_a_person_and_a_garment_are_read_once_for_every_combination(ready, monkeypatch):
    pipeline, variant, people, garments = ready
    calls = []
    monkeypatch.setattr(type(pipeline), "encode_person", lambda *a, **k: calls.append("person"))
    monkeypatch.setattr(type(pipeline), "encode_garment", lambda *a, **k: calls.append("garment"))
    settings = Settings(steps=1, guidance=1.0)
    made = list(door.dress(pipeline, variant, people, garments, PAIRS, settings, batch=3))
    assert len(made) == len(PAIRS) and not calls


def test_interrupt_and_progress_reach_every_step(ready):
    told = []

    def watch(first, rows, count):
        return lambda done, total, step: told.append((first, rows, count, done, total))

    list(door.dress(*ready, PAIRS[:3], Settings(steps=2), batch=2, watch=watch))
    assert told == [(0, 2, 3, 1, 2), (0, 2, 3, 2, 2), (2, 1, 3, 1, 2), (2, 1, 3, 2, 2)]

    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(door.dress(*ready, PAIRS, Settings(steps=2), watch=lambda *_: stop))


@pytest.mark.parametrize("samples, batch", [(0, 1), (1, 0)])
def test_no_pictures_at_a_time_are_refused(ready, samples, batch):
    with pytest.raises(InputError, match="At least one"):
        list(door.dress(*ready, PAIRS, Settings(samples=samples), batch=batch))


def test_more_memory_holds_more_rows(ready):
    pipeline, variant, *_ = ready
    fits = [door.rows_that_fit(pipeline, variant, 768, 1024, free) for free in (0, 6e9, 60e9)]
    assert fits[0] == 1 and fits[0] < fits[1] < fits[2]
    small = door.rows_that_fit(pipeline, variant, 384, 512, 6e9)
    assert small > fits[1]


def test_a_setting_that_a_model_lacks_is_told():
    lacking = VARIANTS["ootdiffusion/hd"]
    said = ignored(lacking, Settings(accelerated=True, seed=9, steps=3, strength=0.5))
    assert len(said) == 1 and "accelerated" in said[0]
    assert ignored(VARIANTS["leffa/virtual_tryon"], Settings(accelerated=True)) == []


def test_a_category_that_a_model_does_not_know_is_refused(models):
    variant = VARIANTS["leffa/virtual_tryon"]
    with pytest.raises(InputError, match="trained for upper"):
        door.encode_garment(None, variant, GarmentView(torch.zeros(1, 3, 64, 64), "lower"), None)


def test_the_body_under_the_mask_is_whose_body_is_wanted():
    mask, neighbour = torch.zeros(1, 1, 64, 64), torch.zeros(1, 3, 64, 64)
    mask[..., 10:50, 5:30] = 1
    neighbour[..., 35:60] = 1
    with pytest.raises(NobodyFound, match="not the one under the mask"):
        door.check_read_body(neighbour, mask)
    with pytest.raises(InputError, match="another person"):
        door.check_given_body(neighbour, mask)
    own = torch.zeros(1, 3, 64, 64)
    own[..., 12:48, 8:28] = 1
    door.check_read_body(own, mask)
    door.check_given_body(own, mask)


@pytest.mark.parametrize("size", [(100, 128), (96, 4), (0, 0)])
def test_a_size_that_a_model_cannot_work_at_is_refused(size):
    with pytest.raises(InputError, match="multiples of"):
        door.frame_garment(
            VARIANTS["leffa/virtual_tryon"], torch.zeros(1, 3, 64, 64), *size, "fit"
        )  # fmt: skip
