"""Video nodes in the real engine: masks, key frame, reframing, paste back, sound; and refusals."""

import io

import av
import numpy as np
import pytest
from fitting_room.services.engine import failure
from PIL import Image


def node(kind, **inputs):
    return {"class_type": kind, "inputs": inputs}


MASKS = {"category": "upper", "sleeves": "long", "grow": 0.05, "model": "auto", "person": 0,
         "shape": "garment", "margin": 4, "first": 0, "most": 9, "megapixels": 0.1,
         "step": 16}  # fmt: skip


def graph(**changed):
    return {
        "file": node("LoadVideo", file="fitting_room_video.mp4"),
        "video": node("GetVideoComponents", video=["file", 0]),
        "masks": node("FittingRoomVideoMasks", frames=["video", 0], **(MASKS | changed)),
    }


def shown(engine, history, name):
    assert failure(history) is None, failure(history)["exception_message"]
    return [
        np.asarray(Image.open(io.BytesIO(engine.picture(found))).convert("RGB"))
        for found in history["outputs"][name]["images"]
    ]


@pytest.fixture(scope="module")
def made(engine):
    """One run: everything that the masks give, a red result pasted back, and the video saved."""
    prompt = graph()
    prompt |= {
        "red": node("EmptyImage", width=["masks", 3], height=["masks", 4],
                    batch_size=["masks", 5], color=0xC81E28),
        "back": node("FittingRoomPasteBack", image=["masks", 6], result=["red", 0],
                     mask=["masks", 7], crop=["masks", 8], grow=0.0, feather=0),
        "grey": node("MaskToImage", mask=["masks", 2]),
        "large_grey": node("MaskToImage", mask=["masks", 7]),
        "report": node("PreviewAny", source=["masks", 9]),
        "clip": node("CreateVideo", images=["back", 0], audio=["video", 1], fps=["video", 2]),
        "saved": node("SaveVideo", video=["clip", 0], filename_prefix="dressed", format="auto"),
    }  # fmt: skip
    sources = {
        "frames": ["masks", 0], "control": ["masks", 1], "small": ["grey", 0],
        "source": ["masks", 6], "large": ["large_grey", 0], "dressed": ["back", 0],
    }  # fmt: skip
    prompt |= {f"see_{name}": node("PreviewImage", images=s) for name, s in sources.items()}
    history = engine.run(prompt)
    return history, {name: shown(engine, history, f"see_{name}") for name in sources}


def test_frames_masks_and_control_are_of_one_size_and_number(made):
    _, seen = made
    for name in ("frames", "control", "small"):
        assert len(seen[name]) == 9
        assert seen[name][0].shape[0] % 16 == 0 and seen[name][0].shape[1] % 16 == 0
        assert seen[name][0].shape == seen["frames"][0].shape
    for frame, control, mask in zip(seen["frames"], seen["control"], seen["small"], strict=True):
        hole = mask[..., 0] > 0
        assert 0.1 < hole.mean() < 0.9 and set(np.unique(mask)) == {0, 255}
        assert np.abs(control[hole].astype(int) - 127).max() <= 1
        assert np.abs(control[~hole].astype(int) - frame[~hole]).max() <= 1


def test_only_what_lies_under_the_masks_changes_in_the_source_frames(made):
    _, seen = made
    for source, dressed, mask in zip(seen["source"], seen["dressed"], seen["large"], strict=True):
        assert source.shape == dressed.shape == (480, 384, 3)
        changed = (source != dressed).any(-1)
        assert not changed[mask[..., 0] == 0].any() or (changed & (mask[..., 0] == 0)).mean() < 1e-3
        inside = mask[..., 0] == 255
        assert np.abs(np.median(dressed[inside], 0) - (200, 30, 40)).max() < 12


def test_the_sound_is_kept(engine, made):
    history, _ = made
    (found,) = history["outputs"]["saved"]["images"]
    with av.open(io.BytesIO(engine.picture(found))) as file:
        assert len(file.streams.audio) == 1 and float(file.streams.video[0].average_rate) == 16
        assert sum(1 for _ in file.decode(video=0)) == 9


