"""What transformers reads for us, it reads with its protections on."""

import ast
import json
from pathlib import Path

import pytest
import torch
from fitting_room.pipelines.errors import MissingFiles
from fitting_room.pipelines.files.published import TOKENIZER, load_published
from transformers import (
    AutoModelForSemanticSegmentation,
    CLIPTokenizer,
    SegformerConfig,
    SegformerForSemanticSegmentation,
)

ROOT = Path(__file__).resolve().parents[3]
ADVICE = ("trust_remote_code", "weights_only", "use_safetensors", "arbitrary code")


@pytest.fixture
def folder(tmp_path):
    """A tiny parsing network as it is published."""
    config = SegformerConfig(
        hidden_sizes=[8, 8, 8, 8], depths=[1, 1, 1, 1], num_attention_heads=[1, 1, 1, 1],
        decoder_hidden_size=8,
    )  # fmt: skip
    SegformerForSemanticSegmentation(config).save_pretrained(tmp_path / "net")
    return tmp_path / "net"


def load(folder):
    return load_published(AutoModelForSemanticSegmentation, folder, "a parsing network")


def refused(folder):
    with pytest.raises(MissingFiles) as caught:
        load(folder)
    told = str(caught.value)
    assert "does not hold a parsing network" in told or "is damaged" in told
    assert not any(word in told for word in ADVICE), told
    return told


def change(folder, **values):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_published_network_is_read(folder):
    assert isinstance(load(folder), SegformerForSemanticSegmentation)


def test_code_beside_the_weights_is_never_run(folder, tmp_path):
    mark = tmp_path / "ran"
    (folder / "evil.py").write_text(f"open({str(mark)!r}, 'w').close()\nclass Net: pass\n")
    own = {"AutoModelForSemanticSegmentation": "evil.Net"}
    for kind in ("own", "segformer"):
        for auto_map in (own, own | {"AutoConfig": "evil.Net"}):
            change(folder, model_type=kind, auto_map=auto_map)
            try:
                load(folder)  # as a network of the library itself, without the code
            except MissingFiles:
                refused(folder)
            assert not mark.exists()


def test_a_pickle_in_the_place_of_safetensors_is_not_read(folder):
    torch.save(load(folder).state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    refused(folder)


@pytest.mark.parametrize("content", [b"[" * 100_000, b"{", b"", b"\xff\xfe"])
def test_a_damaged_configuration_is_told(folder, content):
    (folder / "config.json").write_bytes(content)
    refused(folder)


@pytest.mark.parametrize(
    "values",
    [
        {"model_type": "clip_vision_model", "num_hidden_layers": 10**9},
        {"model_type": 7},
        {"hidden_sizes": "x"},
        {"num_encoder_blocks": -1},
        {"id2label": [1, 2]},
    ],
)
def test_a_hostile_configuration_is_told(folder, values):
    change(folder, **values)
    refused(folder)


def test_weights_of_another_kind_are_told(folder):
    (folder / "model.safetensors").write_bytes(b"\xff" * 100)
    refused(folder)


def test_a_damaged_tokenizer_is_told(tmp_path):
    for content in ("[" * 100_000, "{", "7", '{"a": "b"}'):
        (tmp_path / "vocab.json").write_text(content)
        (tmp_path / "merges.txt").write_text("\0\n")
        with pytest.raises(MissingFiles, match="does not hold a tokenizer|is damaged"):
            load_published(CLIPTokenizer, tmp_path, "a tokenizer", TOKENIZER)


def test_nothing_is_read_without_the_protections():
    """Every call of from_pretrained in the package names them, or goes through load_published."""
    calls = []
    for path in sorted(ROOT.glob("*/**/*.py")):
        if path.relative_to(ROOT).parts[0] not in ("pipelines", "nodes", "services", "commands"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) \
                    and node.func.attr == "from_pretrained":  # fmt: skip
                calls.append((path.relative_to(ROOT).as_posix(), {k.arg for k in node.keywords}))
    assert calls
    for path, names in calls:
        assert path == "pipelines/files/published.py" or {
            "trust_remote_code", "use_safetensors"
        } <= names, path  # fmt: skip
