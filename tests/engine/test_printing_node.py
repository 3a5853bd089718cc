"""Place Print in the engine: the blank garment, printed and put on; a batch; refusals."""

import io

import cv2
import numpy as np
from fitting_room.services.engine import failure
from PIL import Image


def node(kind, /, **inputs):
    return {"class_type": kind, "inputs": inputs}


STANDARD = {"model": "open_nsfw", "level": "standard", "level.person_threshold": 0.5,
            "level.garment_threshold": 0.5, "level.result_threshold": 0.5, "action": "error",
            "language": "en"}  # fmt: skip
SETTINGS = {"ground": "keep", "size": 0.5, "below": 0.15, "aside": 0.0, "turn": 0.0}


def graph(blank="fitting_room_blank.png", **changed):
    prompt = {
        "photo": node("LoadImage", image=blank),
        "cut": node("FittingRoomGarmentCutout", image=["photo", 0], category="auto"),
        "red": node("EmptyImage", width=200, height=200, batch_size=1, color=0xC81E28),
        "print": node("FittingRoomPlacePrint", image=["photo", 0], garment=["cut", 0],
                      printed=["red", 0], **(SETTINGS | changed)),
        "grey": node("MaskToImage", mask=["print", 1]),
        "fit": node("PreviewAny", source=["print", 2]),
    }  # fmt: skip
    for name, source in {"before": "photo", "after": "print", "ink": "grey"}.items():
        prompt[name] = node("PreviewImage", images=[source, 0])
    return prompt


def seen(engine, history, name):
    assert failure(history) is None, failure(history)["exception_message"]
    return [
        np.asarray(Image.open(io.BytesIO(engine.picture(found))).convert("RGB"))
        for found in history["outputs"][name]["images"]
    ]


def test_a_print_is_laid_on_the_chest_and_worn_by_the_drawn_child(engine):
    prompt = graph()
    prompt |= {
        "child": node("LoadImage", image="fitting_room_child.jpg"),
        "filter": node("FittingRoomSafetyFilter", **STANDARD),
        "person": node("FittingRoomSafetyCheck", image=["child", 0], kind="person",
                       filter=["filter", 0]),
        "body": node("FittingRoomBodyPose", image=["person", 1], person=0),
        "printed": node("FittingRoomGarmentCutout", image=["print", 0], category="upper"),
        "worn": node("FittingRoomPreviewTryOn", image=["person", 1], body=["body", 0],
                     garment=["printed", 0], lighting=0.0),
        "see": node("PreviewImage", images=["worn", 0]),
    }  # fmt: skip
    history = engine.run(prompt)
    (before,), (after,), (ink,) = (seen(engine, history, n) for n in ("before", "after", "ink"))
    outside = cv2.dilate(ink[..., 0], np.ones((3, 3), np.uint8)) == 0  # faint ink is 0 in a PNG
    assert outside.mean() > 0.5 and (before[outside] == after[outside]).all()
    red = after[ink[..., 0] == 255].astype(int)
    assert np.abs(np.median(red, 0) - (200, 30, 40)).max() < 15
    assert history["outputs"]["fit"]["text"] == ["0: ok"]
    (worn,) = seen(engine, history, "see")
    print_of = (worn[..., 0].astype(int) - worn[..., 1:].max(-1)) > 100
    rows, columns = np.nonzero(print_of)
    assert len(rows) > 2000
    assert 400 < np.median(rows) < 600 and 340 < np.median(columns) < 430, "on the chest"


def test_one_print_goes_on_a_batch_of_garments(engine):
    prompt = graph()
    prompt["two"] = node("RepeatImageBatch", image=["photo", 0], amount=2)
    prompt["cut"]["inputs"]["image"] = prompt["print"]["inputs"]["image"] = ["two", 0]
    history = engine.run(prompt)
    one, other = seen(engine, history, "after")
    assert (one == other).all()
    assert history["outputs"]["fit"]["text"] == ["0: ok\n1: ok"]


def test_what_has_no_chest_is_refused(engine):
    told = failure(engine.run(graph("fitting_room_trousers.png")))
    assert told and "chest" in told["exception_message"]
