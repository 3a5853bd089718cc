"""Saving with marks and reading back: formats, labels, privacy, keys, content credentials."""

import argparse
import datetime
import io
import json
import struct
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from fitting_room.commands import inspect as inspect_command
from fitting_room.pipelines import visible_label
from fitting_room.pipelines.credentials import Credentials
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.images import read_picture
from fitting_room.pipelines.inspection import inspect_picture
from fitting_room.pipelines.metadata import read_xmp, xmp_packet
from fitting_room.pipelines.provenance import (
    GENERATED,
    PREVIEW,
    SOURCE_TYPES,
    UNMARKED,
    AigcLabel,
    Marks,
    save_picture,
    with_number,
)
from fitting_room.pipelines.redaction import REMOVED, places_of_secrets, without_secrets
from fitting_room.pipelines.visible_label import CORNERS, VisibleLabel, draw_label
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


# Privacy


def photo_with_position(path):
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Pocketmaker", "Phone 9"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (48.0, 8.0, 14.5)
    gps = exif.get_ifd(0x8825)
    exif[0x8825] = gps
    exif[0x8769] = {0x9286: b"ASCII\x00\x00\x00home of Anna"}
    Image.fromarray(noise()).save(path, exif=exif, comment=b"taken by Anna")


@pytest.mark.parametrize("kind", FORMATS)
def test_nothing_of_the_customers_photo_file_comes_along(tmp_path, kind):
    photo = tmp_path / "photo.jpg"
    photo_with_position(photo)
    before = inspect_picture(photo)
    assert before["gps"]
    assert before["exif"]["model"] == "Phone 9"
    path = save_picture(
        tmp_path / "a", np.array(read_picture(photo)), format=kind, label=VisibleLabel("AI")
    )
    after = inspect_picture(path)
    assert not after["gps"]
    assert after["exif"] == {}
    for trace in (b"Anna", b"Phone 9", b"Pocketmaker", b"Exif\x00", b"EXIF", b"GPS"):
        assert trace not in path.read_bytes()


KEYS = {
    "openai": "sk-proj-abcdefghijklmnop1234567890",
    "hub": "hf_abcdefghijklmnopqrstuvwxyzABCDEF",
    "amazon": "AKIAABCDEFGHIJKLMNOP",
    "google": "AIzaSyA1234567890abcdefghijklmnopqrstuv",
    "web": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3.SflKxwRJSMeKKF2QT4",
    "fal": "0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f:0123456789abcdef0123456789abcdef",
    "random": "Zx81kQp0vRt7LmNw3BcYd6HsJ2fGa9Te5UiO4",
}


@pytest.mark.parametrize("kind", ("png", "webp"))
def test_no_key_in_a_workflow_reaches_the_file(tmp_path, kind):
    prompt = {
        str(number): {
            "class_type": "HostedTryOn",
            "inputs": {"text": f"use {key} please", "seed": number, "api_key": "hunter2-" + name},
        }
        for number, (name, key) in enumerate(KEYS.items())
    }
    graph = {"nodes": [{"id": 1, "widgets_values": [key, 25, True]} for key in KEYS.values()]}
    path = save_picture(
        tmp_path / "a", noise(), format=kind, workflow={"prompt": prompt, "workflow": graph}
    )
    data = path.read_bytes()
    for key in KEYS.values():
        assert key.encode() not in data
    assert b"hunter2" not in data
    found = inspect_picture(path)
    assert found["workflow"] == ["prompt", "workflow"]
    assert found["keys"] == []
    assert prompt["0"]["inputs"]["api_key"] == "hunter2-openai"  # the caller's own is untouched


def test_workflow_is_embedded_as_comfyui_reads_it_and_only_if_asked(tmp_path):
    prompt = {"3": {"class_type": "FittingRoomPreview", "inputs": {"seed": 5, "title": "été"}}}
    png = save_picture(tmp_path / "a.png", noise(), workflow={"prompt": prompt})
    assert json.loads(Image.open(png).text["prompt"]) == prompt
    webp = save_picture(
        tmp_path / "a.webp", noise(), workflow={"prompt": prompt, "workflow": {"nodes": []}}
    )
    exif = Image.open(webp).getexif()
    assert json.loads(exif[0x0110].removeprefix("prompt:")) == prompt
    assert exif[0x010F] == 'workflow:{"nodes": []}'
    assert inspect_picture(save_picture(tmp_path / "b.png", noise()))["workflow"] == []
    with pytest.raises(InputError, match="JPEG"):
        save_picture(tmp_path / "a.jpg", noise(), workflow={"prompt": prompt})


