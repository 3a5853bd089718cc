"""Finding published files, and agreeing to their terms."""

import json
from pathlib import Path

import pytest
import torch
from fitting_room.pipelines.catalog.types import File, Source
from fitting_room.pipelines.errors import InputError, MissingFiles
from fitting_room.pipelines.files import licences, locate
from fitting_room.pipelines.files.inventory import inventory
from safetensors.torch import save_file

TENSORS = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.tensor([1.0, -2.0])}


def save(path: Path) -> Path:
    save_file(TENSORS, path) if path.suffix == ".safetensors" else torch.save(TENSORS, path)
    return path


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
    path = save(tmp_path / "model.fp16.safetensors")
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
    published = save(tmp_path / "model.bin")
    half = save(tmp_path / "model.fp16.safetensors")
    assert locate.weight_file(published, torch.float16) == half
    assert locate.weight_file(published, torch.bfloat16) == published
    assert locate.weight_file(published) == published
    published.unlink()
    assert locate.weight_file(published, torch.bfloat16) == half
    whole = save(tmp_path / "model.safetensors")
    assert locate.weight_file(published, torch.bfloat16) == whole


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("pytorch_lora_weights.safetensors", "", "folder of a LoRA"),
        ("adapter_config.json", "{}", "folder of a LoRA"),
        ("model_index.json", '{"_class_name": "FluxPipeline"}', "folder of a FluxPipeline"),
    ],
)
def test_another_folder_in_its_place(home, tmp_path, name, content, words):
    (tmp_path / name).write_text(content)
    with pytest.raises(MissingFiles, match=words):
        locate.find("leffa/virtual_tryon", path=tmp_path)
    with pytest.raises(MissingFiles, match="A folder .* was wanted; .* is a file"):
        locate.find("leffa/virtual_tryon", path=tmp_path / name)


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


# ----------------------------------------------------------------------------------- inventory


def test_inventory(home):
    put(home / "openpose" / BODY, 209_267_595)
    put(home / "densepose" / "model_final_162be9.pkl", 5)
    found = {each.name: each for each in inventory()}
    assert found["leffa/virtual_tryon"].state == "absent"
    assert found["leffa/virtual_tryon"].lines == ()
    openpose, densepose = found["openpose/body"], found["densepose/r50_fpn_s1x"]
    assert (openpose.state, openpose.accepted) == ("ready", False)
    assert openpose.command == "fitting-room download openpose/body"
    assert densepose.state == "incomplete"
    assert "255,757,821 bytes wanted, 5 found" in densepose.lines[0]
    json.dumps([each.as_dict() for each in found.values()])


def test_inventory_verifies(home):
    put(home / "openpose" / BODY, 1000)
    locate.adopt("openpose", home / "openpose")
    read = []
    found = {each.name: each for each in inventory(verify=True, progress=read.append)}
    assert found["openpose/body"].state == "incomplete"
    assert "sha256" in found["openpose/body"].lines[0]
    assert read == [str(home / "openpose" / BODY)]
