"""Reading what files carry, our own and those of strangers, and the command that prints it."""

import io
import json
import zlib

import numpy as np
import pytest
from fitting_room.commands.main import main
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.marks.inspection import inspect_picture
from fitting_room.pipelines.marks.metadata import RDF, read_xmp, xmp_packet
from fitting_room.pipelines.marks.provenance import AigcLabel, Marks, save_picture
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

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


# What strangers hide, and where


KEY = "sk-proj-abcdefghijklmnop1234567890"
GPS_IN_STRUCTURE = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:ext="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:exif="http://ns.adobe.com/exif/1.0/"><rdf:Description><ext:LocationShown><rdf:Bag>
 <rdf:li rdf:parseType="Resource"><exif:GPSLatitude>48,8.2N</exif:GPSLatitude></rdf:li>
 </rdf:Bag></ext:LocationShown></rdf:Description></rdf:RDF></x:xmpmeta>"""


def segment(marker, content):
    return b"\xff" + bytes([marker]) + (len(content) + 2).to_bytes(2, "big") + content


def chunk(kind, content):
    sum_ = zlib.crc32(kind + content).to_bytes(4, "big")
    return len(content).to_bytes(4, "big") + kind + content + sum_


def encoded(kind, **more):
    file = io.BytesIO()
    Image.fromarray(noise()).save(file, kind, **more)
    return file.getvalue()


def exif_with(tag, value):
    exif = Image.Exif()
    exif[tag] = value
    return exif


def in_jpeg(*segments):
    data = encoded("JPEG")
    return data[:2] + b"".join(segments) + data[2:]


def in_png(*chunks, at=33):
    data = encoded("PNG")
    return data[:at] + b"".join(chunks) + data[at:]


def exif_segment(exif):
    return segment(0xE1, exif.tobytes())


def gps_exif():
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (48.0, 8.0, 14.5)}
    return exif


HIDDEN = {
    "EXIF description": lambda: encoded("JPEG", exif=exif_with(0x010E, KEY)),
    "EXIF of a PNG": lambda: encoded("PNG", exif=exif_with(0x013B, KEY)),
    "EXIF of a WebP": lambda: encoded("WEBP", exif=exif_with(0x8298, f"by {KEY}")),
    "Windows title": lambda: encoded("JPEG", exif=exif_with(0x9C9B, KEY.encode("utf-16-le"))),
    "second EXIF segment": lambda: in_jpeg(
        exif_segment(exif_with(0x0110, "Phone")), exif_segment(exif_with(0x010E, KEY))
    ),
    "XMP of a JPEG": lambda: in_jpeg(
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + f"<a>{KEY}</a>".encode())
    ),
    "XMP of a PNG": lambda: in_png(
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + f"<a b='{KEY}'/>".encode())
    ),
    "XMP in UTF-16": lambda: encoded("WEBP", xmp=f"<a>{KEY}</a>".encode("utf-16")),
    "names of a JSON text": lambda: in_png(
        chunk(b"tEXt", b"note\0" + json.dumps({KEY: 1}).encode())
    ),
    "packed text": lambda: in_png(chunk(b"zTXt", b"note\0\0" + zlib.compress(KEY.encode()))),
    "a private chunk": lambda: in_png(chunk(b"prVt", KEY.encode())),
    "comment": lambda: encoded("JPEG", comment=KEY.encode()),
    "an application segment": lambda: in_jpeg(segment(0xEB, KEY.encode())),
    "behind IEND": lambda: encoded("PNG") + f"\npassword=hunter2\n{KEY}".encode(),
    "behind the JPEG": lambda: encoded("JPEG") + KEY.encode(),
    "behind the WebP": lambda: encoded("WEBP") + KEY.encode(),
}


@pytest.mark.parametrize("where", HIDDEN)
def test_a_key_is_found_wherever_it_is(tmp_path, where, capsys):
    path = tmp_path / "photo"
    path.write_bytes(HIDDEN[where]())
    assert inspect_picture(path)["keys"], where
    assert run_inspect(path) == 2
    told = capsys.readouterr().out
    assert "looks like a key" in told and KEY not in told


@pytest.mark.parametrize(
    "data",
    [
        lambda: in_jpeg(exif_segment(exif_with(0x0110, "Phone")), exif_segment(gps_exif())),
        lambda: encoded("PNG", exif=gps_exif()),
        lambda: in_jpeg(
            segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + GPS_IN_STRUCTURE.encode())
        ),
        lambda: encoded("WEBP", xmp=GPS_IN_STRUCTURE.encode("utf-16")),
    ],
)
def test_a_position_is_found_wherever_it_is(tmp_path, data):
    (tmp_path / "photo").write_bytes(data())
    assert inspect_picture(tmp_path / "photo")["gps"]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_ordinary_photo_is_not_suspected(tmp_path, kind):
    exif = exif_with(0x010F, "Pocketmaker")
    exif[0x8769] = {0xA420: "0123456789abcdef0123456789abcdef", 0x9286: b"ASCII\0\0\0our garden"}
    packet = xmp_packet({"xmp:CreatorTool": "xmp.did:0123456789abcdef0123456789abcdef"})
    more = {"icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()}
    (tmp_path / "photo").write_bytes(encoded(kind, exif=exif, xmp=packet, **more))
    found = inspect_picture(tmp_path / "photo")
    assert (found["keys"], found["gps"], found["unsearched"]) == ([], False, [])


def test_codes_for_a_terminal_are_not_passed_on(tmp_path, capsys):
    path = tmp_path / "photo \x1b]0;x\x07.jpg"
    path.write_bytes(encoded("JPEG", exif=exif_with(0x010F, "\x1b[31mred \x9b2J")))
    run_inspect(path)
    run_inspect("--json", path)
    run_inspect(tmp_path / "\x1b[31mabsent")
    told = "".join(capsys.readouterr())
    assert "red" in told and not any(code in told for code in "\x1b\x07\x9b")


def test_a_phone_picture_of_two_frames_is_read(tmp_path):
    frames = [Image.fromarray(noise()), Image.fromarray(noise())]
    frames[0].save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=frames[1:])
    assert inspect_picture(tmp_path / "a.jpg")["format"] == "JPEG"


def test_nested_descriptions_take_time_in_proportion(tmp_path):
    """20,000 tables in tables: each was read again for every table around it."""
    deep = 20_000
    inner = "<rdf:Description><a>x</a>" * deep + "</rdf:Description>" * deep
    packet = f'<rdf:RDF xmlns:rdf="{RDF}">{inner}</rdf:RDF>'
    assert read_xmp(packet)["a"] == "x"
