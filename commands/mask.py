"""Draws the mask of what a try-on model would repaint, from the body alone."""

from __future__ import annotations

import argparse

from . import pictures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    pictures.add_person(parser)
    pictures.add_output(parser, "mask.png")
    parser.add_argument("--category", choices=("upper", "lower", "dress"), default="upper")
    parser.add_argument("--sleeves", choices=("none", "short", "long"), default="long",
                        help="sleeves of the new garment")  # fmt: skip


def run(options: argparse.Namespace) -> int:
    from ..pipelines.images import write_picture
    from ..pipelines.masking.body import find_body, load_body_model
    from ..pipelines.masking.embedded import embedded_mask

    pictures.expect_outputs([options.output], [options.person])
    photo = pictures.photo(options.person)
    pictures.tell("person")
    body = find_body(load_body_model(), photo, options.index)
    pictures.tell("mask")
    mask = embedded_mask(body, options.category, sleeves=options.sleeves)
    write_picture(options.output, (mask * 255).round().astype("uint8"))
    path, share = pictures.absolute(options.output), float(mask.mean())
    facts = {"picture": path, "category": options.category, "share": round(share, 4)}
    pictures.report(options, facts, f"{path}  ({share:.0%} of the photo)")
    return 0
