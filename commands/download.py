"""Fetches a model's published files, after showing its licence."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ..pipelines.catalog.models import VARIANTS, variant_named
from ..pipelines.errors import InputError

PRECISION_NAMES = ("fp16", "bf16", "fp32")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", nargs="?", metavar="MODEL", help="model/variant; without it they are listed"
    )
    parser.add_argument(
        "--to", type=Path, metavar="FOLDER", help="models folder (default: ComfyUI's, else "
        "$FITTING_ROOM_MODELS, else ~/.cache/fitting_room)",
    )  # fmt: skip
    parser.add_argument(
        "--accept-license", action="store_true", help="agree to the licence without being asked"
    )
    parser.add_argument(
        "--also-needed", action="store_true", help="also fetch what it needs for poses and masks"
    )
    parser.add_argument(
        "--convert", choices=PRECISION_NAMES, help="convert pickles to safetensors afterwards"
    )
    parser.add_argument(
        "--take-changed", action="store_true", help="take files that the authors have replaced"
    )
    parser.add_argument(
        "--list", action="store_true", help="only print addresses and places, fetch nothing"
    )
    parser.add_argument(
        "--adopt", type=Path, metavar="FOLDER",
        help="fetch nothing: accept files of your own that lie in the published layout there",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    from ..pipelines.files import download, locate

    if options.model is None:
        return _list_models(options.json)
    variant = variant_named(options.model)
    folder = options.to or default_folder()
    if options.list:
        for address, place in download.addresses(variant.name, folder):
            print(f"{address}\n  -> {place}")
        return 0
    names = [variant.name]
    if options.also_needed:
        names += [*variant.needs, *variant.uses]
    for name in names:
        if not _agree(name, folder, options.accept_license, options.json):
            return 1
    found = {}
    for name in names:
        if options.adopt and name == variant.name:
            located = locate.adopt(name, options.adopt)
        else:
            located = download.download(name, folder, _tell, options.take_changed)
        if options.convert:
            from ..pipelines.files.convert import convert_variant

            convert_variant(located, options.convert)
        found[name] = [str(root) for root in located.roots]
    if options.json:
        print(json.dumps({"models": found}))
    else:
        _say_done(variant.name, found, options.convert)
    return 0


def default_folder() -> Path:
    """ComfyUI's own models folder where an engine is found and no other was set."""
    import os

    from ..pipelines.files.locate import models_home
    from ..services.engine import EngineError, find_engine

    if os.environ.get("FITTING_ROOM_MODELS"):
        return models_home()
    try:
        engine = find_engine()
    except EngineError:
        engine = None
    return engine / "models" / "fitting_room" if engine else models_home()


def _list_models(as_json: bool) -> int:
    from ..pipelines.files.locate import in_words

    rows = []
    for variant in VARIANTS.values():
        known = [file.size for source in variant.sources for file in source.files if file.size]
        rows.append(
            {
                "model": variant.name,
                "title": variant.title,
                "does": variant.does,
                "licence": variant.licence.name,
                "bytes": sum(known),
            }
        )
    if as_json:
        print(json.dumps({"models": rows}))
        return 0
    for row in rows:
        size = in_words(row["bytes"]) if row["bytes"] > 1e6 else "size not listed"
        print(f"{row['model']:28} {size:>16}  {row['licence']}\n    {row['does']}")
    return 0


def _agree(name: str, folder: Path, agreed: bool, as_json: bool) -> bool:
    """Shows the terms; True once they are on record. Asks where somebody can answer."""
    from ..pipelines.files import licences

    shown = sys.stderr if as_json else sys.stdout
    print(licences.license_text(name), end="\n\n", file=shown)
    if licences.license_accepted(name, [folder]):
        return True
    if not agreed:
        if not sys.stdin.isatty():
            raise InputError(
                "These terms must be agreed to first: read them, then add --accept-license."
            )
        print("Do you agree to these terms? Type yes: ", end="", file=shown, flush=True)
        if sys.stdin.readline().strip().lower() != "yes":
            print("Nothing was fetched.", file=shown)
            return False
    licences.accept_license(name, folder)
    return True


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


def _say_done(name: str, found: dict[str, list[str]], converted: str | None) -> None:
    for model, roots in found.items():
        print(f"{model} is ready in {'; '.join(roots)}")
    if not converted:
        print(f"To load it faster and from half the space: fitting-room convert {name}")
    for needed in variant_named(name).needs:
        if needed not in found:
            print(f"It also needs {needed}: fitting-room download {needed}")
