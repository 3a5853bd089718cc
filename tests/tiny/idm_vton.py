"""IDM-VTON: a folder a network; the resampler lies in the try-on UNet's file.

The configs are those of the recorded case, whose files are as published but for their sizes.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

from .diffusion import CLIP_TEXT, CLIP_VISION, NOISE, SDXL_UNET, VAE
from .weights import (
    TESTS,
    published_text_names,
    random_network,
    random_state,
    write_json,
    write_tensors,
    write_tokenizer,
)

RECORDED = TESTS / "golden" / "idm_vton" / "dataset_nocfg" / "checkpoint"
TEXT = {**CLIP_TEXT, "num_hidden_layers": 2}
TEXT_2 = {**TEXT, "hidden_size": 8, "projection_dim": 8}
UNET = {**SDXL_UNET, "projection_class_embeddings_input_dim": 6 * 4 + 8}
RESAMPLER = {  # one attention head has 64 channels whatever the size
    "latents": [1, 16, 16],
    "proj_in.weight": [16, CLIP_VISION["hidden_size"]],
    "proj_in.bias": [16],
    "proj_out.weight": [SDXL_UNET["cross_attention_dim"], 16],
    "proj_out.bias": [SDXL_UNET["cross_attention_dim"]],
    "norm_out.weight": [SDXL_UNET["cross_attention_dim"]],
    "norm_out.bias": [SDXL_UNET["cross_attention_dim"]],
    "layers.0.0.norm1.weight": [16],
    "layers.0.0.norm1.bias": [16],
    "layers.0.0.norm2.weight": [16],
    "layers.0.0.norm2.bias": [16],
    "layers.0.0.to_q.weight": [64, 16],
    "layers.0.0.to_kv.weight": [128, 16],
    "layers.0.0.to_out.weight": [16, 64],
    "layers.0.1.0.weight": [16],
    "layers.0.1.0.bias": [16],
    "layers.0.1.1.weight": [32, 16],
    "layers.0.1.3.weight": [16, 32],
}

ADD_EMBEDDING = {  # the garment UNet's file has SDXL's and does not use it
    "add_embedding.linear_1.weight": [32, 32],
    "add_embedding.linear_1.bias": [32],
    "add_embedding.linear_2.weight": [32, 32],
    "add_embedding.linear_2.bias": [32],
}


def write(variant, roots: tuple[Path, ...]) -> None:
    """vitonhd has one root; dresscode has a root for its UNet and takes the rest of vitonhd's."""
    from fitting_room.pipelines.models.idm_vton.load import FILES, build

    words = write_tokenizer(roots[-1] / "tokenizer")
    write_tokenizer(roots[-1] / "tokenizer_2")
    sizes = {
        "unet": {**UNET, "encoder_hid_dim": 8},
        "unet_encoder": UNET,
        "vae": VAE,
        "text_encoder": {**TEXT, "vocab_size": words},
        "text_encoder_2": {**TEXT_2, "vocab_size": words},
        "image_encoder": CLIP_VISION,
    }
    configs = {
        folder: json.loads((RECORDED / folder / "config.json").read_text("utf-8")) | size
        for folder, size in sizes.items()
    }
    for folder, network in build(configs).by_folder().items():
        root = roots[0] if folder == "unet" else roots[-1]
        own = variant.name if folder == "unet" else ""
        state = random_network(network, f"{folder} {own}")
        if folder == "unet":
            resampler = random_state(RESAMPLER, f"resampler {own}")
            state |= {f"encoder_hid_proj.{name}": tensor for name, tensor in resampler.items()}
        elif folder == "unet_encoder":
            state |= random_state(ADD_EMBEDDING, folder)
        elif folder.startswith("text_encoder"):
            state = published_text_names(state)
            state["text_model.embeddings.position_ids"] = torch.arange(77)[None]
        elif folder == "image_encoder":
            state["vision_model.embeddings.position_ids"] = torch.arange(257)[None]
        write_json(root / folder / "config.json", configs[folder])
        write_tensors(root / folder / FILES[folder], state)
    write_json(roots[-1] / "scheduler" / "scheduler_config.json",
               {"_class_name": "DDPMScheduler", **NOISE})  # fmt: skip
