"""Cuts a garment out of its photo and tells what it is."""

from __future__ import annotations

import argparse

import numpy as np

from . import pictures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("garment", help="photo of a garment: laid flat, or worn")
    pictures.add_output(parser, "garment.png")
    parser.add_argument("--category", choices=("auto", "upper", "lower", "dress"), default="auto")
    parser.add_argument("--mask", help="picture of the photo's size; white = garment")
    parser.add_argument("--remove", help="picture of the photo's size; white = no garment")


def run(options: argparse.Namespace) -> int:
    from ..pipelines.garment.read import read_garment
    from ..pipelines.images import write_picture
    from ..pipelines.masking.installed import installed_parse
    from ..services.backends.readers import networks_beside

    inputs = [options.garment, options.mask, options.remove]
    pictures.expect_outputs([options.output], inputs, transparent=True)
    photo = pictures.photo(options.garment)
    pictures.tell("garment")
    mask = pictures.mask(options.mask, photo)
    if mask is None:
        mask = pictures.alpha(options.garment)
    removed = pictures.mask(options.remove, photo)
    parse = installed_parse(networks_beside())
    garment = read_garment(photo, options.category, mask, removed=removed, parse=parse)
    matte = (garment.alpha * 255).round().astype(np.uint8)
    write_picture(options.output, np.dstack([garment.picture, matte]))
    path = pictures.absolute(options.output)
    points = {name: [round(float(value), 1) for value in at] for name, at in garment.points.items()}
    facts = {
        "picture": path,
        "category": garment.category,
        "sleeves": garment.sleeves,
        "points": points,
        "fit": garment.fit.facts(),
    }
    said = f"{garment.category}, sleeves {garment.sleeves}; {garment.fit}"
    pictures.report(options, facts, f"{path}  ({said})")
    return 0 if garment.fit.level == "ok" else pictures.DOUBTFUL
