"""Guarded Result in the engine: nothing expensive runs for a photo that did not pass.

Body Pose stands for the expensive part of a try-on.
"""

import shutil

import numpy as np
import pytest
from fitting_room.services.engine import cached_nodes, failure
from safety_graphs import (
    GARMENT,
    MIRRORED,
    OTHER,
    PERSON,
    RISKY,
    blocked,
    check,
    images,
    load,
    put_risky,
    run,
    settings,
)


@pytest.fixture(scope="module", autouse=True)
def risky(engine):
    put_risky(engine)


def guarded(people, garments, **changes):
    """Body Pose on the people and Before / After with the garments, behind the guard."""
    graph = load(*people)
    graph["people"] = graph.pop("batch")
    for place, name in enumerate(garments):
        graph[f"g{place}"] = {"class_type": "LoadImage", "inputs": {"image": name}}
    links = {f"images.image{place}": [f"g{place}", 0] for place in range(len(garments))}
    return graph | {
        "garments": {"class_type": "BatchImagesNode", "inputs": links},
        "filter": settings(**changes),
        "person check": check("people"),
        "garment check": check("garments", "garment"),
        "body": {
            "class_type": "FittingRoomBodyPose",
            "inputs": {"image": ["person check", 1], "person": 0},
        },
        "cut": {"class_type": "ImageInvert", "inputs": {"image": ["garment check", 1]}},
        "made": {
            "class_type": "FittingRoomBeforeAfter",
            "inputs": {
                "before": ["cut", 0], "after": ["body", 1], "layout": "split", "position": 0.5,
            },
        },
        "guarded": {
            "class_type": "FittingRoomGuardedResult",
            "inputs": {
                "result": ["made", 0], "filter": ["filter", 0],
                "person": ["person check", 2], "garment": ["garment check", 2],
            },
        },
        "save": {
            "class_type": "SaveImage",
            "inputs": {"images": ["guarded", 0], "filename_prefix": "safety"},
        },
    }  # fmt: skip


EXPENSIVE = {"body", "cut", "made"}


@pytest.mark.parametrize(
    ("people", "garments", "named"),
    [((PERSON,), (RISKY,), "garment"), ((RISKY,), (GARMENT,), "person")],
)
def test_nothing_expensive_runs_before_both_inputs_passed(engine, people, garments, named):
    problem = blocked(engine, guarded(people, garments, language="zh"))
    assert f"{named} picture 1" in problem["exception_message"]
    assert not EXPENSIVE & set(problem["executed"])
    # Nor did it run without being told of: what ran would be in the cache now.
    assert not EXPENSIVE & cached_nodes(engine.run(guarded(people, garments, language="zh")))


def test_a_held_photo_gives_a_stand_in_and_no_work(engine):
    graph = guarded((RISKY,), (OTHER,), action="blur")
    outputs = run(engine, graph)
    (seen,) = images(engine, outputs, "save")
    assert seen.shape == (320, 320, 3)
    assert np.abs(np.diff(seen.astype(int), axis=0)).max() < 40, "blotches without an edge"
    told = outputs["guarded"]["safety"][0]
    assert told["flagged"] is True
    assert [p["kind"] for p in told["pictures"]] == ["person", "garment"], "no result was made"
    # What ran is in the cache now, and the try-on is not.
    assert not EXPENSIVE & cached_nodes(engine.run(graph))
    assert "person check" in cached_nodes(engine.run(graph))


def test_one_held_photo_of_a_batch_leaves_the_other_try_ons(engine):
    people = (PERSON, RISKY, MIRRORED)
    outputs = run(engine, guarded(people, (GARMENT,), action="blank"))
    seen = images(engine, outputs, "save")
    assert len(seen) == 3
    assert seen[1].std() == 0, "the blank picture stands in the second place"
    for place in (0, 2):
        alone = run(engine, guarded((people[place],), (GARMENT,), action="blank"))
        assert np.array_equal(seen[place], images(engine, alone, "save")[0])
    judged = outputs["guarded"]["safety"][0]["pictures"]
    assert [p["index"] for p in judged if p["kind"] == "result"] == [0, 2]


def test_garments_go_with_their_people_where_both_are_batches(engine):
    people, garments = (PERSON, RISKY, MIRRORED), (GARMENT, OTHER, RISKY)
    seen = images(engine, run(engine, guarded(people, garments, action="blank")), "save")
    alone = run(engine, guarded((PERSON,), (GARMENT,), action="blank"))
    assert np.array_equal(seen[0], images(engine, alone, "save")[0])
    # The third garment is held back: its try-on is hidden too, though its person passed.
    assert [picture.std() == 0 for picture in seen] == [False, True, True]


def test_the_result_is_judged_before_it_is_saved(engine):
    limit = {"level.result_threshold": 0.0}
    problem = blocked(engine, guarded((PERSON,), (GARMENT,), **limit))
    assert problem["node_type"] == "FittingRoomGuardedResult"
    assert "result picture 1" in problem["exception_message"]
    (seen,) = images(
        engine, run(engine, guarded((PERSON,), (GARMENT,), action="blank", **limit)), "save"
    )
    assert seen.std() == 0


def test_a_new_person_leaves_the_garment_in_the_cache(engine):
    graph = guarded((PERSON,), (GARMENT,))
    run(engine, graph)
    graph["0"]["inputs"]["image"] = MIRRORED
    cached = cached_nodes(engine.run(graph))
    assert {"garment check", "cut"} <= cached
    assert not {"person check", "body", "made"} & cached


def listed(people, **changes):
    """The people as a list of single pictures and not as a batch, each guarded by itself."""
    graph = guarded((people[0],), (GARMENT,), **changes)
    folder = {"folder": "listed", "first": 0, "count": 50}
    graph["listed"] = {"class_type": "FittingRoomPictureFolder", "inputs": folder}
    graph["person check"]["inputs"]["image"] = ["listed", 0]
    return graph


@pytest.fixture
def folder_of(engine):
    def fill(*names):
        folder = engine.base / "input" / "listed"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for place, name in enumerate(names):
            shutil.copyfile(engine.base / "input" / name, folder / f"{place}-{name}")

    return fill


def test_a_list_keeps_its_safe_pictures_and_their_places(engine, folder_of):
    for people in ((PERSON, RISKY, MIRRORED), (RISKY, PERSON)):
        folder_of(*people)
        seen = images(engine, run(engine, listed(people, action="blank")), "save")
        assert len(seen) == len(people)
        for name, picture in zip(people, seen, strict=True):
            assert (picture.std() == 0) == (name == RISKY)


def test_a_list_that_is_flagged_throughout_gives_stand_ins(engine, folder_of):
    folder_of(RISKY, RISKY)
    seen = images(engine, run(engine, listed((RISKY, RISKY), action="blank")), "save")
    assert [picture.std() for picture in seen] == [0, 0]


def test_a_flagged_batch_linked_straight_to_the_guard_gives_stand_ins(engine):
    graph = guarded((RISKY, RISKY), (GARMENT,), action="blank")
    graph["guarded"]["inputs"]["result"] = ["person check", 1]
    seen = images(engine, run(engine, graph), "save")
    assert len(seen) == 2 and all(picture.std() == 0 for picture in seen)


def test_no_result_is_an_error_and_no_black_picture(engine):
    graph = guarded((PERSON,), (GARMENT,), action="blank")
    graph["guarded"]["inputs"]["result"] = None
    problem = failure(engine.run(graph))
    assert problem["exception_type"].endswith("InputError")
    assert "result" in problem["exception_message"]
