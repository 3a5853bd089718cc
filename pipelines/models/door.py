"""The one door to every model that draws pictures: load it, see a person, encode a garment, dress.

    pipeline = load_pipeline(find("leffa/virtual_tryon"), torch.float16)
    seen = see(variant, Sight(photo, mask, 768, 1024), readers, "upper")
    person = encode_person(pipeline, variant, seen.person)
    garment = encode_garment(pipeline, variant, GarmentView(picture, "upper"), readers)
    for picture in dress(pipeline, variant, [person], [garment], [(0, 0)], settings): …

`models/<model>/model.py` holds the same functions for every model; this is the only code that knows
of them. What a model is and wants stands in its catalogue entry. Pictures are (1, 3, height, width)
float32 in 0..1.

Of each model: load, person_crop, frame_photo, frame_garment, read_person, encode_person,
encode_garment, dress, put_back, working_bytes, sparing. And where its entry in the catalogue lists
the setting: read_ahead (ahead_steps), keep_unconditional, blocks (compile), shrink (fp8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from ..catalog.types import Variant
from ..diffusion.reference import compile_blocks as compile_network
from ..diffusion.run import Pair, Progress, check_category, check_guidance, silent
from ..errors import InputError
from ..files.locate import Located
from ..fit import FitReport
from .checks import check_given_body, check_place, check_read_body
from .common import (
    FramedPerson,
    GarmentView,
    Person,
    PutBack,
    Readers,
    Settings,
    Sight,
    bytes_of,
    moved,
)
from .framing import check_model_size, framed_labels, framed_mask, mask_of


def module_of(variant: Variant) -> ModuleType:
    """The model's own functions. Raises InputError for a tool, which draws no pictures."""
    if variant.kind == "tool":
        raise InputError(f"{variant.title} is no model that draws pictures.")
    return import_module(f"..{variant.model}.model", __name__)


def load_pipeline(located: Located, dtype: torch.dtype) -> Any:
    """The pipeline of a variant whose files were found, on the CPU. Raises MissingFiles."""
    return module_of(located.variant).load(located, dtype)


def see(
    variant: Variant,
    sight: Sight,
    readers: Readers,
    category: str = "upper",
    *,
    body_map: Tensor | None = None,
    start: Tensor | None = None,
) -> FramedPerson:
    """Everything that the model wants of a person's photo, framed alike.

    category: of the garment to come. body_map, start: of the photo's size, (1, 3, height, width);
    a body map that is not given is read here. Raises InputError, NobodyFound where the masked
    person is not in the body map, MissingFiles where a network is not installed. A mask that lies
    where no garment of the category is worn is refused; one that lies there in part is doubtful.
    """
    model = module_of(variant)
    check_model_size(sight.width, sight.height, variant.size_step)
    mask = mask_of(sight) if "mask" in variant.inputs else sight.mask
    fit = FitReport() if mask is None else check_place(sight, readers, category)
    crop = model.person_crop(variant, sight, readers)
    person = Person(
        photo=model.frame_photo(variant, sight.photo, crop, sight.framing),
        mask=None if mask is None else framed_mask(mask, crop),
        category=category,
        sight=sight,
        crop=crop,
    )
    if start is not None:
        person = replace(person, start=model.frame_photo(variant, start, crop, sight.framing))
    if "body_map" in variant.inputs and body_map is not None:
        if mask is not None:
            check_given_body(body_map, mask)
        person = replace(person, body_map=framed_labels(body_map, crop))
    given = person.body_map is not None
    person = model.read_person(variant, person, readers)
    if person.body_map is not None and person.mask is not None and not given:
        check_read_body(person.body_map, person.mask)
    return FramedPerson(person, crop, fit)


def frame_garment(
    variant: Variant, photo: Tensor, width: int, height: int, framing: str
) -> Tensor:  # fmt: skip
    """A garment's photo at the model's size."""
    check_model_size(width, height, variant.size_step)
    return module_of(variant).frame_garment(variant, photo, width, height, framing)


def encode_garment(pipeline: Any, variant: Variant, garment: GarmentView, readers: Readers) -> Any:
    """A garment as the model takes it, for any number of people, in main memory.

    Raises InputError for a category that the variant was not trained for.
    """
    if variant.categories:
        check_category(garment.category, variant.categories, variant.title)
    model = module_of(variant)
    return model.encode_garment(pipeline, variant, garment, readers).to("cpu")


def read_ahead(pipeline: Any, variant: Variant, encoding: Any, steps: int) -> Any:
    """The encoding with the garment's part of so many steps done: the same pictures, sooner.

    For a variant without the setting `ahead_steps` the encoding as it is.
    """
    if "ahead_steps" not in variant.settings:
        return encoding
    return module_of(variant).read_ahead(pipeline, encoding, steps)


def encode_person(pipeline: Any, variant: Variant, person: Person) -> Any:
    """A person as the model takes them, for any number of garments, in main memory."""
    return moved(module_of(variant).encode_person(pipeline, variant, person), "cpu")


def design(
    pipeline: Any,
    variant: Variant,
    photo: Tensor,
    words: tuple[str, str],
    textures: tuple[Tensor | None, Tensor | None],
    strength: float,
) -> Tensor:
    """A person in clothes that words name and photos of cloth colour, by a model of that kind.

    photo: (1, 3, height, width) of an aligned person. words, textures: of the upper and the lower
    garment; without a texture that of the worn clothes is kept. Raises InputError.
    """
    model = module_of(variant)
    return model.design(pipeline, variant, photo, words, textures, strength).float().cpu()


