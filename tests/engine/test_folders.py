"""A folder of people through the nodes: one that cannot be used is named, the others are saved."""

import io
import subprocess
import sys

import numpy as np
import pytest
from fitting_room.services.engine import failure
from PIL import Image, features
from small_graphs import preview_of

AS_HEIC = """
import sys
import pillow_heif
from PIL import Image
pillow_heif.register_heif_opener()
Image.open(sys.argv[1]).save(sys.argv[2], "HEIF")
"""


def graph(folder: str, count: int = 50) -> dict:
    return {
        "folder": {
            "class_type": "FittingRoomPictureFolder",
            "inputs": {"folder": folder, "first": 0, "count": count},
        },
        **preview_of(["folder", 0]),
        "save": {
            "class_type": "SaveImage",
            "inputs": {"images": ["try", 0], "filename_prefix": folder},
        },
    }  # fmt: skip


@pytest.fixture(scope="module")
def folders(engine):
    """people: the second is plain grey, the third stands upside down, the folder hides a file;
    nobody: two plain grey pictures."""
    home = engine.base / "input"
    person = Image.open(home / "fitting_room_person.jpg").convert("RGB")
    grey = Image.fromarray(np.full((400, 300, 3), 128, np.uint8))
    for name, pictures in {
        "people": {"1.jpg": person, "2.jpg": grey, "3.jpg": person.rotate(180), "4.jpg": person},
        "nobody": {"a.jpg": grey, "b.jpg": grey},
    }.items():
        (home / name).mkdir()
        for file, picture in pictures.items():
            picture.save(home / name / file)
    (home / "people" / "._1.jpg").write_bytes(b"hello")
    (home / "people" / "5.jpg").write_bytes(b"this is no picture")


def test_the_others_are_saved_and_the_failed_ones_named(engine, folders):
    history = engine.run(graph("people"))
    assert failure(history) is None
    assert len(history["outputs"]["save"]["images"]) == 2
    assert "5.jpg" in history["outputs"]["folder"]["text"][0]
    told = history["outputs"]["body"]["text"] + history["outputs"]["try"]["text"]
    assert [line.split(":")[0] for line in told] == ["2.jpg", "3.jpg"]
    assert "Nobody" in told[0] and "upright" in told[1]


def test_files_of_phones_are_read_or_named(engine):
    """Every picture has its own size, which tells whose result is whose."""
    home = engine.base / "input" / "phones"
    home.mkdir()
    person = Image.open(engine.base / "input" / "fitting_room_person.jpg").convert("RGB")
    sizes, unread = [], []
    kinds = ("1.avif", 420, "AVIF"), ("2.heic", 440, "HEIF"), ("3.webp", 460, "WEBP")
    for name, width, kind in kinds:
        picture = person.resize((width, 480))
        if kind == "AVIF" and not features.check("avif"):
            continue
        if kind == "HEIF":
            picture.save(engine.base / "plain.png")
            command = [sys.executable, "-c", AS_HEIC, engine.base / "plain.png", home / name]
            made = subprocess.run(command, capture_output=True)
            if made.returncode:  # nothing here writes one: what begins like one is named
                (home / name).write_bytes(b"\0\0\0\x18ftypheic" + bytes(200))
                unread.append(name)
                continue
        else:
            picture.save(home / name, kind)
        sizes.append(picture.size)
    history = engine.run(graph("phones"))
    assert failure(history) is None
    made = [
        Image.open(io.BytesIO(engine.picture(found))).size
        for found in history["outputs"]["save"]["images"]
    ]
    assert made == sizes
    told = history["outputs"].get("folder", {}).get("text", [])
    assert [line.split(" ")[0] for line in told] == unread


def test_where_all_fail_the_run_fails_and_names_them(engine, folders):
    problem = failure(engine.run(graph("nobody")))
    assert problem is not None and problem["exception_type"].endswith("NobodyFound")
    assert "a.jpg" in problem["exception_message"] and "b.jpg" in problem["exception_message"]
