"""What passes through the door: a photo and how it is framed, a person, a garment, settings.

Pictures are (1, 3, height, width) float32 in 0..1, RGB; masks (1, 1, height, width), 1 = repaint.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import torch
from torch import Tensor

from ..catalog.types import Variant
from ..fit import FitReport
from ..images import Crop, paste

if TYPE_CHECKING:
    from ..masking.body import BodyModel
    from ..masking.densepose_rcnn.network import DensePoseRCNN

FIT, REFERENCE = "fit", "reference"
AUTO, FLAT_LAY, WORN = "auto", "flat-lay", "worn"
PHOTO_TYPES = (AUTO, FLAT_LAY, WORN)
"""How a garment is shown: alone, or by somebody who wears it; auto looks for a wearer."""

FRAMINGS = (FIT, REFERENCE)
"""fit: cut around the mask, or the whole garment on white: nothing is stretched. reference: what
each model's authors do with a whole photo, for comparison."""


class Readers(Protocol):
    """Networks that read photos, ready to run. `masking.installed` has them; each call raises
    MissingFiles where its files are not there, InputError where its licence is not agreed to."""

    def body(self) -> BodyModel: ...

    def densepose(self) -> DensePoseRCNN: ...

    def schp(self, *kinds: str) -> list[Any]: ...

    def openpose(self) -> Any: ...

    def installed(self, variant: str) -> bool: ...

    def files(self, variant: str) -> Sequence[Any]: ...

    def ready(self, load: Callable[..., Any], *paths: Any) -> Any: ...


@dataclass(frozen=True)
class Sight:
    """A person's photo of any size, and how a model is to see it.

    mask: of the photo, None for a model that takes none. framing: of FRAMINGS. width, height: of
    the model's picture. context: for fit, the surroundings on each side as a share of the mask's
    longer side. person_index: who is meant, the largest is 0, where no mask tells it.
    """

    photo: Tensor
    mask: Tensor | None
    width: int
    height: int
    framing: str = FIT
    context: float = 0.25
    person_index: int = 0


@dataclass(frozen=True)
class Person:
    """A person as a model takes them: everything framed alike, at the model's size.

    mask: None for a model that takes none. category: of the garment to come. body_map: DensePose
    as the model wants it. pose, parsing: what the model reads of the photo itself, in a form of its
    own. start: the picture to begin from at a strength below 1. sight, crop: where all this comes
    from, for models that read the whole photo.
    """

    photo: Tensor
    mask: Tensor | None = None
    category: str = "upper"
    body_map: Tensor | None = None
    pose: Any = None
    parsing: Any = None
    start: Tensor | None = None
    notes: tuple[str, ...] = ()  # for the user: what was read, and by what
    sight: Sight | None = None
    crop: Crop | None = None


@dataclass(frozen=True)
class FramedPerson:
    """A person as the model takes them, and the region of the photo that it is. fit: whether their
    mask goes with the garment's category."""

    person: Person
    crop: Crop
    fit: FitReport = FitReport()


class PutBack(NamedTuple):
    """A photo with the model's picture in it. photo: (1, 3, height, width); repainted: (1, 1,
    height, width), 0 where the photo's own pixels are; notes: for the user; fit: whether it can be
    trusted, where that can be told."""

    photo: Tensor
    repainted: Tensor
    notes: tuple[str, ...] = ()
    fit: FitReport = FitReport()


@dataclass(frozen=True)
class GarmentView:
    """A garment as a model takes it.

    picture: framed, at the model's size. category: upper, lower or dress; "" for a model that has
    none. description: in words. photo: the whole photo, for models that read it themselves.
    worn: whether somebody wears it in the photo. notes: for the user: how it was taken.
    """

    picture: Tensor
    category: str = "upper"
    description: str = ""
    photo: Tensor | None = None
    worn: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """Of a run. What a variant's `settings` do not name is ignored by it, see `ignored`.

    seed: of the first picture; the next take seed + 1, …. strength: below 1 begins from the start
    picture, with that share of the steps. accelerated: looks at the garment once instead of at
    every step. skip_guidance: so many of the last steps run without guidance; None: as the
    authors. samples: pictures of
    each pair. published_times: timesteps rounded as the authors' code does. whole_picture: put back
    the whole picture that a model without a mask made, not only what it changed.
    """

    steps: int = 30
    guidance: float = 2.5
    seed: int = 0
    scheduler: str = "published"
    strength: float = 1.0
    accelerated: bool = False
    skip_guidance: int | None = None
    samples: int = 1
    published_times: bool = False
    whole_picture: bool = False