Run = Callable[[Callable[[], Tensor], int], Tensor]
"""(work, how many pictures together) -> work(); the caller may make room, or try it again."""

Watch = Callable[[int, int, int], Progress]
"""(index of a batch's first picture, pictures in it, pictures in all) -> progress of that batch."""


def at_once(work: Callable[[], Tensor], rows: int) -> Tensor:
    """Run without more ado."""
    return work()


def unwatched(first: int, rows: int, count: int) -> Progress:
    return silent


def dress(
    pipeline: Any,
    variant: Variant,
    people: Sequence[Any],
    garments: Sequence[Any],
    pairs: Sequence[Pair],
    settings: Settings,
    *,
    starts: Sequence[Tensor | None] = (),
    batch: int = 1,
    run: Run = at_once,
    watch: Watch = unwatched,
) -> Iterator[Tensor]:
    """Pictures at the model's size, (1, 3, height, width) on the CPU, one after the other.

    people, garments: of encode_person and encode_garment. pairs: who wears what, by their places.
    Picture i is of pair i // settings.samples and uses the seed settings.seed + i, whatever the
    batch. starts: pictures to begin from, of the people. batch: how many pictures go through the
    network together. Raises InputError.
    """
    check_guidance(settings.guidance)
    if settings.samples < 1 or batch < 1:
        raise InputError(
            f"At least one picture at a time was wanted; {settings.samples} samples in batches of "
            f"{batch} came."
        )
    begins = list(starts) or [None] * len(people)
    if settings.strength < 1 and any(begins[person] is None for person, _ in pairs):
        raise InputError("A strength below 1 needs a picture to begin from: connect start.")
    wanted = [pair for pair in pairs for _ in range(settings.samples)]
    for first in range(0, len(wanted), batch):
        part = wanted[first : first + batch]
        # Only what this part needs: a garment's network runs once for each of its garments.
        what = sorted({garment for _, garment in part})
        begin = None
        if settings.strength < 1:
            begin = torch.cat([begins[person] for person, _ in part])  # type: ignore[misc]
        work = partial(
            module_of(variant).dress,
            pipeline,
            variant,
            [people[person] for person, _ in part],
            [garments[garment] for garment in what],
            [(row, what.index(garment)) for row, (_, garment) in enumerate(part)],
            settings,
            [settings.seed + first + row for row in range(len(part))],
            begin,
            watch(first, len(part), len(wanted)),
        )
        yield from run(work, len(part)).float().cpu().split(1)


def put_back(
    variant: Variant,
    sight: Sight,
    seen: FramedPerson,
    made: Tensor,
    settings: Settings,
    feather: int = 0,
) -> PutBack:
    """Outside of what was repainted the photo's pixels come back bit-identical."""
    done = PutBack(*module_of(variant).put_back(variant, sight, seen, made, feather, settings))
    return done._replace(fit=seen.fit.and_then(done.fit))


def working_bytes(
    variant: Variant, dtype: torch.dtype, stage: str, width: int, height: int, rows: int = 1
) -> int:
    """Roughly what a stage of the pipeline needs beside its weights, for so many pictures."""
    return module_of(variant).working_bytes(dtype, stage, width, height, rows)


def sparing(variant: Variant, pipeline: Any) -> AbstractContextManager[None]:
    """While it is open, the pipeline works in less memory, if need be slower or in tiles."""
    return module_of(variant).sparing(pipeline)


def keep_unconditional(variant: Variant, pipeline: Any, most_bytes: float) -> None:
    """How much main memory what belongs to no garment may take; 0 keeps nothing. For variants with
    the setting of that name."""
    if "keep_unconditional" in variant.settings:
        module_of(variant).keep_unconditional(pipeline, most_bytes)


def shrink(variant: Variant, pipeline: Any) -> None:
    """Stores the weights of the large networks in 8 bits. Raises InputError where it cannot."""
    _expect(variant, "fp8", "8-bit weights")
    module_of(variant).shrink(pipeline)


def compile_blocks(variant: Variant, pipeline: Any) -> None:
    """torch.compile of the repeated blocks. Raises InputError where it cannot."""
    _expect(variant, "compile", "compiled blocks")
    for network in module_of(variant).blocks(pipeline):
        compile_network(network)


def _expect(variant: Variant, setting: str, what: str) -> None:
    if setting not in variant.settings:
        raise InputError(f"{variant.title} has no {what}. Choose auto, or fp32, and no compile.")


def rows_that_fit(
    pipeline: Any, variant: Variant, width: int, height: int, free: float, loaded: bool = False
) -> int:
    """How many pictures can go through the network together, at least 1.

    free: bytes of memory on the device. loaded: whether the weights are in it already.
    """
    sizes = {} if loaded else bytes_of(pipeline)
    rows = 1
    for stage, names in pipeline.STAGES.items():
        weights = sum(sizes.get(name, 0) for name in names)
        one, two = (working_bytes(variant, pipeline.dtype, stage, width, height, n) for n in (1, 2))
        if two > one:
            rooms = 1 + (free - weights - one) // (two - one)
            rows = rooms if rows == 1 else min(rows, rooms)
    return max(1, int(rows))
