"""Converting published weight files to safetensors, once."""

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
