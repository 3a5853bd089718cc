"""Shifts, zooms, turns, casts and noise are measured and undone; other pictures refused."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from fitting_room.pipelines.alignment import (
    Limits,
    NotAligned,
    at_size,
    check,
    corrected,
    measure,
)
from fitting_room.pipelines.colour_cast import colour_cast, without_cast
from fitting_room.pipelines.errors import InputError
from PIL import Image

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
PEOPLE = ("person.jpg", "person_close.jpg")


def photo(name="person.jpg", size=None):
    picture = Image.open(SAMPLES / name).convert("RGB")
    return np.asarray(picture.resize(size, Image.Resampling.LANCZOS) if size else picture)


def torso(picture):
    """A mask over the middle of the picture, as a garment's would be."""
    height, width = picture.shape[:2]
    mask = np.zeros((height, width), np.float32)
    mask[int(0.4 * height) : int(0.85 * height), int(0.25 * width) : int(0.75 * width)] = 1
    return mask


def moved(picture, x=0.0, y=0.0, zoom=1.0, turn=0.0):
    """The picture as a model would return it: enlarged about its middle, turned, then shifted."""
    height, width = picture.shape[:2]
    middle = ((width - 1) / 2, (height - 1) / 2)
    matrix = cv2.getRotationMatrix2D(middle, -turn, zoom)
    matrix[:, 2] += (x, y)
    return cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LANCZOS4,
                          borderMode=cv2.BORDER_REPLICATE)  # fmt: skip


def redressed(picture, mask, seed=0):
    """Something else where the mask is: the new garment."""
    rows = np.random.default_rng(seed).integers(0, 256, (24, 18, 3)).astype(np.uint8)
    cloth = cv2.resize(rows, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return np.where(mask[..., None] > 0, cloth, picture)


def jpeg(picture, quality):
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]


MOVES = [
    (0, 0, 1, 0), (0.5, -0.25, 1, 0), (3.3, 1.7, 1, 0), (-12.4, 9.6, 1, 0), (40, 0, 1, 0),
    (-28, 28, 1, 0), (0, -40, 1, 0), (0, 0, 1.05, 0), (0, 0, 0.95, 0), (24, -30, 1.05, 0),
    (-32, 23, 0.95, 0), (5, 5, 1.013, 0.4), (-7, 3, 0.99, -1.2),
]  # fmt: skip


@pytest.mark.parametrize("name", PEOPLE)
@pytest.mark.parametrize("move", MOVES, ids=str)
def test_a_movement_is_measured_to_a_quarter_of_a_pixel(name, move):
    before = photo(name, (768, 1024))
    x, y, zoom, turn = move
    mask = torso(before)
    # The garment goes with the picture, so that its edges are no anchor.
    after = moved(redressed(before, mask), x, y, zoom, turn)
    found = measure(before, after, mask)
    assert abs(found.shift_x - x) < 0.25 and abs(found.shift_y - y) < 0.25
    assert abs(found.zoom - zoom) < 0.001
    assert abs(found.rotation - turn) < 0.05
    check(found, (768, 1024))


@pytest.mark.parametrize("quality", [95, 60])
@pytest.mark.parametrize("cast", [((1, 1, 1), (0, 0, 0)), ((1.1, 0.95, 0.85), (6, -8, 12))])
def test_noise_and_casts_do_not_mislead(quality, cast):
    before = photo("person.jpg", (768, 1024))
    mask = torso(before)
    after = moved(redressed(before, mask), 11.3, -17.8, 1.021)
    gain, offset = (np.float32(part) for part in cast)
    after = (after * gain + offset).clip(0, 255).astype(np.uint8)
    noise = np.random.default_rng(1).normal(0, 4, after.shape)
    after = jpeg((after + noise).clip(0, 255).astype(np.uint8), quality)
    found = measure(before, after, mask)
    assert abs(found.shift_x - 11.3) < 0.25 and abs(found.shift_y + 17.8) < 0.25
    assert abs(found.zoom - 1.021) < 0.001


