"""SCHP networks, the exact steps around them, and the merge that the mask rules read."""

import re
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from fitting_room.pipelines.errors import InputError, MissingFiles
from fitting_room.pipelines.masking.layers import load_network
from fitting_room.pipelines.masking.parsing import atr_with_neck, load_schp, parse
from fitting_room.pipelines.masking.rules_common import ATR, LIP
from fitting_room.pipelines.masking.schp.network import UNUSED, Schp
from fitting_room.pipelines.masking.schp.warp import MEAN, STD, network_input, picture_labels
from tiny.human_parsing import narrow_schp

FILES = {"exp-schp-201908301523-atr.pth": 18, "exp-schp-201908261155-lip.pth": 20}
DROPPED = re.compile(r"decoder\.conv4\.|edge\.conv[45]\.")
SIZE = 96


@pytest.fixture(scope="module")
def tiny(tmp_path_factory, published_shapes, random_weights):
    """A published file with small sizes."""
    shapes = narrow_schp(published_shapes("schp", "exp-schp-201908301523-atr.pth"), 16, 2)
    path = tmp_path_factory.mktemp("schp") / "exp-schp-201908301523-atr.pth"
    torch.save({"epoch": 1, "state_dict": random_weights(shapes)}, path)
    return load_schp(path)


def photo(height, width, seed=0):
    generator = np.random.default_rng(seed)
    small = generator.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    return np.ascontiguousarray(small.repeat(8, axis=0).repeat(8, axis=1)[:height, :width])


@pytest.mark.parametrize("file", FILES)
def test_published_names_and_shapes(file, published_shapes):
    published = {k.removeprefix("module."): v for k, v in published_shapes("schp", file).items()}
    with torch.device("meta"):
        network = Schp(published)
    ours = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    assert ours == {k: v for k, v in published.items() if not DROPPED.match(k)}
    assert network.labels == FILES[file]


def test_sizes_come_from_the_file(published_shapes, random_weights):
    published = published_shapes("schp", "exp-schp-201908261155-lip.pth")
    shapes = {k.removeprefix("module."): v for k, v in narrow_schp(published, 32, 3).items()}
    network = Schp(shapes)
    assert len(network.layer3) == 3 and network.conv1.out_channels == 2
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 20, 16, 16)


def test_batch_of_two_sizes_equals_two_singles(tiny):
    photos = [photo(100, 100), photo(211, 130, seed=1)]
    together = parse(tiny, photos, size=SIZE)
    for labels, one in zip(together, photos, strict=True):
        assert labels.dtype == np.uint8 and labels.shape == one.shape[:2]
        assert labels.max() < 18 and len(np.unique(labels)) > 1
        (alone,) = parse(tiny, [one], size=SIZE)
        assert (labels != alone).mean() < 0.001


def test_colour_order(tiny):
    one = photo(120, 90)
    (bgr,), (rgb,) = parse(tiny, [one], size=SIZE), parse(tiny, [one], order="rgb", size=SIZE)
    assert (bgr != rgb).any()
    (swapped,) = parse(tiny, [one[:, :, ::-1]], order="rgb", size=SIZE)
    np.testing.assert_array_equal(bgr, swapped)


def test_published_input_size_is_the_default(tiny):
    one = photo(64, 48)
    np.testing.assert_array_equal(parse(tiny, [one])[0], parse(tiny, [one], size=512)[0])


def test_square_picture_of_the_input_size_is_not_resampled():
    one = photo(128, 128)
    wanted = ((one.astype(np.float32) / 255 - MEAN) / STD).transpose(2, 0, 1)
    np.testing.assert_allclose(network_input(one, 128), wanted, atol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(160, 90), (90, 160)])
def test_narrow_picture_lies_in_the_middle_on_black(height, width):
    square = network_input(np.full((height, width, 3), 255, dtype=np.uint8), 160)
    white = square[0] > 2
    rows, columns = np.nonzero(white)
    assert abs(white.mean() - height * width / 160**2) < 0.01
    assert rows.min() == 159 - rows.max() and columns.min() == 159 - columns.max()


def test_labels_of_a_12_megapixel_picture():
    scores = torch.randn(18, 8, 8, generator=torch.Generator().manual_seed(0))
    large = picture_labels(scores, 3000, 4000, 512)
    # Enlarging a 1/10 copy by repetition differs only along the borders of the labels.
    small = picture_labels(scores, 300, 400, 512).repeat(10, axis=0).repeat(10, axis=1)
    assert large.shape == (3000, 4000) and (large != small).mean() < 0.02


def test_labels_follow_the_published_steps():
    """Enlarge to the input size, take the middle, stretch to the picture, choose the best."""
    scores = torch.randn(20, 24, 24, generator=torch.Generator().manual_seed(1))
    size, height, width = 93, 200, 150
    large = F.interpolate(scores[None], size=size, mode="bilinear", align_corners=True)
    scale = (size - 1) / (height - 1)
    y = (torch.arange(height) - (height - 1) / 2) * scale / ((size - 1) / 2)
    x = (torch.arange(width) - (width - 1) / 2) * scale / ((size - 1) / 2)
    grid = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1)
    wanted = F.grid_sample(large, grid[None], align_corners=True)[0].argmax(dim=0).numpy()
    labels = picture_labels(scores, height, width, size)
    assert (labels != wanted).mean() < 0.01  # positions are rounded to 1/32 pixel


