"""The quick tools on maps give what their plain, slow formulas give."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from fitting_room.pipelines.garment.silhouette import hull
from fitting_room.pipelines.maps.averaging import averaged, averaged_layer, reduced
from fitting_room.pipelines.maps.colours import BLOCK, to_lab
from fitting_room.pipelines.maps.edges import (
    blur,
    box,
    enlarged,
    guided_coefficients,
    guided_models,
    refine,
    resized_map,
)
from fitting_room.pipelines.maps.grids import narrowest, pieces, widest
from fitting_room.pipelines.maps.ranking import median, medians, percentile
from fitting_room.pipelines.maps.spreading import halved, spread
from fitting_room.pipelines.masking.figure import Limb, along, capsule, pixel_grid
from fitting_room.pipelines.masking.kinds import smooth_step
from fitting_room.pipelines.preview.left_open import nearest_colour
from scipy import ndimage
from scipy.spatial import ConvexHull

CLOSE = 3e-6


@pytest.fixture
def chance() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("radius", [0, 1, 4, 30])
def test_windows_are_those_of_every_pixel(chance, kind, radius):
    values = (chance.random((23, 31)) * (2 if kind is bool else 70000)).astype(kind)
    padded = np.pad(values, radius, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * radius + 1,) * 2)
    largest, smallest = widest(values, radius), narrowest(values, radius)
    assert largest.dtype == smallest.dtype == values.dtype
    assert (largest == windows.max((2, 3))).all()
    assert (smallest == windows.min((2, 3))).all()


def test_windows_of_a_view_leave_it_as_it_was(chance):
    values = chance.random((40, 40)).astype(np.float32)
    before = values.copy()
    found = widest(values[::2, 3:30:3], 2)
    assert (found == widest(values[::2, 3:30:3].copy(), 2)).all()
    widest(values, 0)[:] = 5
    assert (values == before).all()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 1.0])
def test_pieces_are_numbered_row_by_row(chance, share):
    region = chance.random((37, 29)) < share
    plain = np.empty(region.shape, np.int32)
    count = ndimage.label(region, output=plain)
    labels, found = pieces(region)
    assert found == count and labels.dtype == np.int32
    assert (labels == plain).all()


@pytest.mark.parametrize("shape", [(41, 30), (41, 30, 3), (41, 30, 1), (41, 30, 6)])
@pytest.mark.parametrize("sigma", [0.5, 2.0])
def test_blur_is_a_gaussian(chance, shape, sigma):
    values = chance.random(shape)
    sigmas = (sigma, sigma, 0)[: len(shape)]
    plain = ndimage.gaussian_filter(values, sigmas, mode="nearest", truncate=3.0)
    found = blur(values, sigma)
    assert found.dtype == np.float32 and found.shape == shape
    assert np.abs(found - plain).max() < CLOSE


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 1), (20, 30, 7)])
@pytest.mark.parametrize("size", [(20, 30), (40, 60), (40, 30)])
def test_enlarging_is_linear(chance, shape, size):
    values = chance.random(shape)
    planes = torch.from_numpy(values.reshape(*shape[:2], -1)).float().permute(2, 0, 1)[None]
    plain = F.interpolate(planes, size, mode="bilinear", align_corners=False)[0]
    found = enlarged(values, *size)
    assert np.abs(found - plain.permute(1, 2, 0).numpy().reshape(found.shape)).max() < CLOSE
    assert (resized_map(values, *size) == found).all()


@pytest.mark.parametrize("shape", [(40, 60), (41, 60, 3), (52, 35, 6)])
@pytest.mark.parametrize("size", [(20, 30), (11, 17), (40, 25)])
@pytest.mark.parametrize(("average", "mode"), [(averaged, "bilinear"), (averaged_layer, "bicubic")])
def test_reducing_averages_as_torch_does(chance, shape, size, average, mode):
    """Without its last bits clusters of colours would come out otherwise."""
    values = chance.random(shape, np.float32)
    planes = torch.from_numpy(values.reshape(*shape[:2], -1)).permute(2, 0, 1)[None]
    plain = F.interpolate(planes, size, mode=mode, antialias=True, align_corners=False)[0]
    found = average(values, *size)
    assert found.dtype == np.float32
    assert np.abs(found - plain.permute(1, 2, 0).numpy().reshape(found.shape)).max() < 1e-6


@pytest.mark.parametrize("shape", [(40, 60, 3), (301, 222, 3)])
@pytest.mark.parametrize("size", [(40, 60), (31, 22)])
def test_a_photo_is_reduced_as_torch_does(chance, shape, size):
    photo = chance.integers(0, 256, shape, np.uint8)
    planes = torch.from_numpy(photo).permute(2, 0, 1)[None]
    plain = F.interpolate(planes, size, mode="bilinear", antialias=True)[0]
    assert (reduced(photo, *size) == plain.permute(1, 2, 0).numpy()).all()


def test_reducing_averages(chance):
    values = chance.random((40, 60, 2))
    found = resized_map(values, 10, 15)
    assert np.abs(found.mean((0, 1)) - values.mean((0, 1))).max() < 0.02
    assert found.std() < 0.5 * values.std()


def test_boxes_count_what_is_inside(chance):
    planes = chance.random((2, 11, 6)).astype(np.float32)
    found = box(planes, 2)
    for y in range(11):
        for x in range(6):
            around = planes[:, max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]
            assert np.abs(found[:, y, x] - around.mean((1, 2))).max() < CLOSE


def test_guided_models_are_least_squares(chance):
    """In the middle of a window the line through its pixels, averaged over the windows around."""
    guide, values = chance.random((3, 9, 9)), chance.random((2, 9, 9))
    softness, radius = 1e-3, 1
    lines = np.empty((7, 7, 4, 2))
    for y in range(7):
        for x in range(7):
            colours = guide[:, y : y + 3, x : x + 3].reshape(3, -1)
            aims = values[:, y : y + 3, x : x + 3].reshape(2, -1)
            covariance = np.cov(colours, bias=True) + softness * np.eye(3)
            centred = colours - colours.mean(1, keepdims=True)
            slope = np.linalg.solve(covariance, centred @ aims.T / 9)
            lines[y, x] = np.vstack([slope, aims.mean(1) - colours.mean(1) @ slope])
    found = guided_coefficients(guide.astype(np.float32), values, radius, softness)
    assert np.abs(found[:, :, 4, 4] - lines[2:5, 2:5].mean((0, 1))).max() < 1e-3
    models = guided_models(values, np.moveaxis(guide, 0, -1), radius, softness)
    assert (models[:, 4, 4] == found[:, :, 4, 4].ravel()).all()


def test_refining_applies_the_models(chance):
    small, large = chance.random((12, 9, 3)), chance.random((24, 18, 3))
    values = chance.random((4, 12, 9))
    models = guided_models(values, small, 2, 1e-2)
    models = enlarged(np.moveaxis(models, 0, -1), 24, 18).reshape(24, 18, 4, 4)
    plain = (models[..., :3, :] * large[..., None]).sum(2) + models[..., 3, :]
    found = refine(values, small, large, 2, 1e-2)
    assert np.abs(np.moveaxis(found, 0, -1) - plain.clip(0, 1)).max() < CLOSE


@pytest.mark.parametrize("size", [(7, 3), (33, 20)])
def test_colours_spread_from_coarse_to_fine(chance, size):
    colours, known = chance.random((*size, 3)), chance.random(size) * (chance.random(size) > 0.7)
    before = colours.copy()
    found = spread(colours, known)
    assert (colours == before).all()
    levels, value, weight = [], colours, known[..., None]
    while True:
        levels.append((value, weight))
        if weight.min() >= 1 or min(weight.shape[:2]) <= 1:
            break
        value = mean_of_squares(value * weight) / np.maximum(mean_of_squares(weight), 1e-9)
        weight = np.minimum(4 * mean_of_squares(weight), 1)
    mean = (value * weight).sum((0, 1)) / max(weight.sum(), 1e-9)
    filled = mean + (value - mean) * weight
    for value, weight in reversed(levels[:-1]):
        below = enlarged(filled, 2 * filled.shape[0], 2 * filled.shape[1])
        below = below[: value.shape[0], : value.shape[1]]
        filled = below + (value - below) * weight
    assert np.abs(found - filled).max() < CLOSE


def mean_of_squares(values: np.ndarray) -> np.ndarray:
    """Of 2x2 pixels, fewer at the lower and the right edge."""
    height, width = (-(-side // 2) for side in values.shape[:2])
    return np.array(
        [
            [values[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean((0, 1)) for x in range(width)]
            for y in range(height)
        ]
    )


def test_halving_odd_sizes(chance):
    values = chance.random((5, 7)).astype(np.float32)
    assert np.abs(halved(values) - mean_of_squares(values)).max() < CLOSE


def test_medians_are_numpy_s(chance):
    for shape in ((1,), (2,), (7, 9), (8, 9)):
        for kind in (np.float32, np.float64, np.int64):
            values = (100 * chance.random(shape)).astype(kind)
            assert median(values) == np.median(values)
            for share in (0, 2, 30, 100):
                assert abs(percentile(values, share) - np.percentile(values, share)) < CLOSE
    colours = chance.random((50, 3)).astype(np.float32)
    assert (medians(colours.T) == np.median(colours, axis=0)).all()
    assert np.isnan(median(np.zeros(0)))


@pytest.mark.parametrize("ends", [(0.2, 0.7), (0.7, 0.2), (-4, 4)])
def test_smooth_step_is_the_cubic(chance, ends):
    values = chance.normal(0.4, 1, (50,)).astype(np.float32)
    before = values.copy()
    place = ((values - ends[0]) / (ends[1] - ends[0])).clip(0, 1)
    assert np.abs(smooth_step(values, *ends) - (3 * place**2 - 2 * place**3)).max() < CLOSE
    assert (values == before).all()
    assert float(smooth_step(np.float64(0.5), 0, 1)) == 0.5


def test_a_limb_is_as_far_as_its_nearest_bone(chance):
    line = np.array([[10.0, 5.0], [18.0, 20.0], [30.0, 26.0]])
    radii = np.array([4.0, 3.0, 2.0])
    limb = Limb(line, np.zeros(3), line[-1], np.ones(3), line, radii)
    points = pixel_grid(45, 50)
    plain = np.full((45, 50), np.inf)
    for k in range(2):
        for step in np.linspace(0, 1, 400):
            middle = line[k] + step * (line[k + 1] - line[k])
            radius = radii[k] + step * (radii[k + 1] - radii[k])
            plain = np.minimum(
                plain, np.hypot(points[0] - middle[0], points[1] - middle[1]) - radius
            )
    whole = capsule(points, limb)
    assert np.abs(whole - plain).max() < 0.6  # a bone's nearest place is not its outline's
    near = capsule(points, limb, 0.5, 3.0)
    exact = capsule(points, limb, 0.5)
    inside = exact <= 3
    assert inside.any() and (near[inside] == exact[inside]).all()
    assert (near[~inside] > 3).all() and np.isinf(near).any()
    place, distance = along(np.array([18.0, 9.0]), line[0], line[1])
    assert 0 < float(place) < 1 and abs(float(distance) - 5.2) < 0.1


def test_the_nearest_colour_is_that_of_every_pair(chance):
    colours, others = chance.random((1300, 3)) * 100, chance.random((9, 3)) * 100
    plain = np.linalg.norm(colours[:, None] - others, axis=-1).min(1)
    found = nearest_colour(colours.astype(np.float32), others.astype(np.float32))
    assert np.abs(found - plain).max() < 1e-2


@pytest.mark.parametrize("count", [1, 7, BLOCK, BLOCK + 1, 2 * BLOCK + 3])
def test_lab_is_that_of_each_pixel_alone(chance, count):
    colours = chance.integers(0, 256, (count, 3), np.uint8)
    linear = colours / 255
    linear = np.where(linear > 0.04045, ((linear + 0.055) / 1.055) ** 2.4, linear / 12.92)
    white = np.array([0.950456, 1, 1.088754])
    primaries = np.array(
        [
            [0.412453, 0.35758, 0.180423],
            [0.212671, 0.71516, 0.072169],
            [0.019334, 0.119193, 0.950227],
        ]
    )
    xyz = linear @ primaries.T / white
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116).T
    plain = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)
    assert np.abs(to_lab(colours[None])[0] - plain).max() < 1e-3
    assert np.abs(to_lab(colours[None] / np.float32(255))[0] - plain).max() < 1e-3


@pytest.mark.parametrize("kind", ["anywhere", "on a circle", "outline with straight sides"])
def test_a_hull_has_the_corners_of_scipys(chance, kind):
    if kind == "anywhere":
        points = chance.random((300, 2)) * 400
    elif kind == "on a circle":
        turns = np.sort(chance.random(200)) * 2 * np.pi
        points = 100 + 80 * np.stack([np.cos(turns), np.sin(turns)], -1)
    else:
        corners = np.array([[0, 0], [40, 0], [60, 30], [45, 60], [45, 100], [0, 100]], float)
        places = np.linspace(0, 5, 251)
        points = np.stack([np.interp(places, range(6), axis) for axis in corners.T], -1)
    assert hull(points) == np.sort(ConvexHull(points).vertices).tolist()


def test_points_on_one_line_have_two_corners():
    assert hull(np.arange(8.0)[:, None] * [3.0, 0.0]) == [0, 7]
