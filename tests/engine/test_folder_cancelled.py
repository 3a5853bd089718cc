"""A folder that is cancelled half-way: what was finished is on disk, and the next run goes on."""

import threading
import time
import uuid

import numpy as np
import pytest
from fitting_room.pipelines.marks.inspection import inspect_picture
from fitting_room.services.engine import EngineError, failure
from PIL import Image
from small_graphs import preview_of, small

AI_TYPE = "compositeWithTrainedAlgorithmicMedia"
PEOPLE = 6
PERSON = "fitting_room_person.jpg"


@pytest.fixture
def people(engine):
    """A folder of several photos of one person, and where what is made of them is saved."""
    name = f"people_{uuid.uuid4().hex[:8]}"
    home = engine.base / "input" / name
    home.mkdir()
    person = Image.open(engine.base / "input" / PERSON).convert("RGB")
    for number in range(1, PEOPLE + 1):
        person.resize((person.width + 4 * number, person.height)).save(home / f"{number}.jpg")
    return name, engine.base / "output" / name


def dressed(folder: str) -> dict:
    """Picture Folder -> Body Pose -> Preview Try-On -> Save Picture."""
    return {
        "folder": {
            "class_type": "FittingRoomPictureFolder",
            "inputs": {"folder": folder, "first": 0, "count": 50},
        },
        **preview_of(["folder", 0]),
        "save": {
            "class_type": "FittingRoomSavePicture",
            "inputs": {
                "image": ["try", 0], "filename_prefix": f"{folder}/result", "format": "png",
                "quality": 92, "source": "generated", "embed_workflow": False,
            },
        },
    }  # fmt: skip


def guarded(folder: str, **settings) -> dict:
    """The same with the person's photo checked, and the result judged before it is saved."""
    prompt = dressed(folder)
    prompt["filter"] = {
        "class_type": "FittingRoomSafetyFilter",
        "inputs": {"model": "open_nsfw", "level": "standard", "action": "blank", **settings},
    }
    prompt["check"] = {
        "class_type": "FittingRoomSafetyCheck",
        "inputs": {"image": ["folder", 0], "filter": ["filter", 0], "kind": "person"},
    }
    prompt["guarded"] = {
        "class_type": "FittingRoomGuardedResult",
        "inputs": {"result": ["try", 0], "filter": ["filter", 0], "person": ["check", 2]},
    }
    for name in ("body", "try"):
        prompt[name]["inputs"]["image"] = ["check", 1]
    prompt["save"]["inputs"]["image"] = ["guarded", 0]
    return prompt


def by_a_model(workflow: dict, folder: str) -> dict:
    """A model's workflow, as it is shipped, with a folder of people in the place of the person."""
    prompt = {name: node | {"inputs": dict(node["inputs"])} for name, node in workflow.items()}
    (person,) = (name for name, node in prompt.items() if node["inputs"].get("image") == PERSON)
    prompt[person] = dressed(folder)["folder"]
    for node in prompt.values():
        if node["inputs"].get("mask") == [person, 1]:
            del node["inputs"]["mask"]
        if node["class_type"] == "FittingRoomTryOn":
            node["inputs"]["steps"] = 40
    (save,) = (name for name, node in prompt.items() if "Save" in node["class_type"])
    prompt["save"] = prompt.pop(save)
    prompt["save"]["inputs"]["filename_prefix"] = f"{folder}/result"
    return prompt


