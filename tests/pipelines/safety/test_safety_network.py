"""The port of open_nsfw against recorded scores of the original, and on ordinary pictures."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from fitting_room.pipelines.errors import MissingFiles
from fitting_room.pipelines.safety.filter import check, limits_of
from fitting_room.pipelines.safety.models import load_safety_model
from PIL import Image

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[2]
RECORDED = json.loads((HERE / "open_nsfw_scores.json").read_text())


def _import_script():
    spec = importlib.util.spec_from_file_location(
        "record_opennsfw", CHECKOUT / "scripts" / "record_opennsfw.py"
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pictures = _import_script()


@pytest.fixture(scope="module")
def model():
    return load_safety_model()


def test_port_gives_the_scores_of_the_original_on_noise_and_textures(model):
    scores = [model.scores([pictures.texture(seed)])[0] for seed in range(50)]
    assert len(RECORDED["textures"]) == 50
    assert np.abs(np.array(scores) - RECORDED["textures"]).max() < 0.01


def test_port_gives_the_scores_of_the_original_on_skin_coloured_shapes(model):
    recorded = np.array(RECORDED["skin_shapes"])
    scores = model.scores([pictures.skin_shapes(seed) for seed in range(len(recorded))])
    assert np.abs(np.array(scores) - recorded).max() < 0.01
    # These show nothing, and the original flags many of them: what hits are tested with.
    assert 10 < (recorded >= 0.5).sum() < len(recorded)
    assert ((np.array(scores) >= 0.5) == (recorded >= 0.5)).all()


def test_batch_is_the_singles(model):
    batch = [pictures.texture(seed) for seed in range(6)]
    singles = [model.scores([picture])[0] for picture in batch]
    assert model.scores(batch) == pytest.approx(singles, abs=1e-4)
    assert model.scores([]) == []


def test_weights_travel_whole():
    file = CHECKOUT / "pipelines" / "safety" / "open_nsfw.safetensors"
    assert 11e6 < file.stat().st_size < 13e6


def test_other_weights_are_refused(tmp_path):
    from fitting_room.pipelines.safety.open_nsfw import load_open_nsfw
    from safetensors.torch import save_file

    save_file({"stem.weight": torch.zeros(64, 3, 7, 7)}, tmp_path / "other.safetensors")
    with pytest.raises(MissingFiles, match="Missing .107.: stem.bias"):
        load_open_nsfw(tmp_path / "other.safetensors")


# False positives


def photos_of_scikit_image():
    from importlib.util import find_spec

    found = find_spec("skimage")
    if found is None or not found.submodule_search_locations:
        return []
    folder = Path(found.submodule_search_locations[0]) / "data"
    return sorted(path for path in folder.iterdir() if path.suffix in (".png", ".jpg"))


@pytest.mark.parametrize(
    ("kind", "files"),
    [
        ("result", photos_of_scikit_image()),
        ("result", sorted((CHECKOUT / "samples").glob("*.*g"))),
    ],
    ids=("scikit-image", "shipped samples"),
)
def test_no_ordinary_photo_is_flagged_at_standard_or_strict(model, kind, files):
    if not files:
        pytest.skip("these photos are not on this machine")
    batch = [np.array(Image.open(path).convert("RGB")) for path in files]
    # Strict judges the whole picture as well, with a lower limit: it implies standard.
    verdicts = check(batch, kind, level="strict", model=model)
    assert [(files[v.index].name, v.score) for v in verdicts if v.flagged] == []
    assert all(v.whole <= v.score < limits_of("standard")[kind] for v in verdicts)
