"""Leffa: try-on and pose transfer.

Sizes of the small files and of pose_transfer.pth, and all hashes, from the authors' file pages; of
the other two the size is that of the float32 values alone, which the listing's rounded 7.21 GB
agrees with.
"""

from __future__ import annotations

from ..types import LEFFA, File, Part, Source, Variant
from .shared import DIFFUSION_SETTINGS, LEFFA_REVISION

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


ENTRIES = (
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
