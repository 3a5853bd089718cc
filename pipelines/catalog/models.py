"""What can be installed: per variant its files, licence, limits and defaults. Data only.

Sizes and hashes are the published ones. `derived` marks a size that was computed from parameter
names and shapes and not read from a listing; None is unknown and is then not compared. Where a
number comes from is said beside it. A download also compares with the hash that the server gives.
Adding a model is adding an entry to VARIANTS; nothing else lists models.
"""

from __future__ import annotations

import hashlib
from fnmatch import fnmatchcase

from ..errors import InputError
from .types import (
    APACHE,
    CC_BY_NC_SA,
    DENSEPOSE,
    FASHIONTEX,
    FASHN_VTON,
    LADI_VTON,
    LEFFA,
    MIT,
    OPENPOSE,
    OPENRAIL,
    SAPIENS2,
    SEGFORMER,
    SIEVENET,
    File,
    Licence,
    Part,
    Source,
    Variant,
)

DIFFUSION_SETTINGS = (
    "seed", "steps", "guidance", "scheduler", "strength", "framing", "compile", "fp8",
)  # fmt: skip
"""What every denoising loop on a scheduler of diffusers is told."""

TOKENIZER = ("merges.txt", "special_tokens_map.json", "tokenizer_config.json", "vocab.json")

# IDM-VTON: sizes and hashes from the authors' file pages; the sizes of unet_encoder,
# text_encoder_2, image_encoder and vae also follow from names, shapes and header.
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


# Leffa: sizes of the small files and of pose_transfer.pth, and all hashes, from the authors' file
# pages; of the other two the size is that of the float32 values alone, which the listing's rounded
# 7.21 GB agrees with.
LEFFA_REVISION = "e90e94fc85e4cc8efa35b40cc1b502451a42a583"
LEFFA_WEIGHTS = {
    "virtual_tryon": File(
        "virtual_tryon.pth",
        4 * 1_802_718_831,
        "f4d4b31dafac19ec5cc4ccbe307d4eb61b76a52f98aaef78fc02b4405c406351",
        derived=True,
    ),
    "virtual_tryon_dc": File(
        "virtual_tryon_dc.pth",
        4 * 1_802_718_831,
        "c42a83129b885528457a49f9bb9bcb02b5c96e8c7d007421e29e45c73ce626bf",
        derived=True,
    ),
    "pose_transfer": File(
        "pose_transfer.pth",
        20_876_062_782,
        "3d8c4acf1e6737a846a67690ac4e109fc7cf4bc7a8186fe4f73115274182a766",
    ),
}
LEFFA_SD15 = (
    File("stable-diffusion-inpainting/scheduler/scheduler_config.json", 313),
    File("stable-diffusion-inpainting/unet/config.json", 748),
    File("stable-diffusion-inpainting/vae/config.json", 552),
)
LEFFA_SDXL = (
    File("stable-diffusion-xl-1.0-inpainting-0.1/scheduler/scheduler_config.json"),
    File("stable-diffusion-xl-1.0-inpainting-0.1/unet/config.json", 1_932),
    File("stable-diffusion-xl-1.0-inpainting-0.1/vae/config.json", 659),
)
LEFFA_TRYON_PARTS = (
    Part("try-on UNet", 859_544_004),
    Part("garment UNet", 859_520_964),
    Part("VAE", 83_653_863),
)


def _leffa(
    name: str,
    title: str,
    does: str,
    categories: tuple[str, ...],
    uses: tuple[str, ...],
    base: tuple[File, ...],
    parts: tuple[Part, ...],
    mask_rule: str = "",
) -> Variant:
    files = (LEFFA_WEIGHTS[name], *base)
    return Variant(
        f"leffa/{name}",
        title,
        does,
        "try_on" if mask_rule else "pose_transfer",
        LEFFA,
        (Source("franciszzj/Leffa", "leffa", files, revision=LEFFA_REVISION),),
        parts,
        categories,
        steps=30,
        guidance=2.5,
        scheduler="DDPM",
        mask_rule=mask_rule,
        inputs=("mask", "body_map") if mask_rule else ("body_map",),
        settings=(*DIFFUSION_SETTINGS, "accelerated", "ahead_steps", "keep_unconditional"),
        needs=("densepose/r50_fpn_s1x",),
        uses=uses,
    )