names = st.sampled_from(("seed", "api_key", "text", "password", "x"))
texts = st.text(max_size=12) | st.sampled_from(sorted(KEYS.values()))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


@unhurried
@given(json_values)
def test_redaction_leaves_no_key_and_the_structure(value):
    clean = without_secrets(value)
    written = json.dumps(clean)
    assert not any(key in written for key in KEYS.values())
    assert list(places_of_secrets(clean)) == []
    assert without_secrets(clean) == clean

    def shape(part):
        if isinstance(part, dict):
            return {name: shape(inner) for name, inner in part.items()}
        return [shape(inner) for inner in part] if isinstance(part, list) else type(part)

    assert shape(clean) == shape(value)


@pytest.mark.parametrize(
    "harmless",
    [
        {"max_tokens": 77, "key_points": ["4", 0], "tokenizer": "clip_l.safetensors"},
        {"ckpt_name": "juggernautXL_v9Rundiffusionphoto2_some_very_long_name.safetensors"},
        {"class_type": "FittingRoomSomeVeryLongNodeName2ForTesting64"},
        {"id": "b1f3c2a4-1111-4222-8333-abcdefabcdef"},
        {"text": "a photo of a person wearing a long-sleeved shirt with 12 buttons"},
        {"image": "https://example.org/pictures/shirt.png?size=large"},
    ],
)
def test_ordinary_workflow_values_stay(harmless):
    assert without_secrets(harmless) == harmless


def test_keys_in_a_strangers_file_are_found(tmp_path):
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    texts.add_text("prompt", json.dumps({"7": {"inputs": {"api_key": "hunter2"}}}))
    texts.add_text("note", f"mine: {KEYS['openai']}")
    Image.fromarray(noise()).save(tmp_path / "a.png", pnginfo=texts)
    found = inspect_picture(tmp_path / "a.png")
    assert found["keys"] == ["note", "prompt.7.inputs.api_key"]
    assert found["texts"] == ["note"]


# The visible label


