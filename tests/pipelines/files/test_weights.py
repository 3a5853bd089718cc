"""Reading, loading and finding weight files, and agreeing to their terms: real files."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from fitting_room.pipelines.errors import MissingFiles
from fitting_room.pipelines.files import weights
from safetensors.torch import save_file
from torch import nn

TENSORS = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.tensor([1.0, -2.0])}


class Hostile:
    """Unpickling it would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


# ------------------------------------------------------------------------------------- reading


def save(path: Path, state: dict, **options) -> Path:
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, **options)
    return path


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.safetensors", {}),
        ("a.pth", {}),
        ("a.bin", {"_use_new_zipfile_serialization": False}),
        ("a.ckpt", {}),
    ],
)
def test_every_format_gives_the_same(tmp_path, name, options):
    state = weights.read_state(save(tmp_path / name, TENSORS, **options))
    assert set(state) == set(TENSORS)
    assert all(torch.equal(state[key], TENSORS[key]) for key in TENSORS)


def test_wrapped_nested_and_prefixed(tmp_path):
    torch.save({"state_dict": {"module.a": torch.ones(2)}, "epoch": 3}, tmp_path / "wrapped.pth")
    assert list(weights.read_state(tmp_path / "wrapped.pth")) == ["module.a"]
    torch.save({"unet": TENSORS, "vae": {"a": torch.ones(1)}}, tmp_path / "nested.pth")
    assert set(weights.read_state(tmp_path / "nested.pth", "unet.")) == {"weight", "bias"}


def test_array_pickle(tmp_path):
    arrays = {"model": {"a": np.ones((2, 3), np.float32), "b": np.arange(4)}, "note": "x"}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(arrays, protocol=2))
    state = weights.read_state(tmp_path / "a.pkl")
    assert state["a"].shape == (2, 3)
    assert state["b"].tolist() == [0, 1, 2, 3]


def test_old_names_of_vae_attention(tmp_path):
    old = {
        f"encoder.mid_block.attentions.0.{name}.weight": torch.ones(2, 2)
        for name in ("query", "key", "value", "proj_attn", "group_norm")
    }
    other = {"vit.encoder.layer.0.attention.attention.query.weight": torch.ones(1)}
    names = weights.read_state(save(tmp_path / "vae.safetensors", old | other))
    before = "encoder.mid_block.attentions.0."
    assert set(names) == set(other) | {
        before + name
        for name in ("to_q.weight", "to_k.weight", "to_v.weight", "to_out.0.weight",
                     "group_norm.weight")
    }  # fmt: skip


@pytest.mark.parametrize("ending", [".pth", ".pkl", ".bin"])
@pytest.mark.parametrize("whole", [True, False])
def test_hostile_pickle_runs_nothing(tmp_path, ending, whole):
    touched, path = tmp_path / "touched", tmp_path / f"model{ending}"
    content = {"a": Hostile(touched)} if whole else Hostile(touched)
    if ending == ".pkl":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=ending == ".pth")
    with pytest.raises(MissingFiles, match="nothing in it was run"):
        weights.read_state(path)
    assert not touched.exists()
    pickle.loads(pickle.dumps(Hostile(touched)))  # what a careless loader would have done
    assert touched.exists()


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.bin", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        ("a.safetensors", b"<!DOCTYPE html><html>404</html>", "a web page"),
        ("a.safetensors", b"", "cut short"),
        ("a.pth", b"", "cut short"),
        ("a.pkl", b"not a pickle", "nothing in it was run"),
    ],
)
def test_files_of_another_kind(tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MissingFiles, match=told):
        weights.read_state(tmp_path / name)


@pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
@pytest.mark.parametrize("share", [0.1, 0.9])
def test_truncated(tmp_path, name, share):
    path = save(tmp_path / name, {"a": torch.ones(1000)})
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(MissingFiles, match="cut short"):
        weights.read_state(path)


def test_absent(tmp_path):
    with pytest.raises(MissingFiles, match="no such file"):
        weights.read_state(tmp_path / "a.pth")


# ------------------------------------------------------------------------------------- loading


def test_load_strict_assigns_and_converts():
    with weights.empty():
        module = nn.Linear(3, 2)
    weights.load_strict(module, TENSORS, source="test", dtype=torch.bfloat16)
    assert module.weight.dtype == torch.bfloat16
    assert not module.training and not module.weight.requires_grad
    assert torch.equal(module.weight.float(), TENSORS["weight"])
    as_is = weights.load_strict(nn.Linear(3, 2), TENSORS, source="test")
    assert as_is.weight.data_ptr() == TENSORS["weight"].data_ptr()


def test_load_strict_tells_everything_at_once():
    state = {"weight": torch.ones(3, 3), "other": torch.ones(1), "lora.x": torch.ones(1)}
    with pytest.raises(MissingFiles) as caught:
        weights.load_strict(nn.Linear(3, 2), state, source="some/file", allowed_extra=["lora.*"])
    message = str(caught.value)
    assert "some/file" in message and "Linear" in message
    assert "Missing (1): bias" in message
    assert "Left over (1): other" in message
    assert "weight: wanted [2, 3], found [3, 3]" in message


def test_load_strict_allows_by_name():
    module = nn.Linear(3, 2)
    bias = module.bias
    weights.load_strict(
        module, {"weight": TENSORS["weight"], "add.x": bias}, source="test",
        allowed_missing=["bias"], allowed_extra=["add.*"],
    )  # fmt: skip
    assert torch.equal(module.bias, bias)
    with weights.empty():
        module = nn.Linear(3, 2)
    with pytest.raises(MissingFiles, match="no values for bias"):
        weights.load_strict(
            module, {"weight": TENSORS["weight"]}, source="test", allowed_missing=["bias"]
        )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lora_unet_down_blocks_0.lora_down.weight", "LoRA"),
        ("unet.down_blocks.0.lora_A.weight", "LoRA"),
        ("model.diffusion_model.input_blocks.0.0.weight", "one file"),
        ("conditioner.embedders.0.x", "SDXL checkpoint of one file"),
        ("down_blocks.0.attentions.0.transformer_blocks.0.norm1.weight", "diffusion UNet"),
        ("text_model.embeddings.x", "CLIP text"),
        ("x", "no kind of weights known"),
    ],
)
def test_looks_like(name, words):
    assert words in weights.looks_like([name])
