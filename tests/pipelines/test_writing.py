"""Files written whole or not at all, and numbers that nobody else gets."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fitting_room.pipelines import writing
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.writing import next_number, write_new, write_numbered, write_whole

ROOT = Path(__file__).resolve().parents[2]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "below" / "picture.png"
    write_whole(path, b"first")
    write_whole(path, b"second")
    assert path.read_bytes() == b"second" and names(path.parent) == ["picture.png"]


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "picture.png"
    path.write_bytes(b"the only copy")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="the disk is full. What was there before is unchanged"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"the only copy" and names(tmp_path) == ["picture.png"]


@pytest.mark.parametrize("letters", [222, 250, 255])
def test_a_name_as_long_as_the_disk_takes_is_written(tmp_path, letters):
    path = tmp_path / ("n" * (letters - 4) + ".png")
    write_whole(path, b"data")
    assert write_new(path, b"other") is False
    assert path.read_bytes() == b"data"


@pytest.mark.parametrize("write", [write_whole, write_new])
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("n" * 256, "too long"),
        ("folder", "a folder of that name"),
        ("file/below.png", "is a file and no folder"),
        ("pipe", "a device or a pipe"),
        ("half\ud800.png", "the name cannot be used"),
        ("nul\0.png", "the name cannot be used"),
    ],
)
def test_what_cannot_be_written_is_told(tmp_path, write, name, told):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=told):
        write(tmp_path / name, b"data")
    assert names(tmp_path) == ["file", "folder", "pipe"]


def test_a_device_is_not_replaced_by_a_file():
    with pytest.raises(InputError, match="device"):
        write_whole("/dev/null", b"data")
    assert Path("/dev/null").is_char_device()


def test_a_read_only_file_system_is_told_once(tmp_path, monkeypatch):
    def refuse(*arguments, **others):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(writing, "_write", refuse)
    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.raises(InputError, match="the file system is read-only"):
        write_whole(tmp_path / "picture.png", b"data")


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real.png").write_bytes(b"old")
    (tmp_path / "link.png").symlink_to("real.png")
    write_whole(tmp_path / "link.png", b"new")
    assert (tmp_path / "link.png").is_symlink()
    assert (tmp_path / "real.png").read_bytes() == b"new"


@pytest.mark.parametrize("links", [True, False])
def test_a_new_file_never_takes_the_place_of_another(tmp_path, monkeypatch, links):
    if not links:  # as on FAT and on some network drives

        def refuse(source, target):
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)
    assert write_new(tmp_path / "a.png", b"one") is True
    assert write_new(tmp_path / "a.png", b"two") is False
    assert (tmp_path / "a.png").read_bytes() == b"one" and names(tmp_path) == ["a.png"]


def test_numbers_go_on_after_the_highest(tmp_path):
    for name in ("x_00001_.png", "x_00007_.jpg", "x_9_.png", "xy_00050_.png", "x_00099.png",
                 "x_" + "9" * 30 + "_.png"):  # fmt: skip
        (tmp_path / name).write_bytes(b"")
    assert next_number(tmp_path, "x") == 10
    assert next_number(tmp_path, "new") == next_number(tmp_path / "absent", "x") == 1
    path, number = write_numbered(tmp_path, "x", 7, ".jpg", b"data")
    assert (path.name, number) == ("x_00008_.jpg", 8), "the first free one of this ending"


def test_two_programs_get_numbers_of_their_own(tmp_path):
    """Each writes 100 files under one prefix at once; each says which it wrote."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import conftest\n"
        "from fitting_room.pipelines.writing import next_number, write_numbered\n"
        "for turn in range(100):\n"
        "    start = next_number(sys.argv[2], 'x')\n"
        "    path, _ = write_numbered(sys.argv[2], 'x', start, '.png', sys.argv[3].encode())\n"
        "    print(path.name)\n"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(ROOT / "tests"), str(tmp_path), who],
            stdout=subprocess.PIPE, text=True,
        )
        for who in ("one", "two")
    ]  # fmt: skip
    written = [process.communicate(timeout=120)[0].split() for process in running]
    assert [len(set(each)) for each in written] == [100, 100]
    assert len(names(tmp_path)) == 200
    for who, found in zip(("one", "two"), written, strict=True):
        assert all((tmp_path / name).read_text() == who for name in found)
