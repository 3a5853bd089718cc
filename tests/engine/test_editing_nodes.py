"""Frame for Editing, Align Result and Paste Back in the real engine, around a drawn "result"."""

import io
import json

import cv2
import numpy as np
import pytest
from fitting_room.services.engine import failure
from PIL import Image


def node(kind, **inputs):
    return {"class_type": kind, "inputs": inputs}


def framed(region="whole photo", **more):
    return {
        "photo": node("LoadImage", image="fitting_room_person.jpg"),
        "cloth": node("LoadImage", image="fitting_room_tshirt.png"),
        "body": node("FittingRoomBodyPose", image=["photo", 0], person=0),
        "mask": node("FittingRoomGarmentMask", image=["photo", 0], body=["body", 0],
                     category="upper", sleeves="auto", grow=0.05, feather=0.0),
        "frame": node("FittingRoomFrameForEditing", image=["photo", 0], mask=["mask", 0],
                      category="upper", description="", language="en", prompt="", region=region,
                      context=0.3, megapixels=0.5, step=16, garment=["cloth", 0], **more),
    }  # fmt: skip


def saving(graph, **sources):
    for name, source in sources.items():
        graph[name] = node("SaveImage", images=source, filename_prefix=name)
    return graph


def picture(engine, history, name):
    assert failure(history) is None, failure(history)
    found = engine.picture(history["outputs"][name]["images"][0])
    return np.asarray(Image.open(io.BytesIO(found)).convert("RGB"))


def pasted(result_file, **limits):
    graph = framed()
    options = {"match_colour": True, "largest_shift": 6.0, "largest_zoom": 6.0,
               "least_agreement": 0.4} | limits  # fmt: skip
    graph |= {
        "result": node("LoadImage", image=result_file),
        "align": node("FittingRoomAlignResult", photo=["frame", 0], result=["result", 0],
                      mask=["frame", 1], **options),
        "back": node("FittingRoomPasteBack", image=["photo", 0], result=["align", 0],
                     mask=["mask", 0], crop=["frame", 4], grow=0.0, feather=0),
        "grey": node("MaskToImage", mask=["back", 1]),
        "words": node("PreviewAny", source=["align", 2]),
    }  # fmt: skip
    return saving(graph, before=["photo", 0], after=["back", 0], taken=["grey", 0])


@pytest.fixture(scope="module")
def edited(engine):
    """Writes what an editing model could return: redrawn, shifted, zoomed, with a cast."""
    graph = framed()
    graph["grey"] = node("MaskToImage", mask=["frame", 1])
    history = engine.run(saving(graph, person=["frame", 0], region=["grey", 0]))
    person, region = picture(engine, history, "person"), picture(engine, history, "region")
    assert person.shape[0] % 16 == 0 and person.shape[1] % 16 == 0

    def write(name, x, y, zoom=1.0):
        new = np.where(region > 127, (30, 90, 200), person).astype(np.uint8)
        height, width = new.shape[:2]
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), 0, zoom)
        matrix[:, 2] += (x, y)
        new = cv2.warpAffine(new, matrix, (width, height), flags=cv2.INTER_CUBIC,
                             borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
        new = (new.astype(np.float32) * 0.9 + (8, 4, 0)).clip(0, 255).astype(np.uint8)
        Image.fromarray(new).save(engine.base / "input" / name)
        return name

    return write


def test_a_shifted_result_comes_back_in_place(engine, edited):
    history = engine.run(pasted(edited("edited.png", 9.0, -6.5, 1.02)))
    before, after = picture(engine, history, "before"), picture(engine, history, "after")
    taken = picture(engine, history, "taken")[..., 0]
    found = json.loads(history["outputs"]["words"]["text"][0])[0]
    assert abs(found["shift_x"] - 9) < 0.25 and abs(found["shift_y"] + 6.5) < 0.25
    assert abs(found["zoom"] - 1.02) < 0.001
    outside = cv2.dilate(taken, np.ones((3, 3), np.uint8)) == 0  # a PNG rounds a faint edge to 0
    assert outside.mean() > 0.5
    assert np.array_equal(after[outside], before[outside]), "bit-identical outside"
    blue = after[cv2.erode(taken, np.ones((15, 15), np.uint8)) == 255].astype(int)
    assert np.abs(np.median(blue, 0) - (30, 90, 200)).max() < 20, "the new cloth, without the cast"


def test_a_result_too_far_off_is_refused(engine, edited):
    told = failure(engine.run(pasted(edited("far.png", 90, 0))))
    assert told and "does not fit onto the photo" in told["exception_message"]
    assert "seed" in told["exception_message"]


def test_a_tighter_limit_refuses(engine, edited):
    told = failure(engine.run(pasted(edited("edited.png", 9.0, -6.5, 1.02), largest_shift=0.5)))
    assert told and "shifted" in told["exception_message"]


def test_an_outfit_on_one_sheet_and_the_prompt(engine):
    graph = framed("around the mask", shoes=["cloth", 0], bottom=["cloth", 0])
    graph["words"] = node("PreviewAny", source=["frame", 3])
    history = engine.run(saving(graph, sheet=["frame", 2], person=["frame", 0]))
    sheet = picture(engine, history, "sheet")
    assert (sheet > 250).all(-1).mean() > 0.2, "white ground"
    words = history["outputs"]["words"]["text"][0]
    assert "top" in words and "shoes" in words and "bottom" in words and "bag" not in words


def test_no_garment_is_refused(engine):
    graph = framed()
    del graph["frame"]["inputs"]["garment"]
    told = failure(engine.run(saving(graph, sheet=["frame", 2])))
    assert told and "at least one garment" in told["exception_message"]
