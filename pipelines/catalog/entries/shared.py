"""What entries of several families name."""

from __future__ import annotations

from ..types import Licence, Part, Source, Variant

DIFFUSION_SETTINGS = (
    "seed", "steps", "guidance", "scheduler", "strength", "framing", "compile", "fp8",
)  # fmt: skip
"""What every denoising loop on a scheduler of diffusers is told."""

TOKENIZER = ("merges.txt", "special_tokens_map.json", "tokenizer_config.json", "vocab.json")

LEFFA_REVISION = "e90e94fc85e4cc8efa35b40cc1b502451a42a583"
"""Of the authors' repository, which also has the parsing, OpenPose and DensePose files."""


def tool(name: str, title: str, does: str, licence: Licence, source: Source,
         parts: tuple[Part, ...], width: int, height: int) -> Variant:  # fmt: skip
    """A network that reads photos, in float32."""
    return Variant(
        name, title, does, "tool", licence, (source,), parts, width=width, height=height, steps=0,
        dtype="float32",
    )  # fmt: skip
