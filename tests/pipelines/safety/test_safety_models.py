"""The safety models that are installed: tiny random weights in the published layout."""

import importlib.util
import math
from pathlib import Path

import pytest
import torch
from fitting_room.pipelines.errors import MissingFiles
from fitting_room.pipelines.safety.filter import LIMITS, check
from fitting_room.pipelines.safety.models import _nearest as nearest
from fitting_room.pipelines.safety.models import load_safety_model
from tiny.networks import save_falconsai, save_safety_checker

CHECKOUT = Path(__file__).resolve().parents[3]


def _import_script():
    spec = importlib.util.spec_from_file_location(
        "record_opennsfw", CHECKOUT / "scripts" / "record_opennsfw.py"
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pictures = _import_script()


@pytest.fixture
def published_checker(tmp_path):
    """The folder of CompVis/stable-diffusion-safety-checker with its names, and the module."""
    return tmp_path, save_safety_checker(tmp_path)


def test_stable_diffusion_checker_decides_as_diffusers_does(published_checker):
    folder, checker = published_checker
    model = load_safety_model("stable_diffusion", folder)
    batch = [pictures.texture(seed) for seed in range(24)]
    pixels = model.processor(batch)
    _, decided = checker(pixels, torch.zeros(len(batch), 3, 8, 8))
    verdicts = check(batch, "result", level="standard", model=model)
    assert [v.flagged for v in verdicts] == decided
    assert {True, False} == set(decided)
    scores = [v.score for v in verdicts]
    assert all(0 <= score <= 1 for score in scores)
    assert len(set(scores)) > 4


def test_stable_diffusion_scores_keep_the_published_limit_at_a_half():
    # Cosines above the limits of special-care and of other concepts.
    assert nearest([-0.1], [-0.2, 0.0]) < 0.5
    assert nearest([-0.1], [-0.2, 0.001]) == 0.5
    assert nearest([-0.1], [0.0, 0.021]) == LIMITS["catalogue"]
    assert nearest([-0.1], [-0.019, -0.3]) == LIMITS["strict"]
    assert nearest([0.01], [-0.2, -0.009]) == 0.5
    assert (nearest([-1.0], [-1.0]), nearest([1.0], [1.0])) == (0.0, 1.0)
    assert math.isnan(nearest([-0.1], [math.nan, 0.3]))


def test_stable_diffusion_checker_lists_what_is_missing(published_checker):
    from safetensors.torch import load_file, save_file

    folder, _ = published_checker
    state = load_file(folder / "model.safetensors")
    del state["concept_embeds"]
    save_file(state, folder / "model.safetensors")
    with pytest.raises(MissingFiles, match="concept_embeds"):
        load_safety_model("stable_diffusion", folder)


@pytest.fixture
def published_classifier(tmp_path):
    """The folder of Falconsai/nsfw_image_detection, and the module."""
    return tmp_path, save_falconsai(tmp_path)


def test_falconsai_gives_the_probability_of_its_label(published_classifier):
    folder, network = published_classifier
    model = load_safety_model("falconsai", folder)
    batch = [pictures.texture(seed) for seed in range(4)]
    pixels = model.processor(batch)
    with torch.inference_mode():
        wanted = network(pixels).logits.softmax(dim=1)[:, 1]
    assert model.scores(batch) == pytest.approx(wanted.tolist(), abs=1e-5)
    assert model.scores([]) == []


def test_absent_model_names_the_command(tmp_path):
    with pytest.raises(MissingFiles, match="fitting-room download safety/falconsai"):
        load_safety_model("falconsai", tmp_path)
