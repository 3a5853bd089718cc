"""Tiny random networks of transformers, in folders as transformers writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .diffusion import CLIP_PICTURES
from .weights import write_json, write_tensors

SEGFORMER_LABELS = (
    "Background", "Hat", "Hair", "Sunglasses", "Upper-clothes", "Skirt", "Pants", "Dress", "Belt",
    "Left-shoe", "Right-shoe", "Face", "Left-leg", "Right-leg", "Left-arm", "Right-arm", "Bag",
    "Scarf",
)  # fmt: skip
"""As published by mattmdjaga/segformer_b2_clothes."""


FASHN_LABELS = (
    "background", "face", "hair", "top", "dress", "skirt", "pants", "belt", "bag", "hat", "scarf",
    "glasses", "arms", "hands", "legs", "feet", "torso", "jewelry",
)  # fmt: skip
"""As published by fashn-ai/fashn-human-parser."""


def save_segformer(folder: Path, labels: tuple[str, ...] = SEGFORMER_LABELS) -> None:
    """A clothes parser with published labels."""
    import torch
    from transformers import (
        SegformerConfig,
        SegformerForSemanticSegmentation,
        SegformerImageProcessor,
    )

    torch.manual_seed(0)
    config = SegformerConfig(
        depths=[1, 1, 1, 1], hidden_sizes=[8, 8, 16, 16], num_attention_heads=[1, 1, 2, 2],
        decoder_hidden_size=16, id2label=dict(enumerate(labels)),
    )  # fmt: skip
    SegformerForSemanticSegmentation(config).save_pretrained(folder)
    SegformerImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)


def save_vitpose(joints: Path, people: Path, sure: bool = False) -> None:
    """ViTPose and RT-DETR; sure: of people as large as the picture, and of all their joints."""
    import torch
    from transformers import (
        RTDetrConfig,
        RTDetrForObjectDetection,
        RTDetrImageProcessor,
        RTDetrResNetConfig,
        VitPoseBackboneConfig,
        VitPoseConfig,
        VitPoseForPoseEstimation,
        VitPoseImageProcessor,
    )

    torch.manual_seed(0)
    backbone = RTDetrResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1],
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    detector = RTDetrForObjectDetection(
        RTDetrConfig(
            backbone_config=backbone, encoder_hidden_dim=16, encoder_in_channels=[16, 24, 32],
            encoder_ffn_dim=16, encoder_attention_heads=2, d_model=16, num_queries=8,
            decoder_in_channels=[16, 16, 16], decoder_ffn_dim=16, decoder_layers=1,
            decoder_attention_heads=2, num_denoising=0, id2label={0: "bicycle", 1: "person"},
        )
    )  # fmt: skip
    network = VitPoseForPoseEstimation(
        VitPoseConfig(
            backbone_config=VitPoseBackboneConfig(
                image_size=[64, 48], patch_size=[16, 16], hidden_size=16, num_hidden_layers=1,
                num_attention_heads=2, out_indices=[1],
            ),
            num_labels=17,
        )
    )  # fmt: skip
    if sure:
        for head in detector.model.decoder.class_embed:
            head.bias.data[1] = 2.0
        for head in detector.model.decoder.bbox_embed:
            head.layers[-1].bias.data[2:] = 6.0
        torch.nn.init.constant_(network.head.conv.bias, 1.0)
    detector.save_pretrained(people)
    RTDetrImageProcessor(size={"height": 64, "width": 64}).save_pretrained(people)
    network.save_pretrained(joints)
    VitPoseImageProcessor(size={"height": 64, "width": 48}).save_pretrained(joints)


def save_sapiens2(folder: Path) -> None:
    """Sapiens2 for segmentation; transformers has it from 5.20 on."""
    import torch
    from transformers import (
        Sapiens2Config,
        Sapiens2ForSemanticSegmentation,
        Sapiens2ImageProcessor,
    )

    torch.manual_seed(0)
    config = Sapiens2Config(
        hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_first_full_attention_layers=1, num_last_full_attention_layers=1,
        num_key_value_attention_heads=1, image_size=[64, 48], patch_size=16, num_labels=29,
        head_config={"upsample_out_channels": [8, 8], "conv_out_channels": [8]},
    )  # fmt: skip
    Sapiens2ForSemanticSegmentation(config).save_pretrained(folder)
    Sapiens2ImageProcessor(size={"height": 64, "width": 48}).save_pretrained(folder)


def save_falconsai(folder: Path, verdict: float | None = None) -> Any:
    """Falconsai/nsfw_image_detection, and the module. verdict: the logit of "nsfw" for everything,
    where it is not random."""
    import torch
    from transformers import ViTConfig, ViTForImageClassification

    torch.manual_seed(1)
    config = ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        image_size=32, patch_size=8, id2label={0: "normal", 1: "nsfw"},
        label2id={"normal": 0, "nsfw": 1},
    )  # fmt: skip
    network = ViTForImageClassification(config).eval()
    if verdict is not None:
        network.classifier.weight.data.zero_()
        network.classifier.bias.data.copy_(torch.tensor([0.0, verdict]))
    network.save_pretrained(folder)
    write_json(
        folder / "preprocessor_config.json",
        {
            "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": [0.5] * 3,
            "image_processor_type": "ViTImageProcessor", "image_std": [0.5] * 3, "resample": 2,
            "rescale_factor": 1 / 255, "size": {"height": 32, "width": 32},
        },
    )  # fmt: skip
    return network


def save_safety_checker(folder: Path) -> Any:
    """CompVis/stable-diffusion-safety-checker with its published names, and the module. Its
    concepts are near their limits, so that either decision occurs."""
    import torch
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPConfig

    torch.manual_seed(0)
    vision = {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 64, "image_size": 32, "patch_size": 8,
    }  # fmt: skip
    text = {
        "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 32, "vocab_size": 50, "bos_token_id": 48, "eos_token_id": 49,
    }  # fmt: skip
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)
    checker = StableDiffusionSafetyChecker(config).eval()
    with torch.no_grad():
        for table in (checker.concept_embeds, checker.special_care_embeds):
            table.copy_(torch.randn_like(table))
        checker.concept_embeds_weights.fill_(0.33)
        checker.special_care_embeds_weights.fill_(0.2)
    names = {}
    for name, tensor in checker.state_dict().items():
        inner = name.removeprefix("vision_model.").removeprefix("vision_model.")
        published = f"vision_model.vision_model.{inner}" if name.startswith("vision_") else name
        names[published] = tensor
    names["vision_model.vision_model.embeddings.position_ids"] = torch.arange(17)[None]
    write_tensors(folder / "model.safetensors", names)
    checker.config.save_pretrained(folder)
    write_json(folder / "preprocessor_config.json", {**CLIP_PICTURES, "size": 32, "crop_size": 32})
    return checker