def test_a_person_who_moves_against_the_scene_does_not_mislead():
    before = photo("person.jpg", (768, 1024))
    mask = torso(before)
    after = redressed(before, mask)
    # an arm's place shows something shifted: 9 px to the side of where it was
    after[500:900, 40:200] = np.roll(after, 9, axis=1)[500:900, 40:200]
    found = measure(before, moved(after, -6.2, 4.4), mask)
    assert abs(found.shift_x + 6.2) < 0.25 and abs(found.shift_y - 4.4) < 0.25


def test_the_correction_brings_the_picture_back():
    before = photo("person.jpg", (768, 1024))
    mask = torso(before)
    after = moved(before, 14.6, -8.3, 1.03, 0.5)
    back = corrected(after, measure(before, after, mask))
    inside = (slice(60, -60), slice(60, -60))
    difference = np.abs(back[inside].astype(int) - before[inside])
    assert np.abs(after[inside].astype(int) - before[inside]).mean() > 4 * difference.mean()
    assert difference.mean() < 1.5


def test_a_picture_of_another_size_is_measured_after_resizing():
    before = photo("person.jpg", (900, 1200))
    after = moved(before, 20, -10, 1.02)
    small = at_size(after, 768, 1024)
    found = measure(before, at_size(small, 900, 1200), torso(before))
    assert abs(found.shift_x - 20) < 0.3 and abs(found.shift_y + 10) < 0.3


@pytest.mark.parametrize(
    ("gain", "offset"),
    [((1, 1, 1), (0, 0, 0)), ((1, 1, 1), (10, -6, 3)), ((1.12, 0.94, 0.9), (-5, 4, 8))],
)
def test_a_cast_is_undone(gain, offset):
    before = photo("person.jpg", (600, 800))
    mask = torso(before)
    squeezed = (0.7 * before.astype(np.float32) + 38).astype(np.uint8)  # nothing clips below
    after = (squeezed * np.float32(gain) + np.float32(offset)).clip(0, 255).astype(np.uint8)
    cast = colour_cast(squeezed, redressed(after, mask), mask)
    plain = without_cast(after, cast)
    outside = mask == 0
    assert np.abs(plain.astype(int) - squeezed)[outside].mean() < 1.5


def test_a_new_sleeve_beyond_the_mask_is_no_cast():
    before = photo("person.jpg", (600, 800))
    mask = torso(before)
    after = before.copy()
    after[330:420, 95:150] = (200, 30, 30)
    assert max(map(abs, colour_cast(before, after, mask).levels)) < 1.0


def test_another_picture_is_refused():
    before = photo("person.jpg", (768, 1024))
    with pytest.raises(NotAligned, match="another scene|does not fit"):
        found = measure(before, photo("person_mirrored.jpg", (768, 1024)), torso(before))
        check(found, (768, 1024))


def test_plain_ground_is_refused():
    plain = np.full((400, 300, 3), 200, np.uint8)
    with pytest.raises(NotAligned, match="points"):
        measure(plain, plain, np.zeros((400, 300), np.float32))


def test_noise_instead_of_a_picture_is_refused():
    before = photo("person.jpg", (768, 1024))
    noise = np.random.default_rng(2).integers(0, 256, before.shape).astype(np.uint8)
    with pytest.raises(NotAligned):
        check(measure(before, noise, torso(before)), (768, 1024))


@pytest.mark.parametrize("move", [(90, 0, 1, 0), (0, 0, 1.09, 0), (0, 0, 1, 5)], ids=str)
def test_what_is_beyond_the_limits_is_refused(move):
    before = photo("person.jpg", (768, 1024))
    after = moved(before, *move)
    found = measure(before, after, torso(before))
    assert abs(found.shift_x - move[0]) < 0.5 and abs(found.zoom - move[2]) < 0.005
    with pytest.raises(NotAligned, match="does not fit"):
        check(found, (768, 1024))


def test_a_tighter_limit_is_heeded():
    before = photo("person.jpg", (768, 1024))
    found = measure(before, moved(before, 12, 0), torso(before))
    check(found, (768, 1024))
    with pytest.raises(NotAligned, match="12 px"):
        check(found, (768, 1024), Limits(shift=0.01))


def test_sizes_must_match():
    with pytest.raises(InputError, match="one size"):
        measure(photo(), photo()[:-1], np.zeros(photo().shape[:2], np.float32))
