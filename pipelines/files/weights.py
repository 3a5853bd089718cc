"""Reads weight files without running anything in them, and loads them strictly.

Two steps that every model shares:

    state = read_state(folder / "diffusion_pytorch_model.safetensors")
    with empty():
        unet = UNet2DConditionModel.from_config(config)
    load_strict(unet, state, source="unet/…", dtype=torch.bfloat16)

`read_state` maps the file into memory, so nothing is copied until a tensor is converted or moved.
`load_strict` takes exactly the names and shapes of the module; whatever may be missing or left over
is listed by name by the caller, and everything else is told in one message.
Where files lie is in `locate.py`, which files belong to a model in `catalog.py`.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import MissingFiles
from .damage import memory_told, unreadable
from .pickles import expect_flat, expect_plain_archive, read_arrays

State = dict[str, Tensor]

NAMES_SHOWN = 12
"""Parameter names per list of an error message; the count is always complete."""

ARCHIVE = b"PK\x03\x04"

OLD_PARTS = 5
"""Pickles at the beginning of a file of PyTorch before 1.6."""

MOST_ENTRIES, DEEPEST_TABLE = 500_000, 16
"""Of tables in a file. The largest published one has some thousands, three deep."""

SMALL = 1_000_000
"""Bytes up to which a tensor may be larger than its memory: index tables are stored expanded."""

# diffusers up to 0.18 called the four layers of the VAE's attention so. Its own `from_pretrained`
# renames them, a plain load does not; some published VAE files (OOTDiffusion hd) still have them.
OLD_VAE_ATTENTION = re.compile(
    r"^(.*(?:encoder|decoder)\.mid_block\.attentions\.\d+\.)(query|key|value|proj_attn)\.(.*)$"
)
NEW_VAE_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


def empty() -> AbstractContextManager[object]:
    """Modules built inside have no memory for parameters until `load_strict` fills them."""
    return torch.device("meta")


def read_state(path: Path | str, prefix: str = "", opened: bool = True) -> State:
    """Tensors of one weight file by name, memory-mapped where the format allows it.

    Takes .safetensors, PyTorch's .pth .pt .bin .ckpt (never more than plain tensors is unpickled)
    and detectron2's .pkl (a pickle of numpy arrays). A wrapping {"state_dict": …} or {"model": …}
    is `opened`, tables inside a table are joined as "outer.inner". With `prefix` only the names
    that begin with it are given, without it.
    Old attention names of VAE files are turned into the present ones.

    Raises MissingFiles for a file that is absent, cut short, of another kind, or not plain tensors,
    InputError where it may not be read or memory does not do.
    """
    path = Path(path)
    if not os.path.isfile(path):
        raise MissingFiles(f"Weights wanted at {path}, but there is no such file.")
    try:
        if path.suffix in (".safetensors", ".sft"):
            state = _read_safetensors(path)
        elif path.suffix == ".pkl":
            state = _tensors(read_arrays(path))
        else:
            state = _read_torch(path, opened)
    except Exception as error:  # readers of strangers' files may raise anything
        raise unreadable(path, error) from error
    return {
        present_name(name)[len(prefix) :]: tensor
        for name, tensor in state.items()
        if name.startswith(prefix)
    }


def load_strict(
    module: nn.Module,
    state: State,
    *,
    source: str,
    dtype: torch.dtype | None = None,
    allowed_missing: Iterable[str] = (),
    allowed_extra: Iterable[str] = (),
) -> nn.Module:
    """Gives `module` exactly the tensors of `state`; returns it in evaluation mode, frozen.

    source: what the user knows the weights by (a path), for the message.
    dtype: floating-point tensors are converted to it; None keeps the file's own.
    allowed_missing, allowed_extra: shell-style patterns of names ("add_embedding.*") that may be
    absent from the file, or left over from it. Missing ones keep what the module has.

    Tensors are assigned, not copied: a module built inside `empty()` costs no second copy, and
    float32 weights that stay float32 stay mapped to their file. Index tables that are kept out of
    files (`position_ids`) are filled in.

    Raises MissingFiles listing every name that is missing, left over or of another shape.
    """
    wanted = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    missing = [n for n in wanted if n not in state and not _matches(n, allowed_missing)]
    extra = [n for n in state if n not in wanted and not _matches(n, allowed_extra)]
    shapes = [
        f"{name}: wanted {list(wanted[name])}, found {list(state[name].shape)}"
        for name in wanted
        if name in state and tuple(state[name].shape) != wanted[name]
    ]
    if missing or extra or shapes:
        raise MissingFiles(_misfit(type(module).__name__, source, state, missing, extra, shapes))
    with memory_told(source):
        fitting = {name: _converted(state[name], dtype) for name in wanted if name in state}
    module.load_state_dict(fitting, strict=False, assign=True)
    _fill_index_tables(module)
    still_empty = [n for n, t in module.state_dict().items() if t.is_meta]
    if still_empty:
        raise MissingFiles(
            f"{source} has no values for {_some(still_empty)} of {type(module).__name__}."
        )
    return module.requires_grad_(False).eval()


def match_prefix(module: nn.Module, state: State, prefix: str) -> State:
    """`state` with `prefix` taken from or put before its names, as `module` wants them.

    Published CLIP text files say "text_model.…"; CLIPTextModel of transformers 5 has dropped that
    level, that of transformers 4 and the variants with a projection have it.
    """
    if any(name.startswith(prefix) for name in module.state_dict()):
        return state
    return {name.removeprefix(prefix): tensor for name, tensor in state.items()}


def looks_like(names: Iterable[str]) -> str:
    """What a set of parameter names belongs to, in words, for error messages."""
    known = set(names)
    if not known:
        return "an empty file"
    for pattern, words in SIGNATURES:
        if any(pattern in name for name in known):
            return words
    return "no kind of weights known here"


SIGNATURES = (
    ("lora_down.", "a LoRA, not a whole model"),
    ("lora_A.", "a LoRA, not a whole model"),
    (".lora.", "a LoRA, not a whole model"),
    ("lora_unet_", "a LoRA, not a whole model"),
    ("conditioner.embedders.", "an SDXL checkpoint of one file, as for CheckpointLoader"),
    ("cond_stage_model.", "an SD-1.5 or SD-2 checkpoint of one file, as for CheckpointLoader"),
    ("model.diffusion_model.", "a diffusion checkpoint of one file, as for CheckpointLoader"),
    ("controlnet_cond_embedding.", "a ControlNet"),
    ("garment_embedder.", "a FASHN VTON checkpoint"),
    ("double_blocks.", "a FLUX transformer"),
    ("joint_blocks.", "an SD-3 transformer"),
    ("unet_encoder.", "a Leffa checkpoint"),
    ("to_k_ip", "the try-on UNet of IDM-VTON, or another UNet with IP-Adapter"),
    ("Mconv7_stage6", "the OpenPose body network"),
    ("120.to_q.weight", "the self-attentions of CatVTON"),
    ("context_encoding.", "an SCHP human-parsing network"),
    ("roi_heads.", "a detectron2 network such as DensePose"),
    ("add_embedding.", "an SDXL UNet"),
    ("transformer_blocks.", "a diffusion UNet"),
    ("text_model.", "a CLIP text encoder"),
    ("vision_model.", "a CLIP image encoder"),
    ("quant_conv.", "a VAE"),
    ("decoder.mid_block.", "a VAE"),
)
"""A part of a parameter name -> what such a file is. First match wins: special before general."""


def _read_safetensors(path: Path) -> State:
    from safetensors import safe_open

    with safe_open(path, framework="pt", device="cpu") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)


def _read_torch(path: Path, opened: bool) -> State:
    # Files written before PyTorch 1.6 are no zip archives and cannot be mapped. PyTorch goes by the
    # first bytes, so it is these that decide what has to be looked at.
    with path.open("rb") as file:
        mapped = file.read(len(ARCHIVE)) == ARCHIVE
        if mapped and not zipfile.is_zipfile(path):
            raise EOFError("its archive has no end")
        file.seek(0)
        for _ in range(0 if mapped else OLD_PARTS):
            expect_flat(file)
    if mapped:
        expect_plain_archive(path)
    # A training's settings, plain data, lie in the checkpoints of some.
    with torch.serialization.safe_globals([argparse.Namespace]):
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    return _tensors(content, opened)


def _tensors(content: object, opened: bool = True) -> State:
    """The flat name -> tensor part of what a pickle held."""
    for wrapper in ("state_dict", "model") if opened else ():
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict):
        raise TypeError(f"a table of tensors was wanted, it holds a {type(content).__name__}")
    state = dict(_flat(content))
    if content and not state:
        raise TypeError(f"a table of tensors was wanted, it holds {_some(map(str, content))}")
    return state


def _flat(table: dict) -> Iterator[tuple[str, Tensor]]:
    """(name, tensor) of tables in tables. Raises TypeError where these are nested or shared beyond
    measure: a small file can lead through one table 2^40 times."""
    entries = 0
    waiting = [("", table, 0)]
    while waiting:
        before, inner, depth = waiting.pop()
        for name, value in inner.items():
            entries += 1
            if entries > MOST_ENTRIES or depth > DEEPEST_TABLE:
                raise TypeError("it holds tables in tables beyond all measure")
            if isinstance(value, dict):
                waiting.append((f"{before}{name}.", value, depth + 1))
            elif isinstance(value, Tensor):
                yield f"{before}{name}", own_memory(value)
            elif type(value).__module__ == "numpy":
                yield f"{before}{name}", torch.as_tensor(value)


def own_memory(tensor: Tensor) -> Tensor:
    """Raises TypeError for a tensor that is larger than the bytes it shows: it would grow to its
    full size, terabytes if it says so, as soon as it is converted."""
    if tensor.layout != torch.strided:
        raise TypeError(f"it holds a tensor of the layout {tensor.layout}")
    size = tensor.numel() * tensor.element_size()
    if size > max(SMALL, tensor.untyped_storage().nbytes()):
        raise TypeError("it holds a tensor larger than its own bytes")
    return tensor


def present_name(name: str) -> str:
    """The name that a parameter of an old VAE file has in diffusers today; others are kept."""
    match = OLD_VAE_ATTENTION.match(name)
    return match[1] + NEW_VAE_ATTENTION[match[2]] + "." + match[3] if match else name


def _converted(tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    return tensor.to(dtype) if dtype and tensor.is_floating_point() else tensor


def _fill_index_tables(module: nn.Module) -> None:
    for part in module.modules():
        for name, buffer in list(part.named_buffers(recurse=False)):
            if buffer.is_meta and name == "position_ids":
                part.position_ids = torch.arange(buffer.numel()).reshape(buffer.shape)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _some(names: Iterable[str]) -> str:
    names = list(names)
    shown = ", ".join(names[:NAMES_SHOWN])
    more = len(names) - NAMES_SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown


def _misfit(
    kind: str, source: str, state: State, missing: list[str], extra: list[str], shapes: list[str]
) -> str:
    lines = [f"{source} does not hold the weights of this {kind}; it looks like "
             f"{looks_like(state)}."]  # fmt: skip
    for words, names in (("Missing", missing), ("Left over", extra), ("Other shapes", shapes)):
        if names:
            lines.append(f"{words} ({len(names):,}): {_some(names)}")
    lines.append("Put the published file there, or get it again with `fitting-room download`.")
    return "\n".join(lines)
