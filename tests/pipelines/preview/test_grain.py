"""The grain that is put on painted skin and background."""

import numpy as np
from fitting_room.pipelines.maps.edges import blur
from fitting_room.pipelines.preview.grain import mottled, textured


def combed(sample: np.ndarray) -> float:
    """How much more a picture (3, h, w) changes along one axis than along the other."""
    down, across = np.diff(sample, axis=1).std(), np.diff(sample, axis=2).std()
    return max(down, across) / min(down, across)


def noise(side: int = 72) -> np.ndarray:
    """Grain of photos: soft, its colours nearly the same, some 2 levels of 255."""
    random = np.random.default_rng(3)
    shared = blur(random.normal(0, 1, (side, side)).astype(np.float32), 0.8)
    own = blur(random.normal(0, 0.3, (side, side, 3)).astype(np.float32), 0.8)
    return np.moveaxis(0.02 * (shared[..., None] + own), -1, 0)


def test_a_wrinkle_in_the_sample_does_not_comb_the_skin():
    sample = noise()
    sample[:, :, 20:24] += 0.025
    sample[:, :, 50:53] -= 0.025
    assert combed(textured(sample)) > 1.15
    assert combed(mottled(sample)) < 1.1


def test_skin_has_the_strength_the_softness_and_the_colours_of_its_sample():
    sample = noise()
    made = mottled(sample)
    assert made.shape == (3, 128, 128) and made.dtype == np.float32
    assert 0.8 < made.std() / sample.std() < 1.25
    assert 0.8 < np.diff(made, axis=1).std() / np.diff(sample, axis=1).std() < 1.25
    close = [np.corrcoef(each.reshape(3, -1))[0, 1] for each in (made, sample)]
    assert abs(close[0] - close[1]) < 0.1


def test_a_flat_sample_leaves_flat_skin():
    assert not mottled(np.full((3, 40, 40), 0.1, np.float32)).any()
