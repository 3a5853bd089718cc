"""Reading what files carry, our own and those of strangers, and the command that prints it."""

import json

import numpy as np
import pytest
from fitting_room.commands.main import main
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.marks.inspection import inspect_picture
from fitting_room.pipelines.marks.metadata import read_xmp, xmp_packet
from fitting_room.pipelines.marks.provenance import AigcLabel, Marks, save_picture
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

unhurried = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
AI_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"


def noise(height=60, width=80, channels=3, dtype=np.uint8):
    random = np.random.default_rng(height * width + channels)
    return random.integers(0, np.iinfo(dtype).max + 1, (height, width, channels), dtype=dtype)


def photo_with_position(path):
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Pocketmaker", "Phone 9"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (48.0, 8.0, 14.5)
    gps = exif.get_ifd(0x8825)
    exif[0x8825] = gps
    exif[0x8769] = {0x9286: b"ASCII\x00\x00\x00home of Anna"}
    Image.fromarray(noise()).save(path, exif=exif, comment=b"taken by Anna")


def test_aigc_field_is_read_in_the_other_places_of_the_guide(tmp_path):
    from PIL.PngImagePlugin import PngInfo

    elements = json.loads(AigcLabel("001", "42").to_json())
    texts = PngInfo()
    texts.add_text("AIGC", json.dumps({"AIGC": elements}))
    Image.fromarray(noise()).save(tmp_path / "a.png", pnginfo=texts)
    exif = Image.Exif()
    exif[0x9286] = b"ASCII\x00\x00\x00" + json.dumps({"AIGC": elements}).encode()
    Image.fromarray(noise()).save(tmp_path / "a.jpg", exif=exif)
    for name in ("a.png", "a.jpg"):
        found = inspect_picture(tmp_path / name)
        assert found["aigc"] == elements
        assert found["ai_made"] is True
        assert found["keys"] == []


@pytest.mark.parametrize("depth", [500, 1000, 100_000])
def test_deeply_nested_text_is_no_trouble(tmp_path, depth):
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    texts.add_text("prompt", "[" * depth + '"sk-proj-abcdefghijklmnop1234567890"' + "]" * depth)
    Image.fromarray(noise()).save(tmp_path / "a.png", pnginfo=texts)
    found = inspect_picture(tmp_path / "a.png")
    assert found["workflow"] == ["prompt"]
    assert len(found["keys"]) == 1


def test_xmp_with_attributes_is_read_and_entities_are_not():
    packet = xmp_packet({"Iptc4xmpExt:DigitalSourceType": AI_TYPE}).decode()
    as_attribute = packet.replace(
        'rdf:about=""', f'rdf:about="" Iptc4xmpExt:DigitalSourceType="{AI_TYPE}"', 1
    ).replace(f"<Iptc4xmpExt:DigitalSourceType>{AI_TYPE}</Iptc4xmpExt:DigitalSourceType>", "")
    assert read_xmp(as_attribute)["Iptc4xmpExt:DigitalSourceType"] == AI_TYPE
    assert read_xmp('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>') == {}
    assert read_xmp(b"no xml at all") == {}


@unhurried
@given(st.binary(max_size=200), st.sampled_from(("png", "jpeg", "webp")), st.integers(0, 4000))
def test_broken_files_are_told_and_nothing_else(tmp_path, rubbish, kind, place):
    data = save_picture(tmp_path / "a", noise(), format=kind).read_bytes()
    place %= len(data)
    (tmp_path / "broken").write_bytes(data[:place] + rubbish + data[place + len(rubbish) :])
    try:
        assert inspect_picture(tmp_path / "broken")["format"] == {"jpeg": "JPEG"}.get(
            kind, kind.upper()
        )
    except InputError as error:
        assert "broken" in str(error)


@pytest.mark.parametrize("name", ["missing.png", "text.png", "movie.gif"])
def test_inspect_says_what_it_cannot_read(tmp_path, name):
    (tmp_path / "text.png").write_text("not a picture")
    Image.fromarray(noise()).save(tmp_path / "movie.gif")
    with pytest.raises(InputError, match=name):
        inspect_picture(tmp_path / name)


def test_keys_in_a_strangers_file_are_found(tmp_path):
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    texts.add_text("prompt", json.dumps({"7": {"inputs": {"api_key": "hunter2"}}}))
    texts.add_text("note", "mine: sk-proj-abcdefghijklmnop1234567890")
    Image.fromarray(noise()).save(tmp_path / "a.png", pnginfo=texts)
    found = inspect_picture(tmp_path / "a.png")
    assert found["keys"] == ["note", "prompt.7.inputs.api_key"]
    assert found["texts"] == ["note"]


# The command


def run_inspect(*arguments):
    return main(["inspect", *map(str, arguments)])


def test_command_prints_what_a_picture_carries(tmp_path, capsys):
    path = save_picture(tmp_path / "a.png", noise(), marks=Marks(aigc=AigcLabel("001", "42")))
    assert run_inspect(path) == 0
    told = capsys.readouterr().out
    assert "made with AI: yes" in told
    assert AI_TYPE in told
    assert '"ProduceID": "42"' in told
    assert run_inspect("--json", path, path) == 0
    read = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["ai_made"] for each in read] == [True, True]


def test_command_warns_by_its_exit_code(tmp_path, capsys):
    photo_with_position(tmp_path / "photo.jpg")
    assert run_inspect(tmp_path / "photo.jpg") == 2
    assert "GPS position" in capsys.readouterr().out
    assert run_inspect(tmp_path / "photo.jpg", tmp_path / "missing.png") == 1
    assert "missing.png" in capsys.readouterr().err
