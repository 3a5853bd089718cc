"""FashionTex. No program may fetch the files, so a user puts them in place."""

from __future__ import annotations

from ..types import FASHIONTEX, File, Part, Source, Variant
from .shared import TOKENIZER

ENTRIES = (
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
