"""IDM-VTON.

Sizes and hashes from the authors' file pages; the sizes of unet_encoder, text_encoder_2,
image_encoder and vae also follow from names, shapes and header.
"""

from __future__ import annotations

from ..types import CC_BY_NC_SA, File, Part, Source, Variant
from .shared import DIFFUSION_SETTINGS, TOKENIZER

IDM_VTON_SHARED = (
    File("image_encoder/config.json"),
    File("image_encoder/model.safetensors", 2_528_373_448,
         "6ca9667da1ca9e0b0f75e46bb030f7e011f44f86cbfb8d5a36590fcd7507b030"),
    File("scheduler/scheduler_config.json"),
    File("text_encoder/config.json"),
    File("text_encoder/model.safetensors", 492_265_879,
         "79f531155c765c22c89e23328793a2e91a1178070af961c57e2eae5f0509b65b"),
    File("text_encoder_2/config.json"),
    File("text_encoder_2/model.safetensors", 2_778_702_976,
         "283bb90f987a133dec11947571aca17692ed32f3fff708441ac8eedcfa4a040e"),
    *(File(f"tokenizer/{name}") for name in TOKENIZER),
    *(File(f"tokenizer_2/{name}") for name in TOKENIZER),
    File("unet_encoder/config.json"),
    File("unet_encoder/diffusion_pytorch_model.safetensors", 10_270_077_736,
         "357650fbfb3c7b4d94c1f5fd7664da819ad1ff5a839430484b4ec422d03f710a"),
    File("vae/config.json"),
    File("vae/diffusion_pytorch_model.safetensors", 334_643_268,
         "98a14dc6fe8d71c83576f135a87c61a16561c9c080abba418d2cc976ee034f88"),
)  # fmt: skip
IDM_VTON_PARTS = (
    Part("try-on UNet with image tokens", 2_991_238_468),
    Part("garment UNet", 2_562_218_244),
    Part("text encoder", 123_060_480),
    Part("text encoder 2", 694_659_840),
    Part("image encoder", 632_076_800),
    Part("VAE", 83_653_863),
)


def _idm_vton(name: str, title: str, does: str, categories: tuple[str, ...],
              *sources: Source) -> Variant:  # fmt: skip
    return Variant(
        f"idm_vton/{name}",
        title,
        does,
        "try_on",
        CC_BY_NC_SA,
        sources,
        IDM_VTON_PARTS,
        categories,
        steps=30,
        guidance=2.0,
        scheduler="DDPM",
        # Dress Code's UNet was trained with masks of much the same shape as OOTDiffusion's there.
        mask_rule={"vitonhd": "idm_vton", "dresscode": "ootdiffusion_dc"}[name],
        inputs=("mask", "body_map", "description"),
        settings=(*DIFFUSION_SETTINGS, "ahead_steps"),
        needs=("densepose/r50_fpn_s1x",),
        uses=("human_parsing/pth", "openpose/body"),
    )


ENTRIES = (
    _idm_vton(
        "vitonhd",
        "IDM-VTON",
        "Dresses the upper body from a garment photo and a short description; keeps prints well.",
        ("upper",),
        Source(
            "yisol/IDM-VTON",
            "idm_vton",
            (
                File("unet/config.json"),
                File(
                    "unet/diffusion_pytorch_model.bin",
                    11_965_769_774,
                    "046b775cb9bbc67635fc3b148bb03bfe00496ce2f9ce8488a82fdb388669a521",
                ),
                *IDM_VTON_SHARED,
            ),
        ),
    ),
    _idm_vton(
        "dresscode",
        "IDM-VTON, DressCode",
        "As IDM-VTON, also for lower body and dresses: another try-on UNet, the rest is shared.",
        ("upper", "lower", "dress"),
        Source(
            "yisol/IDM-VTON-DC",
            "idm_vton_dc",
            (
                File("unet/config.json"),
                File(  # the same architecture: the same size, up to the names in the archive
                    "unet/diffusion_pytorch_model.bin",
                    11_965_769_774,
                    "0661a4757f0ef28801f45dc670783e7a9b482b36791c0899ea3839cd5375c1a2",
                    derived=True,
                ),
            ),
        ),
        Source("yisol/IDM-VTON", "idm_vton", IDM_VTON_SHARED),
    ),
)