def scene():
    """(atr, lip) maps: head with neck over a torso, one arm across it."""
    atr = np.zeros((200, 160), dtype=np.uint8)
    lip = np.zeros((200, 160), dtype=np.uint8)
    atr[10:60, 60:100] = ATR["face"]
    lip[10:45, 60:100] = LIP["face"]
    atr[60:190, 30:130] = ATR["upper"]
    atr[70:90, 40:120] = ATR["left_arm"]
    return atr, lip


def test_neck_is_face_that_lip_does_not_call_face():
    merged = atr_with_neck(*scene())
    assert (merged[10:45, 60:100] == ATR["face"]).all()
    assert (merged[45:60, 60:100] == ATR["neck"]).all()
    assert (merged[70:90, 40:120] == ATR["left_arm"]).all()


def test_small_holes_in_upper_clothes_are_filled():
    atr, lip = scene()
    atr[100:120, 50:70] = ATR["bag"]
    atr[130:185, 50:110] = ATR["dress"]  # 3300 pixels
    merged = atr_with_neck(atr, lip)
    assert (merged[100:120, 50:70] == ATR["upper"]).all()
    assert (merged[130:185, 50:110] == ATR["dress"]).all()


def test_gap_open_to_the_outside_is_no_hole():
    atr, lip = scene()
    atr[100:105, 30:60] = 0
    np.testing.assert_array_equal(atr_with_neck(atr, lip)[100:105, 30:60], 0)


def test_maps_of_two_pictures_are_refused():
    atr, lip = scene()
    with pytest.raises(InputError, match="160x200 and the LIP map 100x200"):
        atr_with_neck(atr, lip[:, :100].copy())
    with pytest.raises(InputError, match="uint8"):
        atr_with_neck(atr.astype(np.float32), lip)


@pytest.mark.parametrize(
    "picture", [np.zeros((64, 64, 3), np.float32), np.zeros((64, 64), np.uint8),
                np.zeros((8, 64, 3), np.uint8), np.zeros((64, 64, 4), np.uint8)]
)  # fmt: skip
def test_what_is_no_picture_is_refused(tiny, picture):
    with pytest.raises(InputError, match="uint8 array"):
        parse(tiny, [picture], size=SIZE)


def test_unknown_order_is_refused(tiny):
    with pytest.raises(InputError, match="bgr, rgb"):
        parse(tiny, [photo(64, 64)], order="grb")


def test_damaged_and_foreign_files(tmp_path, published_shapes, random_weights):
    with pytest.raises(MissingFiles, match="no such file"):
        load_schp(tmp_path / "atr.pth")
    (tmp_path / "cut.pth").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(MissingFiles, match="cut short"):
        load_schp(tmp_path / "cut.pth")
    torch.save({"conv1_1.weight": torch.zeros(1), "Mconv7_stage6_L1.bias": torch.zeros(1)},
               tmp_path / "pose.pth")  # fmt: skip
    with pytest.raises(MissingFiles, match="OpenPose body network"):
        load_schp(tmp_path / "pose.pth")
    shapes = narrow_schp(published_shapes("schp", "exp-schp-201908301523-atr.pth"), 16, 1)
    del shapes["module.decoder.conv3.3.bias"]
    torch.save({"state_dict": random_weights(shapes)}, tmp_path / "incomplete.pth")
    with pytest.raises(MissingFiles, match=r"decoder\.conv3\.3\.bias"):
        load_schp(tmp_path / "incomplete.pth")


def test_network_of_other_labels_is_refused(tmp_path, published_shapes, random_weights):
    shapes = narrow_schp(published_shapes("schp", "exp-schp-201908301523-atr.pth"), 16, 1)
    shapes |= {"module.fushion.3.weight": [7, 16, 1, 1], "module.fushion.3.bias": [7]}
    torch.save({"state_dict": random_weights(shapes)}, tmp_path / "pascal.pth")
    network = load_network(Schp, tmp_path / "pascal.pth", "module.", UNUSED)
    with pytest.raises(InputError, match="7 labels"):
        parse(network, [photo(64, 64)])


def test_onnx_file_needs_onnxruntime(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match="pip install onnxruntime"):
        load_schp(tmp_path / "parsing_atr.onnx")


def test_damaged_onnx_file(tmp_path):
    pytest.importorskip("onnxruntime")
    with pytest.raises(MissingFiles, match="no such file"):
        load_schp(tmp_path / "parsing_atr.onnx")
    (tmp_path / "parsing_atr.onnx").write_bytes(b"<html>not found</html>")
    with pytest.raises(MissingFiles, match="cannot be read as a parsing network"):
        load_schp(tmp_path / "parsing_atr.onnx")
