"""Puts a garment on a person: the preview try-on, without a GPU or a download."""

from __future__ import annotations

import argparse

from . import pictures

DOUBTFUL = 4
"""Exit code: the picture is written, and its fit is a guess."""


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


def run(options: argparse.Namespace) -> int:
    from ..pipelines.errors import InputError
    from ..pipelines.images import write_picture
    from ..services.backends.preview import PreviewBackend
    from ..services.request import TryOnRequest

    if not 0 <= options.lighting <= 1:
        raise InputError(f"--lighting takes a number from 0 to 1, and {options.lighting} came.")
    person, garment = pictures.photo(options.person), pictures.photo(options.garment)
    garment_mask = pictures.mask(options.garment_mask, garment)
    request = TryOnRequest(
        person=person,
        garments=(garment,),
        category=options.category,
        mask=pictures.mask(options.mask, person),
        garment_masks=(
            garment_mask if garment_mask is not None else pictures.alpha(options.garment),
        ),
        person_index=options.index,
        options={"lighting": options.lighting},
    )
    result = PreviewBackend().run(request, pictures.tell)
    write_picture(options.output, result.picture)
    if options.mask_output:
        write_picture(options.mask_output, (result.mask * 255).round().astype("uint8"))
    path = pictures.absolute(options.output)
    pictures.report(
        options,
        {
            "picture": path,
            "category": result.category,
            "backend": result.backend,
            "seconds": round(result.seconds, 3),
            "fit": result.fit.facts(),
        },
        f"{path}  ({result.category}, {result.backend}, {result.seconds:.1f} s; {result.fit})",
    )
    return 0 if result.fit.level == "ok" else DOUBTFUL
