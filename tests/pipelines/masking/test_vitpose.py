"""ViTPose with RT-DETR, on tiny random networks in the folders that transformers writes."""

from dataclasses import replace

import numpy as np
import pytest
from fitting_room.pipelines.errors import MissingFiles, NobodyFound
from fitting_room.pipelines.masking.pose import find_pose, find_poses
from fitting_room.pipelines.masking.vitpose import load_vitpose
from tiny.networks import save_vitpose


def photo(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def vitpose_folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vitpose")
    save_vitpose(folder / "joints", folder / "detector")
    return folder / "joints", folder / "detector"


def test_vitpose_gives_key_points(tmp_path):
    save_vitpose(tmp_path / "joints", tmp_path / "detector", sure=True)
    network = load_vitpose(tmp_path / "joints", tmp_path / "detector")
    network = replace(network, least_person=0.0, least_joint=-1.0)
    poses = find_poses(network, photo(120, 90))
    assert poses and all((pose.width, pose.height) == (90, 120) for pose in poses)
    for pose in poses:
        assert pose.points.shape == (18, 3) and pose.points.dtype == np.float32
        seen = pose.points[:, 2] > 0
        neck, *shoulders = pose.points[[1, 2, 5], :2]
        if seen[[1, 2, 5]].all():
            np.testing.assert_allclose(neck, np.mean(shoulders, axis=0), rtol=1e-4)
    again = find_poses(network, photo(120, 90))
    np.testing.assert_array_equal(poses[0].points, again[0].points)


def test_vitpose_finds_nobody(vitpose_folders):
    with pytest.raises(NobodyFound):
        find_pose(load_vitpose(*vitpose_folders), photo(120, 90))


def test_vitpose_folder_that_is_absent(vitpose_folders, tmp_path):
    with pytest.raises(MissingFiles, match=r"config\.json"):
        load_vitpose(tmp_path, vitpose_folders[1])
