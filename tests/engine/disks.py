"""A small disk of a test's own, which gets full."""

import contextlib
import os
import subprocess

import pytest


@pytest.fixture
def disk(tmp_path):
    """(folder, whether it is a small disk of its own)."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    small = os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0
    yield folder, small
    if small:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(file):
    """Takes all room that is left, into an open file without a buffer."""
    with contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
