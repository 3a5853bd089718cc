"""Random weights for published names, and the files around them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

TESTS = Path(__file__).resolve().parent.parent
Shapes = Mapping[str, Sequence[int]]


def published_shapes(model: str, file: str) -> dict[str, list[int]]:
    """Parameter names and shapes of a published weight file, from its key list in tests/golden."""
    lists = TESTS / "golden" / model / "full_size_keys.json"
    return json.loads(lists.read_text("utf-8"))[file]


def published_configs(model: str) -> dict[str, dict]:
    """The published config files of a model's networks, by the network's name."""
    sizes = TESTS.parent / "benchmarks" / "published_sizes.json"
    return json.loads(sizes.read_text("utf-8"))[model]


def narrower(shapes: Shapes, divisor: int, smallest: int = 48) -> dict[str, list[int]]:
    """Channels divided where there are at least `smallest`; kernels as they are."""
    return {
        name: [n if n < smallest else n // divisor for n in shape[:2]] + list(shape[2:])
        for name, shape in shapes.items()
    }


def random_state(shapes: Shapes, seed: int | str = 0) -> dict[str, Tensor]:
    """Float32 values that keep signals of a usable size through many layers.

    seed: words stand for a number of their own, so that a file's name can be its seed.
    """
    number = zlib.crc32(seed.encode()) if isinstance(seed, str) else seed
    generator = torch.Generator().manual_seed(number)
    state = {}
    for name, shape in shapes.items():
        values = torch.randn(tuple(shape), generator=generator)
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(1)
        elif name.endswith("running_var"):
            state[name] = 1 + 0.1 * values.abs()
        elif len(shape) < 2:
            state[name] = 0.1 * values + float(len(shape) == 1 and name.endswith("weight"))
        else:
            state[name] = values * (2 / values[0].numel()) ** 0.5
    return state


def random_network(network: nn.Module, seed: int | str = 0, gain: float = 1.0) -> dict[str, Tensor]:
    """The same for a network's own names; it may be without memory. gain: of matrices, 1 where
    what comes out shall be as large as what goes in."""
    shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
    scale = (gain / 2) ** 0.5
    return {
        name: tensor * scale if tensor.ndim > 1 else tensor
        for name, tensor in random_state(shapes, seed).items()
    }


def published_text_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Of CLIP's text encoder, whose inner module newer versions of transformers call nothing."""
    outer = ("text_model.", "text_projection.")
    return {name if name.startswith(outer) else f"text_model.{name}": tensor
            for name, tensor in state.items()}  # fmt: skip


def write_json(path: Path, content: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1), "utf-8")


def write_tensors(path: Path, state: Mapping[str, Tensor]) -> None:
    """As .safetensors, or by torch.save where the name ends otherwise."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {name: tensor.contiguous() for name, tensor in state.items()}
    if path.suffix == ".safetensors":
        save_file(whole, path)
    else:
        torch.save(whole, path)


def write_tokenizer(folder: Path, every_byte: bool = False) -> int:
    """CLIP's tokenizer of single letters, with and without the end of a word; its vocabulary.

    every_byte: with the 256 signs that CLIP's own begins with, in its order.
    """
    signs: Sequence[str] = "abcdefghijklmnopqrstuvwxyz0123456789,.-'"
    if every_byte:
        from transformers.convert_slow_tokenizer import bytes_to_unicode

        signs = list(bytes_to_unicode().values())
    ends = ["<|startoftext|>", "<|endoftext|>"]
    words = [*signs, *(f"{sign}</w>" for sign in signs), *ends]
    special = {
        "bos_token": ends[0],
        **dict.fromkeys(("eos_token", "unk_token", "pad_token"), ends[1]),
    }
    write_json(folder / "vocab.json", {word: number for number, word in enumerate(words)})
    (folder / "merges.txt").write_text("#version: 0.2\n", "utf-8")
    write_json(
        folder / "tokenizer_config.json",
        {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, **special},
    )
    write_json(folder / "special_tokens_map.json", special)
    return len(words)