# FASHN VTON: size and hash as third parties report them; the size is also that of a safetensors
# file with the published names and shapes in bfloat16, to the byte. Parameters: counted there.
_FASHN_VTON = Variant(
    "fashn_vton/v1_5",
    "FASHN VTON v1.5",
    "Dresses upper body, lower body or in a dress without a mask, from a flat-lay or worn garment.",
    "try_on",
    FASHN_VTON,
    (
        Source(
            "fashn-ai/fashn-vton-1.5",
            "fashn_vton",
            (
                File("model.safetensors", 1_943_668_048,
                     "d6cd38286885bc29fa487ea9383f80ffeb95862e7747c630d42c5d3c05bdd35a"),
            ),
        ),
    ),
    (Part("transformer", 710_770_608), Part("modulation", 261_043_200)),
    ("upper", "lower", "dress"),
    width=576,
    height=864,
    steps=30,
    guidance=1.5,
    scheduler="Euler",
    dtype="bfloat16",
    inputs=("pose",),
    settings=("seed", "steps", "guidance", "skip_guidance", "published_times", "samples", "framing",
              "whole_picture", "compile", "fp8", "worn"),
    mask_rule="fashn_vton",
    size_step=12,
    uses=("dwpose/l_384", "human_parsing/pth"),
)  # fmt: skip


# CatVTON: sizes of the configs as listed; of the weights, those of the float32 values alone.
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


# LaDI-VTON: of the trained files the sizes of the float32 values alone; the base's repository was
# taken down by its maker, and its copy is the one that other projects changed to.
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


# SieveNet and FashionTex: no program may fetch the files, so a user puts them in place.
SIEVENET_FILES = {
    "GMM/gmm_final.pth": 30_616_740,
    "SEG/segm_final.pth": 29_305_876,
    "TOM/tom_final.pth": 29_274_116,
}
_HISTORICAL = (
    Variant(
        "sievenet/upper",
        "SieveNet (historical)",
        "Three small networks of 2020 at 192x256 for the upper body, by an unofficial project; for "
        "comparison with what came after, not for use.",
        "try_on",
        SIEVENET,
        (
            Source(
                "levindabhi/SieveNet",
                "sievenet",
                tuple(
                    File(path, 4 * count, derived=True) for path, count in SIEVENET_FILES.items()
                ),
                by_hand="The three files are in the Google Drive folder that the README of "
                "https://github.com/levindabhi/SieveNet names. Put them in GMM/, SEG/ and TOM/ of "
                "the folder sievenet.",
            ),
        ),
        (
            Part("warping", 30_616_740),
            Part("labelling", 29_305_876),
            Part("texturing", 29_274_116),
        ),
        ("upper",),
        width=192,
        height=256,
        steps=1,
        scheduler="no schedule: it draws once",
        dtype="float32",
        inputs=("mask", "pose", "parsing"),
        settings=("framing",),
        needs=("human_parsing/pth",),
        uses=("openpose/body",),
    ),
    Variant(
        "fashiontex/own",
        "FashionTex (your own checkpoint)",
        "Other clothes for an aligned person, by words and patches of texture. No trained mapper "
        "was ever published: it runs the checkpoint of whoever trains one.",
        "design",
        FASHIONTEX,
        (
            Source(
                "picksh/FashionTex",
                "fashiontex",
                (
                    File("last.ckpt"),
                    File("stylegan_human_v2_1024.pth"),
                    File("e4e_w+.pt"),
                ),
                by_hand="last.ckpt is the checkpoint of a training of your own with the code of "
                "https://github.com/picksh/FashionTex, whose authors published none. "
                "stylegan_human_v2_1024.pth (or .pkl) and e4e_w+.pt are linked at "
                "https://github.com/stylegan-human/StyleGAN-Human. Put all in the folder "
                "fashiontex.",
            ),
            Source(
                "openai/clip-vit-base-patch32",
                "fashiontex/clip-vit-base-patch32",
                (
                    File("config.json"),
                    File("model.safetensors"),
                    *(File(name) for name in TOKENIZER),
                ),
            ),
        ),
        (
            Part("generator", 30_365_964),
            Part("mapper", 26_306_560),
            Part("inversion", 267_136_704),
            Part("CLIP", 151_277_313),
        ),
        width=512,
        height=1024,
        steps=1,
        scheduler="no schedule: it draws once",
        dtype="float32",
        inputs=("description",),
    ),
)

