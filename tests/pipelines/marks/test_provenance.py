"""Saving with marks: every format, what made the picture, what is refused."""

import io
import json
import struct
from dataclasses import replace
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.marks.inspection import inspect_picture
from fitting_room.pipelines.marks.provenance import (
    GENERATED,
    PREVIEW,
    SOURCE_TYPES,
    UNMARKED,
    AigcLabel,
    Marks,
    save_picture,
    with_number,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

unhurried = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
FORMATS = ("png", "jpeg", "webp")
AI_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"


def noise(height=60, width=80, channels=3, dtype=np.uint8):
    random = np.random.default_rng(height * width + channels)
    return random.integers(0, np.iinfo(dtype).max + 1, (height, width, channels), dtype=dtype)


def pixels(path):
    """What other programs see, in the file's own depth and with its alpha."""
    read = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return read[:, :, (2, 1, 0, 3)[: read.shape[2]]]


pictures = st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from((3, 4))).flatmap(
    lambda shape: st.sampled_from((np.uint8, np.uint16)).flatmap(
        lambda kind: arrays(kind, shape, elements=st.integers(0, np.iinfo(kind).max))
    )
)
printable = st.text(
    st.characters(exclude_categories=("C", "Z")) | st.just(" "), min_size=1, max_size=40
).filter(lambda text: text.strip() == text)


# Every format


@unhurried
@given(picture=pictures, producer=printable, number=printable)
def test_png_keeps_every_pixel_and_every_mark(tmp_path, picture, producer, number):
    marks = Marks(aigc=AigcLabel(producer, number))
    path = save_picture(tmp_path / "a.png", picture, marks=marks)
    assert np.array_equal(pixels(path), picture)
    found = inspect_picture(path)
    assert found["bits"] == picture.dtype.itemsize * 8
    assert found["digital_source_type"] == AI_TYPE
    assert found["aigc"]["ContentProducer"] == found["aigc"]["ContentPropagator"] == producer
    assert found["aigc"]["ProduceID"] == found["aigc"]["PropagateID"] == number
    assert found["ai_made"] is True


@unhurried
@given(
    picture=pictures.filter(lambda picture: picture.dtype == np.uint8),
    producer=printable,
    kind=st.sampled_from(("jpeg", "webp")),
    quality=st.integers(1, 100),
)
def test_jpeg_and_webp_keep_every_mark(tmp_path, picture, producer, kind, quality):
    if kind == "jpeg":
        picture = picture[:, :, :3]
    path = save_picture(
        tmp_path / "a",
        picture,
        format=kind,
        quality=quality,
        marks=Marks(aigc=AigcLabel(producer)),
    )
    found = inspect_picture(path)
    assert (found["height"], found["width"]) == picture.shape[:2]
    assert (found["digital_source_type"], found["ai_made"]) == (AI_TYPE, True)
    assert found["aigc"]["ContentProducer"] == producer
    if kind == "webp" and quality == 100:
        assert np.array_equal(np.array(Image.open(path).convert("RGB")), picture[:, :, :3])


