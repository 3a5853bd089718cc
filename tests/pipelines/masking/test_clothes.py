"""Parsing networks of transformers, brought to ATR labels."""

import numpy as np
import pytest
import torch
from fitting_room.pipelines.errors import InputError, MissingFiles
from fitting_room.pipelines.masking.clothes import (
    APPAREL,
    ARM,
    LEG,
    SAPIENS2,
    ClothesParser,
    _decided,
    _meanings,
)
from fitting_room.pipelines.masking.parsing import load_parser, parse
from fitting_room.pipelines.masking.rules_common import ATR
from tiny.networks import FASHN_LABELS, SEGFORMER_LABELS, save_sapiens2, save_segformer


def numbered(names):
    return dict(enumerate(names))


@pytest.fixture(scope="module")
def segformer_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("segformer")
    save_segformer(folder)
    return folder


@pytest.fixture(scope="module")
def sapiens_folder(tmp_path_factory):
    transformers = pytest.importorskip("transformers", minversion="5.20")
    if not hasattr(transformers, "Sapiens2ForSemanticSegmentation"):
        pytest.skip("this transformers has no Sapiens2")
    folder = tmp_path_factory.mktemp("sapiens2")
    save_sapiens2(folder)
    return folder


def photo(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_segformer(segformer_folder):
    parser = load_parser(segformer_folder)
    assert isinstance(parser, ClothesParser)
    np.testing.assert_array_equal(parser.meanings, np.arange(18))
    sizes = [(100, 80), (64, 200)]
    maps = parse(parser, [photo(*size) for size in sizes])
    for labels, size in zip(maps, sizes, strict=True):
        assert labels.shape == size and labels.dtype == np.uint8 and labels.max() < 18
    with torch.inference_mode():
        pixels = parser.processor([photo(100, 80)])
        scores = parser.network(pixel_values=pixels).logits
    whole = torch.nn.functional.interpolate(scores, size=(100, 80), mode="bilinear")
    np.testing.assert_array_equal(maps[0], whole[0].argmax(dim=0).numpy())


def test_large_photo(segformer_folder):
    assert parse(load_parser(segformer_folder), [photo(3000, 600)])[0].shape == (3000, 600)


def test_sapiens2(sapiens_folder):
    parser = load_parser(sapiens_folder)
    assert parser.meanings[SAPIENS2.index("right_hand")] == ATR["right_arm"]
    (labels,) = parse(parser, [photo(120, 90)])
    assert labels.shape == (120, 90) and labels.max() <= ATR["neck"]


def test_names_of_published_parsers():
    np.testing.assert_array_equal(_meanings(numbered(SEGFORMER_LABELS), ""), np.arange(18))
    fashn = dict(zip(FASHN_LABELS, _meanings(numbered(FASHN_LABELS), "").tolist(), strict=True))
    assert fashn["top"] == ATR["upper"] and fashn["pants"] == ATR["trousers"]
    assert fashn["arms"] == fashn["hands"] == ARM and fashn["legs"] == fashn["feet"] == LEG
    nameless = {i: f"LABEL_{i}" for i in range(29)}
    np.testing.assert_array_equal(_meanings(nameless, ""), _meanings(numbered(SAPIENS2), ""))


def test_unknown_labels_are_named():
    with pytest.raises(InputError, match=r"road, sky.*Sapiens2"):
        _meanings({0: "background", 1: "road", 2: "Sky"}, "folder")
    with pytest.raises(InputError, match="label_1"):
        _meanings({0: "LABEL_0", 1: "LABEL_1"}, "folder")


def test_limbs_are_divided_between_the_sides():
    """The person leans: the middle follows."""
    labels = np.zeros((100, 100), dtype=np.uint8)
    for row in range(20, 80):
        middle = 30 + row // 2
        labels[row, middle - 5 : middle + 5] = ATR["upper"]
        labels[row, middle - 12 : middle - 8] = labels[row, middle + 8 : middle + 12] = ARM
    decided = _decided(labels)
    assert set(np.unique(decided)) == {0, ATR["upper"], ATR["left_arm"], ATR["right_arm"]}
    for row in range(20, 80):
        columns = np.flatnonzero(decided[row] == ATR["right_arm"])
        assert len(columns) == 4 and columns.max() < 30 + row // 2
    only_limbs = np.where(labels == ARM, LEG, 0).astype(np.uint8)
    assert set(np.unique(_decided(only_limbs))) == {0, ATR["left_leg"], ATR["right_leg"]}


def test_apparel_by_place_and_size():
    labels = np.zeros((100, 60), dtype=np.uint8)
    labels[2:8, 20:40] = APPAREL
    labels[10:20, 25:35] = ATR["face"]
    labels[25:70, 15:45] = APPAREL
    labels[50:54, 50:54] = APPAREL
    decided = _decided(labels)
    assert (decided[2:8, 20:40] == ATR["hat"]).all()
    assert (decided[25:70, 15:45] == ATR["dress"]).all()
    assert (decided[50:54, 50:54] == ATR["bag"]).all()


def test_folder_without_a_network(tmp_path):
    with pytest.raises(MissingFiles, match=r"config\.json"):
        load_parser(tmp_path)


def test_picture_is_checked(segformer_folder):
    with pytest.raises(InputError, match="uint8 array"):
        parse(load_parser(segformer_folder), [np.zeros((64, 64, 3), np.float32)])
