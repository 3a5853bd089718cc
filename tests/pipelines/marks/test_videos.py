"""Marks in MP4 files: written, read back, and files of strangers told as they are."""

import io
import json
import struct
from dataclasses import replace

import av
import certificates
import numpy as np
import pytest
from fitting_room.commands.main import main
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.marks.inspection import inspect_picture
from fitting_room.pipelines.marks.provenance import UNMARKED, AigcLabel, Marks
from fitting_room.pipelines.marks.videos import file_metadata, marked_video

AI_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
MARKS = Marks(system="Wan 2.1 VACE", aigc=AigcLabel("001shop", "number-7"))


def video(metadata=None, flags="use_metadata_tags", kind="mp4"):
    """A video of 96x64 with some frames, as the engine encodes one."""
    file = io.BytesIO()
    with av.open(file, "w", format=kind, options={"movflags": flags} if flags else {}) as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream("libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for shade in (0, 90, 180):
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), shade, np.uint8), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def pictures(data):
    with av.open(io.BytesIO(data)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_marks_are_read_back_and_the_pictures_are_the_same(tmp_path):
    plain = video(file_metadata(MARKS))
    marked = marked_video(plain, MARKS)
    (tmp_path / "a.mp4").write_bytes(marked)
    found = inspect_picture(tmp_path / "a.mp4")
    assert (found["format"], found["width"], found["height"]) == ("MP4", 96, 64)
    assert found["ai_made"] is True and found["digital_source_type"] == AI_TYPE
    assert found["system"] == "Wan 2.1 VACE" and found["creator_tool"] == "Fitting Room"
    aigc = found["aigc"]
    assert (aigc["ContentProducer"], aigc["ProduceID"]) == ("001shop", "number-7")
    assert not found["gps"] and found["keys"] == [] and found["texts"] == []
    for one, other in zip(pictures(plain), pictures(marked), strict=True):
        np.testing.assert_array_equal(one, other)


def test_each_place_of_the_field_is_enough(tmp_path):
    for name, data in {
        "metadata": video(file_metadata(MARKS)),
        "xmp": marked_video(video(), MARKS),
    }.items():
        (tmp_path / name).write_bytes(data)
        found = inspect_picture(tmp_path / name)
        assert found["ai_made"] is True and found["aigc"]["ProduceID"] == "number-7"


def test_credentials_are_read_back_and_the_video_plays(tmp_path, capsys):
    """Signing puts a box before the frames, and the places of the frames move along."""
    pytest.importorskip("c2pa")
    signed = replace(MARKS, credentials=certificates.signer(tmp_path))
    plain = video(file_metadata(signed))
    data = marked_video(plain, signed)
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    found = inspect_picture(path)
    told = found["credentials"]
    assert (told["present"], told["valid"], told["trusted"]) == (True, True, False), told
    assert told["issuer"] == "Shop Test" and told["source_types"] == [AI_TYPE]
    assert found["digital_source_type"] == AI_TYPE and found["aigc"]["ProduceID"] == "number-7"
    assert (found["width"], found["height"]) == (96, 64)
    for one, other in zip(pictures(plain), pictures(data), strict=True):
        np.testing.assert_array_equal(one, other)
    assert main(["inspect", str(path)]) == 0
    assert "content credentials: valid, signer not on the default trust list" in (
        capsys.readouterr().out
    )

    frames = data.index(b"mdat") + 40
    path.write_bytes(data[:frames] + bytes([data[frames] ^ 1]) + data[frames + 1 :])
    told = inspect_picture(path)["credentials"]
    assert told["present"] and not told["valid"], "one changed byte of the pictures is found"


def test_without_marks_nothing_is_said(tmp_path):
    (tmp_path / "a.mp4").write_bytes(marked_video(video(file_metadata(UNMARKED)), UNMARKED))
    found = inspect_picture(tmp_path / "a.mp4")
    assert found["ai_made"] is None and found["aigc"] is None and found["creator_tool"] == ""


def test_what_should_not_be_there_is_told(tmp_path, capsys):
    written = {
        "location": "+48.1374+011.5755/", "workflow": json.dumps({"nodes": []}),
        "prompt": json.dumps({"1": {"inputs": {"api_key": "sk-proj-abcdefghijklmnop1234567890"}}}),
        "comment": "taken by Anna",
    }  # fmt: skip
    (tmp_path / "a.mp4").write_bytes(video(written))
    found = inspect_picture(tmp_path / "a.mp4")
    assert found["workflow"] == ["prompt", "workflow"] and "comment" in found["texts"]
    assert found["keys"] == ["prompt.1.inputs.api_key"]
    assert main(["inspect", str(tmp_path / "a.mp4")]) == 2
    told = capsys.readouterr().out
    assert "MP4, 96x64" in told and "WARNING: looks like a key" in told


@pytest.mark.parametrize(("name", "flags"), [("location", ""), ("location", "use_metadata_tags")])
def test_a_position_is_told(tmp_path, name, flags):
    (tmp_path / "a.mov").write_bytes(video({name: "+48.1374+011.5755/"}, flags, "mov"))
    assert inspect_picture(tmp_path / "a.mov")["gps"]


def test_another_kind_of_file_is_not_marked():
    with pytest.raises(InputError, match="MP4"):
        marked_video(b"\x1aE\xdf\xa3 matroska", MARKS)


@pytest.mark.parametrize("broken", [
    lambda data: data[:-50],
    lambda data: data + struct.pack(">I4s", 4, b"free"),
    lambda data: data + b"".join(struct.pack(">I4s", 8 * (3000 - i), b"udta") for i in range(3000)),
])  # fmt: skip
def test_a_broken_file_is_refused_with_a_sentence(tmp_path, broken):
    (tmp_path / "a.mp4").write_bytes(broken(marked_video(video(), MARKS)))
    with pytest.raises(InputError, match="no whole MP4"):
        inspect_picture(tmp_path / "a.mp4")
