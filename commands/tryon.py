"""Puts a garment on a person: the preview by default, or a model of the catalogue."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import pictures, routed

if TYPE_CHECKING:
    from ..services.request import TryOnResult

PREVIEW = "preview"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    pictures.add_person(parser)
    parser.add_argument("garment", help="photo of a garment on a plain background")
    pictures.add_output(parser, "tryon.png")
    parser.add_argument("--category", choices=("auto", "upper", "lower", "dress"), default="auto")
    parser.add_argument("--mask", help="picture of the person photo's size; white = repaint here")
    parser.add_argument(
        "--garment-mask", help="picture of the garment photo's size; white = garment"
    )
    parser.add_argument("--lighting", type=float, default=1.0, help="the photo's folds, 0 to 1")
    parser.add_argument("--mask-output", help="also write what was repainted")
    model = parser.add_argument_group("models (`fitting-room download` lists them)")
    model.add_argument("--model", default=PREVIEW, help="model/variant of the catalogue (preview)")
    model.add_argument("--steps", type=int, help="denoising steps; the authors' own by default")
    model.add_argument("--guidance", type=float, help="how strongly the garment is followed")
    model.add_argument("--seed", type=int, default=0)
    model.add_argument(
        "--samples", type=int, default=1, metavar="N",
        help="so many pictures, with the seeds from --seed on: OUTPUT_1, OUTPUT_2, …",
    )  # fmt: skip
    model.add_argument("--width", type=int, help="pixels at which the model works")
    model.add_argument("--height", type=int)
    model.add_argument("--description", help="the garment in English words")
    model.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="options",
        help="an option of the model, such as accelerated=true; can be given more than once",
    )  # fmt: skip
    model.add_argument("--device", choices=("auto", "cuda", "mps", "cpu"), default="auto")
    model.add_argument("--precision", choices=("auto", "fp16", "bf16", "fp32"), default="auto")
    routed.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    from ..pipelines.images import write_picture
    from ..pipelines.marks.provenance import save_picture
    from ..services.backends.local import LocalBackend
    from ..services.backends.preview import PreviewBackend
    from ..services.results import marks_of

    request = request_of(options)
    if routed.is_wanted(options):
        return routed.run(options, request)
    local = LocalBackend(options.device, options.precision)
    backend = PreviewBackend() if request.model == PREVIEW else local
    here = routed.own_machine(options)
    dropped = dropped_credentials(options)
    results, told = [], []
    for place, output in enumerate(outputs_of(options)):
        with pictures.bar() as progress:
            one = replace(request, seed=request.seed + place)
            if here is None:
                result, made_now = backend.run(one, progress), 1
            else:
                result, made_now = here.run(backend, one, progress)
        result = replace(result, warnings=(*result.warnings, *dropped))
        written = save_picture(output, result.picture, marks=marks_of(result))
        state = "done" if made_now else "kept"
        path = pictures.absolute(str(written))
        told.append({"picture": path, **result.facts(), "state": state})
        results.append(result)
    if options.mask_output and results[0].mask is not None:
        write_picture(options.mask_output, (results[0].mask * 255).round().astype("uint8"))
    lines = [_line(each["picture"], result) for each, result in zip(told, results, strict=True)]
    facts = told[0] if options.samples == 1 else {"samples": told}
    pictures.report(options, facts, "\n".join(lines))
    return 0 if all(result.fit.level == "ok" for result in results) else pictures.DOUBTFUL


def _line(path: str, result: TryOnResult) -> str:
    said = "".join(f"\n  {warning}" for warning in result.warnings)
    made = f"{result.category or 'person'}, {result.model}, {result.seconds:.1f} s; {result.fit}"
    return f"{path}  ({made}){said}"


def outputs_of(options: argparse.Namespace) -> list[str]:
    """Where the pictures go. Raises InputError where so many cannot be made."""
    from ..pipelines.catalog.models import VARIANTS
    from ..pipelines.errors import InputError

    if options.samples == 1:
        return [options.output]
    if options.samples < 1:
        raise InputError(f"--samples takes a number from 1 up, and {options.samples} came.")
    if routed.is_wanted(options):
        raise InputError("--samples goes with a --model of this machine, not with a service.")
    variant = VARIANTS.get(options.model)
    if options.model == PREVIEW or (variant and "seed" not in variant.settings):
        raise InputError(
            f"{options.model} draws the same picture for every seed, so --samples "
            f"{options.samples} would write it {options.samples} times. Leave it out."
        )
    path = Path(options.output)
    return [
        str(path.with_name(f"{path.stem}_{number}{path.suffix}"))
        for number in range(1, options.samples + 1)
    ]


def dropped_credentials(options: argparse.Namespace) -> list[str]:
    """What to say of photos whose content credentials do not come along."""
    from ..pipelines.marks.inspection import has_credentials

    return [
        f"The content credentials of {path} do not come along: they vouch for that photo, not for "
        "a picture made of it."
        for path in (options.person, options.garment)
        if has_credentials(path)
    ]


def request_of(options: argparse.Namespace) -> Any:
    """The TryOnRequest of the command line. Raises InputError."""
    from ..pipelines.errors import InputError
    from ..services.request import TryOnRequest

    if not 0 <= options.lighting <= 1:
        raise InputError(f"--lighting takes a number from 0 to 1, and {options.lighting} came.")
    pictures.expect_outputs(
        [*outputs_of(options), options.mask_output],
        [options.person, options.garment, options.mask, options.garment_mask],
    )
    person, garment = pictures.photo(options.person), pictures.photo(options.garment)
    cut_out = pictures.mask(options.garment_mask, garment)
    if cut_out is None:
        cut_out = pictures.alpha(options.garment)
    further = dict(map(_option, options.options))
    if options.description:
        further["description"] = options.description
    if options.model == PREVIEW:
        further["lighting"] = options.lighting
    return TryOnRequest(
        person=person,
        garments=(garment,),
        category=options.category,
        model=options.model,
        mask=pictures.mask(options.mask, person),
        garment_masks=(cut_out,) if cut_out is not None else (),
        person_index=options.index,
        seed=options.seed,
        steps=options.steps,
        guidance=options.guidance,
        width=options.width,
        height=options.height,
        options=further,
    )


def _option(text: str) -> tuple[str, Any]:
    """NAME=VALUE, the value a boolean, a number or text."""
    from ..pipelines.errors import InputError

    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InputError(f"--set takes NAME=VALUE, and {text!r} came.")
    if value.lower() in ("true", "false"):
        return name, value.lower() == "true"
    for number in (int, float):
        try:
            return name, number(value)
        except ValueError:
            continue
    return name, value
