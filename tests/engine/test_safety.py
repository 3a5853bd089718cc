"""The safety filter in the engine: each picture judged, a blocked run visible to a client."""

import json
import shutil

import numpy as np
import pytest
from fitting_room.services.engine import EngineError, failure
from safety_graphs import (
    MIRRORED,
    PERSON,
    RISKY,
    blocked,
    check,
    checked,
    images,
    put_risky,
    run,
    settings,
    shown,
)
from tiny.networks import save_falconsai


@pytest.fixture(scope="module", autouse=True)
def risky(engine):
    put_risky(engine)


# Safety Check


def test_each_picture_of_a_batch_has_its_flag_and_score(engine):
    outputs = run(engine, checked(PERSON, RISKY, MIRRORED, action="flag"))
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
    names = (PERSON, RISKY, MIRRORED)
    plain = images(engine, run(engine, checked(*names, level="off")), "show")
    seen = images(engine, run(engine, checked(*names, action=action)), "show")
    assert np.array_equal(seen[0], plain[0])
    assert np.array_equal(seen[2], plain[2])
    assert seen[1].shape == plain[1].shape
    steps = np.abs(np.diff(seen[1].astype(int), axis=0)).max()
    assert steps < np.abs(np.diff(plain[1].astype(int), axis=0)).max() / 3


def test_a_blocked_run_is_an_error_that_names_the_picture(engine):
    graph = checked(PERSON, RISKY)
    problem = blocked(engine, graph)
    assert problem["node_type"] == "FittingRoomSafetyCheck"
    message = problem["exception_message"]
    assert "person picture 2" in message and "picture 1" not in message
    assert "0.500" in message and "catalogue" in message
    graph["0"]["inputs"]["image"] = graph["1"]["inputs"]["image"] = PERSON
    run(engine, graph)  # the engine goes on


def test_blocked_run_is_failed_for_the_jobs_route(engine):
    graph = checked(RISKY)
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
    outputs = run(engine, checked(RISKY, level="off"))
    assert outputs["flagged"]["text"] == ["False"]
    assert outputs["scores"]["text"] == ["nan"]
    assert "not checked, the level is off" in outputs["check"]["text"][0]


def test_report_in_chinese(engine):
    outputs = run(engine, checked(RISKY, action="flag", language="zh"))
    assert outputs["check"]["text"][0].startswith("安全过滤：1 张图片中有 1 张被标记。")


def test_absent_model_names_the_command(engine):
    problem = failure(engine.run(checked(PERSON, model="falconsai")))
    assert problem["exception_type"].endswith(".MissingFiles")
    assert "fitting-room download safety/falconsai" in problem["exception_message"]


@pytest.fixture
def tiny_falconsai(engine):
    """A tiny classifier in the published layout, which calls everything unsafe."""
    from fitting_room.pipelines.files.locate import write_receipt

    folder = engine.base / "models" / "fitting_room" / "safety" / "falconsai"
    save_falconsai(folder, verdict=3.0)
    write_receipt(folder, list(folder.iterdir()))
    yield
    shutil.rmtree(folder)


def test_an_installed_model_judges_in_its_place(engine, tiny_falconsai):
    outputs = run(engine, checked(PERSON, MIRRORED, action="flag", model="falconsai"))
    assert outputs["flags"]["text"] == ["True", "True"]
    probability = 1 / (1 + np.exp(-3))
    assert [float(text) for text in outputs["scores"]["text"]] == pytest.approx([probability] * 2)
    assert outputs["check"]["safety"][0]["pictures"][0]["model"] == "falconsai"


# What is hidden in a picture


def hidden(below, **changes):
    """A check of the flagged picture under full transparency, and Before / After of `below`: what
    the check passed on, or the picture itself."""
    inside = {"check": ["check", 1], "odd": ["odd", 0]}[below]
    return {
        "risky": {"class_type": "LoadImage", "inputs": {"image": RISKY}},
        "all": {"class_type": "SolidMask", "inputs": {"value": 1.0, "width": 320, "height": 320}},
        "odd": {
            "class_type": "JoinImageWithAlpha",
            "inputs": {"image": ["risky", 0], "alpha": ["all", 0]},
        },
        "filter": settings(**changes),
        "check": check("odd"),
        "passed": {"class_type": "PreviewImage", "inputs": {"images": ["check", 1]}},
        "checked": {"class_type": "PreviewImage", "inputs": {"images": ["check", 0]}},
        "compare": {
            "class_type": "FittingRoomBeforeAfter",
            "inputs": {"before": inside, "after": inside, "layout": "split", "position": 1.0},
        },
        "show": {"class_type": "PreviewImage", "inputs": {"images": ["compare", 0]}},
    }


def test_what_is_under_transparency_is_never_shown(engine):
    for below in ("check", "odd"):
        outputs = run(engine, hidden(below))
        for node in ("passed", "checked", "show"):
            (seen,) = images(engine, outputs, node)
            assert seen[:, : seen.shape[1] // 2].min() == 255, (below, node)


def test_a_flag_judges_what_lies_on_white(engine):
    """Half transparent, the picture is still flagged, and what is passed on is what was judged."""
    graph = hidden("check", action="flag")
    graph["all"]["inputs"]["value"] = 0.1
    outputs = run(engine, graph | {"flags": shown("check", 3)})
    assert outputs["flags"]["text"] == ["True"]
    problem = blocked(engine, graph | {"filter": settings(action="error")})
    assert "person picture 1" in problem["exception_message"]


def test_values_above_one_are_passed_on_as_they_were_judged(engine):
    """Ten times as bright it is judged as white; nobody may turn it down again behind the check."""
    graph = checked(RISKY)
    scale = "FittingRoomTestBrighter"
    graph["bright"] = {"class_type": scale, "inputs": {"image": ["batch", 0], "factor": 1000.0}}
    graph["check"]["inputs"]["image"] = ["bright", 0]
    graph["dark"] = {"class_type": scale, "inputs": {"image": ["check", 1], "factor": 0.001}}
    graph["back"] = {"class_type": "PreviewImage", "inputs": {"images": ["dark", 0]}}
    outputs = run(engine, graph)
    (seen,) = images(engine, outputs, "back")
    assert seen.max() <= 1


# Folders


def test_folder_is_read_by_name_and_again_when_it_changes(engine):
    folder = engine.base / "input" / "uploads"
    folder.mkdir(exist_ok=True)
    for name, sample in (("b.jpg", PERSON), ("a.png", RISKY), ("notes.txt", PERSON)):
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
    graph["filter"] = settings(action="flag")
    outputs = run(engine, graph)
    assert outputs["flags"]["text"] == ["False", "True", "False"], "the others go on"
    assert "broken.png cannot be read" in outputs["folder"]["text"][0]
    graph["folder"]["inputs"]["first"] = 9
    assert "from number 9 on" in failure(engine.run(graph))["exception_message"]
