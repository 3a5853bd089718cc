"""Small sizes of the networks that the diffusion models share, and their published surroundings."""

from __future__ import annotations

SD15_UNET = {  # the same kinds of blocks as published, fewer of them
    "block_out_channels": [8, 16],
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    "layers_per_block": 1,
    "attention_head_dim": 2,
    "cross_attention_dim": 12,
    "norm_num_groups": 2,
}
SDXL_UNET = {
    "block_out_channels": [8, 16],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
    "layers_per_block": 1,
    "attention_head_dim": [1, 2],
    "cross_attention_dim": 20,
    "norm_num_groups": 2,
    "transformer_layers_per_block": [1, 2],
    "addition_time_embed_dim": 4,
    "use_linear_projection": True,
}
VAE = {"block_out_channels": [4, 8, 8, 8], "norm_num_groups": 2, "layers_per_block": 1}

NOISE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
    "clip_sample": False,
}
"""Stable Diffusion's, in every scheduler's config."""

CLIP_PICTURES = {
    "crop_size": 224,
    "do_center_crop": True,
    "do_normalize": True,
    "do_resize": True,
    "feature_extractor_type": "CLIPFeatureExtractor",
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "resample": 3,
    "size": 224,
}
CLIP_VISION = {
    "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
    "projection_dim": 12, "patch_size": 14, "image_size": 224,
}  # fmt: skip
CLIP_TEXT = {
    "hidden_size": 12, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
    "projection_dim": 12,
}  # fmt: skip
