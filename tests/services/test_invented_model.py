"""A stranger's model, no UNet, VAE or steps in it, is found everywhere by its folder and its entry.

In the real engine: tests/engine/test_invented_model.py.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fixtures import invented_model
from PIL import Image

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent
COMMAND = (
    "import sys; sys.path.insert(0, sys.argv[1]); import conftest; from fixtures import "
    "invented_model; invented_model.add(sys.modules['fitting_room']); "
    "from fitting_room.commands.main import main; sys.exit(main(sys.argv[2:]))"
)


@pytest.fixture
def models(tmp_path):
    package = sys.modules["fitting_room"]
    invented_model.add(package)
    invented_model.write(tmp_path)
    yield tmp_path
    invented_model.remove(package)


def command(models, *arguments):
    return subprocess.run(
        [sys.executable, "-c", COMMAND, str(TESTS), *map(str, arguments)],
        env=os.environ | {"FITTING_ROOM_MODELS": str(models), "COMFYUI_PATH": ""},
        capture_output=True, text=True, timeout=300, cwd=models,
    )  # fmt: skip


def dressed(models, seed):
    done = command(
        models, "tryon", ROOT / "samples/person.jpg", ROOT / "samples/tshirt.png", "--model",
        invented_model.NAME, "--seed", seed, "--json", "-o", f"made{seed}.png", "--mask-output",
        f"mask{seed}.png", "--set", "scheduler=unipc",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), np.asarray(
        Image.open(models / f"made{seed}.png").convert("RGB")
    )


def test_it_runs_on_the_command_line(models):
    told, picture = dressed(models, 3)
    assert (told["model"], told["backend"], told["cost"]) == (invented_model.NAME, "local", "0")
    assert any("no setting scheduler" in warning for warning in told["warnings"])
    photo = np.asarray(Image.open(ROOT / "samples/person.jpg").convert("RGB"))
    mask = np.asarray(Image.open(models / "mask3.png").convert("L"))
    assert (picture[mask == 0] == photo[mask == 0]).all()
    assert (picture[mask == 255] != photo[mask == 255]).any(axis=-1).mean() > 0.9
    assert not np.array_equal(picture, dressed(models, 4)[1])  # another seed, another shade


def test_it_is_listed_and_looked_for(models):
    listed = command(models, "download")
    assert invented_model.NAME in listed.stdout
    found = json.loads(command(models, "doctor", "--json").stdout)["models"]
    (mine,) = [each for each in found if each["name"] == invented_model.NAME]
    assert mine["state"] != "absent"
    (models / "invented" / "dye.safetensors").unlink()
    missing = command(
        models, "tryon", ROOT / "samples/person.jpg", ROOT / "samples/tshirt.png", "--model",
        invented_model.NAME,
    )  # fmt: skip
    assert missing.returncode == 3 and "dye.safetensors" in missing.stderr


def test_it_stands_in_the_documents(models):
    spec = importlib.util.spec_from_file_location("models_page", ROOT / "scripts/models_page.py")
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    (row,) = [row for row in page.tables()["variants"].splitlines() if "Invented dyer" in row]
    assert "**yes**" in row and "0 steps" not in row
