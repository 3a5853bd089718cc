"""LaDI-VTON: four .pth of trained parts, Stable Diffusion 2 inpainting, and CLIP."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import torch

from .diffusion import CLIP_PICTURES, NOISE, SD15_UNET, VAE
from .weights import (
    narrower,
    published_configs,
    published_shapes,
    random_network,
    random_state,
    write_json,
    write_tensors,
    write_tokenizer,
)

UNET = {**SD15_UNET, "attention_head_dim": [1, 2], "use_linear_projection": True}
TEXT = {"hidden_size": 12, "intermediate_size": 16, "num_hidden_layers": 1,
        "num_attention_heads": 2}  # fmt: skip
VISION = {"hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1,
          "num_attention_heads": 2, "image_size": 28}  # fmt: skip
TPS, REFINEMENT = (
    "tps (warping_{dataset}.pth['tps'])",
    "refinement (warping_{dataset}.pth['refinement'])",
)
SIDE = 0.9
"""Of the control points at rest."""


def write(variant, roots: tuple[Path, ...]) -> None:
    root, base, clip = roots
    write_checkpoint(root, variant.name.split("/")[1], base, clip)


def write_checkpoint(
    root: Path, variant: str, base: Path | None = None, clip: Path | None = None
) -> None:  # fmt: skip
    from fitting_room.pipelines.models.ladi_vton.load import BASE, CLIP, build
    from fitting_room.pipelines.models.ladi_vton.skips import SkipAdapters
    from fitting_room.pipelines.models.ladi_vton.words import InversionAdapter

    base, clip = base or root / BASE, clip or root / CLIP
    words = write_tokenizer(base / "tokenizer", every_byte=True)
    ends = {"bos_token_id": words - 2, "eos_token_id": words - 1}
    published = published_configs("ladi_vton")
    vision = {**published["vision_encoder"]["vision_config"], **VISION}
    configs = {
        "vae": {**published["vae"], **VAE},
        "unet": {**published["unet"], **UNET},
        "text_encoder": {**published["text_encoder"], **TEXT, "vocab_size": words, **ends},
        "vision_encoder": {"vision_config": vision},
    }
    networks = build(**configs)
    for name, folder in (
        ("vae", base / "vae"), ("unet", base / "unet"), ("text_encoder", base / "text_encoder"),
        ("vision_encoder", clip),
    ):  # fmt: skip
        write_json(folder / "config.json", {"_class_name": "Any", **configs[name]})
    write_json(base / "scheduler" / "scheduler_config.json", NOISE)
    write_json(clip / "preprocessor_config.json", CLIP_PICTURES)
    write_tensors(base / "vae" / "diffusion_pytorch_model.safetensors",
                  random_network(networks.vae, "vae"))  # fmt: skip
    write_tensors(base / "text_encoder" / "model.safetensors",
                  random_network(networks.text_encoder, "text"))  # fmt: skip
    whole_clip = random_network(networks.vision_encoder, "vision")
    write_tensors(clip / "model.safetensors", whole_clip | {"logit_scale": torch.zeros(1)})
    width, depths = TEXT["hidden_size"], VAE["block_out_channels"]
    adapter = InversionAdapter(networks.vision_encoder.config, 12, 16 * width)
    # Into, and out of: what the encoder gives at its start and after each halving, and what the
    # decoder's parts take, from the last convolution back to the deepest.
    into = (depths[0], depths[0], *depths[:-1])
    out = (depths[0], *depths[1:], depths[-1])
    emasc = SkipAdapters(list(zip(into, out, strict=True)))
    for name, network in (
        ("unet", networks.denoiser), ("inversion_adapter", adapter), ("emasc", emasc)
    ):  # fmt: skip
        write_tensors(root / f"{name}_{variant}.pth", random_network(network, f"{name} {variant}"))
    torch.save(warping_tables(variant), root / f"warping_{variant}.pth")


def warping_tables(seed: str) -> dict[str, dict]:
    """The two tables of a warping file, narrower; the spline's matrices are as in any."""
    tps = narrower(published_shapes("ladi_vton", TPS), 32)
    for name in list(tps):
        if name.startswith(("loc_net.regression.conv.0.weight", "loc_net.regression.linear")):
            tps[name] = list(published_shapes("ladi_vton", TPS)[name])
    tps["loc_net.regression.conv.0.weight"][0] //= 32
    tps["loc_net.regression.linear.weight"][1] //= 32
    refinement = narrower(published_shapes("ladi_vton", REFINEMENT), 32)
    matrices = spline()
    tps = {name: shape for name, shape in tps.items() if name not in matrices}
    return {
        "tps": random_state(tps, f"tps {seed}") | matrices,
        "refinement": random_state(refinement, f"refinement {seed}"),
    }


def spline() -> dict[str, torch.Tensor]:
    """Of a thin-plate spline through 5x5 points at rest, for 192x256 pixels."""
    side = torch.linspace(-SIDE, SIDE, 5).tolist()
    points = torch.tensor([(x, y) for y, x in product(side, side)])
    rows, columns = torch.linspace(-1, 1, 256).tolist(), torch.linspace(-1, 1, 192).tolist()
    pixels = torch.tensor([(x, y) for y, x in product(rows, columns)])

    def bends(places: torch.Tensor) -> torch.Tensor:
        squares = (places[:, None] - points[None]).pow(2).sum(-1)
        return torch.nan_to_num(0.5 * squares * squares.log())

    whole = torch.zeros(28, 28)
    whole[:25, :25] = bends(points)
    whole[:25, 25:] = torch.cat([torch.ones(25, 1), points], 1)
    whole[25:, :25] = whole[:25, 25:].T
    return {
        "gridGen.inverse_kernel": whole.inverse(),
        "gridGen.padding_matrix": torch.zeros(3, 2),
        "gridGen.target_coordinate_repr": torch.cat(
            [bends(pixels), torch.ones(len(pixels), 1), pixels], 1
        ),
    }
