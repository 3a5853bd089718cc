"""Networks that label hair, garments and limbs in a photo.

Sizes and hashes of the .onnx files: Git LFS records of a public mirror, with the sizes of the
authors' listing; of the .pth files: a public record of a strict load of both.
"""

from __future__ import annotations

from ..types import MIT, SAPIENS2, SEGFORMER, File, Licence, Part, Source, Variant
from .shared import LEFFA_REVISION, tool

# The counts include their running means and variances.
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
    return tool(
        f"human_parsing/{name}", title, does, licence,
        Source(repository, f"human_parsing_{name}", files), (Part("parser", parameters),),
        width, height,
    )  # fmt: skip


ENTRIES = (
    tool(
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
    tool(
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
)  # fmt: skip