def ignored(variant: Variant, settings: Settings) -> list[str]:
    """Settings that were changed and that this variant does not know, a sentence each."""
    plain = Settings()
    always = {"steps", "guidance", "seed", "samples"}  # they have no value that means "not set"
    return [
        f"{variant.title} has no setting {each.name}: {getattr(settings, each.name)} was ignored."
        for each in fields(Settings)
        if each.name not in always
        and each.name not in variant.settings
        and getattr(settings, each.name) != getattr(plain, each.name)
    ]


def box_of(mask: Tensor) -> tuple[float, float, float, float]:
    """left, top, right, bottom in pixels around what a mask repaints. mask: (1, 1, h, w)."""
    rows = torch.nonzero(mask[0, 0].amax(dim=1) >= 0.5).flatten()
    columns = torch.nonzero(mask[0, 0].amax(dim=0) >= 0.5).flatten()
    if not len(rows) or not len(columns):
        return 0.0, 0.0, float(mask.shape[-1]), float(mask.shape[-2])
    return float(columns[0]), float(rows[0]), float(columns[-1]) + 1, float(rows[-1]) + 1


def put_under_mask(
    variant: Variant,
    sight: Sight,
    seen: FramedPerson,
    made: Tensor,
    feather: int,
    settings: Settings,
) -> tuple[Tensor, Tensor]:
    """(the photo with the picture under its mask, the mask); without a mask the whole picture."""
    mask = torch.ones_like(sight.photo[:, :1]) if sight.mask is None else sight.mask
    return paste(sight.photo, made, mask, seen.crop, feather), mask


def bytes_of(pipeline: Any) -> dict[str, int]:
    """Bytes of each network by the pipeline's name for it."""
    names = dict.fromkeys(name for stage in pipeline.STAGES.values() for name in stage)
    return {
        name: sum(each.nbytes for each in getattr(pipeline, name).parameters()) for name in names
    }


# ---------------------------------------------------------- what models on a VAE and UNets share


def unet_working_bytes(
    dtype: torch.dtype, stage: str, width: int, height: int, rows: int = 1
) -> int:
    """Roughly what a stage needs beside the weights.

    The factors are those that ComfyUI takes for these VAEs and UNets; a UNet runs two halves of
    guidance for each row, and looks at as many reference tokens as at its own. The VAE takes large
    pictures one after the other, so its need does not grow with the rows.
    """
    area, itemsize = width * height, dtype.itemsize
    if stage in ("encode", "decode"):
        return int({"encode": 1767, "decode": 2178}[stage] * area * itemsize)
    return int(rows * 2 * 2 * area / 64 * itemsize * 0.01 * 1024**2)


@contextmanager
def tiled_vae(pipeline: Any) -> Any:
    """The VAE works in tiles meanwhile: less memory, edges differ slightly."""
    pipeline.vae.enable_tiling()
    try:
        yield
    finally:
        pipeline.vae.disable_tiling()


def diffuse(
    pipeline: Any,
    people: Any,
    garments: Any,
    pairs: Sequence[tuple[int, int]],
    settings: Settings,
    seeds: Sequence[int],
    start: Tensor | None,
    progress: Callable[..., None],
    **more: Any,
) -> Tensor:
    """Pictures by a pipeline that takes the settings which models on latents share. people,
    garments: stacked encodings. more: what this pipeline takes besides."""
    return pipeline(
        people,
        garments,
        pairs=pairs,
        seed=list(seeds),
        steps=settings.steps,
        guidance=settings.guidance,
        scheduler=settings.scheduler,
        strength=settings.strength,
        start=start,
        progress=progress,
        **more,
    )


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


def stack(encodings: Sequence[Any]) -> Any:
    """One encoding with the rows of all: dataclasses of tensors, and of dicts and dataclasses of
    them. Of dicts, only the keys that all have. Raises ValueError for none."""
    first = encodings[0]
    if len(encodings) == 1:
        return first
    if isinstance(first, Tensor):
        return torch.cat([each.to(first.device) for each in encodings])
    if isinstance(first, dict):
        shared = [key for key in first if all(key in each for each in encodings)]
        return {key: stack([each[key] for each in encodings]) for key in shared}
    return replace(
        first,
        **{
            each.name: stack([getattr(encoding, each.name) for encoding in encodings])
            for each in fields(first)
        },
    )


def moved(encoding: Any, device: torch.device | str) -> Any:
    """The same encoding on another device, to keep many at hand."""
    if isinstance(encoding, Tensor):
        return encoding.to(device)
    if isinstance(encoding, dict):
        return {key: moved(each, device) for key, each in encoding.items()}
    if isinstance(encoding, tuple):
        return tuple(moved(each, device) for each in encoding)
    if is_dataclass(encoding) and not isinstance(encoding, type):
        changes = {e.name: moved(getattr(encoding, e.name), device) for e in fields(encoding)}
        return replace(encoding, **changes)
    return encoding
