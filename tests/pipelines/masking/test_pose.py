"""OpenPose: the network, its maps, peaks, people, and who is chosen."""

import cv2
import numpy as np
import pytest
import torch
from fitting_room.pipelines.errors import InputError, MissingFiles, NobodyFound
from fitting_room.pipelines.masking.openpose.maps import (
    enlarger,
    frame_of,
    network_input,
    network_size,
)
from fitting_room.pipelines.masking.openpose.network import OpenPoseBody
from fitting_room.pipelines.masking.openpose.people import FIELD_X, LIMBS, find_people
from fitting_room.pipelines.masking.pose import (
    find_pose,
    find_poses,
    keypoints_of,
    load_openpose,
)
from scipy.ndimage import gaussian_filter
from tiny.openpose import FILE, narrow_openpose

HEIGHT, WIDTH = 512, 384

# A standing person in a box of 1 x 2; x is the picture's right, so the person's left.
STANDING = np.array([
    [0.50, 0.20], [0.50, 0.45], [0.25, 0.45], [0.15, 0.75], [0.10, 1.00], [0.75, 0.45],
    [0.85, 0.75], [0.90, 1.00], [0.35, 1.05], [0.33, 1.45], [0.32, 1.90], [0.65, 1.05],
    [0.67, 1.45], [0.68, 1.90], [0.44, 0.14], [0.56, 0.14], [0.36, 0.20], [0.64, 0.20],
])  # fmt: skip


def standing(left, top, scale):
    return STANDING * scale + (left, top)


def drawn_maps(people, strays=()):
    """Fields and heat maps that a perfect network gives for (18, 2) joints; nan = unseen.

    strays: (joint, x, y) peaks that belong to nobody.
    """
    rows, columns = (-(-side // 8) for side in network_size(HEIGHT, WIDTH))
    y, x = np.mgrid[:rows, :columns] * 8.0 + 3.5
    scale = network_size(HEIGHT, WIDTH)[0] / HEIGHT
    heat = np.zeros((19, rows, columns), dtype=np.float32)
    fields = np.zeros((38, rows, columns), dtype=np.float32)

    def add_joint(joint, place, value):
        spot = value * np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / (2 * 6.0**2))
        heat[joint] = np.maximum(heat[joint], spot)

    for person in people:
        places = person * scale
        for joint, place in enumerate(places):
            if not np.isnan(place).any():
                add_joint(joint, place, 0.9)
        for (first, second), channel in zip(LIMBS, FIELD_X, strict=True):
            if np.isnan(places[[first, second]]).any():
                continue
            way = places[second] - places[first]
            length = np.hypot(*way)
            way = way / length
            along = (x - places[first][0]) * way[0] + (y - places[first][1]) * way[1]
            across = (x - places[first][0]) * way[1] - (y - places[first][1]) * way[0]
            near = (along > -8) & (along < length + 8) & (np.abs(across) < 9)
            fields[channel][near], fields[channel + 1][near] = way
    for joint, *place in strays:
        add_joint(joint, np.array(place) * scale, 0.5)
    return fields, heat


def poses_in(people, strays=()):
    peaks, found = find_people(*drawn_maps(people, strays), HEIGHT, WIDTH)
    return [keypoints_of(peaks, person, WIDTH, HEIGHT) for person in found]


def assert_near(pose, joints, tolerance=8):
    seen = ~np.isnan(joints).any(axis=1)
    np.testing.assert_array_equal(pose.points[:, 2] > 0, seen)
    assert np.abs(pose.points[seen, :2] - joints[seen]).max() < tolerance


def tiny_state(published_shapes, random_weights):
    return random_weights(narrow_openpose(published_shapes("openpose", FILE)))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory, published_shapes, random_weights):
    path = tmp_path_factory.mktemp("openpose") / FILE
    torch.save(tiny_state(published_shapes, random_weights), path)
    return load_openpose(path)


@pytest.fixture(scope="module")
def blind(tmp_path_factory, published_shapes, random_weights):
    """A network that sees nobody anywhere."""
    path = tmp_path_factory.mktemp("openpose") / FILE
    state = tiny_state(published_shapes, random_weights)
    torch.save({name: torch.zeros_like(tensor) for name, tensor in state.items()}, path)
    return load_openpose(path)


def photo(height, width, seed=0):
    generator = np.random.default_rng(seed)
    small = generator.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    return np.ascontiguousarray(small.repeat(8, axis=0).repeat(8, axis=1)[:height, :width])


def test_published_names_and_shapes(published_shapes):
    published = published_shapes("openpose", FILE)
    with torch.device("meta"):
        network = OpenPoseBody(published)
    ours = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    assert ours == published and network.stages == 6


def test_one_person():
    (pose,) = poses_in([standing(100, 50, 200)])
    assert_near(pose, standing(100, 50, 200))
    assert (pose.width, pose.height) == (WIDTH, HEIGHT)


