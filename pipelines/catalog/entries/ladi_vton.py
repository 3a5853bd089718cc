"""LaDI-VTON.

Of the trained files the sizes of the float32 values alone; the base's repository was taken down by
its maker, and its copy is the one that other projects changed to.
"""

from __future__ import annotations

from ..types import LADI_VTON, File, Part, Source, Variant
from .shared import DIFFUSION_SETTINGS, TOKENIZER

LADI_VTON_TRAINED = {
    "unet": 4 * 865_988_484,
    "emasc": 4 * 7_965_696,
    "inversion_adapter": 4 * 136_360_704,
    "warping": 4 * (17_275_203 + 19_056_626),
}
SD2_INPAINTING = Source(
    "sd2-community/stable-diffusion-2-inpainting",
    "ladi_vton/stable-diffusion-2-inpainting",
    (
        File("scheduler/scheduler_config.json"),
        File("text_encoder/config.json"),
        File("text_encoder/model.safetensors", 4 * 340_387_840, derived=True),
        *(File(f"tokenizer/{name}") for name in TOKENIZER),
        File("unet/config.json"),
        File("vae/config.json"),
        File("vae/diffusion_pytorch_model.safetensors", 4 * 83_653_863, derived=True),
    ),
)
CLIP_H = Source(
    "laion/CLIP-ViT-H-14-laion2B-s32B-b79K",
    "ladi_vton/CLIP-ViT-H-14-laion2B-s32B-b79K",
    (File("config.json"), File("model.safetensors"), File("preprocessor_config.json")),
)


def _ladi_vton(name: str, title: str, does: str, categories: tuple[str, ...],
               uses: tuple[str, ...]) -> Variant:  # fmt: skip
    trained = tuple(
        File(f"{part}_{name}.pth", size, derived=size > 1e8)
        if size > 1e8 else File(f"{part}_{name}.pth")
        for part, size in LADI_VTON_TRAINED.items()
    )  # fmt: skip
    web = "https://github.com/miccunifi/ladi-vton/releases/download/weights"
    return Variant(
        f"ladi_vton/{name}",
        title,
        does,
        "try_on",
        LADI_VTON,
        (
            Source("miccunifi/ladi-vton", "ladi_vton", trained, revision="weights", web=web),
            SD2_INPAINTING,
            CLIP_H,
        ),
        (
            Part("UNet", 865_988_484),
            Part("image encoder", 630_766_080),
            Part("text encoder", 340_387_840),
            Part("inversion adapter", 136_360_704),
            Part("VAE", 83_653_863),
            Part("skip adapters", 7_965_696),
            Part("warping", 19_056_626),
            Part("refinement", 17_275_203),
        ),
        categories,
        width=384,
        height=512,
        steps=50,
        guidance=7.5,
        scheduler="DDIM",
        mask_rule=f"ladi_{name}",
        inputs=("mask", "pose"),
        settings=(*DIFFUSION_SETTINGS, "samples", "compile", "fp8"),
        uses=uses,
    )


ENTRIES = (
    _ladi_vton(
        "vitonhd",
        "LaDI-VTON",
        "Warps the garment onto the upper body, then repaints with Stable Diffusion 2; trained on "
        "half-body photos at 384x512.",
        ("upper",),
        ("human_parsing/pth", "openpose/body"),
    ),
    _ladi_vton(
        "dresscode",
        "LaDI-VTON, DressCode",
        "LaDI-VTON for upper body, lower body and dresses; trained on full-body photos.",
        ("upper", "lower", "dress"),
        ("human_parsing/pth", "openpose/body"),
    ),
)
