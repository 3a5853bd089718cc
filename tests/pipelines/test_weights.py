"""Reading, loading and finding weight files, and agreeing to their terms: real files."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from fitting_room.pipelines import licences, locate, weights
from fitting_room.pipelines.catalog_types import File, Source
from fitting_room.pipelines.errors import InputError, MissingFiles
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


# ------------------------------------------------------------------------------------- finding

A = File("net/model.bin", None)
B = File("net/config.json", 2)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A machine with no models at all."""
    monkeypatch.setenv("FITTING_ROOM_MODELS", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    return tmp_path / "home"


BODY = "body_pose_model.pth"


def put(path: Path, size: int) -> None:
    """A file of that size that takes no room on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)


def test_everything_missing_in_one_message(home):
    with pytest.raises(MissingFiles) as caught:
        locate.find("idm_vton/vitonhd", folders=["/some/models"])
    message = str(caught.value)
    assert "unet/diffusion_pytorch_model.bin (12.0 GB)" in message
    assert "tokenizer_2/merges.txt" in message
    assert message.count("missing:") == 21
    assert "/some/models" in message and str(home) in message
    assert message.endswith("fitting-room download idm_vton/vitonhd")


def test_places_in_order(home, tmp_path):
    comfy, own = tmp_path / "comfy", tmp_path / "own"
    put(home / "openpose" / BODY, 209_267_595)
    assert locate.find("openpose").root == home / "openpose"
    put(comfy / "openpose" / "openpose" / BODY, 209_267_595)
    assert locate.find("openpose", folders=[comfy]).root == comfy / "openpose" / "openpose"
    put(own / BODY, 10)
    assert locate.find("openpose", path=own, folders=[comfy]).root == own
    with pytest.raises(MissingFiles, match=str(tmp_path / "nothing")):
        locate.find("openpose", path=tmp_path / "nothing", folders=[comfy])


def test_wrong_size_is_told_with_both(home):
    put(home / "openpose" / BODY, 1000)
    with pytest.raises(MissingFiles, match="209,267,595 bytes wanted, 1,000 found"):
        locate.find("openpose")


def test_derived_size_may_be_a_little_off(home):
    for file in locate.variant_named("leffa/virtual_tryon").sources[0].files:
        put(home / "leffa" / file.path, file.size + (file.size // 200 if file.derived else 0))
    assert locate.find("leffa/virtual_tryon").root == home / "leffa"
    put(home / "leffa" / "virtual_tryon.pth", 7_000_000_000)
    with pytest.raises(MissingFiles, match="about 7,210,875,324 bytes wanted"):
        locate.find("leffa/virtual_tryon")


def test_truncated_safetensors_is_seen_by_its_own_header(tmp_path):
    source = Source("a/b", "a", (File("model.bin"),))
    path = save(tmp_path / "model.fp16.safetensors", TENSORS)
    assert locate.problems(source, tmp_path) == []
    path.write_bytes(path.read_bytes()[:-1])
    assert "its header says" in locate.problems(source, tmp_path)[0]


def test_hub_cache_is_found_without_network(home, tmp_path):
    snapshot = tmp_path / "hf" / "hub" / "models--franciszzj--Leffa" / "snapshots" / "c0ffee"
    put(snapshot / "openpose" / BODY, 209_267_595)
    refs = snapshot.parent.parent / "refs"
    refs.mkdir()
    (refs / "main").write_text("c0ffee")
    assert locate.find("openpose").root == snapshot / "openpose"


def test_own_files_are_adopted(home):
    put(home / "openpose" / BODY, 1000)
    with pytest.raises(MissingFiles):
        locate.find("openpose")
    locate.adopt("openpose", home / "openpose")
    assert locate.find("openpose").root == home / "openpose"
    put(home / "openpose" / BODY, 999)
    with pytest.raises(MissingFiles, match="1,000 bytes wanted, 999 found"):
        locate.find("openpose")


def test_hashes(home):
    put(home / "openpose" / BODY, 1000)
    located = locate.adopt("openpose", home / "openpose")
    (line,) = locate.wrong_hashes(located)
    assert "25a948c1" in line and "wanted" in line
    assert locate.sha256(home / "openpose" / BODY) in line


def test_shared_files_of_a_second_repository(home, tmp_path):
    """The DressCode UNet is given by path, what it shares lies in the models folder."""
    shared = locate.variant_named("idm_vton/dresscode").sources[1]
    for file in shared.files:
        put(home / "idm_vton" / file.path, file.size or 2)
        if file.path.endswith(".safetensors"):  # a header that says the size
            header = {"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, file.size - 8 - 100]}}
            text = json.dumps(header).encode().ljust(100)
            with (home / "idm_vton" / file.path).open("r+b") as opened:
                opened.write((100).to_bytes(8, "little") + text)
    own = tmp_path / "own"
    put(own / "unet" / "config.json", 2)
    put(own / "unet" / "diffusion_pytorch_model.bin", 2)
    located = locate.find("idm_vton/dresscode", path=own)
    assert located.roots == (own, home / "idm_vton")


def test_precision_chooses_the_file(tmp_path):
    published = save(tmp_path / "model.bin", TENSORS)
    half = save(tmp_path / "model.fp16.safetensors", TENSORS)
    assert locate.weight_file(published, torch.float16) == half
    assert locate.weight_file(published, torch.bfloat16) == published
    assert locate.weight_file(published) == published
    published.unlink()
    assert locate.weight_file(published, torch.bfloat16) == half
    whole = save(tmp_path / "model.safetensors", TENSORS)
    assert locate.weight_file(published, torch.bfloat16) == whole


# ----------------------------------------------------------------------------------- licences


def test_licence_is_agreed_to_once(home):
    assert "Not for a shop" in licences.license_text("ootdiffusion/hd")
    assert not licences.license_accepted("ootdiffusion/hd")
    with pytest.raises(InputError, match="CC BY-NC-SA.*\n(.*\n)*.*--accept-license"):
        licences.require_accepted("ootdiffusion/hd")
    licences.accept_license("ootdiffusion/hd", home)
    licences.require_accepted("ootdiffusion/hd")
    assert not licences.license_accepted("ootdiffusion/dc")
    record = json.loads((home / "licences.json").read_text())
    record["ootdiffusion/hd"]["text_sha256"] = "another text"
    (home / "licences.json").write_text(json.dumps(record))
    assert not licences.license_accepted("ootdiffusion/hd")


def test_free_licences_need_no_agreement(home):
    assert licences.license_accepted("human_parsing/pth")
