"""FashionTex: a Lightning checkpoint, StyleGAN-Human's generator and encoder, and CLIP."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from .diffusion import CLIP_TEXT, CLIP_VISION
from .weights import (
    published_shapes,
    random_network,
    random_state,
    write_json,
    write_tensors,
    write_tokenizer,  # fmt: skip
)

MAPPER = "mapper (Lightning checkpoint, prefix net.mapper.)"
GENERATOR = "generator (stylegan_human_v2_1024.pth['g_ema'])"
WIDTH, DIVISOR = 16, 32
BLUR = torch.tensor([1.0, 3, 3, 1]).outer(torch.tensor([1.0, 3, 3, 1])) / 64
HALVINGS = (4, 5, 6)
"""Of the encoder's levels, until one pixel is left."""


def write(variant, roots: tuple[Path, ...]) -> None:
    write_checkpoint(*roots)


def write_checkpoint(root: Path, clip: Path | None = None) -> None:
    """Everything that a user puts in place."""
    root.mkdir(parents=True, exist_ok=True)
    mapper = random_state(narrow(MAPPER), "mapper")
    lightning = {f"net.mapper.{name}": tensor for name, tensor in mapper.items()}
    lightning |= {"net.mapper.clip_model.x": torch.zeros(1), "id_loss.x": torch.zeros(1)}
    torch.save(
        {"state_dict": lightning, "epoch": 3, "hyper_parameters": argparse.Namespace(lr=1)},
        root / "last.ckpt",
    )
    torch.save({"g_ema": generator_state()}, root / "stylegan_human_v2_1024.pth")
    halved = {n: t / 2 if t.ndim > 1 else t
              for n, t in random_state(encoder_shapes(), "e4e").items()}  # fmt: skip
    encoder = {f"encoder.{name}": tensor for name, tensor in halved.items()}
    torch.save(
        {"state_dict": encoder | {"decoder.x": torch.zeros(1)}, "opts": {"size": 1024},
         "latent_avg": torch.full((18, WIDTH), 0.25)}, root / "e4e_w+.pt",
    )  # fmt: skip
    write_clip(clip or root / "clip-vit-base-patch32")


def narrow(name: str) -> dict[str, list[int]]:
    """Published shapes with narrower layers; noise maps as large as pictures."""
    return {n: [side // DIVISOR if side >= DIVISOR and not n.startswith("noises") else side
                for side in shape]
            for n, shape in published_shapes("fashiontex", name).items()}  # fmt: skip


def generator_state() -> dict[str, torch.Tensor]:
    """Random weights; a blur kernel and noise maps as any generator has."""
    state = random_state(narrow(GENERATOR), "generator")
    for name in state:
        if name.endswith("kernel"):
            state[name] = 4 * BLUR
        if name.startswith("style") and name.endswith("weight"):
            state[name] = state[name] * 100  # the mapping network's are stored so
        if name.endswith("noise.weight"):
            state[name] = torch.tensor([0.1])
    return state


def encoder_shapes(width: int = WIDTH) -> dict[str, list[int]]:
    """IR-SE50's names, narrower."""
    shapes, into = {"input_layer.0.weight": [4, 3, 3, 3], "input_layer.2.weight": [4]}, 4
    norms, place = [("input_layer.1", 4)], 0
    for out, count in zip((4, 8, 12, width), (3, 4, 14, 3), strict=True):
        for _ in range(count):
            block = f"body.{place}"
            if into != out:
                shapes[f"{block}.shortcut_layer.0.weight"] = [out, into, 1, 1]
                norms.append((f"{block}.shortcut_layer.1", out))
            norms += [(f"{block}.res_layer.0", into), (f"{block}.res_layer.4", out)]
            shapes |= {
                f"{block}.res_layer.1.weight": [out, into, 3, 3],
                f"{block}.res_layer.2.weight": [out],
                f"{block}.res_layer.3.weight": [out, out, 3, 3],
                f"{block}.res_layer.5.fc1.weight": [2, out, 1, 1],
                f"{block}.res_layer.5.fc2.weight": [out, 2, 1, 1],
            }
            into, place = out, place + 1
    for name, channels in norms:
        shapes |= {f"{name}.{kind}": [channels] for kind in
                   ("weight", "bias", "running_mean", "running_var")}  # fmt: skip
        shapes[f"{name}.num_batches_tracked"] = []
    for style in range(18):
        for number in range(HALVINGS[(style >= 3) + (style >= 7)]):
            shapes[f"styles.{style}.convs.{2 * number}.weight"] = [width, width, 3, 3]
            shapes[f"styles.{style}.convs.{2 * number}.bias"] = [width]
        shapes[f"styles.{style}.linear.weight"] = [width, width]
        shapes[f"styles.{style}.linear.bias"] = [width]
    for number, channels in ((1, 12), (2, 8)):
        shapes[f"latlayer{number}.weight"] = [width, channels, 1, 1]
        shapes[f"latlayer{number}.bias"] = [width]
    return shapes


def write_clip(folder: Path) -> None:
    from transformers import CLIPConfig, CLIPModel

    words = write_tokenizer(folder)
    text = {**CLIP_TEXT, "vocab_size": words, "bos_token_id": words - 2, "eos_token_id": words - 1}
    config = CLIPConfig(
        text_config=text, vision_config={**CLIP_VISION, "patch_size": 56}, projection_dim=WIDTH
    )
    write_json(folder / "config.json", config.to_dict())
    write_tensors(folder / "model.safetensors", random_network(CLIPModel(config), "clip"))
