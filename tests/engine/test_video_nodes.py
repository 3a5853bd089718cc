"""Video nodes in the real engine: masks, key frame, reframing, paste back, sound; and refusals."""

import io

import av
import numpy as np
import pytest
from fitting_room.pipelines.marks.inspection import inspect_picture
from fitting_room.services.engine import EngineError, failure
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


def frames(data):
    with av.open(io.BytesIO(data)) as file:
        return [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]


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
        "saved": node("FittingRoomSaveVideo", video=["clip", 0], filename_prefix="marked/plain",
                      source="generated", ai_system="Wan 2.1 VACE", video_number="7"),
        "labelled": node("FittingRoomSaveVideo", video=["clip", 0], filename_prefix="marked/read",
                         source="generated", visible_label=True, label_corner="top left"),
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


def test_a_saved_video_is_marked_and_carries_nothing_else(engine, made):
    history, _ = made
    (found,) = history["outputs"]["saved"]["images"]
    told = inspect_picture(engine.base / "output" / found["subfolder"] / found["filename"])
    assert (told["format"], told["width"], told["height"]) == ("MP4", 384, 480)
    assert told["ai_made"] is True and told["meaning"] == "edited using generative AI"
    assert told["system"] == "Wan 2.1 VACE" and told["aigc"]["ProduceID"] == "7"
    assert told["workflow"] == told["texts"] == told["keys"] == [] and not told["gps"]


def test_the_label_is_on_every_frame_and_nowhere_else(engine, made):
    history, _ = made
    plain, labelled = (
        frames(engine.picture(history["outputs"][name]["images"][0]))
        for name in ("saved", "labelled")
    )
    assert len(plain) == len(labelled) == 9
    for one, other in zip(plain, labelled, strict=True):
        changed = np.abs(one.astype(int) - other).max(-1) > 40
        assert changed[:40, :120].mean() > 0.1 and changed[120:].mean() < 0.01


def test_a_video_of_odd_size_is_refused_with_a_sentence(engine):
    prompt = {
        "frames": node("EmptyImage", width=95, height=64, batch_size=2, color=0),
        "clip": node("CreateVideo", images=["frames", 0], fps=8.0),
        "saved": node("FittingRoomSaveVideo", video=["clip", 0], filename_prefix="marked/odd",
                      source="none"),
    }  # fmt: skip
    told = failure(engine.run(prompt))
    assert told and "95x64" in told["exception_message"]


def test_a_place_outside_the_output_folder_is_refused_before_anything_runs(engine):
    prompt = graph()
    prompt["clip"] = node("CreateVideo", images=["masks", 0], fps=8.0)
    prompt["saved"] = node("FittingRoomSaveVideo", video=["clip", 0], filename_prefix="../../out",
                           source="generated")  # fmt: skip
    with pytest.raises(EngineError, match="outside the output folder"):
        engine.run(prompt)


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


def tracked(objects, **changed):
    """Masks by SAM 3's tracks, by way of the engine's own SAM3 Track to Mask."""
    prompt = graph(tracks=["mask", 0], **changed)
    prompt |= {
        "part": node("ImageFromBatch", image=["video", 0], batch_index=0, length=9),
        "own": node("FittingRoomVideoMasks", frames=["part", 0], **(MASKS | {"shape": "garment"})),
        "half": node("SolidMask", value=1.0, width=96, height=480),
        "none": node("SolidMask", value=0.0, width=384, height=480),
        "aside": node("MaskComposite", destination=["none", 0], source=["half", 0], x=288, y=0,
                      operation="add"),
        "grey_aside": node("MaskToImage", mask=["aside", 0]),
        "all_aside": node("RepeatImageBatch", image=["grey_aside", 0], amount=9),
        "beside": node("ImageToMask", image=["all_aside", 0], channel="red"),
        "data": node("FittingRoomTestTracks", images=["part", 0],
                     **{name: [source, place] for name, (source, place) in objects.items()}),
        "mask": node("SAM3_TrackToMask", track_data=["data", 0], object_indices=""),
        "grey": node("MaskToImage", mask=["masks", 7]),
        "see": node("PreviewImage", images=["grey", 0]),
        "own_grey": node("MaskToImage", mask=["own", 7]),
        "see_own": node("PreviewImage", images=["own_grey", 0]),
    }  # fmt: skip
    prompt["masks"]["inputs"]["frames"] = ["part", 0]
    return prompt


def test_tracks_of_sam3_take_the_place_of_our_masks(engine):
    history = engine.run(tracked({"first_object": ("own", 7)}))
    seen, own = shown(engine, history, "see"), shown(engine, history, "see_own")
    assert len(seen) == len(own) == 9
    for one, other in zip(seen, own, strict=True):
        one, other = one > 127, other > 127
        assert (one & other).sum() / (one | other).sum() > 0.9


def test_two_objects_of_the_tracks_are_both_masked(engine):
    objects = {"first_object": ("own", 7), "second_object": ("beside", 0)}
    for mask in shown(engine, engine.run(tracked(objects)), "see"):
        assert (mask[:, 296:] > 127).all() and (mask[:, :280] > 127).any()


def test_tracks_that_hold_nobody_are_refused(engine):
    told = failure(engine.run(tracked({})))
    assert told and "no frame has anything in its mask" in told["exception_message"]


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
