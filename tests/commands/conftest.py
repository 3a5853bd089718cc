"""The command line as a user has it: arguments in, exit code, standard output and error out."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Done:
    code: int
    out: str
    error: str

    @property
    def facts(self) -> dict:
        """What --json printed: one object, and nothing beside it."""
        return json.loads(self.out)


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """run("mask", photo, "-o", file) -> Done. No models are installed, no engine is named."""
    from fitting_room.commands.main import main

    monkeypatch.setenv("FITTING_ROOM_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("FITTING_ROOM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("COMFYUI_PATH", raising=False)

    def command(*arguments):
        capsys.readouterr()
        try:
            code = main([str(each) for each in arguments])
        except SystemExit as usage:  # argparse
            code = usage.code
        printed = capsys.readouterr()
        return Done(code, printed.out, printed.err)

    return command


@pytest.fixture(scope="session")
def person():
    return ROOT / "samples" / "person.jpg"


@pytest.fixture(scope="session")
def garment():
    return ROOT / "samples" / "tshirt.png"


@pytest.fixture(scope="session")
def nobody(tmp_path_factory):
    """A photo of a wall."""
    path = tmp_path_factory.mktemp("nobody") / "wall.png"
    Image.fromarray(np.full((300, 200, 3), 180, np.uint8)).save(path)
    return path


@pytest.fixture(scope="session")
def broken(tmp_path_factory):
    path = tmp_path_factory.mktemp("broken") / "broken.jpg"
    path.write_bytes(b"\xff\xd8\xff\xe0 no picture")
    return path


def opened(path):
    with Image.open(path) as picture:
        return np.asarray(picture)