_TRYON = (
    _FASHN_VTON,
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
    _leffa(
        "virtual_tryon",
        "Leffa try-on",
        "Dresses the upper body from a garment photo; needs no description.",
        ("upper",),
        ("human_parsing/pth", "openpose/body"),
        LEFFA_SD15,
        LEFFA_TRYON_PARTS,
        "leffa_hd",
    ),
    _leffa(
        "virtual_tryon_dc",
        "Leffa try-on, DressCode",
        "Dresses upper body, lower body or in a dress; needs no description.",
        ("upper", "lower", "dress"),
        ("human_parsing/pth", "openpose/body"),
        LEFFA_SD15,
        LEFFA_TRYON_PARTS,
        "leffa_dc",
    ),
    _leffa(
        "pose_transfer",
        "Leffa pose transfer",
        "Shows the person of one photo, with their clothes, in the pose of another photo.",
        (),
        (),
        LEFFA_SDXL,
        (
            Part("pose UNet", 2_567_486_724),
            Part("appearance UNet", 2_567_463_684),
            Part("VAE", 83_653_863),
        ),
    ),
)


def _tool(name: str, title: str, does: str, licence: Licence, source: Source,
          parts: tuple[Part, ...], width: int, height: int) -> Variant:  # fmt: skip
    return Variant(
        name, title, does, "tool", licence, (source,), parts, width=width, height=height, steps=0,
        dtype="float32",
    )  # fmt: skip


# The counts of the parsing networks include their running means and variances.
PARSING_PARTS = (Part("ATR", 66_837_428), Part("LIP", 66_838_456))


def _clothes_parser(
    name: str,
    title: str,
    does: str,
    licence: Licence,
    repository: str,
    parameters: int,
    width: int,
    height: int,
    size: int | None = None,
    sha256: str | None = None,
) -> Variant:
    """A parsing network of transformers: the three files that its loader reads. A size without a
    hash was not listed and is derived."""
    weights = File("model.safetensors", size, sha256, derived=size is not None and not sha256)
    files = (File("config.json"), weights, File("preprocessor_config.json"))
    return _tool(
        f"human_parsing/{name}", title, does, licence,
        Source(repository, f"human_parsing_{name}", files), (Part("parser", parameters),),
        width, height,
    )  # fmt: skip


