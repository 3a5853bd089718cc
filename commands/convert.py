"""Converts a model's files once to safetensors, for faster loading from less space."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from .download import PRECISION_NAMES, default_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="model/variant")
    parser.add_argument("--path", type=Path, metavar="FOLDER", help="where its files are")
    parser.add_argument(
        "--precision", choices=PRECISION_NAMES, help="default: the model's own safe choice"
    )
    parser.add_argument(
        "--everything", action="store_true", help="also float32 safetensors files over 100 MB"
    )
    parser.add_argument(
        "--delete-originals", action="store_true", help="remove each file after its conversion"
    )


def run(options: argparse.Namespace) -> int:
    from ..pipelines.files.convert import convert_variant
    from ..pipelines.files.locate import PRECISIONS, find, in_words

    located = find(options.model, path=options.path, folders=[default_folder()])
    precision = options.precision or PRECISIONS[located.variant.dtype]
    written = convert_variant(
        located, precision, _progress, options.everything, options.delete_originals
    )
    if options.json:
        print(json.dumps({"written": [str(path) for path in written]}))
        return 0
    for path in written:
        print(f"{path}, {in_words(path.stat().st_size)}")
    if not written:
        print(f"{located.variant.name}: nothing left to convert.")
    return 0


def _progress(name: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{name}: {done} of {total} tensors", end="\n" if done == total else "",
              file=sys.stderr, flush=True)  # fmt: skip
