"""Builds FashionTex's networks from files that a user puts in place by hand.

A folder holds last.ckpt (the mapper, trained by the user), stylegan_human_v2_1024.pth or .pkl,
e4e_w+.pt and clip-vit-base-patch32/.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ...diffusion.networks import read_config
from ...errors import MissingFiles
from ...files.locate import weight_file
from ...files.published import TOKENIZER, load_published
from ...files.weights import State, empty, load_strict, match_prefix, read_state
from ..matching import part, shaped
from .convert import read_stylegan_pickle
from .generator import Generator
from .inversion import Encoder
from .mapper import Mapper
from .pipeline import FashionTexPipeline

Network = TypeVar("Network", bound=nn.Module)
log = logging.getLogger(__name__)

MAPPER, GENERATOR, INVERSION = "last.ckpt", "stylegan_human_v2_1024.pth", "e4e_w+.pt"
CLIP = "clip-vit-base-patch32"
PREFIX = "net.mapper."
"""Before the mapper's parameters in the checkpoint of its training; CLIP, the generator and the
networks of the losses lie in it too and are left alone."""

INDEX_TABLES = ("*position_ids",)
HALVES = {
    "text": ("text_model.", ("vision_model.*", "visual_projection.*", "logit_scale")),
    "image": ("vision_model.", ("text_model.*", "text_projection.*", "logit_scale")),
}


def load(root: Path, *, clip_root: Path | None = None) -> FashionTexPipeline:
    """The pipeline of a user's own checkpoint, on the CPU, in float32.

    Raises MissingFiles for files that are missing, of another model or incomplete, saying that no
    trained mapper was published.
    """
    generator, mean_code = load_generator(root)
    encoder, own_mean = load_encoder(root)
    mean_code = own_mean if own_mean is not None else mean_code
    if mean_code is None:
        raise MissingFiles(
            f"Neither {root / INVERSION} nor {root / GENERATOR} holds latent_avg, the code that "
            "the encoder starts from. Put the published e4e_w+.pt of StyleGAN-Human there."
        )
    clip = clip_root or root / CLIP
    return FashionTexPipeline(
        load_mapper(root), generator, encoder, mean_code,
        _half_of_clip(clip, "text"), _half_of_clip(clip, "image"), _tokenizer(clip),
    )  # fmt: skip


def load_mapper(root: Path) -> Mapper:
    """The mapper of a Lightning checkpoint."""
    path = weight_file(root / MAPPER)
    if not path.is_file():
        raise MissingFiles(
            f"{path} is not there. The authors of FashionTex published no trained mapper: train "
            "one with their code (it is the checkpoint of their training) and put it there."
        )
    state = part(read_state(path), PREFIX)
    state = {n: t for n, t in state.items() if not n.startswith("clip_model.")}
    return _network(Mapper.shaped_like, state, str(path),
                    f"FashionTex's mapper ({PREFIX}*)")  # fmt: skip


def load_generator(root: Path) -> tuple[Generator, Tensor | None]:
    """StyleGAN-Human's generator and its mean code, where the file holds it.

    Its published pickle is read without running anything in it, once: what comes out is written
    beside it as .safetensors.
    """
    path = weight_file(root / GENERATOR)
    pickle = path.with_suffix(".pkl")
    if not path.is_file() and pickle.is_file():
        state = read_stylegan_pickle(pickle)
        _keep(state, path.with_suffix(".safetensors"))
        path = pickle
    else:
        state = read_state(path)
    generator = _network(Generator, part(state, "g_ema."), str(path), "StyleGAN-Human's generator")
    return generator, state.get("latent_avg")


def _keep(state: State, path: Path) -> None:
    """Writes what was converted; a folder that cannot be written costs a conversion each time."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    beside = path.with_name(f".{uuid.uuid4().hex[:16]}.part")
    try:
        save_file({name: tensor.contiguous().clone() for name, tensor in state.items()}, beside)
        beside.replace(path)
    except (OSError, SafetensorError) as error:
        with suppress(OSError):
            beside.unlink()
        log.warning("%s cannot be written (%s): the pickle is read anew each time.", path, error)


def load_encoder(root: Path) -> tuple[Encoder, Tensor | None]:
    """The inversion's encoder and its mean code, where the file holds it."""
    path = weight_file(root / INVERSION)
    state = read_state(path, opened=False)
    mean_code = state.get("latent_avg")
    state = part(state, "state_dict.") or state
    encoder = _network(Encoder, part(state, "encoder."), str(path), "the e4e encoder (encoder.*)")
    return encoder, mean_code


def _network(make: Callable[[State], Network], state: State, source: str, what: str) -> Network:
    def built(tensors: State) -> Network:
        with empty():
            return make(tensors)

    network = shaped(built, state, source, what)
    load_strict(network, state, source=f"{source} ({what})", dtype=torch.float32)
    return network


def _half_of_clip(folder: Path, half: str) -> nn.Module:
    from transformers import (
        CLIPTextConfig,
        CLIPTextModelWithProjection,
        CLIPVisionConfig,
        CLIPVisionModelWithProjection,
    )

    config = read_config(folder / "config.json")
    width = config.get("projection_dim", 512)
    with empty():
        if half == "text":
            own = CLIPTextConfig.from_dict({**config["text_config"], "projection_dim": width})
            network = CLIPTextModelWithProjection(own)
        else:
            own = CLIPVisionConfig.from_dict({**config["vision_config"], "projection_dim": width})
            network = CLIPVisionModelWithProjection(own)
    path = weight_file(folder / "model.safetensors")
    prefix, left_over = HALVES[half]
    state = match_prefix(network, read_state(path), prefix)
    load_strict(network, state, source=str(path), dtype=torch.float32,
                allowed_extra=left_over + INDEX_TABLES)  # fmt: skip
    return network


def _tokenizer(folder: Path) -> Any:
    from transformers import CLIPTokenizer

    return load_published(CLIPTokenizer, folder, "a tokenizer", TOKENIZER)
