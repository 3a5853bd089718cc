"""What a model without a mask changed: that comes back, and nothing else, bit by bit."""

import numpy as np
import pytest
from fitting_room.pipelines.masking.rules_common import opencv
from fitting_room.pipelines.models.changed import Wearing, find_changes

HEIGHT, WIDTH = 432, 288
SHIRT = (slice(150, 300), slice(90, 200))


def photo():
    """Something to hold on to everywhere, a shirt in the middle."""
    random = np.random.default_rng(0)
    coarse = random.integers(40, 216, (HEIGHT // 12, WIDTH // 12, 3), dtype=np.uint8)
    picture = opencv().resize(coarse, (WIDTH, HEIGHT), interpolation=opencv().INTER_CUBIC)
    picture[SHIRT] = (60, 90, 160)
    return picture


def wearing(sure=True):
    old, kept = np.zeros((2, HEIGHT, WIDTH), dtype=bool)
    old[SHIRT] = True
    kept[100:150, 120:170] = True  # the face
    kept[270:300, 180:215] = True  # a hand over the shirt's edge
    reach = np.zeros_like(old)
    reach[130:400, 50:240] = True
    return Wearing(old, kept, reach, sure)


def redrawn(picture, noise=2.0, seed=1):
    """As a model draws it: not one pixel is exactly the same."""
    random = np.random.default_rng(seed)
    return np.clip(picture + random.normal(0, noise, picture.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("sure", [True, False])
def test_new_garment_comes_back_and_everything_else_stays(sure):
    before = photo()
    after = before.copy()
    after[150:340, 80:210] = (190, 40, 40)  # wider and longer than the old one
    found = find_changes(before, redrawn(after), wearing(sure))
    inner = np.zeros((HEIGHT, WIDTH), dtype=bool)
    inner[152:338, 82:208] = True
    kept = wearing().kept
    assert found.region[inner & ~kept].mean() > 0.99
    assert not (found.region & kept).any()
    around = np.zeros_like(inner)
    around[140:352, 68:222] = True
    assert not (found.region & ~around).any()
    assert not found.notes and found.fit.level == "ok"


def test_smaller_garment_leaves_no_rest_of_the_old_one():
    before = photo()
    after = redrawn(before)
    after[SHIRT] = photo()[0:150, 0:110]  # skin and background appear
    after[180:260, 110:180] = (190, 40, 40)
    found = find_changes(before, after, wearing())
    shirt = np.zeros((HEIGHT, WIDTH), dtype=bool)
    shirt[SHIRT] = True
    assert found.region[shirt & ~wearing().kept].all()


def test_what_changed_elsewhere_does_not_come_back():
    before = photo()
    after = redrawn(before)
    after[SHIRT] = (190, 40, 40)
    after[10:60, 10:60] = 255  # another background
    after[350:390, 60:100] = 255  # within reach, but apart from the garment
    found = find_changes(before, after, wearing())
    assert not found.region[:100].any() and not found.region[350:].any()


def test_shifted_and_coloured_picture_is_laid_on_the_photo():
    before = photo()
    after = before.copy()
    after[SHIRT] = (190, 40, 40)
    moved = np.roll(redrawn(after, 1.0), (2, 3), axis=(0, 1)).astype(np.float32) + (8, 0, 0)
    found = find_changes(before, np.clip(moved, 0, 255).astype(np.uint8), wearing())
    assert len(found.notes) == 2 and "moved" in found.notes[0] and "colours" in found.notes[1]
    assert found.fit.level == "ok"
    inside = found.picture[160:260, 100:170].reshape(-1, 3).mean(axis=0)
    assert np.abs(inside - (190, 40, 40)).max() < 6
    stayed = np.abs(found.picture[20:120, 20:260].astype(int) - before[20:120, 20:260])
    assert stayed.mean() < 4


def test_picture_of_something_else_is_doubtful_and_stays_within_the_garment():
    noise = np.random.default_rng(5).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    found = find_changes(photo(), noise, wearing())
    assert found.fit.level == "doubtful" and len(found.fit.reasons) == 1
    shirt = np.zeros((HEIGHT, WIDTH), dtype=bool)
    shirt[130:320, 70:220] = True
    assert found.region.any() and not (found.region & ~shirt).any()
    assert np.array_equal(found.picture, noise)


def test_picture_that_changed_nothing_is_doubtful():
    before = photo()
    for sure in (True, False):
        found = find_changes(before, redrawn(before), wearing(sure))
        assert found.fit.level == "doubtful" and "hardly differs" in str(found.fit)
    assert not found.region.any()  # where the old garment is only guessed at
