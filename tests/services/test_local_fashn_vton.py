"""FASHN VTON outside ComfyUI: the local backend and the command line, on a tiny checkpoint."""

import json
from pathlib import Path

import numpy as np
import pytest
import tiny
from fitting_room.commands.main import main
from fitting_room.services.backends.local import LocalBackend
from fitting_room.services.request import TryOnRequest
from PIL import Image

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
MODEL = "fashn_vton/v1_5"


def sample(name):
    return np.array(Image.open(SAMPLES / name).convert("RGB"))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return tiny.install(tmp_path_factory.mktemp("base"), [MODEL])


def request(garment="tshirt.png", **changes):
    small = {"width": 96, "height": 144, "steps": 2, "category": "upper", "model": MODEL}
    return TryOnRequest(sample("person.jpg"), (sample(garment),), **{**small, **changes})


def test_flat_lay_with_one_download(models):
    backend = LocalBackend("cpu", folders=[models])
    assert backend.accepts(request()) == []
    assert backend.estimate(request()).shop == "yes"
    made = backend.run(request())
    assert made.picture.shape == sample("person.jpg").shape
    assert any("Pose by the embedded body model" in warning for warning in made.warnings)
    assert made.fit.level == "doubtful"  # random weights draw noise, and that is told
    unchanged = made.mask == 0
    assert unchanged.mean() > 0.4
    assert np.array_equal(made.picture[unchanged], sample("person.jpg")[unchanged])


def test_options_and_a_photo_that_does_not_fit(models):
    backend = LocalBackend("cpu", folders=[models])
    options = {"photo_type": "flat-lay", "whole_picture": True, "published_times": True,
               "skip_guidance": 0}  # fmt: skip
    made = backend.run(request("person_close.jpg", options=options))
    assert any("declared as flat-lay" in warning for warning in made.warnings)
    assert made.mask.all() and made.fit.level == "ok"


def test_command_line(models, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("FITTING_ROOM_MODELS", str(models))
    output = tmp_path / "out.png"
    code = main(["tryon", str(SAMPLES / "person.jpg"), str(SAMPLES / "tshirt.png"),
                 "--model", MODEL, "--width", "96", "--height", "144", "--steps", "2",
                 "--category", "upper", "--device", "cpu", "--json",
                 "-o", str(output)])  # fmt: skip
    told = json.loads(capsys.readouterr().out)
    assert code == 6 and told["model"] == MODEL and told["fit"]["level"] == "doubtful"
    assert Image.open(output).size == (512, 512)
