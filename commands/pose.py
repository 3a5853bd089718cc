"""Finds a person: skeleton picture and key points (OpenPose order)."""

from __future__ import annotations

import argparse

from . import pictures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    pictures.add_person(parser)
    pictures.add_output(parser, "pose.png")
    parser.add_argument("--person-mask", help="also write the person mask")


def run(options: argparse.Namespace) -> int:
    from ..pipelines.images import write_picture
    from ..pipelines.masking.body import find_body, load_body_model
    from ..pipelines.masking.skeleton import draw_skeleton

    pictures.expect_outputs([options.output, options.person_mask], [options.person])
    photo = pictures.photo(options.person)
    pictures.tell("person")
    body = find_body(load_body_model(), photo, options.index)
    height, width = photo.shape[:2]
    write_picture(options.output, draw_skeleton([body.keypoints], width, height))
    if options.person_mask:
        write_picture(options.person_mask, (body.mask * 255).round().astype("uint8"))
    path = pictures.absolute(options.output)
    seen = int((body.keypoints.points[:, 2] > 0).sum())
    facts = {"picture": path, "keypoints": body.keypoints.to_openpose(), "box": list(body.box)}
    pictures.report(options, facts, f"{path}  ({seen} of 18 points seen)")
    return 0