def test_person_cut_by_the_frame_has_fewer_points():
    joints = standing(100, 200, 250)
    joints[joints[:, 1] > HEIGHT - 10] = np.nan
    assert np.isnan(joints).any()
    (pose,) = poses_in([joints])
    assert_near(pose, joints)


def test_several_people_keep_their_own_joints():
    """Also with joints missing and peaks of nobody, where lists of joints can slip."""
    small, large = standing(20, 40, 110), standing(170, 60, 200)
    small[[4, 7]] = np.nan
    poses = poses_in([small, large], strays=[(0, 100, 480), (4, 60, 470), (10, 150, 30)])
    assert len(poses) == 2
    by_size = sorted(poses, key=lambda pose: np.ptp(pose.points[pose.points[:, 2] > 0, 1]))
    assert_near(by_size[0], small)
    assert_near(by_size[1], large)


def test_ten_people():
    crowd = [standing(5 + 75 * (i % 5), 10 + 250 * (i // 5), 70) for i in range(10)]
    assert len(poses_in(crowd)) == 10


def test_few_joints_are_nobody():
    joints = np.full((18, 2), np.nan)
    joints[[2, 3, 4]] = standing(100, 50, 200)[[2, 3, 4]]
    assert poses_in([joints]) == []
    assert poses_in([]) == []


def test_noise_ends_in_reasonable_time_and_memory():
    generator = np.random.default_rng(0)
    fields = generator.normal(size=(38, 23, 138)).astype(np.float32)
    heat = generator.uniform(size=(19, 23, 138)).astype(np.float32)
    peaks, people = find_people(fields, heat, 384, 384 * 6)
    assert peaks.shape[1:] == (4,) and people.shape[1:] == (20,)
    assert (people[:, :18] < len(peaks)).all()


def test_maps_equal_the_published_steps():
    """Lanczos to the network's input, without its padding, Lanczos to the frame, Gaussian."""
    height, width = 448, 384
    rows, columns = network_size(height, width)
    small = np.random.default_rng(0).uniform(size=(23, -(-columns // 8))).astype(np.float32)
    size = (small.shape[1] * 8, small.shape[0] * 8)
    whole = cv2.resize(small, size, interpolation=cv2.INTER_LANCZOS4)[:rows, :columns]
    whole = cv2.resize(
        np.ascontiguousarray(whole), (width, height), interpolation=cv2.INTER_LANCZOS4
    )
    maps = enlarger(height, width, *small.shape)
    values = small.astype(np.float64)
    np.testing.assert_allclose(maps.whole(values[None])[0], whole, atol=1e-5)
    wanted = gaussian_filter(whole.astype(np.float64), sigma=3)
    np.testing.assert_allclose(maps.smoothed(values[None])[0], wanted, atol=1e-5)
    x, y = np.array([0, 17, width - 1]), np.array([height - 1, 200, 0])
    np.testing.assert_allclose(maps.at(values, x, y), whole[y, x], atol=1e-5)


@pytest.mark.parametrize(
    ("size", "frame"),
    [((512, 384), (512, 384)), ((100, 100), (384, 384)), ((1000, 600), (640, 384)),
     ((3000, 4000), (384, 512))],
)  # fmt: skip
def test_frame_sizes(size, frame):
    assert frame_of(photo(*size)).shape[:2] == frame
    assert all(side % 8 == 0 for side in network_input(frame_of(photo(*size))).shape[2:])


def test_a_frame_of_the_published_size_is_left_alone():
    np.testing.assert_array_equal(frame_of(photo(512, 384)), photo(512, 384))


@pytest.mark.parametrize("size", [(100, 100), (512, 384), (900, 500)])
def test_points_are_in_pixels_of_the_photo(tiny, size):
    for pose in find_poses(tiny, photo(*size)):
        assert (pose.height, pose.width) == size
        seen = pose.points[:, 2] > 0
        assert seen.sum() >= 4 and pose.points[:, 2].max() <= 1
        assert (pose.points[:, :2] >= 0).all()
        assert (pose.points[:, :2] <= (size[1], size[0])).all()


def test_nobody(blind):
    assert find_poses(blind, photo(120, 100)) == []
    with pytest.raises(NobodyFound, match=r"100x120 pixels.*Use a photo of one person"):
        find_pose(blind, photo(120, 100))


def test_long_strip_is_refused(blind):
    with pytest.raises(InputError, match="Crop it around the person"):
        find_poses(blind, photo(60, 1000))


def test_foreign_and_damaged_files(tmp_path):
    torch.save({"module.fushion.3.bias": torch.zeros(2), "context_encoding.x": torch.zeros(2)},
               tmp_path / FILE)  # fmt: skip
    with pytest.raises(MissingFiles, match="SCHP human-parsing network"):
        load_openpose(tmp_path / FILE)
    (tmp_path / FILE).write_bytes(b"\x80\x02half")
    with pytest.raises(MissingFiles, match="cannot be read as weights"):
        load_openpose(tmp_path / FILE)