# Sizes and hashes of the .onnx, OpenPose and DensePose files: Git LFS records of a public mirror,
# with the sizes of the authors' listing; of the parsing .pth files: a public record of a strict
# load of both; of Falconsai and RT-DETR: the authors' file pages; of the safety checker: a public
# packaging recipe of that very file.
_TOOLS = (
    _tool(
        "human_parsing/onnx",
        "Human parsing, ONNX",
        "Labels hair, garments and limbs in a photo, for masks equal to the try-on authors'.",
        MIT,
        Source(
            "franciszzj/Leffa",
            "human_parsing",
            (
                File("parsing_atr.onnx", 266_859_305,
                     "04c7d1d070d0e0ae943d86b18cb5aaaea9e278d97462e9cfb270cbbe4cd977f4"),
                File("parsing_lip.onnx", 266_863_411,
                     "8436e1dae96e2601c373d1ace29c8f0978b16357d9038c17a8ba756cca376dbc"),
            ),
            below="humanparsing",
            revision=LEFFA_REVISION,
        ),
        PARSING_PARTS,
        512,
        512,
    ),
    _tool(
        "human_parsing/pth",
        "Human parsing, PyTorch",
        "The same two networks as the authors of SCHP publish them.",
        MIT,
        Source(
            "franciszzj/Leffa",
            "human_parsing",
            (
                File("exp-schp-201908301523-atr.pth", 267_445_237,
                     "e9d7c91ce3b4e7133df56b599fc817b533e3439c5e8d282a59126d2fda339a2a"),
                File("exp-schp-201908261155-lip.pth", 267_449_349,
                     "24fa3254ceeb74c8435458994a64b522fb439a3635b7b86ff470457e0413da00"),
            ),
            below="schp",
            revision=LEFFA_REVISION,
        ),
        PARSING_PARTS,
        512,
        512,
    ),
    # Parameters and bytes of SegFormer B2 and B4 with 18 labels: counted on the meta device.
    _clothes_parser(
        "segformer",
        "Human parsing, SegFormer B2",
        "One small network with SCHP's ATR labels; other masks than the try-on authors'.",
        SEGFORMER,
        "mattmdjaga/segformer_b2_clothes",
        27_360_466,
        512,
        512,
        109_448_016,
    ),
    _clothes_parser(
        "fashn",
        "Human parsing, FASHN",
        "SegFormer B4 trained for try-on; does not tell left from right, which is worked out here.",
        SEGFORMER,
        "fashn-ai/fashn-human-parser",
        64_006_866,
        384,
        576,
        256_146_352,
        "e43c8c8a9b04f28798f0a4630cf18caa2cdb27a0d454fae43a5716e6f7078244",
    ),
    _clothes_parser(  # parameters as published, of the network without its head
        "sapiens2",
        "Human parsing, Sapiens2 0.4B",
        "Meta's network for people, the largest of these; wants transformers 5.10.",
        SAPIENS2,
        "facebook/sapiens2-seg-0.4b",
        398_000_000,
        768,
        1024,
    ),
    _tool(
        "openpose/body",
        "OpenPose body",
        "Finds 18 body points, for masks equal to the try-on authors'.",
        OPENPOSE,
        Source(
            "franciszzj/Leffa",
            "openpose",
            (
                File("body_pose_model.pth", 209_267_595,
                     "25a948c16078b0f08e236bda51a385d855ef4c153598947c28c0d47ed94bb746"),
            ),
            below="openpose",
            revision=LEFFA_REVISION,
        ),
        (Part("body", 52_311_446),),
        184,
        144,
    ),
    _tool(
        "dwpose/l_384",
        "DWPose",
        "Finds body, hands and face, as FASHN VTON's authors do; wants the package onnxruntime.",
        APACHE,
        Source(
            "fashn-ai/DWPose",
            "dwpose",
            (
                File("yolox_l.onnx", 216_746_733,
                     "7860ae79de6c89a3c1eb72ae9a2756c0ccfbe04b7791bb5880afabd97855a411"),
                File("dw-ll_ucoco_384.onnx", 134_399_116,
                     "724f4ff2439ed61afb86fb8a1951ec39c6220682803b4a8bd4f598cd913b1843"),
            ),
        ),
        (Part("people", 54_186_683), Part("points", 33_599_779)),  # a quarter of the files' bytes
        640,
        640,
    ),
    Variant(
        "vitpose/base_simple",
        "ViTPose with RT-DETR",
        "Finds people and their joints; newer than OpenPose and free for any use.",
        "tool",
        APACHE,
        (
            Source(
                "usyd-community/vitpose-base-simple",
                "vitpose/vitpose-base-simple",
                (
                    File("config.json"),
                    File("model.safetensors", 4 * 85_912_337, derived=True),
                    File("preprocessor_config.json", 363),
                ),
            ),
            Source(
                "PekingU/rtdetr_r50vd_coco_o365",
                "vitpose/rtdetr_r50vd_coco_o365",
                (
                    File("config.json"),
                    File("model.safetensors", None,
                         "831c1c04317ad1a6f7bf5b9968b450894e64b3571011c871007ab25d38b49031"),
                    File("preprocessor_config.json", 841),
                ),
            ),
        ),
        (Part("joints", 85_912_337), Part("people", 42_891_372)),
        width=640,
        height=640,
        steps=0,
        dtype="float32",
    ),
    _tool(
        "densepose/r50_fpn_s1x",
        "DensePose R50-FPN s1x",
        "Maps each pixel of a person to a place on the body; IDM-VTON and Leffa need it.",
        DENSEPOSE,
        Source(
            "franciszzj/Leffa",
            "densepose",
            (
                File("model_final_162be9.pkl", 255_757_821,
                     "b8a7382001b16e453bad95ca9dbc68ae8f2b839b304cf90eaf5c27fbdb4dae91"),
            ),
            below="densepose",
            revision=LEFFA_REVISION,
        ),
        (Part("detector and charts", 63_927_330),),
        800,
        1333,
    ),
    _tool(
        "safety/falconsai",
        "Falconsai NSFW classifier",
        "Says how likely a picture is unsafe for work: a second opinion beside the built-in one.",
        APACHE,
        Source(
            "Falconsai/nsfw_image_detection",
            "safety/falconsai",
            (
                File("config.json", 724),
                File("model.safetensors", 343_223_968,
                     "97b2ce64ec146884b37f98ee7944ca4891aa72f6827dc0cb10684a1cbecd5830"),
                File("preprocessor_config.json", 325),
            ),
            revision="04367978d3474804ab1a00a9bd6548b741764069",
        ),
        (Part("ViT-B/16 classifier", 85_800_194),),
        224,
        224,
    ),
    _tool(
        "safety/stable_diffusion",
        "Stable Diffusion safety checker",
        "Compares a picture with a list of unsafe concepts, as Stable Diffusion pipelines do.",
        OPENRAIL,
        Source(
            "CompVis/stable-diffusion-safety-checker",
            "safety/stable_diffusion",
            (
                File("config.json"),
                File("model.safetensors", None,
                     "08902f19b1cfebd7c989f152fc0507bef6898c706a91d666509383122324b511"),
                File("preprocessor_config.json"),
            ),
            revision="refs/pr/41",
        ),
        (Part("CLIP ViT-L/14 with concept table", 303_981_588),),
        224,
        224,
    ),
)  # fmt: skip

