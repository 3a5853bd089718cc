"""What torchmetrics measures, on drawn pairs, and what is said where its weights are not there."""

import os

import numpy as np
import pytest
import torch
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.measures import learned
from fitting_room.pipelines.measures.learned import PairedMeasures, SetMeasures


def noise(seed, height=176, width=192, most=256):
    return np.random.default_rng(seed).integers(0, most, (height, width, 3), np.uint8)


@pytest.fixture
def no_weights(monkeypatch, tmp_path):
    """An empty cache, and nobody to fetch from."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def refuse(url, *_, **__):
        raise OSError(f"no connection to {url.split('/')[2]}")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    return tmp_path


def test_equal_pictures_are_equal_and_a_shifted_one_is_not(no_weights):
    measures, picture = PairedMeasures(), noise(1)
    assert measures(picture, picture) == {"ssim": pytest.approx(1), "ms_ssim": pytest.approx(1)}
    smooth = np.repeat(np.repeat(noise(2, 11, 12), 16, 0), 16, 1)
    little, much = (measures(np.roll(smooth, by, 1), smooth) for by in (1, 8))
    assert 1 > little["ssim"] > much["ssim"]
    assert 1 > little["ms_ssim"] > much["ms_ssim"]


def test_a_small_picture_has_no_five_scales(no_weights):
    small = noise(1, 100, 100)
    assert PairedMeasures()(small, small).keys() == {"ssim"}
    with pytest.raises(InputError, match="one size"):
        PairedMeasures()(small, noise(1, 100, 101))


def test_weights_that_cannot_be_had_are_named_and_nothing_stands_for_them(no_weights):
    measures = PairedMeasures()
    assert "no connection to download.pytorch.org" in measures.left_out["lpips"]
    assert str(no_weights) in measures.left_out["lpips"]
    assert "alexnet-owt-7be5be79.pth" in measures.left_out["lpips"]
    assert "lpips" not in measures(noise(1), noise(2))
    sets = SetMeasures()
    assert learned.INCEPTION_FILE in sets.left_out["fid"] and sets.left_out["kid"]
    assert sets.features([noise(1)]) is None


def test_lpips_runs_on_the_file_of_its_network(no_weights):
    import torchvision

    torch.manual_seed(0)
    file = no_weights / "hub" / "checkpoints" / learned.LPIPS_FILES["squeeze"]
    file.parent.mkdir(parents=True)
    torch.save(torchvision.models.squeezenet1_1().state_dict(), file)
    measures = PairedMeasures(lpips_network="squeeze")
    assert "lpips" not in measures.left_out
    picture = noise(1)
    assert measures(picture, picture)["lpips"] == pytest.approx(0, abs=1e-6)
    near = np.clip(picture.astype(int) + noise(3, most=20), 0, 255).astype(np.uint8)
    assert 0 < measures(near, picture)["lpips"] < measures(noise(2), picture)["lpips"]


def test_weights_are_read_as_tensors_only(no_weights):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(no_weights / "done"),)

    file = no_weights / "hub" / "checkpoints" / learned.LPIPS_FILES["squeeze"]
    file.parent.mkdir(parents=True)
    torch.save({"x": Evil()}, file)
    assert "lpips" in PairedMeasures(lpips_network="squeeze").left_out
    assert not (no_weights / "done").exists()
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ


def test_a_missing_package_is_named(monkeypatch):
    import builtins

    real = builtins.__import__

    def without(name, *arguments, **named):
        if name.startswith("torchmetrics"):
            raise ModuleNotFoundError(f"No module named {name!r}", name="torchmetrics")
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    measures = PairedMeasures()
    assert measures.left_out.keys() == {"ssim", "ms_ssim", "lpips"}
    assert "torchmetrics" in measures.left_out["ssim"]
    assert "[evaluate]" in measures.left_out["ssim"]
    assert measures(noise(1), noise(1)) == {}


class Levels(torch.nn.Module):
    """Mean and spread of each channel: features whose distance can be worked out by hand."""

    def forward(self, pictures):
        values = pictures.float() / 255
        return torch.cat([values.mean((2, 3)), values.std((2, 3))], dim=1)


def test_distances_of_sets_are_those_of_their_features():
    measures = SetMeasures(inception=Levels())
    pictures = [noise(n, 20, 20, 100 + 5 * n) for n in range(24)]
    brighter = [each + np.uint8(25) for each in pictures]
    true, made = measures.features(pictures), measures.features(brighter)
    assert true.shape == (24, 6)
    same = measures.compare(true, true)
    assert same["fid"] == pytest.approx(0, abs=1e-6)
    found = measures.compare(true, made)
    # Equal covariances: the square of the distance of the means, 25 levels in each of 3 channels.
    assert found["fid"] == pytest.approx(3 * (25 / 255) ** 2, rel=1e-3)
    assert found["kid"] > same["kid"]
    assert measures.compare(true, made) == found  # KID's subsets are drawn from the seed
    with pytest.raises(InputError, match="2 pictures"):
        measures.compare(true[:1], made)
