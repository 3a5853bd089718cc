"""OOTDiffusion."""

from __future__ import annotations

from ..types import CC_BY_NC_SA, File, Part, Source, Variant
from .shared import DIFFUSION_SETTINGS, TOKENIZER


def _ootdiffusion(name: str, title: str, does: str, categories: tuple[str, ...]) -> Variant:
    networks = f"ootd/ootd_{name}/checkpoint-36000"
    files = (
        File(f"{networks}/unet_garm/config.json", 1_873, derived=True),
        File(f"{networks}/unet_garm/diffusion_pytorch_model.safetensors", 3_438_167_608,
             derived=True),
        File(f"{networks}/unet_vton/config.json", 1_873, derived=True),
        File(f"{networks}/unet_vton/diffusion_pytorch_model.safetensors", 3_438_213_688,
             derived=True),
        File("ootd/scheduler/scheduler_config.json", 687),
        File("ootd/text_encoder/config.json"),
        File("ootd/text_encoder/pytorch_model.bin"),
        *(File(f"ootd/tokenizer/{file}") for file in TOKENIZER),
        File("ootd/vae/config.json"),
        # Hash: two public copies of the repository and the authors' own demonstration.
        File("ootd/vae/diffusion_pytorch_model.bin", None,
             "9814753f897cd32db41ec0bf0c574f6f44b39340103df9f4778b18565946d8b1"),
    )  # fmt: skip
    clip = (
        File("config.json"),
        File("model.safetensors", None,
             "a2bf730a0c7debf160f7a6b50b3aaf3703e7e88ac73de7a314903141db026dcb"),
        File("preprocessor_config.json"),
    )  # fmt: skip
    return Variant(
        f"ootdiffusion/{name}",
        title,
        does,
        "try_on",
        CC_BY_NC_SA,
        (
            Source("levihsu/OOTDiffusion", "ootdiffusion", files, below="checkpoints"),
            Source(
                "openai/clip-vit-large-patch14",
                "ootdiffusion/checkpoints/clip-vit-large-patch14",
                clip,
            ),
        ),
        (
            Part("try-on UNet", 859_532_484),
            Part("garment UNet", 859_520_964),
            Part("image encoder", 303_966_208),
            Part("text encoder", 123_060_480),
            Part("VAE", 83_653_863),
        ),
        categories,
        steps=20,
        guidance=2.0,
        scheduler="UniPC",
        mask_rule=f"ootdiffusion_{name}",
        inputs=("mask",),
        settings=DIFFUSION_SETTINGS,
        uses=("human_parsing/pth", "openpose/body"),
    )


ENTRIES = (
    _ootdiffusion(
        "hd",
        "OOTDiffusion, half body",
        "Dresses the upper body from a garment photo; trained on half-body photos.",
        ("upper",),
    ),
    _ootdiffusion(
        "dc",
        "OOTDiffusion, full body",
        "Dresses upper body, lower body or in a dress; trained on full-body photos.",
        ("upper", "lower", "dress"),
    ),
)
