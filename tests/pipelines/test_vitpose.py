"""ViTPose with RT-DETR, on tiny random networks in the folders that transformers writes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from fitting_room.pipelines.errors import MissingFiles, NobodyFound
from fitting_room.pipelines.masking.pose import find_pose, find_poses
from fitting_room.pipelines.masking.vitpose import load_vitpose


def photo(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def vitpose_folders(tmp_path_factory):
    """Tiny random networks in the folders that transformers writes."""
    from transformers import (
        RTDetrConfig,
        RTDetrForObjectDetection,
        RTDetrImageProcessor,
        RTDetrResNetConfig,
        VitPoseBackboneConfig,
        VitPoseConfig,
        VitPoseForPoseEstimation,
        VitPoseImageProcessor,
    )

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("vitpose")
    backbone = RTDetrResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1],
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    detector = RTDetrForObjectDetection(
        RTDetrConfig(
            backbone_config=backbone, encoder_hidden_dim=16, encoder_in_channels=[16, 24, 32],
            encoder_ffn_dim=16, encoder_attention_heads=2, d_model=16, num_queries=8,
            decoder_in_channels=[16, 16, 16], decoder_ffn_dim=16, decoder_layers=1,
            decoder_attention_heads=2, num_denoising=0, id2label={0: "bicycle", 1: "person"},
        )
    )  # fmt: skip
    detector.save_pretrained(folder / "detector")
    size = {"height": 64, "width": 64}
    RTDetrImageProcessor(size=size).save_pretrained(folder / "detector")
    joints = VitPoseForPoseEstimation(
        VitPoseConfig(
            backbone_config=VitPoseBackboneConfig(
                image_size=[64, 48], patch_size=[16, 16], hidden_size=16, num_hidden_layers=1,
                num_attention_heads=2, out_indices=[1],
            ),
            num_labels=17,
        )
    )  # fmt: skip
    joints.save_pretrained(folder / "joints")
    VitPoseImageProcessor(size={"height": 64, "width": 48}).save_pretrained(folder / "joints")
    return folder / "joints", folder / "detector"


def test_vitpose_gives_key_points(vitpose_folders):
    network = replace(load_vitpose(*vitpose_folders), least_person=0.0, least_joint=-1.0)
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