@pytest.mark.parametrize("corner", CORNERS)
@pytest.mark.parametrize("language", ("en", "zh"))
@pytest.mark.parametrize(
    ("dtype", "channels"), [(np.uint8, 3), (np.uint8, 4), (np.uint16, 3), (np.uint16, 4)]
)
def test_label_is_high_enough_and_stays_in_its_corner(corner, language, dtype, channels):
    full = np.iinfo(dtype).max
    for height, width in ((300, 200), (256, 512)):
        picture = np.full((height, width, channels), full // 3, dtype=dtype)
        picture[:, :, 3:] = 0
        labelled = draw_label(picture, VisibleLabel(language=language, corner=corner))
        rows, columns = np.nonzero((labelled != picture).any(axis=2))
        assert (rows.max() < height / 2) == corner.startswith("top")
        assert (columns.max() < width / 2 + 1) == corner.endswith("left")
        # The plate has 0.15 of full brightness; thin strokes of ten pixels are no pure white.
        letters = np.nonzero((labelled[rows, columns, :3] > 0.25 * full).any(axis=1))[0]
        letters = rows[letters]
        assert letters.max() - letters.min() + 1 >= 0.05 * min(height, width)
        assert labelled.dtype == dtype
        if channels == 4:
            assert (labelled[rows, columns, 3] == full).all()


def test_chinese_preset_needs_no_font(monkeypatch):
    # As on a server without any font of its own.
    monkeypatch.setattr(visible_label, "CHINESE_FONTS", ())
    drawn = draw_label(np.zeros((400, 400, 3), np.uint8), VisibleLabel(language="zh"))
    letters = (drawn > 200).any(axis=2)
    columns = np.nonzero(letters.any(axis=0))[0]
    assert (np.diff(columns) > 1).sum() >= 3  # four characters with gaps between
    with pytest.raises(InputError, match="fonts-noto-cjk"):
        draw_label(np.zeros((400, 400, 3), np.uint8), VisibleLabel(text="人工智能生成"))


@pytest.mark.parametrize(
    ("label", "said"),
    [
        (VisibleLabel(corner="middle"), "'middle'.*bottom right"),
        (VisibleLabel(language="de"), "'de'"),
        (VisibleLabel(text="much too long a text for so small a picture"), "Shorten the text"),
        (VisibleLabel(font=Path("/nowhere/font.ttf")), "font.ttf cannot be read"),
        (VisibleLabel(text="\u0e01\u0e02"), "no character"),
    ],
)
def test_label_that_cannot_be_drawn_says_why(label, said):
    with pytest.raises(InputError, match=said):
        draw_label(noise(120, 90), label)


def test_saved_label_is_in_the_pixels(tmp_path):
    path = save_picture(tmp_path / "a.png", noise(200, 200), label=VisibleLabel())
    assert np.array_equal(pixels(path), draw_label(noise(200, 200), VisibleLabel()))


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


# Reading strangers' files


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


# The command


def run_inspect(*arguments):
    parser = argparse.ArgumentParser()
    inspect_command.add_arguments(parser)
    return inspect_command.run(parser.parse_args([str(each) for each in arguments]))


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


# Content credentials


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    """A certificate made here, vouched for by an authority made here: nobody trusts it."""
    pytest.importorskip("c2pa")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    folder = tmp_path_factory.mktemp("certificate")
    authority, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    now = datetime.datetime.now(datetime.timezone.utc)

    def name(common):
        return x509.Name([
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Shop Test"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ])  # fmt: skip

    def certificate(subject, key, is_authority):
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "crl_sign", "encipher_only", "decipher_only"), False,
        )  # fmt: skip
        usage |= {"digital_signature": not is_authority, "key_cert_sign": is_authority}
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
        begun = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("Authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=2))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(issuer, critical=False)
        )
        if not is_authority:
            purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            begun = begun.add_extension(purpose, critical=False)
        pem = begun.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        return pem

    chain = certificate("Signer", own, False) + certificate("Authority", authority, True)
    (folder / "chain.pem").write_bytes(chain)
    (folder / "key.pem").write_bytes(
        own.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return Credentials(folder / "chain.pem", folder / "key.pem")


@pytest.mark.parametrize("kind", FORMATS)
def test_credentials_are_read_back_with_the_other_marks(tmp_path, signer, kind):
    path = save_picture(tmp_path / "a", noise(), format=kind, marks=Marks(credentials=signer))
    found = inspect_picture(path)
    told = found["credentials"]
    assert (told["present"], told["valid"], told["trusted"]) == (True, True, False)
    assert told["issuer"] == "Shop Test"
    assert told["source_types"] == [AI_TYPE]
    assert found["digital_source_type"] == AI_TYPE
    assert found["aigc"]["Label"] == "1"
    key = signer.key.read_bytes().splitlines()[1]
    assert key not in path.read_bytes()


def test_changed_pixels_break_the_credentials(tmp_path, signer):
    path = save_picture(tmp_path / "a.jpg", noise(), marks=Marks(credentials=signer))
    data = bytearray(path.read_bytes())
    data[-20] ^= 0x10
    path.write_bytes(data)
    told = inspect_picture(path)["credentials"]
    assert told["present"]
    assert not told["valid"]
    assert "assertion.dataHash.mismatch" in told["problems"]


def test_credentials_that_do_not_fit_say_so(tmp_path, signer):
    for wrong, said in (
        (replace(signer, algorithm="rsa"), "es256.*'rsa'"),
        (replace(signer, algorithm="ps256"), "fit ps256"),
        (replace(signer, key=tmp_path / "none.pem"), "private key .*none.pem"),
        (replace(signer, certificate=signer.key), "could not be signed"),
    ):
        with pytest.raises(InputError, match=said):
            save_picture(tmp_path / "a.png", noise(), marks=Marks(credentials=wrong))
    with pytest.raises(InputError, match="choose a source"):
        save_picture(tmp_path / "a.png", noise(), marks=replace(UNMARKED, credentials=signer))
    assert list(tmp_path.iterdir()) == []


def test_source_types_are_terms_of_the_vocabulary():
    assert set(SOURCE_TYPES) == {"generated", "preview", "photos", "none"}
    assert SOURCE_TYPES["generated"] == AI_TYPE


def test_removed_text_is_marked_as_removed():
    assert without_secrets({"token": "x", "n": 1}) == {"token": REMOVED, "n": 1}


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
