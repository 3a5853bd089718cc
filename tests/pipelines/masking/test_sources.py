"""Reading maps and pose of a photo in one go, all of the same person."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fitting_room.pipelines.errors import NobodyFound
from fitting_room.pipelines.files.weights import load_strict
from fitting_room.pipelines.masking.body import Body
from fitting_room.pipelines.masking.densepose import find_people, load_densepose
from fitting_room.pipelines.masking.keypoints import KeyPoints
from fitting_room.pipelines.masking.layers import empty
from fitting_room.pipelines.masking.parsing import parse
from fitting_room.pipelines.masking.schp.network import Schp
from fitting_room.pipelines.masking.select import best_mask
from fitting_room.pipelines.masking.sources import framed_photo, nearest_pose, read_sources
from safetensors.numpy import load_file

CASE = Path(__file__).resolve().parents[2] / "golden" / "densepose" / "r50_fpn_tiny"
# Training-only outputs, and the third stage's later blocks, for speed.
LEFT_OUT = re.compile(r"module\.(decoder\.conv4|edge\.conv[45]|layer3\.([2-9]|1\d|2\d)\.)")
FILES = {"atr": "exp-schp-201908301523-atr.pth", "lip": "exp-schp-201908261155-lip.pth"}


@pytest.fixture(scope="module")
def networks(published_shapes, random_weights):
    made = {}
    for name, file in FILES.items():
        shapes = {
            key.removeprefix("module."): [n if n < 48 else n // 16 for n in shape[:2]] + shape[2:]
            for key, shape in published_shapes("schp", file).items()
            if not LEFT_OUT.match(key)
        }
        with empty():
            network = Schp(shapes)
        made[name] = load_strict(network, random_weights(shapes), source=file)
    return made


@pytest.fixture(scope="module")
def densepose():
    return load_densepose(CASE / "checkpoint" / "model_final_162be9.pkl")


@pytest.fixture(scope="module")
def photo():
    return load_file(CASE / "inputs.safetensors")["image"]


def body_at(box, width, height):
    """A body whose seen points span a box."""
    left, top, right, bottom = box
    landmarks = np.zeros((33, 5), dtype=np.float32)
    corners = {11: (right, top), 12: (left, top), 23: (right, bottom), 24: (left, bottom)}
    for number, place in corners.items():
        landmarks[number] = (*place, 0, 1, 1)
    return Body(landmarks, np.zeros((height, width), np.float32), (0, 0, width, height), 0.9)


def test_everything_is_read_in_the_published_frame(networks, densepose, photo):
    large = np.ascontiguousarray(photo.repeat(2, axis=0).repeat(2, axis=1))
    sources = read_sources(large, **networks, densepose=densepose)
    assert sources.region == (0, 0, 768, 1024)
    assert {name: labels.shape for name, labels in sources.maps.items()} == dict.fromkeys(
        ("atr", "lip", "densepose"), (512, 384)
    )
    seen = framed_photo(large, sources.region, (384, 512))
    np.testing.assert_array_equal(sources.maps["atr"], parse(networks["atr"], [seen])[0])
    chosen = best_mask(sources, "upper", "leffa/virtual_tryon")
    assert chosen.rule == "catvton" and "leffa_hd needs a pose" in chosen.why
    assert chosen.mask.shape == (1024, 768)


def test_networks_look_at_the_person_of_the_body(networks, densepose, photo):
    people = find_people(densepose, photo, 0.8).boxes
    assert len(people) > 1
    for box in people:
        left, top, right, bottom = box.tolist()
        body = body_at((left + 1, top + 1, right - 1, bottom - 1), 384, 512)
        sources = read_sources(photo, densepose=densepose, body=body)
        rows, columns = np.nonzero(sources.maps["densepose"])
        assert columns.min() >= int(left) and columns.max() <= right + 1
        assert rows.min() >= int(top) and rows.max() <= bottom + 1


def test_wide_photo_is_read_around_the_body(networks):
    photo = np.random.default_rng(0).integers(0, 256, (512, 1200, 3), dtype=np.uint8)
    body = body_at((800, 100, 1000, 400), 1200, 512)
    sources = read_sources(photo, atr=networks["atr"], body=body)
    assert sources.region == (708, 0, 384, 512)
    seen = np.ascontiguousarray(photo[:, 708 : 708 + 384])
    np.testing.assert_array_equal(sources.maps["atr"], parse(networks["atr"], [seen])[0])
    chosen = best_mask(sources, "upper", "ootdiffusion/hd")
    assert chosen.rule == "ootdiffusion_hd" and "key points from the embedded body" in chosen.why
    assert not chosen.mask[:, :708].any() and not chosen.mask[:, 1092:].any()


def test_nobody_for_densepose(densepose, photo):
    blind = load_densepose(CASE / "checkpoint" / "model_final_162be9.pkl")
    with torch.no_grad():
        blind.roi_heads.box_predictor["cls_score"].bias.copy_(torch.tensor([-99.0, 99.0]))
    with pytest.raises(NobodyFound):
        read_sources(photo, densepose=blind)
    sources = read_sources(photo, densepose=blind, body=body_at((100, 50, 300, 400), 384, 512))
    assert "densepose" not in sources.maps


STANDING = np.array([
    [0.50, 0.20], [0.50, 0.45], [0.25, 0.45], [0.15, 0.75], [0.10, 1.00], [0.75, 0.45],
    [0.85, 0.75], [0.90, 1.00], [0.35, 1.05], [0.33, 1.45], [0.32, 1.90], [0.65, 1.05],
    [0.67, 1.45], [0.68, 1.90], [0.44, 0.14], [0.56, 0.14], [0.36, 0.20], [0.64, 0.20],
])  # fmt: skip
OTHER_SIDE = [0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16]


def standing_at(x):
    """A person 176 pixels high and 80 wide, in a photo of 800x400."""
    places = STANDING * 100 + (x, 20)
    return KeyPoints(np.column_stack([places, np.ones(18)]).astype(np.float32), 800, 400)


def test_the_nearest_pose_only_where_it_is_the_same_person():
    here, beside = standing_at(100), standing_at(150)
    mirrored = replace(here, points=here.points[OTHER_SIDE])
    assert nearest_pose([beside, mirrored], here) is mirrored
    assert nearest_pose([beside], here) is None
    assert nearest_pose([], here) is None
    unseen = replace(here, points=np.zeros((18, 3), np.float32))
    assert nearest_pose([unseen], here) is None and nearest_pose([here], unseen) is None
