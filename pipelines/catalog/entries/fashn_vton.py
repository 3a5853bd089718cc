"""FASHN VTON.

Size and hash as third parties report them; the size is also that of a safetensors file with the
published names and shapes in bfloat16, to the byte. Parameters: counted there.
"""

from __future__ import annotations

from ..types import FASHN_VTON, File, Part, Source, Variant

ENTRIES = (Variant(
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
),)  # fmt: skip