VARIANTS: dict[str, Variant] = {
    variant.name: variant for variant in (*_TRYON, *_HISTORICAL, *_TOOLS)
}


def variant_named(name: str) -> Variant:
    """The entry of "model/variant"; of "model" alone where it has only one variant.

    Raises InputError naming the possible ones.
    """
    if name in VARIANTS:
        return VARIANTS[name]
    fitting = [key for key in VARIANTS if fnmatchcase(key, f"{name}/*")]
    if len(fitting) == 1:
        return VARIANTS[fitting[0]]
    choices = fitting or list(VARIANTS)
    raise InputError(f"No model is called {name!r}. Choose one of: {', '.join(choices)}.")


def variants_of(*kinds: str) -> list[Variant]:
    """The entries of these kinds (of `types.KINDS`), in the catalogue's order."""
    return [variant for variant in VARIANTS.values() if variant.kind in kinds]


def made_for(variant: Variant) -> str:
    """Size, and steps and guidance where it has them, as the authors use it."""
    said = [f"{variant.width}x{variant.height}"]
    if "steps" in variant.settings:
        of = f" of {variant.scheduler}" if variant.scheduler else ""
        said.append(f"{variant.steps} steps{of}")
    if "guidance" in variant.settings:
        said.append(f"guidance {variant.guidance:g}")
    return ", ".join(said)


def revision_of(name: str) -> str:
    """Tells the published files of a model apart from later ones: repositories, revisions, hashes.
    "" for what is not in the catalogue, such as the preview."""
    variant = VARIANTS.get(name)
    if variant is None:
        return ""
    told = [
        (source.repository, source.revision, [(file.path, file.sha256) for file in source.files])
        for source in variant.sources
    ]
    return hashlib.sha256(repr(told).encode()).hexdigest()
