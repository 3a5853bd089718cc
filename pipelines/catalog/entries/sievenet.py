"""SieveNet. No program may fetch the files, so a user puts them in place."""

from __future__ import annotations

from ..types import SIEVENET, File, Part, Source, Variant

SIEVENET_FILES = {
    "GMM/gmm_final.pth": 30_616_740,
    "SEG/segm_final.pth": 29_305_876,
    "TOM/tom_final.pth": 29_274_116,
}

ENTRIES = (
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
)
