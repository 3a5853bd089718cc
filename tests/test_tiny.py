"""The tiny checkpoints: complete, named as published, and readable by the real loaders."""

import pytest
import tiny
import torch
from fitting_room.pipelines.catalog.models import VARIANTS
from fitting_room.pipelines.files.licences import license_accepted
from fitting_room.pipelines.files.locate import find
from fitting_room.pipelines.files.weights import read_state
from tiny.weights import published_shapes


def optional(name):
    """Sapiens2 came to transformers late."""
    if name == "human_parsing/sapiens2":
        pytest.importorskip("transformers", minversion="5.20")
    return name


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return tiny.install(tmp_path_factory.mktemp("base"))


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_of_the_catalogue_has_a_recipe(name, tmp_path):
    tiny.write(optional(name), tmp_path)
    located = find(name, folders=[tmp_path])
    assert all(root.is_relative_to(tmp_path) for root in located.roots)
    assert license_accepted(name, [tmp_path])
    sizes = [path.stat().st_size for _, path in located.files()]
    assert sum(sizes) < 8_000_000


@pytest.mark.parametrize("name", ["leffa/virtual_tryon", "ootdiffusion/hd", "human_parsing/onnx"])
def test_made_twice_it_is_the_same(name, tmp_path):
    for folder in ("first", "second"):
        tiny.write(name, tmp_path / folder)
    for _, path in find(name, folders=[tmp_path / "first"]).files():
        other = tmp_path / "second" / path.relative_to(tmp_path / "first")
        if path.suffix in (".pth", ".bin", ".safetensors"):
            first, second = read_state(path), read_state(other)
            assert first.keys() == second.keys()
            assert all(torch.equal(tensor, second[key]) for key, tensor in first.items())
        else:
            assert path.read_bytes() == other.read_bytes()


PUBLISHED = {
    "fashn_vton/model.safetensors": ("fashn_vton", "model.safetensors"),
    "leffa/virtual_tryon.pth": ("leffa", "virtual_tryon.pth"),
    "leffa/pose_transfer.pth": ("leffa", "pose_transfer.pth"),
    **{
        f"ootdiffusion/checkpoints/ootd/ootd_hd/checkpoint-36000/{unet}/"
        "diffusion_pytorch_model.safetensors": ("ootdiffusion", unet)
        for unet in ("unet_garm", "unet_vton")
    },
    "ootdiffusion/checkpoints/ootd/vae/diffusion_pytorch_model.bin": ("ootdiffusion", "vae"),
    "ootdiffusion/checkpoints/ootd/text_encoder/pytorch_model.bin": (
        "ootdiffusion", "text_encoder"),
    **{
        f"idm_vton/{folder}/{file}": ("idm_vton", folder)
        for folder, file in (
            ("unet", "diffusion_pytorch_model.bin"),
            ("unet_encoder", "diffusion_pytorch_model.safetensors"),
            ("vae", "diffusion_pytorch_model.safetensors"),
            ("text_encoder", "model.safetensors"),
            ("text_encoder_2", "model.safetensors"),
            ("image_encoder", "model.safetensors"),
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("file", PUBLISHED)
def test_names_are_published_ones(file, models):
    """Of every kind of layer that the published file has, and of no other."""
    ours = read_state(models / file)
    published = published_shapes(*PUBLISHED[file])
    assert kinds({name: tensor.ndim for name, tensor in ours.items()}) == kinds(
        {name: len(shape) for name, shape in published.items()}
    )


def kinds(dimensions):
    """Names without the numbers of layers. CLIP's table of positions is in some files only."""
    return {
        (".".join(word for word in name.split(".") if not word.isdigit()), count)
        for name, count in dimensions.items()
        if not name.endswith("position_ids")
    }
