"""The command line destroys no picture: an output is no input, and is written whole or not."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from fitting_room.commands.main import main
from fitting_room.pipelines.images import read_picture

ROOT = Path(__file__).resolve().parents[2]
PERSON, SHIRT = ROOT / "samples" / "person.jpg", ROOT / "samples" / "tshirt.png"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the only copies of the pictures, under the names of the commands' outputs."""
    monkeypatch.chdir(tmp_path)
    for name in ("pose.png", "mask.png", "tryon.png", "person.jpg"):
        shutil.copyfile(PERSON, tmp_path / name)
    for name in ("garment.png", "shirt.png"):
        shutil.copyfile(SHIRT, tmp_path / name)
    return tmp_path


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize(
    "arguments",
    [
        ["garment", "garment.png"],
        ["pose", "pose.png"],
        ["mask", "mask.png"],
        ["tryon", "tryon.png", "shirt.png"],
        ["tryon", "person.jpg", "shirt.png", "-o", "./shirt.png"],
        ["tryon", "person.jpg", "shirt.png", "--mask", "mask.png", "--mask-output", "mask.png"],
        ["tryon", "person.jpg", "shirt.png", "-o", "a.png", "--mask-output", "a.png"],
        ["pose", "person.jpg", "--person-mask", "person.jpg"],
        ["pose", "person.jpg", "-o", "linked.jpg"],
        ["pose", "person.jpg", "-o", "hard.jpg"],
        ["garment", "shirt.png", "-o", "cut.jpg"],
        ["garment", "shirt.png", "-o", "cut"],
        ["pose", "person.jpg", "-o", "pose.eps"],
        ["garment", "shirt.png", "-o", "garment.png/below.png"],
    ],
)
def test_a_picture_is_never_written_over_one_that_is_read(here, arguments, capsys):
    (here / "linked.jpg").symlink_to("person.jpg")
    os.link(here / "person.jpg", here / "hard.jpg")
    before = contents(here)
    assert main([*arguments, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["kind"] == "InputError"
    assert contents(here) == before


def test_another_picture_of_that_name_is_replaced_at_the_end(here, capsys):
    assert main(["garment", "shirt.png", "-o", "mask.png", "--json"]) == 0
    assert read_picture(here / "mask.png").mode == "RGBA"
    assert (here / "shirt.png").read_bytes() == SHIRT.read_bytes()


@pytest.mark.parametrize("problem", ["a full disk", "no permission", "a read-only disk"])
def test_a_failed_write_keeps_what_was_there(here, monkeypatch, capsys, problem):
    number = {"a full disk": 28, "no permission": 13, "a read-only disk": 30}[problem]

    def fail(descriptor):
        raise OSError(number, os.strerror(number))

    before = contents(here)
    monkeypatch.setattr(os, "fsync", fail)
    assert main(["garment", "shirt.png", "-o", "mask.png"]) == 1
    told = capsys.readouterr().err
    assert "mask.png cannot be written" in told and "What was there before is unchanged" in told
    assert contents(here) == before


def test_folders_on_the_way_are_made(here, capsys):
    assert main(["garment", "shirt.png", "-o", "new/folder/cut.webp"]) == 0
    found = np.asarray(read_picture(here / "new/folder/cut.webp"))
    assert found.shape[2] == 4


@pytest.mark.parametrize(
    "name", ["\x1b[31m.jpg", "half\udcff.jpg", "n" * 300, "nul\0", "~nobody/x"]
)
def test_odd_names_end_in_words(here, name, capsys):
    for arguments in (["pose", name], ["inspect", name], ["garment", "shirt.png", "-o", name]):
        assert main(arguments) == 1
        told = "".join(capsys.readouterr())
        assert "\x1b" not in told and "Traceback" not in told
