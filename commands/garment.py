"""Cuts a garment out of its photo and tells what it is."""

from __future__ import annotations

import argparse

import numpy as np

from . import pictures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("garment", help="photo of a garment on a plain background")
    pictures.add_output(parser, "garment.png")
    parser.add_argument("--category", choices=("auto", "upper", "lower", "dress"), default="auto")


def run(options: argparse.Namespace) -> int:
    from ..pipelines.garment.read import read_garment
    from ..pipelines.images import write_picture

    pictures.expect_outputs([options.output], [options.garment], transparent=True)
    photo = pictures.photo(options.garment)
    pictures.tell("garment")
    garment = read_garment(photo, options.category, pictures.alpha(options.garment))
    matte = (garment.alpha * 255).round().astype(np.uint8)
    write_picture(options.output, np.dstack([garment.picture, matte]))
    path = pictures.absolute(options.output)
    points = {name: [round(float(value), 1) for value in at] for name, at in garment.points.items()}
    facts = {
        "picture": path,
        "category": garment.category,
        "sleeves": garment.sleeves,
        "points": points,
    }
    pictures.report(options, facts, f"{path}  ({garment.category}, sleeves {garment.sleeves})")
    return 0
