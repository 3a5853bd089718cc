"""One way to run each of the diffusion models: load a variant, encode a garment, dress a person.

    pipeline = load_pipeline(find("leffa/virtual_tryon"), torch.float16)
    garment = encode_garment(pipeline, variant, picture, "upper")
    made = dress(pipeline, variant, person, garment, steps=30, guidance=2.5, seed=0)

What differs between the models stands here and nowhere above. Pictures are (1, 3, height, width)
float32 in 0..1, at the model's size, see `framing.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..catalog.types import Variant
from ..diffusion.latents import to_bytes
from ..diffusion.run import Progress, check_category, check_guidance, silent
from ..errors import InputError
from ..files.locate import Located
from .framing import unit

DENSEPOSE = "densepose/r50_fpn_s1x"

WORDS = {"upper": "top", "lower": "trousers", "dress": "dress"}
"""What IDM-VTON is told of a garment that nobody described."""


@dataclass(frozen=True)
class Person:
    """A photo as a model takes it, framed alike: mask (1, 1, height, width), 1 = repaint; body: the
    body map, for models that want one; start: the picture to begin from at a strength below 1."""

    photo: Tensor
    mask: Tensor
    body: Tensor | None = None
    start: Tensor | None = None


def load_pipeline(located: Located, dtype: torch.dtype) -> Any:
    """The pipeline of a variant whose files were found, on the CPU. Raises MissingFiles."""
    model, name = located.variant.name.split("/")
    if model == "leffa":
        from .leffa.load import load as load_leffa

        return load_leffa(located.root, name, dtype=dtype)
    if model == "ootdiffusion":
        from .ootdiffusion.load import load as load_ootdiffusion

        return load_ootdiffusion(located.root, name, clip_root=located.roots[1], dtype=dtype)
    if model == "idm_vton":
        from .idm_vton.load import load as load_idm_vton

        # Of DressCode, only the try-on UNet is its own; the rest is the second source.
        return load_idm_vton(located.roots[-1], unet_root=located.root, dtype=dtype)
    raise InputError(f"{located.variant.title} is no model that draws pictures.")


def needs_body(variant: Variant) -> bool:
    """Whether the model wants a body map of each person."""
    return DENSEPOSE in variant.needs


def encode_garment(
    pipeline: Any, variant: Variant, picture: Tensor, category: str, description: str = ""
) -> Any:
    """A garment as the model takes it, for any number of people. For pose transfer, a person.

    category: upper, lower or dress. description: in words, such as "short sleeve round neck
    t-shirt"; only IDM-VTON reads it. Raises InputError for a category that the variant was not
    trained for.
    """
    if variant.categories:
        check_category(category, variant.categories, variant.title)
    if variant.model == "ootdiffusion":
        return pipeline.encode_garment(picture, category)
    if variant.model == "idm_vton":
        from .idm_vton.prompts import Prompts

        return pipeline.encode_garment(picture, Prompts.of([description or WORDS[category]]))
    return pipeline.encode_garment(picture)


def read_ahead(pipeline: Any, encoding: Any, steps: int, scheduler: str, strength: float) -> Any:
    """The encoding with the garment UNet's work for runs of these settings done. The same result;
    OOTDiffusion's always is."""
    if not hasattr(pipeline, "read_ahead"):
        return encoding
    settings = {"steps": steps, "scheduler": scheduler, "strength": strength}
    if hasattr(pipeline, "variant"):  # Leffa: all timesteps, among them that of accelerated runs
        settings["accelerated"] = False
    return pipeline.read_ahead(encoding, **settings)


def dress(
    pipeline: Any,
    variant: Variant,
    person: Person,
    encoding: Any,
    *,
    steps: int,
    guidance: float,
    seed: int,
    scheduler: str = "published",
    strength: float = 1.0,
    accelerated: bool = False,
    progress: Progress = silent,
) -> Tensor:
    """The picture of one person in one garment, at the model's size.

    accelerated: Leffa looks at the garment once instead of at every step; the others ignore it.
    Raises InputError.
    """
    check_guidance(guidance)
    given = (person.photo, person.mask)
    if needs_body(variant):
        if person.body is None:
            raise InputError(f"{variant.title} needs a body map (DensePose) of the person.")
        given += (person.body,)
    settings: dict[str, Any] = {
        "steps": steps, "guidance": guidance, "seed": seed, "scheduler": scheduler,
        "strength": strength, "start": person.start, "progress": progress,
    }  # fmt: skip
    if variant.model == "leffa":
        settings["accelerated"] = accelerated
    return pipeline(pipeline.encode_person(*given), encoding, **settings)


def read_body(network: Any, variant: Variant, photo: Tensor) -> Tensor:
    """The body map of a framed photo, as the authors of the model make it.

    network: of `masking.densepose.load_densepose`. Raises NobodyFound.
    """
    pixels = to_bytes(photo)[0]
    if variant.model == "leffa":
        from .leffa.pictures import read_body_map

        return unit(read_body_map(network, pixels, variant.name.split("/")[1]))
    from ..masking.densepose import coloured, read_densepose
    from .idm_vton.pictures import stretch

    height, width = pixels.shape[:2]
    small = stretch(pixels, width // 2, height // 2)  # 384x512 of 768x1024
    found = read_densepose(network, small, threshold=0.8, person="last")
    return unit(stretch(coloured(found), width, height))


def check_body(body: Tensor, mask: Tensor) -> None:
    """Raises InputError for the body map of another person: a body, but none under the mask.

    body: (1, 3, height, width), 0 is no body; mask: (1, 1, height, width); of one size.
    """
    there = body.amax(dim=1, keepdim=True) > 0
    if there.any() and not (there & (mask >= 0.5)).any():
        raise InputError(
            "The body map shows a person, but not where the mask is: it is of another photo or of "
            "another person. Make both from this photo."
        )


def bytes_of(pipeline: Any) -> dict[str, int]:
    """Bytes of each network by the pipeline's name for it."""
    names = dict.fromkeys(name for stage in pipeline.STAGES.values() for name in stage)
    return {
        name: sum(each.nbytes for each in getattr(pipeline, name).parameters()) for name in names
    }


def store_in_float8(unet: torch.nn.Module) -> None:
    """Keeps the weights of a UNet's blocks in float8 (e4m3), half of 16 bits.

    Only for layers that bring their weights to the input's precision by themselves. What is small
    or sensitive stays: norms, biases, time embedding, first and last convolution.
    """
    for name, module in unet.named_modules():
        kind = isinstance(module, (torch.nn.Linear, torch.nn.Conv2d))
        if kind and name.startswith(("down_blocks", "mid_block", "up_blocks")):
            stored = module.weight.data.to(torch.float8_e4m3fn)
            module.weight = torch.nn.Parameter(stored, requires_grad=False)
