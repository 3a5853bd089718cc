"""Strangers' picture files end in a picture or an InputError, and start nothing."""

import io
import os
import stat
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.images import read_picture, write_picture
from fitting_room.pipelines.picture_files import KINDS, LARGEST_BYTES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps, features

FORMATS = [kind for kind in ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP", "GIF")
           if kind != "AVIF" or features.check("avif")]  # fmt: skip
POSTSCRIPT = (
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\n"
    b"0 0 64 64 rectfill\nshowpage\n%%EOF\n"
)


def picture(width=24, height=16):
    values = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def written(kind, image=None, **settings):
    file = io.BytesIO()
    (image or picture()).save(file, kind, **settings)
    return file.getvalue()


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(
        ">I", zlib.crc32(kind + content)
    )  # fmt: skip


def test_postscript_named_photo_starts_no_program(tmp_path, monkeypatch):
    mark = tmp_path / "started"
    for name in ("gs", "gswin32c", "gswin64c"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\ntouch {mark}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    for name in ("photo.jpg", "photo.eps", "photo"):
        (tmp_path / name).write_bytes(POSTSCRIPT)
        with pytest.raises(InputError, match="none of PNG, JPEG"):
            read_picture(tmp_path / name)
    assert not mark.exists()


def test_only_promised_kinds_are_opened(tmp_path):
    others = sorted(set(Image.registered_extensions().values()) & set(Image.SAVE) - set(KINDS))
    tried = 0
    for kind in others:
        try:
            data = written(kind)
        except Exception:  # what this Pillow cannot write, or not as RGB
            continue
        (tmp_path / "photo.jpg").write_bytes(data)
        try:
            read_picture(tmp_path / "photo.jpg")
        except InputError:
            tried += 1
        else:  # some kinds are one of ours under another name
            with Image.open(tmp_path / "photo.jpg") as found:
                assert found.format in KINDS, kind
    assert tried >= 8


@pytest.mark.parametrize("kind", FORMATS)
def test_promised_kinds_are_read(tmp_path, kind):
    (tmp_path / "photo").write_bytes(written(kind))
    assert read_picture(tmp_path / "photo").size == (24, 16)


@pytest.mark.parametrize("turn", range(1, 9))
def test_turned_upright_as_pillow_does(tmp_path, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    path = tmp_path / "photo.jpg"
    path.write_bytes(written("JPEG", exif=exif))
    assert np.array_equal(read_picture(path), ImageOps.exif_transpose(Image.open(path)))


# Metadata of the wrong kind: the picture counts


def tiff_of(tag, kind, count, value, orientation=6):
    """EXIF with an orientation and one more entry as it is given, and 64 bytes to point at."""
    entries = [(0x0112, 3, 1, struct.pack("<HH", orientation, 0)), (tag, kind, count, value)]
    body = b"".join(struct.pack("<HHI", *entry[:3]) + entry[3] for entry in sorted(entries))
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 2) + body + bytes(4) + b"\x07" * 64


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("tag", [0x0100, 0x010E, 0x0112, 0x011A, 0x0132, 0x8298, 0x8769, 0x8825])
@pytest.mark.parametrize("type_", [1, 2, 3, 5, 7, 10, 12, 13, 99])
def test_exif_of_the_wrong_type_loses_no_picture(tmp_path, kind, tag, type_):
    for count, value in ((1, b"\x0c\0\0\0"), (3, b"\x26\0\0\0"), (2**31, b"\xff" * 4)):
        path = tmp_path / "photo"
        path.write_bytes(written(kind, exif=tiff_of(tag, type_, count, value)))
        assert sorted(read_picture(path).size) == [16, 24]


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_packed_text_of_a_png_ends_well(tmp_path, kind):
    packed = zlib.compress(b"x" * 3_000_000)
    content = {
        b"zTXt": b"Comment\0\0" + packed,
        b"iTXt": b"Comment\0\1\0\0\0" + packed,
        b"iCCP": b"profile\0\0" + packed,
    }[kind]
    data = written("PNG")
    for place in (33, len(data) - 12):  # before and behind the pixels
        path = tmp_path / "photo.png"
        path.write_bytes(data[:place] + chunk(kind, content) + data[place:])
        try:
            assert read_picture(path).size == (24, 16)
        except InputError as error:
            assert "photo.png cannot be read" in str(error)


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_files_end_in_a_picture_or_an_input_error(tmp_path, kind, data):
    damaged = bytearray(written(kind))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        damaged[place] = data.draw(st.integers(0, 255))
    (tmp_path / "photo").write_bytes(damaged[: data.draw(st.integers(1, len(damaged)))])
    try:
        assert read_picture(tmp_path / "photo").mode in ("RGB", "RGBA")
    except InputError as error:
        assert "photo" in str(error)


# Grey pictures of many bits


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bits_of_either_byte_order_are_read(tmp_path, order):
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    mode = "I;16" if order == "<" else "I;16B"
    image = Image.frombytes(mode, (256, 256), levels.astype(f"{order}u2").tobytes())
    image.save(tmp_path / "grey.tif")
    found = np.asarray(read_picture(tmp_path / "grey.tif"))
    assert np.array_equal(found[..., 0], levels // 257)


def test_grey_of_16_bits_keeps_its_transparency(tmp_path):
    levels = np.full((40, 40), 30_000, np.uint16)
    levels[:, 20:] = 777
    Image.fromarray(levels).save(tmp_path / "grey.png", transparency=777)
    found = read_picture(tmp_path / "grey.png")
    assert found.mode == "RGBA"
    assert np.array_equal(np.unique(np.asarray(found)[:, :20, 3]), [255])
    assert np.array_equal(np.unique(np.asarray(found)[:, 20:, 3]), [0])


def test_values_that_cannot_be_shown_are_refused(tmp_path):
    Image.fromarray(np.full((40, 40), 0.5, np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(InputError, match="floating-point"):
        read_picture(tmp_path / "float.tif")
    for name, value in (("deep.tif", 1_000_000), ("below.tif", -5)):
        Image.fromarray(np.full((40, 40), value, np.int32)).save(tmp_path / name)
        with pytest.raises(InputError, match="16 bits hold 0 to 65,535"):
            read_picture(tmp_path / name)


# What is no file, in its own words


def test_words_for_what_is_no_picture_file(tmp_path):
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "broken.png").symlink_to("nowhere.png")
    (tmp_path / "circle.png").symlink_to("circle.png")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "file").write_bytes(b"")
    for name, told in (
        ("folder.png", "is a folder"), ("pipe.png", "is a pipe"), ("absent.png", "does not exist"),
        ("broken.png", "a link to something that is not there"), ("circle.png", "a link to"),
        ("empty.png", "cannot be read as a picture"), ("file/below.png", "is a file and no folder"),
        ("n" * 300 + ".png", "too long"), ("nul\0.png", "the name cannot be used"),
        ("half\ud800.png", "the name cannot be used"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=told):
            read_picture(tmp_path / name)


def test_a_file_beyond_all_measure_is_not_read(tmp_path):
    with open(tmp_path / "large.png", "wb") as file:
        file.truncate(LARGEST_BYTES + 1)
    with pytest.raises(InputError, match="at most"):
        read_picture(tmp_path / "large.png")


# Writing


def test_writing_ends_in_a_picture_or_an_input_error(tmp_path):
    rgba = np.zeros((40, 40, 4), np.uint8)
    for name, values, told in (
        ("x.jpg", rgba, "no transparency"),
        ("x.jpeg", rgba, "no transparency"),
        ("x", rgba, "no ending"),
        ("x.eps", rgba[..., :3], "no ending"),
        ("x.webp", np.zeros((4, 16_384, 3), np.uint8), "up to 16,383 pixels"),
        ("x.jpg", np.zeros((4, 65_536, 3), np.uint8), "up to 65,535 pixels"),
    ):
        with pytest.raises(InputError, match=told):
            write_picture(tmp_path / name, values)
    assert not list(tmp_path.iterdir())
    write_picture(tmp_path / "wide.png", np.zeros((4, 70_000, 3), np.uint8))
    write_picture(tmp_path / "cut.webp", rgba)
    write_picture(tmp_path / "mask.jpg", rgba[..., 0])


def heic(tmp_path):
    """A telephone's picture, without this process learning to read it."""
    made = subprocess.run(
        [sys.executable, "-c", "import sys, pillow_heif; from PIL import Image; "
         "pillow_heif.register_heif_opener(); "
         "Image.new('RGB', (48, 32), (200, 30, 40)).save(sys.argv[1], 'HEIF')",
         str(tmp_path / "photo.heic")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return tmp_path / "photo.heic"


def test_heic_is_read_where_its_package_is_installed(tmp_path):
    picture = np.asarray(read_picture(heic(tmp_path)))
    assert picture.shape == (32, 48, 3)
    assert np.abs(picture.astype(int) - (200, 30, 40)).max() < 12


def test_heic_is_named_where_its_package_is_missing(tmp_path):
    path = heic(tmp_path)
    script = (
        "import runpy, sys; runpy.run_path(sys.argv[1]); sys.modules['pillow_heif'] = None\n"
        "import importlib.util as util; find = util.find_spec\n"
        "util.find_spec = lambda name: None if name == 'pillow_heif' else find(name)\n"
        "from fitting_room.pipelines.errors import InputError\n"
        "from fitting_room.pipelines.images import read_picture\n"
        "try: read_picture(sys.argv[2])\n"
        "except InputError as error: print(error)"
    )
    conftest = Path(__file__).parents[1] / "conftest.py"
    told = subprocess.run(
        [sys.executable, "-c", script, str(conftest), str(path)], capture_output=True, text=True
    )
    assert told.returncode == 0, told.stderr
    assert "photo.heic is a HEIC picture" in told.stdout
    assert "pip install pillow-heif" in told.stdout
