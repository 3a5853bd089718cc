"""Tiny checkpoints of whatever the catalogue lists, in the published layout, made here in seconds.

Their weights are random: what such a model draws is no garment, but every step of the real one
runs. The names in the files are the published ones (tests/test_tiny.py compares them with the key
lists in tests/golden), only the sizes are small.

    install(base)                          into <base>/models/fitting_room, all that try-on needs
    write("leffa/virtual_tryon", models)   one variant, into a models folder

Adding a model: a module here with the model's name and one function

    write(variant, roots)    every file of the variant; roots: one folder for each of its sources

It is found by the variant's name. Files that two variants share must come out the same from both;
one that is there already is not looked at again.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path


def write(name: str, models: Path) -> None:
    """A variant's files in a models folder, their sizes noted and its licence agreed to."""
    from fitting_room.pipelines.catalog.models import variant_named
    from fitting_room.pipelines.files.licences import accept_license
    from fitting_room.pipelines.files.locate import write_receipt

    variant = variant_named(name)
    recipe = importlib.import_module(f"tiny.{variant.model}")
    roots = tuple(models / source.folder / source.below for source in variant.sources)
    recipe.write(variant, roots)
    for source, root in zip(variant.sources, roots, strict=True):
        write_receipt(root, [root / file.path for file in source.files])
    accept_license(variant.name, models)


def install(base: Path, names: Iterable[str] | None = None) -> Path:
    """Writes variants into `base`/models/fitting_room, as a download does, and returns that folder.

    names: by default everything that dresses a person, and what that needs or uses.
    """
    models = base / "models" / "fitting_room"
    models.mkdir(parents=True, exist_ok=True)
    for name in names or for_try_on():
        write(name, models)
    return models


def for_try_on() -> list[str]:
    from fitting_room.pipelines.catalog.models import VARIANTS

    dressing = [variant for variant in VARIANTS.values() if variant.kind != "tool"]
    wanted = [(variant.name, *variant.needs, *variant.uses) for variant in dressing]
    return list(dict.fromkeys(name for names in wanted for name in names))
