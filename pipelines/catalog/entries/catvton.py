"""CatVTON: sizes of the configs as listed; of the weights, those of the float32 values alone."""

from __future__ import annotations

from ..types import CC_BY_NC_SA, File, Part, Source, Variant
from .shared import DIFFUSION_SETTINGS

INPAINTING = Source(
    "booksforcharlie/stable-diffusion-inpainting",
    "catvton/stable-diffusion-inpainting",
    (
        File("scheduler/scheduler_config.json", 313),
        File("unet/config.json", 748),
        File("unet/diffusion_pytorch_model.bin", 4 * 859_535_364, derived=True),
    ),
)
PIX2PIX = Source(
    "timbrooks/instruct-pix2pix",
    "catvton_maskfree/instruct-pix2pix",
    (
        File("scheduler/scheduler_config.json", 569),
        File("unet/config.json"),
        File("unet/diffusion_pytorch_model.safetensors", 4 * 859_532_484, derived=True),
    ),
)
MSE_VAE = Source(
    "stabilityai/sd-vae-ft-mse",
    "catvton/sd-vae-ft-mse",
    (
        File("config.json", 547),
        File("diffusion_pytorch_model.safetensors", 4 * 83_653_863, derived=True),
    ),
)
CATVTON_DEAD = 43_962_560
"""Cross-attention weights in the base's file, which are checked and never read."""


def _catvton(name: str, title: str, does: str, categories: tuple[str, ...], folder: str,
             width: int = 768, height: int = 1024) -> Variant:  # fmt: skip
    maskfree = name == "maskfree"
    attention = File(f"{folder}/attention/model.safetensors", 4 * 49_574_080, derived=True)
    repository, place = (
        ("zhengchong/CatVTON-MaskFree", "catvton_maskfree") if maskfree
        else ("zhengchong/CatVTON", "catvton")
    )  # fmt: skip
    base, unet = (PIX2PIX, 859_532_484) if maskfree else (INPAINTING, 859_535_364)
    return Variant(
        f"catvton/{name}",
        title,
        does,
        "try_on",
        CC_BY_NC_SA,
        (Source(repository, place, (attention,)), base, MSE_VAE),
        (Part("UNet without cross-attention", unet - CATVTON_DEAD), Part("VAE", 83_653_863)),
        categories,
        width=width,
        height=height,
        steps=50,
        guidance=2.5,
        scheduler="DDIM",
        dtype="bfloat16",
        mask_rule="" if maskfree else "catvton",
        inputs=() if maskfree else ("mask",),
        settings=(
            *DIFFUSION_SETTINGS,
            "samples",
            "compile",
            "fp8",
            *(("whole_picture",) if maskfree else ()),
        ),
        uses=("human_parsing/pth",) if maskfree else ("human_parsing/pth", "densepose/r50_fpn_s1x"),
    )


ENTRIES = (
    _catvton(
        "mix",
        "CatVTON",
        "Dresses upper body, lower body or in a dress with one small network; trained on many "
        "data sets at 768x1024.",
        ("upper", "lower", "dress"),
        "mix-48k-1024",
    ),
    _catvton(
        "vitonhd",
        "CatVTON, VITON-HD",
        "CatVTON trained on half-body photos at 384x512: upper body alone.",
        ("upper",),
        "vitonhd-16k-512",
        384,
        512,
    ),
    _catvton(
        "dresscode",
        "CatVTON, DressCode",
        "CatVTON trained on full-body photos at 384x512.",
        ("upper", "lower", "dress"),
        "dresscode-16k-512",
        384,
        512,
    ),
    _catvton(
        "maskfree",
        "CatVTON without a mask",
        "CatVTON that takes the photo as it is and finds by itself what to change.",
        ("upper", "lower", "dress"),
        "mix-48k-1024",
    ),
)