def test_the_report_tells_of_cuts_and_gaps(made):
    history, _ = made
    text = history["outputs"]["report"]["text"][0]
    assert text.startswith("9 of 33 frames") and "cuts before: none" in text
    assert "nobody in: none" in text


def test_a_box_holds_the_mask(engine, made):
    prompt = graph(shape="box", margin=0)
    prompt["grey"] = node("MaskToImage", mask=["masks", 2])
    prompt["see"] = node("PreviewImage", images=["grey", 0])
    boxes = shown(engine, engine.run(prompt), "see")
    for box, mask in zip(boxes, made[1]["small"], strict=True):
        rows, columns = np.flatnonzero((box > 127).any((1, 2))), np.flatnonzero(
            (box > 127).any((0, 2)))  # fmt: skip
        full = box[rows[0] + 1 : rows[-1], columns[0] + 1 : columns[-1]]
        assert (full > 127).all() and (box > 127).sum() > (mask > 127).sum()


@pytest.mark.parametrize(("changed", "sentence"), [
    ({"first": 33}, "33 frames"),
    ({"person": 7}, "No frame shows the person"),
])  # fmt: skip
def test_refusals_say_what_to_do(engine, changed, sentence):
    prompt = graph(**changed)
    prompt["see"] = node("PreviewImage", images=["masks", 0])
    told = failure(engine.run(prompt))
    assert told and sentence in told["exception_message"]


def test_given_tracks_of_another_size_are_refused(engine):
    prompt = graph(tracks=["solid", 0])
    prompt["solid"] = node("SolidMask", value=1.0, width=64, height=64)
    prompt["see"] = node("PreviewImage", images=["masks", 0])
    told = failure(engine.run(prompt))
    assert told and "one mask for each of the 9 frames" in told["exception_message"]


def test_key_frame_and_reframing(engine):
    prompt = {
        "file": node("LoadVideo", file="fitting_room_video.mp4"),
        "video": node("GetVideoComponents", video=["file", 0]),
        "key": node("FittingRoomKeyFrame", frames=["video", 0], look_at=6, person=0),
        "report": node("PreviewAny", source=["key", 2]),
        "large": node("LoadImage", image="fitting_room_person_close.jpg"),
        "like": node("FittingRoomReframe", image=["large", 0], frames=["video", 0], number=0),
        "body": node("FittingRoomBodyPose", image=["like", 0], person=0),
        "driving": node("ImageFromBatch", image=["video", 0], batch_index=0, length=1),
        "other": node("FittingRoomBodyPose", image=["driving", 0], person=0),
        "see_key": node("PreviewImage", images=["key", 0]),
        "see_like": node("PreviewImage", images=["like", 0]),
        "points": node("PreviewAny", source=["body", 3]),
        "other_points": node("PreviewAny", source=["other", 3]),
    }
    history = engine.run(prompt)
    assert shown(engine, history, "see_key")[0].shape == (480, 384, 3)
    assert shown(engine, history, "see_like")[0].shape == (480, 384, 3)
    assert len(history["outputs"]["report"]["text"][0].splitlines()) == 5


def test_views_run_what_follows_once_each_and_the_sheet_says_what_is_invented(engine):
    prompt = {
        "photo": node("LoadImage", image="fitting_room_person.jpg"),
        "views": node("FittingRoomViews", names="front, left side, back", style="sentences",
                      garment_shows="front", images=["photo", 0], captions=""),
        "each": node("ImageInvert", image=["views", 2]),
        "sheet": node("FittingRoomViewSheet", images=["each", 0], labels=["views", 1], columns=3,
                      cell=256),
        "see": node("PreviewImage", images=["sheet", 0]),
        "labels": node("PreviewAny", source=["views", 1]),
    }  # fmt: skip
    history = engine.run(prompt)
    (sheet,) = shown(engine, history, "see")
    assert sheet.shape[1] > 3 * 250
    red = (sheet[..., 0].astype(int) - sheet[..., 1] > 100).any(0)
    thirds = np.array_split(red[-(len(red) // 3) * 3 :], 3)
    assert history["outputs"]["labels"]["text"] and thirds[1].any() and thirds[2].any()
    prompt["sheet"]["inputs"]["labels"] = "one\ntwo"
    told = failure(engine.run(prompt))
    assert told and "3 pictures and 2 labels" in told["exception_message"]
