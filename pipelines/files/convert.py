"""Turns published weight files into .safetensors once, so that later loads are mapped to memory.

A pickle is read whole at every start and, in float32, is twice as large as what a graphics card
gets. The converted file lies beside the published one and carries its precision in its name:
`virtual_tryon.pth` -> `virtual_tryon.fp16.safetensors`. Names inside are kept.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from ..errors import InputError
from ..writing import why
from .damage import memory_told
from .locate import PRECISIONS, Located, converted_name
from .weights import read_state

PICKLES = (".bin", ".pth", ".pt", ".ckpt", ".pkl")

TYPE_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""What the format calls them."""


def convert_variant(
    located: Located,
    precision: str,
    progress: Callable[[str, int, int], None] = lambda name, done, total: None,
    everything: bool = False,
    delete_originals: bool = False,
) -> list[Path]:
    """Converts the pickles of a variant; with `everything` also float32 .safetensors over 100 MB.

    precision: fp16, bf16 or fp32. progress: called with the file's name, tensors done and tensors
    in all; may raise to stop.
    delete_originals: remove each published file after its conversion was read back and compared,
    every value; refused for files of the Hugging Face cache and for links.
    Returns the new files; those that were there already are left out.
    """
    dtype = next(getattr(torch, name) for name, word in PRECISIONS.items() if word == precision)
    if delete_originals:
        _refuse_shared([path for _, path in located.files()])
    written = []
    for file, path in located.files():
        large = path.suffix == ".safetensors" and path.stat().st_size > 100e6
        if path.suffix not in PICKLES and not (everything and large):
            continue
        target = converted_name(path, precision)
        if path.name != Path(file.path).name or target.exists():
            continue  # it is a converted file already, or has one
        convert_file(path, target, dtype, progress)
        written.append(target)
        if delete_originals:
            try:
                path.unlink()
            except OSError as error:
                raise InputError(
                    f"{path} was converted to {target.name} and cannot be deleted: {why(error)}."
                ) from error
    return written


def _refuse_shared(paths: Sequence[Path]) -> None:
    """Raises InputError for files that are not ours alone to delete: links, and what lies in the
    Hugging Face cache, where other programs look for it by its hash."""
    from huggingface_hub import constants

    cache = Path(constants.HF_HUB_CACHE).expanduser().resolve()
    for path in paths:
        real = path.resolve()
        in_cache = real.is_relative_to(cache) or "blobs" in real.parts or "snapshots" in path.parts
        if in_cache or path.is_symlink():
            raise InputError(
                f"{path} is a link, or belongs to the Hugging Face cache, which other programs use "
                "too. Convert without --delete-originals, or download the model with `fitting-room "
                "download` first."
            )


def convert_file(
    source: Path,
    target: Path,
    dtype: torch.dtype,
    progress: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> None:
    """Writes the tensors of `source` to `target` (.safetensors), one at a time.

    Floating-point tensors become `dtype`, others stay. Needs memory for the largest tensor only,
    where the source can be mapped. The target appears when it is complete and read back.
    Raises InputError where a value does not fit `dtype`.
    """
    state = read_state(source)
    types = {n: dtype if t.is_floating_point() else t.dtype for n, t in state.items()}
    if unknown := sorted({str(kind) for kind in types.values() if kind not in TYPE_NAMES}):
        raise InputError(
            f"{source} holds numbers of the kind {', '.join(unknown)}: leave it as is."
        )
    header: dict[str, dict] = {"__metadata__": {"format": "pt", "converted_from": source.name}}
    position = 0
    # Widest elements first: each tensor then starts at a multiple of its element's size.
    names = sorted(state, key=lambda name: (-types[name].itemsize, name))
    for name in names:
        length = state[name].numel() * types[name].itemsize
        header[name] = {
            "dtype": TYPE_NAMES[types[name]],
            "shape": list(state[name].shape),
            "data_offsets": [position, position + length],
        }
        position += length
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    unfinished = target.with_name(f".{uuid.uuid4().hex[:16]}.part")
    try:
        with memory_told(f"the conversion of {source}"):
            with unfinished.open("wb") as file:
                file.write(len(text).to_bytes(8, "little") + text)
                for done, name in enumerate(names, 1):
                    file.write(_bytes(name, state[name], types[name], source))
                    progress(source.name, done, len(names))
                file.flush()
                os.fsync(file.fileno())
            _compare(unfinished, state, types, source)
        unfinished.replace(target)
    except OSError as error:
        raise InputError(f"{target} cannot be written: {why(error)}. {source} is kept.") from error
    finally:
        with suppress(OSError):
            unfinished.unlink()


def _bytes(name: str, tensor: Tensor, dtype: torch.dtype, source: Path) -> memoryview:
    converted = tensor.to(dtype).contiguous()
    if dtype.is_floating_point and converted.isfinite().logical_not().any():
        largest = tensor.abs().max().item()
        raise InputError(
            f"{name} of {source} holds values up to {largest:g}, which {dtype} cannot hold. "
            "Convert to bf16 instead."
        )
    return converted.reshape(-1).view(torch.uint8).numpy().data


def _compare(written: Path, state: dict[str, Tensor], types: dict, source: Path) -> None:
    """Reads every tensor back whole. Raises InputError for one that is not as it was meant."""
    from safetensors import safe_open

    with safe_open(written, framework="pt") as file:
        for name, tensor in state.items():
            wanted = tensor.to(types[name]).contiguous()
            found = file.get_tensor(name)
            same = found.shape == wanted.shape and found.dtype == wanted.dtype
            if not same or not torch.equal(_as_bytes(found), _as_bytes(wanted)):
                raise InputError(
                    f"{name} of {source} was not written as read; is the disk full or failing? "
                    f"{source} is kept."
                )


def _as_bytes(tensor: Tensor) -> Tensor:
    return tensor.reshape(-1).view(torch.uint8)
