"""Converting published weight files to safetensors, once."""

import os

import pytest
import torch
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.files import convert, locate, weights
from safetensors.torch import load_file


def test_convert_halves_and_keeps_names(tmp_path):
    state = {
        "b.weight": torch.randn(5, 3),
        "a.bias": torch.randn(7, dtype=torch.float64),
        "ids": torch.arange(4),
        "scalar": torch.tensor(2.5),
        "none": torch.zeros(0, 3),
    }
    torch.save({"state_dict": state}, tmp_path / "model.pth")
    target = tmp_path / "model.bf16.safetensors"
    seen = []
    convert.convert_file(tmp_path / "model.pth", target, torch.bfloat16, lambda *p: seen.append(p))
    found = load_file(target)
    assert set(found) == set(state)
    assert all(torch.equal(found[n], t.to(found[n].dtype)) for n, t in state.items())
    assert {t.dtype for t in found.values()} == {torch.bfloat16, torch.int64}
    assert seen[-1] == ("model.pth", 5, 5)
    assert locate.safetensors_length(target) == target.stat().st_size


def test_values_too_large_for_half_are_told(tmp_path):
    torch.save({"a": torch.tensor([7e4])}, tmp_path / "model.pth")
    target = tmp_path / "model.fp16.safetensors"
    with pytest.raises(InputError, match="70000.*bf16"):
        convert.convert_file(tmp_path / "model.pth", target, torch.float16)
    assert [path.name for path in tmp_path.iterdir()] == ["model.pth"]


def test_convert_variant_and_load_from_it(tmp_path, monkeypatch):
    monkeypatch.setenv("FITTING_ROOM_MODELS", str(tmp_path))
    root = tmp_path / "openpose"
    root.mkdir(parents=True)
    state = {"conv1_1.weight": torch.randn(4, 3, 3, 3)}
    torch.save(state, root / "body_pose_model.pth")
    located = locate.adopt("openpose", root)
    (written,) = convert.convert_variant(located, "fp16", delete_originals=True)
    assert [path.name for path in root.glob("body*")] == ["body_pose_model.fp16.safetensors"]
    located = locate.find("openpose")  # the converted file stands for the published one
    assert convert.convert_variant(located, "fp16") == []
    path = locate.weight_file(located.root / "body_pose_model.pth", torch.float16)
    assert path == written
    loaded = weights.read_state(path)["conv1_1.weight"]
    assert torch.equal(loaded, state["conv1_1.weight"].half())


def test_stopping_leaves_nothing_behind(tmp_path):
    torch.save({"a": torch.ones(3), "b": torch.ones(3)}, tmp_path / "model.pth")

    def stop(*_progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert.convert_file(
            tmp_path / "model.pth", tmp_path / "model.fp32.safetensors", torch.float32, stop
        )
    assert [path.name for path in tmp_path.iterdir()] == ["model.pth"]


def test_every_value_is_compared_before_an_original_goes(tmp_path, monkeypatch):
    """A disk that turns one byte in the middle of a tensor: the first and last values are right."""
    monkeypatch.setenv("FITTING_ROOM_MODELS", str(tmp_path))
    root = tmp_path / "openpose"
    root.mkdir(parents=True)
    torch.save({"conv1_1.weight": torch.randn(4, 3, 3, 3)}, root / "body_pose_model.pth")
    located = locate.adopt("openpose", root)
    written = convert._bytes

    def turned(name, tensor, dtype, source):
        data = bytearray(written(name, tensor, dtype, source))
        data[len(data) // 2] ^= 1
        return bytes(data)

    monkeypatch.setattr(convert, "_bytes", turned)
    with pytest.raises(InputError, match="was not written as read.*is kept"):
        convert.convert_variant(located, "fp16", delete_originals=True)
    assert [path.name for path in root.glob("*body*")] == ["body_pose_model.pth"]


@pytest.mark.parametrize("kind", ["a link to a blob", "in the cache"])
def test_nothing_of_the_hugging_face_cache_is_deleted(tmp_path, monkeypatch, kind):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    root = tmp_path / ("hub/models--a/openpose" if kind == "in the cache" else "openpose")
    root.mkdir(parents=True)
    path = root / "body_pose_model.pth"
    if kind == "a link to a blob":
        (tmp_path / "blob").write_bytes(b"")
        path.symlink_to(tmp_path / "blob")
    torch.save({"conv1_1.weight": torch.randn(4, 3, 3, 3)}, path)
    located = locate.find("openpose", path=root)
    with pytest.raises(InputError, match="without --delete-originals"):
        convert.convert_variant(located, "fp16", delete_originals=True)
    assert path.exists() and not list(root.glob("*.safetensors"))
    assert len(convert.convert_variant(located, "fp16")) == 1


def test_a_full_disk_keeps_the_original_and_leaves_nothing(tmp_path, monkeypatch):
    torch.save({"a": torch.ones(3)}, tmp_path / "model.pth")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="the disk is full.*model.pth is kept"):
        convert.convert_file(
            tmp_path / "model.pth", tmp_path / "model.fp32.safetensors", torch.float32
        )
    assert [path.name for path in tmp_path.iterdir()] == ["model.pth"]


def test_numbers_that_the_format_has_not_are_told(tmp_path):
    torch.save({"a": torch.ones(3, dtype=torch.complex64)}, tmp_path / "model.pth")
    with pytest.raises(InputError, match="complex64"):
        convert.convert_file(
            tmp_path / "model.pth", tmp_path / "model.fp32.safetensors", torch.float32
        )
