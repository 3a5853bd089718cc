"""The safety filter in the engine: per picture, before anything expensive, visible to a client.

Skin-coloured shapes with nothing to see in them stand for what must be flagged. Body Pose stands
for the expensive part of a try-on.
"""

import importlib.util
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from fitting_room.services.engine import EngineError, cached_nodes, failure
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
PERSON, MIRRORED = "fitting_room_person.jpg", "fitting_room_person_mirrored.jpg"
GARMENT, OTHER = "fitting_room_tshirt.png", "fitting_room_stripes.png"


@pytest.fixture(scope="module", autouse=True)
def risky(engine):
    """input/risky.png: the synthetic picture that the original network is surest about."""
    path = ROOT / "scripts" / "record_opennsfw.py"
    spec = importlib.util.spec_from_file_location("record_opennsfw", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    recorded = json.loads((ROOT / "tests" / "pipelines" / "open_nsfw_scores.json").read_text())
    surest = int(np.argmax(recorded["skin_shapes"]))
    Image.fromarray(script.skin_shapes(surest)).save(engine.base / "input" / "risky.png")
    return "risky.png"


def load(*names):
    """Nodes "0", "1", … that load pictures, and "batch" of all of them."""
    nodes = {
        str(place): {"class_type": "LoadImage", "inputs": {"image": name}}
        for place, name in enumerate(names)
    }
    links = {f"images.image{place}": [str(place), 0] for place in range(len(names))}
    return nodes | {"batch": {"class_type": "BatchImagesNode", "inputs": links}}


def settings(**changes):
    inputs = {"model": "open_nsfw", "level": "standard", "action": "error"} | changes
    return {"class_type": "FittingRoomSafetyFilter", "inputs": inputs}


def check(source, kind="person"):
    inputs = {"image": [source, 0], "filter": ["filter", 0], "kind": kind}
    return {"class_type": "FittingRoomSafetyCheck", "inputs": inputs}


def shown(source, slot):
    return {"class_type": "PreviewAny", "inputs": {"source": [source, slot]}}


def checked(*names, **changes):
    return load(*names) | {
        "filter": settings(**changes),
        "check": check("batch"),
        "show": {"class_type": "PreviewImage", "inputs": {"images": ["check", 0]}},
        "flags": shown("check", 3),
        "scores": shown("check", 4),
        "flagged": shown("check", 5),
        "json": shown("check", 7),
    }


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


def run(engine, graph):
    history = engine.run(graph)
    assert failure(history) is None, failure(history)["exception_message"]
    return history["outputs"]


def images(engine, outputs, node):
    return [
        np.asarray(Image.open(io.BytesIO(engine.picture(name))).convert("RGB"))
        for name in outputs[node]["images"]
    ]


def blocked(engine, graph):
    """The error that a client reads in /history after the run was blocked."""
    history = engine.run(graph)
    assert history["status"]["status_str"] == "error"
    assert history["status"]["completed"] is False
    problem = failure(history)
    assert problem["exception_type"].endswith(".PictureBlocked"), problem
    return problem


# Safety Check


def test_each_picture_of_a_batch_has_its_flag_and_score(engine):
    outputs = run(engine, checked(PERSON, "risky.png", MIRRORED, action="flag"))
    assert outputs["flags"]["text"] == ["False", "True", "False"]
    assert outputs["flagged"]["text"] == ["True"]
    scores = [float(text) for text in outputs["scores"]["text"]]
    assert scores[1] > 0.8 > 0.1 > max(scores[0], scores[2])
    told = json.loads(outputs["json"]["text"][0])
    assert told == outputs["check"]["safety"][0], "a client finds the same in /history"
    assert [picture["flagged"] for picture in told["pictures"]] == [False, True, False]
    assert "person 2: open_nsfw, level standard" in outputs["check"]["text"][0]


@pytest.mark.parametrize("action", ["blur", "blank"])
def test_one_hidden_picture_leaves_the_others_as_they_were(engine, action):
    names = (PERSON, "risky.png", MIRRORED)
    plain = images(engine, run(engine, checked(*names, level="off")), "show")
    seen = images(engine, run(engine, checked(*names, action=action)), "show")
    assert np.array_equal(seen[0], plain[0])
    assert np.array_equal(seen[2], plain[2])
    assert seen[1].shape == plain[1].shape
    steps = np.abs(np.diff(seen[1].astype(int), axis=0)).max()
    assert steps < np.abs(np.diff(plain[1].astype(int), axis=0)).max() / 3


def test_a_blocked_run_is_an_error_that_names_the_picture(engine):
    graph = checked(PERSON, "risky.png")
    problem = blocked(engine, graph)
    assert problem["node_type"] == "FittingRoomSafetyCheck"
    message = problem["exception_message"]
    assert "person picture 2" in message and "picture 1" not in message
    assert "0.500" in message and "catalogue" in message
    graph["0"]["inputs"]["image"] = graph["1"]["inputs"]["image"] = PERSON
    run(engine, graph)  # the engine goes on


def test_blocked_run_is_failed_for_the_jobs_route(engine):
    graph = checked("risky.png")
    status, answer = engine.post("/prompt", {"prompt": graph})
    assert status == 200
    while True:
        job = engine.get(f"/api/jobs/{answer['prompt_id']}")
        if job["status"] not in ("pending", "in_progress"):
            break
    assert job["status"] == "failed"
    assert "person picture 1" in job["execution_error"]["exception_message"]


def test_thresholds_are_edited_or_left_to_the_level(engine):
    outputs = run(engine, checked(PERSON, action="flag", **{"level.person_threshold": 0.001}))
    assert outputs["flags"]["text"] == ["True"]
    assert outputs["check"]["safety"][0]["pictures"][0]["limit"] == 0.001
    outputs = run(engine, checked(PERSON, action="flag", level="strict"))
    assert outputs["check"]["safety"][0]["pictures"][0]["limit"] == 0.2
    with pytest.raises(EngineError, match="level.person_threshold"):
        engine.run(checked(PERSON, **{"level.person_threshold": 7}))
    with pytest.raises(EngineError, match="value_not_in_list"):
        engine.run(checked(PERSON, action="ignore"))
    problem = failure(engine.run(checked(PERSON, level="mild")))
    assert "strict, standard, catalogue, off" in problem["exception_message"]


def test_off_judges_nothing_and_says_so(engine):
    outputs = run(engine, checked("risky.png", level="off"))
    assert outputs["flagged"]["text"] == ["False"]
    assert outputs["scores"]["text"] == ["nan"]
    assert "not checked, the level is off" in outputs["check"]["text"][0]


def test_report_in_chinese(engine):
    outputs = run(engine, checked("risky.png", action="flag", language="zh"))
    assert outputs["check"]["text"][0].startswith("安全过滤：1 张图片中有 1 张被标记。")


def test_absent_model_names_the_command(engine):
    problem = failure(engine.run(checked(PERSON, model="falconsai")))
    assert problem["exception_type"].endswith(".MissingFiles")
    assert "fitting-room download safety/falconsai" in problem["exception_message"]


# The guard


@pytest.mark.parametrize(
    ("people", "garments", "named"),
    [((PERSON,), ("risky.png",), "garment"), (("risky.png",), (GARMENT,), "person")],
)
def test_nothing_expensive_runs_before_both_inputs_passed(engine, people, garments, named):
    problem = blocked(engine, guarded(people, garments, language="zh"))
    assert f"{named} picture 1" in problem["exception_message"]
    assert not EXPENSIVE & set(problem["executed"])
    # Nor did it run without being told of: what ran would be in the cache now.
    assert not EXPENSIVE & cached_nodes(engine.run(guarded(people, garments, language="zh")))


def test_a_held_photo_gives_a_stand_in_and_no_work(engine):
    graph = guarded(("risky.png",), (OTHER,), action="blur")
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
    people = (PERSON, "risky.png", MIRRORED)
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
    people, garments = (PERSON, "risky.png", MIRRORED), (GARMENT, OTHER, "risky.png")
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


# Folders


def test_folder_is_read_by_name_and_again_when_it_changes(engine):
    folder = engine.base / "input" / "uploads"
    folder.mkdir(exist_ok=True)
    for name, sample in (("b.jpg", PERSON), ("a.png", "risky.png"), ("notes.txt", PERSON)):
        shutil.copyfile(engine.base / "input" / sample, folder / name)
    graph = {
        "folder": {
            "class_type": "FittingRoomPictureFolder",
            "inputs": {"folder": "uploads", "first": 0, "count": 50},
        },
        "filter": settings(action="flag"),
        "check": check("folder"),
        "flags": shown("check", 3),
    }
    graph["check"]["inputs"]["names"] = ["folder", 1]
    outputs = run(engine, graph)
    judged = outputs["check"]["safety"][0]["pictures"]
    assert [(p["name"], p["flagged"]) for p in judged] == [("a.png", True), ("b.jpg", False)]
    shutil.copyfile(engine.base / "input" / MIRRORED, folder / "0.jpg")
    outputs = run(engine, graph)
    assert outputs["flags"]["text"] == ["False", "True", "False"]
    graph["filter"] = settings(action="error")
    assert "person picture 2 (a.png)" in blocked(engine, graph)["exception_message"]
    (folder / "broken.png").write_text("no picture")
    assert "broken.png cannot be read" in failure(engine.run(graph))["exception_message"]
    graph["folder"]["inputs"]["first"] = 9
    assert "from number 9 on" in failure(engine.run(graph))["exception_message"]
