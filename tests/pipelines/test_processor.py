"""Pictures for networks of transformers, against its processors that work on Pillow."""

import json

import numpy as np
import pytest
from fitting_room.pipelines.errors import MissingFiles
from fitting_room.pipelines.processor import load_processor

MEAN, DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
KINDS = {
    "segformer": (
        "SegformerImageProcessor",
        {"size": {"height": 40, "width": 30}, "resample": 2, "image_mean": MEAN,
         "image_std": DEVIATION, "do_reduce_labels": False},
    ),
    "vit": (
        "ViTImageProcessor",
        {"size": {"height": 32, "width": 32}, "resample": 2, "image_mean": [0.5] * 3,
         "image_std": [0.5] * 3, "rescale_factor": 0.00392156862745098},
    ),
    "clip": (
        "CLIPImageProcessor",
        {"size": 24, "crop_size": 24, "do_center_crop": True, "resample": 3,
         "image_mean": MEAN, "image_std": DEVIATION},
    ),
    "clip of today": (
        "CLIPImageProcessor",
        {"size": {"shortest_edge": 28}, "crop_size": {"height": 24, "width": 20},
         "do_center_crop": True, "resample": 3, "image_mean": MEAN, "image_std": DEVIATION},
    ),
    "rt-detr": (
        "RTDetrImageProcessor",
        {"size": {"height": 32, "width": 32}, "resample": 2, "do_normalize": False,
         "do_pad": False, "image_mean": MEAN, "image_std": DEVIATION},
    ),
}  # fmt: skip


def written(folder, told):
    (folder / "preprocessor_config.json").write_text(json.dumps(told))
    return folder


def noise(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(60, 90), (50, 50), (40, 36)])
def test_as_the_published_processor_on_pillow(kind, size, tmp_path):
    """Wide pictures: of tall ones Pillow 13 itself goes through the columns first."""
    from transformers import AutoImageProcessor

    name, told = KINDS[kind]
    folder = written(tmp_path, {"image_processor_type": name, **told})
    try:
        theirs = AutoImageProcessor.from_pretrained(folder, backend="pil")
    except (TypeError, ValueError):
        theirs = AutoImageProcessor.from_pretrained(folder, use_fast=False)
    picture = noise(*size)
    wanted = theirs(picture, return_tensors="pt")["pixel_values"]
    made = load_processor(folder)([picture])
    assert made.shape == wanted.shape
    assert (made - wanted).abs().max() < 1e-5


def test_a_batch_of_any_sizes(tmp_path):
    processor = load_processor(written(tmp_path, KINDS["clip"][1]))
    pictures = [noise(60, 40), noise(33, 90)]
    together = processor(pictures)
    assert together.shape == (2, 3, 24, 24)
    for row, picture in zip(together, pictures, strict=True):
        assert (row == processor([picture])[0]).all()


@pytest.mark.parametrize(
    "change",
    [{"size": {"longest_edge": 900}}, {"resample": 17}, {"do_pad": True}, {"image_mean": None},
     {"do_rescale": False}, {"rescale_factor": 1 / 127}, {"size": None}],
)  # fmt: skip
def test_what_is_not_known_is_refused(change, tmp_path):
    folder = written(tmp_path, {**KINDS["vit"][1], **change})
    with pytest.raises(MissingFiles, match=r"preprocessor_config\.json does not say"):
        load_processor(folder)


def test_no_file(tmp_path):
    with pytest.raises(MissingFiles, match="no such file"):
        load_processor(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text("{")
    with pytest.raises(MissingFiles, match="does not say"):
        load_processor(tmp_path)