def cancelled_after_the_first_file(engine, prompt: dict, place) -> dict:
    """The history of a run that is interrupted as soon as one picture is on disk."""
    prompt_id = str(uuid.uuid4())
    status, answer = engine.post("/prompt", {"prompt": prompt, "prompt_id": prompt_id})
    assert status == 200, answer
    stop = threading.Event()
    sent = []

    def watch() -> None:
        while not stop.is_set():
            if any(place.glob("*.png")):
                sent.append(engine.post("/interrupt", {"prompt_id": prompt_id}))
                return
            time.sleep(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        while not (history := engine.get(f"/history/{prompt_id}")):
            time.sleep(0.1)
    finally:
        stop.set()
        watcher.join()
    return history[prompt_id]


def files_of(place) -> dict[str, int]:
    """Name -> time of the last change of every picture there."""
    return {path.name: path.stat().st_mtime_ns for path in sorted(place.glob("*.png"))}


def told(history: dict) -> list[str]:
    return [each["filename"] for each in history["outputs"]["save"]["images"]]


def check_cancelled_and_run_again(engine, prompt: dict, place, count: int) -> None:
    stopped = cancelled_after_the_first_file(engine, prompt, place)
    assert failure(stopped)["exception_type"] == "Interrupted"
    finished = files_of(place)
    assert 1 <= len(finished) < count
    for name in finished:
        assert AI_TYPE in str(inspect_picture(place / name)), "finished ones carry the mark"
    history = engine.run(prompt)
    assert failure(history) is None
    after = files_of(place)
    assert len(after) == count, "the others were made, and none twice"
    assert finished.items() <= after.items(), "what was finished is not written anew"
    assert told(history) == list(after), "the run tells of all, in the order of the folder"


def test_the_preview_of_a_folder_is_cancelled_and_goes_on(engine, people):
    folder, place = people
    check_cancelled_and_run_again(engine, dressed(folder), place, PEOPLE)


def test_a_model_on_a_folder_is_cancelled_and_goes_on(engine, people, graph):
    folder, place = people
    prompt = by_a_model(small(graph("leffa")), folder)
    check_cancelled_and_run_again(engine, prompt, place, PEOPLE)


def test_what_is_saved_before_a_cancel_was_judged(engine, people):
    folder, place = people
    prompt = guarded(folder, **{"level.result_threshold": 0.0})  # every result is flagged
    check_cancelled_and_run_again(engine, prompt, place, PEOPLE)
    for path in place.glob("*.png"):
        assert np.asarray(Image.open(path)).std() == 0, "a flagged result is blank"


def test_whoever_kills_the_engine_has_what_was_finished(engine_folder, tmp_path):
    from fitting_room.services.engine import Engine

    with Engine(engine_folder, tmp_path) as engine:
        home = tmp_path / "input" / "people"
        home.mkdir()
        person = Image.open(tmp_path / "input" / PERSON).convert("RGB")
        for number in range(1, PEOPLE + 1):
            person.resize((person.width + 4 * number, person.height)).save(home / f"{number}.jpg")
        engine.post("/prompt", {"prompt": dressed("people")})
        place = tmp_path / "output" / "people"
        while not any(place.glob("*.png")):
            engine.get("/queue")  # an engine that has stopped ends this
            time.sleep(0.02)
        engine._process.kill()
        with pytest.raises(EngineError):
            engine.get("/queue")
        for name in files_of(place):
            assert AI_TYPE in str(inspect_picture(place / name))


def test_each_picture_is_saved_under_its_own_name(engine, people):
    folder, place = people
    prompt = dressed(folder)
    prompt["save"]["inputs"]["filename_prefix"] = ["folder", 1]
    history = engine.run(prompt)
    assert failure(history) is None
    assert told(history) == [f"{number}.jpg_00001_.png" for number in range(1, PEOPLE + 1)]


def test_a_save_that_was_not_asked_for_writes_nothing(engine, people):
    folder, place = people
    prompt = dressed(folder) | {
        "shown": {"class_type": "PreviewImage", "inputs": {"images": ["try", 0]}}
    }
    prompt_id = str(uuid.uuid4())
    body = {"prompt": prompt, "prompt_id": prompt_id, "partial_execution_targets": ["shown"]}
    engine.post("/prompt", body)
    while not (history := engine.get(f"/history/{prompt_id}")):
        time.sleep(0.1)
    assert failure(history[prompt_id]) is None
    assert not place.exists()