@pytest.mark.parametrize("kind", FORMATS)
def test_packet_lies_where_the_formats_say(tmp_path, kind):
    data = save_picture(tmp_path / "a", noise(), format=kind).read_bytes()
    start = data.index(b"<?xpacket begin")
    if kind == "png":
        before = data[start - 26 : start]
        assert before == b"iTXtXML:com.adobe.xmp\x00\x00\x00\x00\x00"
        assert data.index(b"IDAT") > start
    elif kind == "jpeg":
        assert data[start - 33 : start - 31] == b"\xff\xe1"
        assert data[start - 29 : start] == b"http://ns.adobe.com/xap/1.0/\x00"
    else:
        assert data[start - 8 : start - 4] == b"XMP "
        assert data[12:16] == b"VP8X"
        assert data[20] & 0b100  # the flag that says there is XMP
    # And so an XML reader that knows nothing of ours finds the two properties.
    end = data.index(b"</x:xmpmeta>") + len(b"</x:xmpmeta>")
    root = ElementTree.fromstring(data[data.index(b"<x:xmpmeta", start) : end])
    iptc = root.findtext(".//{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType")
    aigc = root.findtext(".//{http://www.tc260.org.cn/ns/AIGC/1.0/}AIGC")
    assert iptc == AI_TYPE
    assert aigc
    assert list(json.loads(aigc)) == [
        "Label", "ContentProducer", "ProduceID", "ReservedCode1", "ContentPropagator",
        "PropagateID", "ReservedCode2",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", FORMATS)
def test_pillow_and_opencv_open_every_marked_file(tmp_path, kind):
    path = save_picture(tmp_path / "a", noise(), format=kind, quality=95)
    with Image.open(path) as opened:
        opened.verify()
    assert np.abs(pixels(path).astype(int) - noise()).mean() < (0.1 if kind == "png" else 60)


def test_batch_gets_a_number_each(tmp_path):
    paths = [save_picture(tmp_path / f"{n}.png", noise()) for n in range(4)]
    numbers = {inspect_picture(path)["aigc"]["ProduceID"] for path in paths}
    assert len(numbers) == 4
    own = save_picture(tmp_path / "own.png", noise(), marks=with_number(GENERATED, "order-17"))
    assert inspect_picture(own)["aigc"]["ProduceID"] == "order-17"


def test_png_stays_a_png_of_whole_chunks(tmp_path):
    data = save_picture(tmp_path / "a.png", noise(), workflow={"prompt": {}}).read_bytes()
    stream, kinds = io.BytesIO(data[8:]), []
    while header := stream.read(8):
        length, kind = struct.unpack(">I4s", header)
        stream.read(length + 4)
        kinds.append(kind)
    assert kinds[0] == b"IHDR"
    assert kinds[-1] == b"IEND"
    assert {b"iTXt", b"tEXt", b"IDAT"} < set(kinds)


# What made the picture


def test_preview_is_not_said_to_be_generated(tmp_path):
    path = save_picture(tmp_path / "a.png", noise(), marks=PREVIEW)
    found = inspect_picture(path)
    assert found["digital_source_type"].endswith("/composite")
    assert found["aigc"] is None
    assert found["ai_made"] is None
    photos = save_picture(tmp_path / "b.png", noise(), marks=replace(PREVIEW, source="photos"))
    assert inspect_picture(photos)["ai_made"] is False


def test_system_is_named_only_where_it_generated(tmp_path):
    path = save_picture(tmp_path / "a.jpg", noise(), marks=Marks(system="Leffa", version="1.0"))
    assert inspect_picture(path)["system"] == "Leffa 1.0"
    path = save_picture(tmp_path / "b.jpg", noise(), marks=replace(PREVIEW, system="Leffa"))
    assert inspect_picture(path)["system"] == ""


@pytest.mark.parametrize("kind", FORMATS)
def test_nothing_is_written_beside_unmarked_pixels(tmp_path, kind):
    path = save_picture(tmp_path / "a", noise(), format=kind, marks=UNMARKED)
    found = inspect_picture(path)
    assert (found["ai_made"], found["digital_source_type"], found["texts"]) == (None, "", [])
    assert b"xpacket" not in path.read_bytes()


def test_source_types_are_terms_of_the_vocabulary():
    assert set(SOURCE_TYPES) == {"generated", "preview", "photos", "none"}
    assert SOURCE_TYPES["generated"] == AI_TYPE


# What is not accepted


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"path": "a.gif"}, "png, jpeg or webp"),
        ({"path": "a"}, "no ending"),
        ({"picture": noise(channels=4), "path": "a.jpg"}, "no transparency"),
        ({"picture": noise(dtype=np.uint16), "path": "a.webp"}, "16-bit"),
        ({"picture": noise().astype(np.float32)}, "float32"),
        ({"picture": noise()[:, :, 0]}, "height, width"),
        ({"quality": 0}, "1 to 100"),
        ({"marks": Marks(source="magic")}, "'magic'.*generated, preview"),
        ({"marks": Marks(aigc=AigcLabel(label="4"))}, "'4'"),
        ({"marks": Marks(aigc=AigcLabel(producer=" "))}, "producer"),
        ({"marks": Marks(aigc=AigcLabel(produce_id="a\x00b"))}, "ProduceID"),
        ({"marks": Marks(system="a\nb")}, "AISystemUsed"),
        ({"path": "a.jpg", "marks": Marks(aigc=AigcLabel("x" * 70_000))}, "65,"),
    ],
)
def test_wrong_input_writes_nothing_and_says_what_to_do(tmp_path, change, said):
    given_ = {"path": "a.png", "picture": noise()} | change
    with pytest.raises(InputError, match=said):
        save_picture(tmp_path / given_.pop("path"), **given_)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        save_picture(tmp_path / "a.png", noise())
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_names_get_the_ending_of_their_format(tmp_path):
    assert save_picture(tmp_path / "look.2", noise(), format="webp").name == "look.2.webp"
    assert save_picture(tmp_path / "a.JPG", noise()).name == "a.JPG"
    assert save_picture(tmp_path / "new" / "a.jpeg", noise()).is_file()
